//! The tables that the rules consult: BPF maps in the kernel, ordinary collections in the daemon.

use crate::abi::{Address, AddressKey, Interface, Port, PortKey};

/// What is known of a server group when a request is about to be sent to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// Bit i: server i can be reached by the path that asks.
    pub ready: u32,
    /// Largest IPv4 packet that fits all of them, octets.
    pub mtu: u32,
}

/// Look-ups, each of constant cost.
pub trait Env {
    /// What a port and VLAN is to the relay.
    fn port(&self, key: PortKey) -> Option<Port>;
    /// A client-facing interface by its index.
    fn interface(&self, index: u32) -> Option<&Interface>;
    /// What an address is to the relay.
    fn address(&self, key: AddressKey) -> Option<Address>;
    /// A server group by its index.
    fn route(&self, group: u32) -> Option<Route>;
    /// Whether one more request may be relayed now from an interface that is limited to `rate` a second.
    fn admit(&self, interface: u32, rate: u32) -> bool;
}
