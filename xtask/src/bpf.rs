//! Builds the kernel half, `relay-ebpf`, with whichever of two toolchains the machine has.
//!
//! The BPF target has no precompiled `core`, so it takes the sources of `core`, unstable cargo flags and `bpf-linker`.
//! Upstream's way is a nightly from rustup; Debian packages a recent compiler together with matching sources and LLVM.
//! Either is started with a clean environment and a target directory of its own: this runs inside other cargo calls.

mod cargo;
mod choose;
mod probe;
mod workspace;

pub use cargo::{Architecture, BpfCargo, Verbosity};
pub use choose::{Choice, Compiler, LINKER_VERSION, Linker, MINIMUM_RUST, Missing, Toolchains, Way};
pub use workspace::Workspace;

use std::path::PathBuf;

use anyhow::{Result, ensure};

/// Builds the object (quick when nothing changed: cargo compares) and returns its path.
///
/// # Errors
/// [`Missing`] when no toolchain can build it; otherwise cargo failed and has said why on standard error.
pub fn build(workspace: &Workspace, architecture: &Architecture, verbosity: Verbosity) -> Result<PathBuf> {
    build_package(workspace, architecture, verbosity, "relay-ebpf")
}

/// Builds another member of the workspace for the BPF target, as [`build`] does.
///
/// # Errors
/// As [`build`].
pub fn build_package(
    workspace: &Workspace,
    architecture: &Architecture,
    verbosity: Verbosity,
    package: &str,
) -> Result<PathBuf> {
    let toolchains = Toolchains::probe(workspace);
    let choice = toolchains.choose()?;
    let cargo = BpfCargo { workspace, architecture, choice, package };
    let status = cargo.build(verbosity).status()?;
    ensure!(status.success(), "{package} does not compile");
    Ok(cargo.object())
}
