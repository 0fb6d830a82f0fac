//! `cargo xtask check`: what a reviewer would say without reading the code.

use anyhow::Result;
use xtask::bpf::{Architecture, BpfCargo, Toolchains, Workspace};

use crate::exec::{cargo, exec};

/// # Errors
/// The first check that fails, as its command line.
pub(crate) fn run() -> Result<()> {
    let workspace = Workspace::locate()?;
    let root = &workspace.root;
    exec(cargo(root).args(["fmt", "--all", "--", "--check"]))?;

    // relay-ebpf builds for the BPF target only.
    let host = ["--workspace", "--exclude", "relay-ebpf"];
    exec(cargo(root).arg("clippy").args(host).args(["--all-targets", "--", "-D", "warnings"]))?;

    let architecture = Architecture::host();
    let choice = Toolchains::probe(&workspace).choose()?;
    let way = choice.way;
    match (BpfCargo { workspace: &workspace, architecture: &architecture, choice }).clippy() {
        Some(mut clippy) => exec(&mut clippy)?,
        None => {
            eprintln!("left out: clippy for relay-ebpf; its toolchain has none ({})", way.clippy_remedy())
        }
    }

    exec(cargo(root).env("RUSTDOCFLAGS", "-D warnings").arg("doc").args(host).arg("--no-deps"))
}
