//! `cargo xtask build-ebpf`: the kernel half alone, for those who work on it.

use std::fs;

use anyhow::Result;
use xtask::bpf::{self, Architecture, Verbosity, Workspace};

/// # Errors
/// No toolchain, or the code does not compile.
pub(crate) fn run() -> Result<()> {
    let object = bpf::build(&Workspace::locate()?, &Architecture::host(), Verbosity::Progress)?;
    let bytes = fs::metadata(&object)?.len();
    println!("{} ({bytes} bytes)", object.display());
    Ok(())
}
