//! `cargo xtask demo`: the README's first command.

use anyhow::Result;
use clap::Args;
use xtask::bpf::Workspace;

use crate::{
    exec::{cargo, exec},
    host, setup,
};

#[derive(Args)]
pub(crate) struct Options {
    /// What the demonstration itself takes
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// # Errors
/// Not root, something is missing, or the dialogue did not come about.
pub(crate) fn run(options: &Options) -> Result<()> {
    host::need_root("demo", "")?;
    let workspace = Workspace::locate()?;
    setup::complete(&workspace)?;
    host::mount_bpffs()?;
    let mut build = cargo(&workspace.root);
    exec(build.args(["build", "--quiet", "-p", "relay-user", "--bin", "xdp-dhcrelay"]))?;
    let mut demo = cargo(&workspace.root);
    exec(demo.args(["run", "--quiet", "-p", "relay-tests", "--bin", "demo", "--"]).args(&options.arguments))
}
