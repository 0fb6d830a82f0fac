//! The networks the scenarios run in: a client subnet, one or two relays that are also its routers, and one or two
//! servers behind them.
//!
//! ```text
//!  clients 192.168.60.0/24                             servers 10.0.41.0/24
//!  c1 ─┐          ┌ eth0 .2 (and .1, the router)  r1  eth1 .2 ┐          ┌─ s1 .10
//!  c2 ─┤  lan     ┤                                           ├   core   ┤
//!  …  ─┘ (switch) └ eth0 .3                       r2  eth1 .3 ┘ (switch) └─ s2 .11
//! ```

use std::net::Ipv4Addr;

use anyhow::Result;

use super::namespace::Namespace;
use super::relay::{Ports, Relay};
use super::{Lab, Proc};

/// The interface of clients and servers, and a relay's towards the clients.
pub const EDGE: &str = "eth0";
/// A relay's interface towards the servers.
pub const UPSTREAM: &str = "eth1";
/// The clients' default router, an additional address of the first relay.
pub const ROUTER: Ipv4Addr = Ipv4Addr::new(192, 168, 60, 1);

/// A network with its hosts.
pub struct Topology {
    pub relays: Vec<RelayHost>,
    pub servers: Vec<ServerHost>,
    lan: Namespace,
    /// A veth pair ends with either of its namespaces.
    _core: Namespace,
    lab: Lab,
}

/// A host that routes between clients and servers, and relays.
pub struct RelayHost {
    pub host: Namespace,
    /// On the client subnet; what the relay puts into giaddr.
    pub address: Ipv4Addr,
    /// On the servers' network.
    pub upstream: Ipv4Addr,
}

/// A host for a DHCP server.
pub struct ServerHost {
    pub host: Namespace,
    pub address: Ipv4Addr,
}

/// One relay, one server.
pub fn one_relay_one_server(title: &str) -> Result<Topology> {
    Topology::new(title, 1, 1)
}

/// One relay, two servers.
pub fn one_relay_two_servers(title: &str) -> Result<Topology> {
    Topology::new(title, 1, 2)
}

/// Two relays on one client subnet, two servers.
pub fn two_relays_two_servers(title: &str) -> Result<Topology> {
    Topology::new(title, 2, 2)
}

impl Topology {
    /// A network with `relays` relays (192.168.60.2 and on) and `servers` servers (10.0.41.10 and on).
    pub fn new(title: &str, relays: u8, servers: u8) -> Result<Self> {
        let lab = Lab::new(title)?;
        let lan = lab.switch("lan")?;
        let core = lab.switch("core")?;
        let relays = (0..relays)
            .map(|number| RelayHost::new(&lab, &lan, &core, number))
            .collect::<Result<Vec<_>>>()?;
        let servers = (0..servers)
            .map(|number| ServerHost::new(&lab, &core, &relays, number))
            .collect::<Result<_>>()?;
        Ok(Self { relays, servers, lan, _core: core, lab })
    }

    /// Adds a client without an address; its frames carry complete checksums, as those of a machine with a network
    /// card do.
    pub fn client(&self, name: &str) -> Result<Namespace> {
        let host = self.lab.host(name)?;
        self.lab.plug(&host, EDGE, &self.lan)?;
        host.offload(EDGE, "tx", false)?;
        Ok(host)
    }

    /// The servers' addresses.
    pub fn server_addresses(&self) -> Vec<Ipv4Addr> {
        self.servers.iter().map(|server| server.address).collect()
    }

    /// Starts `relay` on every relay host, towards every server.
    pub fn start_relays(&self, relay: &dyn Relay) -> Result<Vec<Proc>> {
        let ports = Ports { client: EDGE, servers: &[UPSTREAM] };
        let servers = self.server_addresses();
        self.relays.iter().map(|place| relay.start(&place.host, &ports, &servers)).collect()
    }

    /// The laboratory, to add more to it.
    pub fn lab(&self) -> &Lab {
        &self.lab
    }
}

impl RelayHost {
    fn new(lab: &Lab, lan: &Namespace, core: &Namespace, number: u8) -> Result<Self> {
        let host = lab.host(&format!("r{}", number + 1))?;
        lab.plug(&host, EDGE, lan)?;
        lab.plug(&host, UPSTREAM, core)?;
        let address = Ipv4Addr::new(192, 168, 60, 2 + number);
        let upstream = Ipv4Addr::new(10, 0, 41, 2 + number);
        // The first address is the one a relay takes for its own; the router's follows it.
        host.address(EDGE, &format!("{address}/24"))?;
        if number == 0 {
            host.address(EDGE, &format!("{ROUTER}/24"))?;
        }
        host.address(UPSTREAM, &format!("{upstream}/24"))?;
        host.forwarding(true)?;
        Ok(Self { host, address, upstream })
    }
}

impl ServerHost {
    /// Replies to a giaddr go straight to the relay that has it, everything else through the clients' router.
    fn new(lab: &Lab, core: &Namespace, relays: &[RelayHost], number: u8) -> Result<Self> {
        let host = lab.host(&format!("s{}", number + 1))?;
        lab.plug(&host, EDGE, core)?;
        let address = Ipv4Addr::new(10, 0, 41, 10 + number);
        host.address(EDGE, &format!("{address}/24"))?;
        for relay in relays {
            host.route(&format!("{} via {}", relay.address, relay.upstream))?;
        }
        if let Some(router) = relays.first() {
            host.route(&format!("192.168.60.0/24 via {}", router.upstream))?;
        }
        Ok(Self { host, address })
    }
}
