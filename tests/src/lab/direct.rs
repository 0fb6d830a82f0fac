//! A relay with a client and some hosts straight at its ports, without a switch: for frames built by hand. Whatever is
//! on one of these wires was put there by one of its two ends.
//!
//! ```text
//!  client eth0 ─── eth0 192.168.60.2  relay  eth1 10.0.41.1 ─── eth0  hosts[0]
//!                                            eth2 10.0.42.1 ─── eth0  hosts[1]
//! ```

use std::net::Ipv4Addr;

use anyhow::Result;

use super::build::{Bootp, Datagram};
use super::packet::{Deliver, PacketSocket};
use super::{Lab, Namespace};

/// The relay's address on the client's subnet; its giaddr.
pub const RELAY: Ipv4Addr = Ipv4Addr::new(192, 168, 60, 2);
/// The relay's port to the client, and a host's port to the relay.
pub const EDGE: &str = "eth0";

/// The network.
pub struct Direct {
    pub client: Namespace,
    pub relay: Namespace,
    /// One for each port of the relay from eth1 on.
    pub hosts: Vec<Namespace>,
    /// The client's Ethernet address.
    pub client_mac: [u8; 6],
    from_client: PacketSocket,
    lab: Lab,
}

impl Direct {
    /// Makes it with `ports` hosts, which have no address yet. Frames of the client carry complete checksums, as those of
    /// a machine with a network card do.
    pub fn new(title: &str, ports: usize) -> Result<Self> {
        let lab = Lab::new(title)?;
        let client = lab.host("c")?;
        let relay = lab.host("r")?;
        lab.link(&client, EDGE, &relay, EDGE)?;
        client.offload(EDGE, "tx", false)?;
        relay.address(EDGE, &format!("{RELAY}/24"))?;
        let mut hosts = Vec::new();
        for port in 0..ports {
            let host = lab.host(&format!("s{port}"))?;
            lab.link(&relay, &upstream(port), &host, EDGE)?;
            relay.address(&upstream(port), &format!("10.0.{}.1/24", 41 + port))?;
            hosts.push(host);
        }
        let client_mac = client.mac(EDGE)?;
        let from_client = PacketSocket::open(&client, EDGE, Deliver::Nothing)?;
        Ok(Self { client, relay, hosts, client_mac, from_client, lab })
    }

    /// The laboratory, to add more to it.
    pub fn lab(&self) -> &Lab {
        &self.lab
    }

    /// Broadcasts a message from the client.
    pub fn client_sends(&self, message: &Bootp) -> Result<()> {
        self.from_client.send(&Datagram::from_client(self.client_mac, message).frame())
    }

    /// Sends a message from `server`, which is behind port `port` of the relay, to the relay's giaddr.
    pub fn server_sends(&self, port: usize, server: Ipv4Addr, message: &Bootp) -> Result<()> {
        let host = &self.hosts[port];
        let from = (host.mac(EDGE)?, server);
        let to = (self.relay.mac(&upstream(port))?, RELAY);
        send(host, &Datagram::between(from, to, message).frame())
    }
}

/// The name of the relay's port to `hosts[port]`.
pub fn upstream(port: usize) -> String {
    format!("eth{}", port + 1)
}

/// Puts a frame on the wire at a host's edge.
pub fn send(host: &Namespace, frame: &[u8]) -> Result<()> {
    PacketSocket::open(host, EDGE, Deliver::Nothing)?.send(frame)
}
