//! `cargo xtask setup`: after it, everything builds and every test can run.

use anyhow::Result;
use xtask::bpf::Workspace;

use crate::setup;

/// # Errors
/// Something is missing that cannot be installed from here; the message has the commands that do.
pub(crate) fn run() -> Result<()> {
    setup::complete(&Workspace::locate()?)?;
    eprintln!("everything that builds and tests need is there");
    Ok(())
}
