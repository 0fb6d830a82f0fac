//! The relay's tables in ordinary collections: what the slow path consults, and what the fast path's maps are filled
//! from. Both come from one value, so they cannot disagree.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
    time::Instant,
};

use relay_common::{
    Bucket, Env, Route,
    abi::{
        Address, AddressKey, Agent, AgentKey, AgentOwner, Attempt, AttemptKey, ClientKey, Holder, HolderKey,
        Interface, Port, PortKey,
    },
};

use crate::memory::Memory;

/// Where a server's copies go while its next hop is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hop {
    /// Interface index of the egress device.
    pub ifindex: u32,
    /// Ethernet address of the next hop.
    pub next_mac: [u8; 6],
    /// Our Ethernet address on the egress device.
    pub port_mac: [u8; 6],
    /// Largest IPv4 packet on the way, octets.
    pub mtu: u16,
    /// Whether XDP can send there, because the device takes redirected frames; if not, the daemon sends the copy.
    pub redirect: bool,
}

/// Routing table that stands for that of a VRF which is not there: no VRF has it (`RT_TABLE_MAX`).
pub const NOWHERE: u32 = u32::MAX;

/// A VRF that servers are in, or the main table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerVrf {
    /// The VRF device; `None`: the main table.
    pub device: Option<String>,
    /// Its index, 0 for the main table. Another one is another device, though it may have name and table of the former.
    pub ifindex: u32,
}

/// One server of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerState {
    /// Its address.
    pub address: Ipv4Addr,
    /// Routing table of the VRF it is reached through, 0 for the main table, [`NOWHERE`] while that VRF is not there.
    pub vrf: u32,
    /// Messages whose `secs` are fewer are not sent to it.
    pub min_secs: u16,
    /// Its next hop, unless that is not resolved.
    pub hop: Option<Hop>,
}

impl ServerState {
    /// The next hop, if XDP can send to it.
    pub fn fast_hop(&self) -> Option<Hop> {
        self.hop.filter(|hop| hop.redirect)
    }
}

/// A server group as it now is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupState {
    /// Its servers, in the order of the configuration.
    pub servers: Vec<ServerState>,
}

impl GroupState {
    /// Largest IPv4 packet on the way to any server whose next hop is known, octets.
    pub fn mtu(&self) -> u32 {
        let known = self.servers.iter().filter_map(|server| server.hop).map(|hop| u32::from(hop.mtu));
        known.min().unwrap_or(u32::from(u16::MAX))
    }

    /// The routing tables of its servers' VRFs, each once.
    pub fn vrfs(&self) -> BTreeSet<u32> {
        self.servers.iter().map(|server| server.vrf).collect()
    }

    /// Bit i: what `of` says of server i.
    pub fn mask(&self, of: impl Fn(&ServerState) -> bool) -> u32 {
        self.servers.iter().enumerate().fold(0, |mask, (index, server)| mask | u32::from(of(server)) << index)
    }
}

/// Everything the rules look up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tables {
    /// Ports and VLANs.
    pub ports: BTreeMap<PortKey, Port>,
    /// Local, relay and server addresses.
    pub addresses: BTreeMap<AddressKey, Address>,
    /// Client-facing interfaces; the first is index 1.
    pub interfaces: Vec<Interface>,
    /// Server groups.
    pub groups: Vec<GroupState>,
    /// The VRFs that servers are in and that are there, by their routing tables.
    pub vrfs: BTreeMap<u32, ServerVrf>,
    /// The option 82 that an interface inserts, by its index.
    pub agents: BTreeMap<u32, Agent>,
    /// Whose option 82 a server has sent back.
    pub owners: BTreeMap<AgentKey, AgentOwner>,
}

impl Tables {
    /// The interface of an index as the rules use it.
    pub fn interface(&self, index: u32) -> Option<&Interface> {
        self.interfaces.get((index as usize).checked_sub(1)?)
    }

    /// The routing table of the VRF that a server-facing device is in, 0 for the main one.
    pub fn vrf_of(&self, ifindex: u32) -> u32 {
        self.ports.get(&PortKey { ifindex, outer: 0, inner: 0 }).map_or(0, |port| port.vrf)
    }
}

/// The tables with the state that the rules change: the token buckets of the slow path.
pub struct HostEnv<'a> {
    tables: &'a Tables,
    buckets: &'a RefCell<BTreeMap<u32, Bucket>>,
    memory: &'a Memory,
    start: Instant,
}

impl<'a> HostEnv<'a> {
    /// `start` is any fixed moment in the past; the buckets count from it.
    pub fn new(
        tables: &'a Tables,
        buckets: &'a RefCell<BTreeMap<u32, Bucket>>,
        memory: &'a Memory,
        start: Instant,
    ) -> Self {
        Self { tables, buckets, memory, start }
    }
}

impl Env for HostEnv<'_> {
    fn port(&self, key: PortKey) -> Option<Port> {
        self.tables.ports.get(&key).copied()
    }

    fn interface(&self, index: u32) -> Option<&Interface> {
        self.tables.interface(index)
    }

    fn address(&self, key: AddressKey) -> Option<Address> {
        self.tables.addresses.get(&key).copied()
    }

    fn route(&self, group: u32, secs: u16) -> Option<Route> {
        // The slow path reaches every server: what has no next hop yet is routed, and fragmented, by the kernel.
        let group = self.tables.groups.get(group as usize)?;
        let all = group.mask(|_| true);
        let waiting = group.mask(|server| secs < server.min_secs) | !all;
        Some(Route { ready: all, mtu: group.mtu(), waiting })
    }

    fn agent(&self, interface: u32) -> Option<&Agent> {
        self.tables.agents.get(&interface)
    }

    fn owner(&self, key: AgentKey) -> Option<AgentOwner> {
        self.tables.owners.get(&key).copied()
    }

    fn client(&self, key: ClientKey) -> Option<u32> {
        self.memory.clients.get(key)
    }

    fn heard(&self, key: ClientKey, interface: u32) {
        self.memory.clients.set(key, interface);
    }

    fn attempt(&self, key: AttemptKey) -> Option<Attempt> {
        self.memory.attempts.get(key)
    }

    fn attempts(&self, key: AttemptKey, attempt: Attempt) {
        self.memory.attempts.set(key, attempt);
    }

    fn holder(&self, key: HolderKey) -> Option<Holder> {
        self.memory.holders.get(key)
    }

    fn hold(&self, key: HolderKey, holder: Holder) {
        self.memory.holders.set(key, holder);
    }

    fn renew(&self, vrf: u32, key: &HolderKey) -> Option<[u8; 4]> {
        self.memory.renew(vrf, key)
    }

    fn server_of(&self, group: u32, address: [u8; 4]) -> u32 {
        let group = self.tables.groups.get(group as usize);
        group.map_or(0, |group| group.mask(|server| server.address.octets() == address))
    }

    fn serves(&self, group: u32, vrf: u32) -> bool {
        let group = self.tables.groups.get(group as usize);
        group.is_some_and(|group| group.servers.iter().any(|server| server.vrf == vrf))
    }

    fn is_local_to_servers(&self, group: u32, address: [u8; 4]) -> bool {
        let local = |vrf| self.address(AddressKey { vrf, address }).is_some_and(|found| found.local != 0);
        let group = self.tables.groups.get(group as usize);
        group.is_some_and(|group| group.servers.iter().any(|server| local(server.vrf)))
    }

    fn admit(&self, interface: u32, rate: u32) -> bool {
        let now = u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.buckets.borrow_mut().entry(interface).or_default().admit(now, rate)
    }
}
