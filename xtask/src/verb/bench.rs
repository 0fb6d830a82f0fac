//! `cargo xtask bench`: builds relay and benchmark as they are released, then measures.

use anyhow::Result;
use clap::Args;
use xtask::bpf::Workspace;

use crate::{
    exec::{cargo, exec},
    host, setup,
};

#[derive(Args)]
pub(crate) struct Options {
    /// A section, and what it takes; without one every section is measured and docs/numbers.md is written
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// # Errors
/// Not root, something is missing, or a measurement did not come about.
pub(crate) fn run(options: &Options) -> Result<()> {
    host::need_root("bench", "")?;
    let workspace = Workspace::locate()?;
    setup::complete(&workspace)?;
    host::mount_bpffs()?;
    let mut build = cargo(&workspace.root);
    build.args(["build", "--quiet", "--release", "-p", "relay-user", "-p", "relay-bench"]);
    exec(build.args(["--bin", "xdp-dhcrelay", "--bin", "relay-bench"]))?;
    let mut bench = cargo(&workspace.root);
    bench.args(["run", "--quiet", "--release", "-p", "relay-bench", "--"]).args(&options.arguments);
    exec(&mut bench)
}
