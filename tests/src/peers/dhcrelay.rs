//! ISC dhcrelay, the relay to be replaced: it shows what clients and servers see today.

use std::net::Ipv4Addr;

use anyhow::Result;

use crate::lab::relay::{Ports, Relay};
use crate::lab::{Namespace, Proc};

use super::DEADLINE;
use super::install::peers;

/// Starts `dhcrelay -4` without option 82.
pub struct Dhcrelay;

impl Relay for Dhcrelay {
    fn name(&self) -> &'static str {
        "dhcrelay"
    }

    fn start(&self, host: &Namespace, ports: &Ports<'_>, servers: &[Ipv4Addr]) -> Result<Proc> {
        let mut command = peers()?.command("dhcrelay")?;
        // The hop limit of our own default instead of dhcrelay's 10.
        command.args(["-4", "-d", "--no-pid", "-c", "16", "-id", ports.client]);
        for port in ports.servers {
            command.args(["-iu", port]);
        }
        command.args(servers.iter().map(Ipv4Addr::to_string));
        let process = host.spawn(command)?;
        process.wait_for_line("Sending on   Socket/fallback", DEADLINE)?;
        Ok(process)
    }

    /// Its packet filter looks at the port alone: a unicast renewal is forwarded by the kernel *and* sent to every
    /// server with a giaddr, so servers see renewals and releases twice and clients get a second ACK.
    fn relays_transit(&self) -> bool {
        true
    }
}
