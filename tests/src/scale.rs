//! One relay with thousands of client-facing interfaces, and one client on each: the answer of a server has to reach the
//! client that asked, with the tags of its VLAN, and nobody else.
//!
//! The clients and the servers are sockets of the test. What they send and check is built by `lab`, which shares no
//! code with the relay.

pub mod circuit;
pub mod clients;
pub mod cost;
pub mod server;
pub mod vrfs;

use anyhow::Result;

use crate::lab::Namespace;

pub use circuit::Circuit;
pub use clients::every_client_gets_its_own_reply;
pub use server::Server;

/// Carries out many commands of `ip`, one a line: a process for each takes minutes.
///
/// # Errors
/// The first command that fails, in the words of `ip`.
pub fn batch(host: &Namespace, commands: &str) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("commands");
    std::fs::write(&file, commands)?;
    host.run(&format!("ip -batch {}", file.display())).map(drop)
}
