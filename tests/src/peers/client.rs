//! What a test asks of any DHCP client, and the script the clients share for setting up the address they are given.

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;

use crate::lab::{Namespace, Proc, wait};

use super::DEADLINE;

/// A running DHCP client on one interface.
pub trait Client {
    /// For messages: `dhclient`.
    fn name(&self) -> &'static str;

    /// The program, and where it runs.
    fn running(&self) -> &Running;

    /// Waits until the first lease is bound and its address is on the interface.
    fn bound(&self) -> Result<Ipv4Addr> {
        let what = format!("{} has an address", self.name());
        let Running { process, host, interface } = self.running();
        let address = wait::until(&what, DEADLINE, || Ok(host.addresses(interface)?.into_iter().next()));
        address.with_context(|| process.lines().join("\n"))
    }

    /// Has the lease renewed by unicast to its server, and waits until it is.
    fn renew(&self) -> Result<()>;

    /// Gives the lease back and ends.
    fn release(self: Box<Self>) -> Result<()>;
}

/// A client program at work.
pub struct Running {
    /// The program.
    pub process: Proc,
    /// The host it runs on.
    pub host: Namespace,
    /// The interface it configures.
    pub interface: String,
}

impl Running {
    /// Sets the interface up and starts the program on it.
    pub(crate) fn start(host: &Namespace, interface: &str, command: Command) -> Result<Self> {
        host.run(&format!("ip link set {interface} up"))?;
        let process = host.spawn(command)?;
        Ok(Self { process, host: host.clone(), interface: interface.to_owned() })
    }

    /// Sends the signal and waits for the line that the program then prints.
    pub(crate) fn signal_until(&self, signal: Signal, line: &str) -> Result<()> {
        let mark = self.process.lines().len();
        self.process.signal(signal)?;
        self.process.wait_for_line_after(mark, line, DEADLINE).map(drop)
    }
}

/// Writes an executable shell script.
pub(crate) fn script(directory: &Path, text: &str) -> Result<PathBuf> {
    let path = directory.join("script");
    fs::write(&path, text)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    Ok(path)
}
