//! What a test asks of any DHCP client, and the script the clients share for setting up the address they are given.

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::lab::{Namespace, Proc, wait};

use super::DEADLINE;

/// A running DHCP client on one interface.
pub trait Client {
    /// For messages: `dhclient`.
    fn name(&self) -> &'static str;

    /// The running program.
    fn process(&self) -> &Proc;

    /// The host it runs on.
    fn host(&self) -> &Namespace;

    /// The interface it configures.
    fn interface(&self) -> &str;

    /// Waits until the first lease is bound and its address is on the interface.
    fn bound(&self) -> Result<Ipv4Addr> {
        let what = format!("{} has an address", self.name());
        let address =
            wait::until(&what, DEADLINE, || Ok(self.host().addresses(self.interface())?.into_iter().next()));
        address.with_context(|| self.process().lines().join("\n"))
    }

    /// Has the lease renewed by unicast to its server, and waits until it is.
    fn renew(&self) -> Result<()>;

    /// Gives the lease back and ends.
    fn release(self: Box<Self>) -> Result<()>;
}

/// Writes an executable shell script.
pub(crate) fn script(directory: &Path, text: &str) -> Result<PathBuf> {
    let path = directory.join("script");
    fs::write(&path, text)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    Ok(path)
}
