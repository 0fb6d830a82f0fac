//! What the table is told of the configuration: whose word counts on which interface, and how many clients it takes.

use std::{net::Ipv4Addr, time::Duration};

/// A server of an interface's group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Server {
    /// Its address.
    pub address: Ipv4Addr,
    /// Routing table of the VRF that it is in, 0 for the main table.
    pub vrf: u32,
    /// It gets requests only from this value of `secs` on.
    pub min_secs: u16,
}

/// A client-facing interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Routing table of its VRF, 0 for the main table.
    pub vrf: u32,
    /// Index of its server group.
    pub group: u32,
    /// The servers.
    pub servers: Vec<Server>,
    /// Clients in the table at most.
    pub clients_max: u32,
    /// A bound client gets a host route and a neighbour.
    pub host_routes: bool,
}

/// The whole of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// By index, as in [`relay_common::event::Event::interface`]; index 0 is nobody's.
    pub interfaces: Vec<Option<Interface>>,
    /// Clients in the table at most, on all interfaces together.
    pub clients_max: u32,
    /// How long a client without a lease is remembered after its last message.
    pub unfinished: Duration,
    /// How long a client is shown as released, declined, refused or expired before it is forgotten.
    pub linger: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            interfaces: Vec::new(),
            clients_max: 1_000_000,
            unfinished: Duration::from_secs(120),
            linger: Duration::from_secs(30),
        }
    }
}

impl Policy {
    /// The interface of that index.
    pub fn interface(&self, index: u32) -> Option<&Interface> {
        self.interfaces.get(index as usize)?.as_ref().filter(|_| index != 0)
    }
}

impl Interface {
    /// Whether a configured server has this address.
    pub fn has_server(&self, address: Ipv4Addr) -> bool {
        self.servers.iter().any(|server| server.address == address)
    }

    /// The configured server that has this address in this VRF, by its place in the group.
    pub fn server_in(&self, vrf: u32, address: Ipv4Addr) -> Option<usize> {
        self.servers.iter().position(|server| server.vrf == vrf && server.address == address)
    }

    /// Whether a configured server is in this VRF.
    pub fn is_served_from(&self, vrf: u32) -> bool {
        self.servers.iter().any(|server| server.vrf == vrf)
    }
}
