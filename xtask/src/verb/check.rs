//! `cargo xtask check`: what a reviewer would say without reading the code.

use anyhow::{Result, ensure};
use xtask::bpf::{Architecture, BpfCargo, Toolchains, Workspace};

use crate::exec::{cargo, exec};

/// # Errors
/// The checks that failed, as their command lines; the others have run all the same.
pub(crate) fn run() -> Result<()> {
    let workspace = Workspace::locate()?;
    let root = &workspace.root;
    // These build for the BPF target only.
    let host = ["--workspace", "--exclude", "relay-ebpf", "--exclude", "bench-ebpf"];
    let mut checks = Vec::new();

    let mut format = cargo(root);
    format.args(["fmt", "--all", "--", "--check"]);
    checks.push(format);

    let mut clippy = cargo(root);
    clippy.arg("clippy").args(host).args(["--all-targets", "--", "-D", "warnings"]);
    checks.push(clippy);

    let architecture = Architecture::host();
    let choice = Toolchains::probe(&workspace).choose()?;
    let remedy = choice.way.clippy_remedy();
    let mut left_out = false;
    for package in ["relay-ebpf", "bench-ebpf"] {
        let choice = choice.clone();
        let clippy =
            BpfCargo { workspace: &workspace, architecture: &architecture, choice, package }.clippy();
        left_out |= clippy.is_none();
        checks.extend(clippy);
    }

    let mut documentation = cargo(root);
    documentation.env("RUSTDOCFLAGS", "-D warnings").arg("doc").args(host).arg("--no-deps");
    checks.push(documentation);

    let failed: Vec<String> =
        checks.iter_mut().filter_map(|check| exec(check).err()).map(|error| format!("{error:#}")).collect();
    if left_out {
        eprintln!("left out: clippy for the BPF packages, whose toolchain has none ({remedy})");
    }
    ensure!(failed.is_empty(), "{} of {} checks failed:\n{}", failed.len(), checks.len(), failed.join("\n"));
    Ok(())
}
