//! The relay as a parameter: a scenario is written once and runs with ISC dhcrelay and with ours in its place.

use std::net::Ipv4Addr;

use anyhow::Result;

use super::namespace::Namespace;
use super::process::Proc;

/// The interfaces of a host that relays.
pub struct Ports<'a> {
    /// Clients are here.
    pub client: &'a str,
    /// Servers are reached, and answer, through these.
    pub servers: &'a [&'a str],
}

/// A relay that can be started on a host.
pub trait Relay: Sync {
    /// For messages.
    fn name(&self) -> &'static str;

    /// Starts it between one client interface and `servers`; it relays when this returns.
    fn start(&self, host: &Namespace, ports: &Ports<'_>, servers: &[Ipv4Addr]) -> Result<Proc>;

    /// Called before the relays that were started are ended, to ask them how it went.
    fn before_end(&self) -> Result<()> {
        Ok(())
    }

    /// Whether it also relays a client's unicast to a server that only passes through the router, on top of the router
    /// forwarding it. A good relay leaves those alone.
    fn relays_transit(&self) -> bool {
        false
    }
}
