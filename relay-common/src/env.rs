//! The tables that the rules consult: BPF maps in the kernel, ordinary collections in the daemon.

use crate::abi::{
    Address, AddressKey, Agent, AgentKey, AgentOwner, Attempt, AttemptKey, ClientKey, Holder, HolderKey,
    Interface, Port, PortKey,
};
use crate::{affinity, own, smart};

/// What is known of a server group when a request is about to be sent to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// Bit i: server i can be reached by the path that asks.
    pub ready: u32,
    /// Largest IPv4 packet on the way to any of them, octets.
    pub mtu: u32,
    /// Bit i: server i does not want a message with these `secs` yet.
    pub waiting: u32,
}

/// Look-ups, each of constant cost.
pub trait Env {
    /// What a port and VLAN is to the relay.
    fn port(&self, key: PortKey) -> Option<Port>;
    /// A client-facing interface by its index.
    fn interface(&self, index: u32) -> Option<&Interface>;
    /// What an address is to the relay.
    fn address(&self, key: AddressKey) -> Option<Address>;
    /// A server group by its index, for a message with these `secs`.
    fn route(&self, group: u32, secs: u16) -> Option<Route>;
    /// The option 82 that an interface inserts.
    fn agent(&self, interface: u32) -> Option<&Agent>;
    /// Whose option 82 a server has sent back.
    fn owner(&self, key: AgentKey) -> Option<AgentOwner>;
    /// The interface that a client was last heard on.
    fn client(&self, key: ClientKey) -> Option<u32>;
    /// Remembers it.
    fn heard(&self, key: ClientKey, interface: u32);
    /// How far a client has come with an interface's addresses.
    fn attempt(&self, key: AttemptKey) -> Option<Attempt>;
    /// Remembers it.
    fn attempts(&self, key: AttemptKey, attempt: Attempt);
    /// [`smart::record`]: the kernel does it on a stack of its own.
    fn record(&self, key: AttemptKey, kind: u8, about: [u8; 4]) -> u32 {
        smart::record(self, key, kind, about)
    }
    /// [`smart::tried`], likewise.
    fn tried(&self, key: AttemptKey, record: u32) {
        smart::tried(self, key, record);
    }
    /// [`smart::answered`], likewise.
    fn answered(&self, key: AttemptKey, record: u32, gives: bool) {
        smart::answered(self, key, record, gives);
    }
    /// Who offered or gave an address lately.
    fn holder(&self, key: HolderKey) -> Option<Holder>;
    /// Remembers it.
    fn hold(&self, key: HolderKey, holder: Holder);
    /// The server of the lease that the client table has for an address in a VRF, if it is this client's and bound: from now on
    /// it is being renewed.
    fn renew(&self, vrf: u32, key: &HolderKey) -> Option<[u8; 4]>;
    /// The mask of a server in a group, 0 when it is not in it.
    fn server_of(&self, group: u32, address: [u8; 4]) -> u32;
    /// Whether a server of a group is in a VRF.
    fn serves(&self, group: u32, vrf: u32) -> bool;
    /// [`own::is_ours`]: the kernel does it on a stack of its own.
    fn is_ours(&self, vrf: u32, interface: u32, address: [u8; 4]) -> bool {
        own::is_ours(self, vrf, interface, address)
    }
    /// Whether an address is this machine's in the VRF of a server of a group.
    fn is_local_to_servers(&self, group: u32, address: [u8; 4]) -> bool;
    /// [`affinity::ask`]: the kernel does it on a stack of its own.
    fn ask(&self, key: HolderKey, vrf: u32, group: u32, xid: Option<[u8; 4]>) -> u32 {
        affinity::ask(self, key, vrf, group, xid)
    }
    /// [`affinity::note`], likewise.
    fn note(&self, key: HolderKey, server: [u8; 4], xid: [u8; 4], offer: bool) {
        affinity::note(self, key, server, xid, offer);
    }
    /// Whether one more request may be relayed now from an interface that is limited to `rate` a second.
    fn admit(&self, interface: u32, rate: u32) -> bool;
}
