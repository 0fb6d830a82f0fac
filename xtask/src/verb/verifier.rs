//! `cargo xtask verifier`: what the kernel spends on checking each program, next to its budget.

use anyhow::Result;
use xtask::bpf::Workspace;

use crate::{
    exec::{cargo, exec},
    host,
};

/// # Errors
/// Not root, or a program is refused or over its budget.
pub(crate) fn run() -> Result<()> {
    host::need_root("verifier", "")?;
    let workspace = Workspace::locate()?;
    exec(cargo(&workspace.root).args([
        "test",
        "-p",
        "relay-tests",
        "--test",
        "verifier",
        "--",
        "--nocapture",
    ]))
}
