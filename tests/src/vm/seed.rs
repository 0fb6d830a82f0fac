//! The laboratory of a published article on inter-VRF relaying with redundant servers, with its addresses: clients in a VRF
//! on one subnet with two relays, two servers elsewhere, and no route between clients and servers.
//!
//! ```text
//!  clients 172.16.0.0/24, VRF tenant                      10.1.0.0/24, main table or VRF mgmt
//!  c1 ─┐          ┌ eth0 .4   r1, loopback 10.0.0.4   eth1 .13 ┐          ┌ .1  s1, leases .6  to .20
//!  …  ─┤   lan    ┤                                            ├   core   ┤
//!      ┘ (switch) └ eth0 .5   r2, loopback 10.0.0.5   eth1 .17 ┘ (switch) └ .5  s2, leases .132 to .150
//! ```
//!
//! Both relays give their loopback as giaddr, the subnet by link selection, and themselves as the server.

pub mod seen;
pub mod servers;

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Result;

use super::daemon::Daemon;
use crate::lab::build::{BOOTREQUEST, Bootp, Datagram};
use crate::lab::packet::{Deliver, PacketSocket};
use crate::lab::{Capture, Lab, Namespace};
use crate::subject::Mode;

/// The interface of clients and servers, and a relay's towards the clients.
pub const EDGE: &str = "eth0";
/// A relay's interface towards the servers.
const UPSTREAM: &str = "eth1";
/// The clients' VRF on both relays.
const TENANT: &str = "tenant";
/// The transaction that [`Seed::last_request`] asks in.
pub const LAST_XID: u32 = 0x1a57_5eed;

/// Where the relays reach the servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Servers {
    /// In the main table, with the loopback address on `lo`.
    InMain,
    /// In a VRF, with the loopback address on its device.
    InMgmt,
}

/// Whether the relays know whose lease a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Affinity {
    /// As it is by default.
    Auto,
    /// `affinity = "off"`.
    Off,
}

/// The network; relays and servers are not running yet.
pub struct Seed {
    pub relays: [RelayHost; 2],
    pub servers: [ServerHost; 2],
    placed: Servers,
    lan: Namespace,
    /// A veth pair ends with either of its namespaces.
    _core: Namespace,
    /// Hosts that have sent a last request.
    last: AtomicU32,
    lab: Lab,
}

/// A switch of the article: router of the clients, and relay.
pub struct RelayHost {
    pub host: Namespace,
    /// What it writes into giaddr.
    pub loopback: Ipv4Addr,
    /// On the client subnet: what clients take for their server.
    pub address: Ipv4Addr,
    upstream: Ipv4Addr,
}

/// A host for a server.
pub struct ServerHost {
    pub host: Namespace,
    pub address: Ipv4Addr,
}

impl Seed {
    /// Makes it. The kernel must have VRF devices.
    pub fn new(title: &str, placed: Servers) -> Result<Self> {
        let lab = Lab::new(title)?;
        let (lan, core) = (lab.switch("lan")?, lab.switch("core")?);
        let relay = |name, number, upstream| {
            let relay = RelayHost {
                host: lab.host(name)?,
                loopback: Ipv4Addr::new(10, 0, 0, number),
                address: Ipv4Addr::new(172, 16, 0, number),
                upstream: Ipv4Addr::new(10, 1, 0, upstream),
            };
            lab.plug(&relay.host, EDGE, &lan)?;
            lab.plug(&relay.host, UPSTREAM, &core)?;
            relay.configure(placed)?;
            Ok::<_, anyhow::Error>(relay)
        };
        let relays = [relay("r1", 4, 13)?, relay("r2", 5, 17)?];
        let server = |name, number| {
            let server = ServerHost { host: lab.host(name)?, address: Ipv4Addr::new(10, 1, 0, number) };
            lab.plug(&server.host, EDGE, &core)?;
            server.host.address(EDGE, &format!("{}/24", server.address))?;
            for relay in &relays {
                server.host.route(&format!("{} via {}", relay.loopback, relay.upstream))?;
            }
            Ok::<_, anyhow::Error>(server)
        };
        let servers = [server("s1", 1)?, server("s2", 5)?];
        Ok(Self { relays, servers, placed, lan, _core: core, last: AtomicU32::new(0), lab })
    }

    /// Adds a client without an address.
    pub fn client(&self, name: &str) -> Result<Namespace> {
        let host = self.lab.host(name)?;
        self.lab.plug(&host, EDGE, &self.lan)?;
        // As from a machine with a network card.
        host.offload(EDGE, "tx", false)?;
        Ok(host)
    }

    /// Starts a relay on both hosts.
    pub fn start_relays(&self, mode: Mode, affinity: Affinity) -> Result<[Daemon; 2]> {
        let [r1, r2] =
            &self.relays.each_ref().map(|relay| (&relay.host, self.configuration(relay, affinity)));
        Ok([Daemon::start(r1.0, mode, &r1.1)?, Daemon::start(r2.0, mode, &r2.1)?])
    }

    fn configuration(&self, relay: &RelayHost, affinity: Affinity) -> String {
        let vrf = if self.placed == Servers::InMgmt { "vrf = \"mgmt\"\n" } else { "" };
        let affinity = if affinity == Affinity::Off { "affinity = \"off\"\n" } else { "" };
        let [s1, s2] = self.servers.each_ref().map(|server| server.address);
        format!(
            "[[server_group]]\nname = \"core\"\n{vrf}{affinity}servers = [\"{s1}\", \"{s2}\"]\n\n\
             [[interface]]\nname = \"{EDGE}\"\nserver_group = \"core\"\ngiaddr = \"{}\"\n\
             [interface.option82]\ncircuit_id = \"{{name}}\"\nserver_id_override = true\n",
            relay.loopback
        )
    }

    /// What arrives at and leaves each server.
    pub fn capture_servers(&self) -> Result<[Capture; 2]> {
        let [s1, s2] = &self.servers;
        Ok([Capture::start(&s1.host, EDGE)?, Capture::start(&s2.host, EDGE)?])
    }

    /// A BOOTP request of a new host, which every relay gives to every server: where it has arrived from each relay,
    /// everything relayed before has arrived too. Returns the host's hardware address.
    pub fn last_request(&self) -> Result<[u8; 6]> {
        let host = self.client(&format!("l{}", self.last.fetch_add(1, Ordering::Relaxed)))?;
        let mac = host.mac(EDGE)?;
        let mut message = Bootp::new(BOOTREQUEST, None, mac);
        message.xid = LAST_XID;
        PacketSocket::open(&host, EDGE, Deliver::Nothing)?
            .send(&Datagram::from_client(mac, &message).frame())?;
        Ok(mac)
    }
}

impl RelayHost {
    fn configure(&self, placed: Servers) -> Result<()> {
        let vrf = |name: &str, table: u32| {
            self.host.run(&format!("ip link add {name} type vrf table {table}"))?;
            self.host.run(&format!("ip link set {name} up")).map(drop)
        };
        vrf(TENANT, 10)?;
        self.host.run(&format!("ip link set {EDGE} master {TENANT}"))?;
        self.host.address(EDGE, &format!("{}/24", self.address))?;
        let loopback = match placed {
            Servers::InMain => "lo",
            Servers::InMgmt => {
                vrf("mgmt", 20)?;
                self.host.run(&format!("ip link set {UPSTREAM} master mgmt"))?;
                "mgmt"
            }
        };
        self.host.address(loopback, &format!("{}/32", self.loopback))?;
        self.host.address(UPSTREAM, &format!("{}/24", self.upstream))
    }
}
