//! The configuration on this machine: nothing left to look up before packets can flow.
//!
//! What [`Config::resolve`] gives: device indexes, addresses that were left to the machine, and the
//! texts of option 82 as bytes.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use super::{
    domain::{Affinity, Config, Numbering, Policy, Relay, VlanTags, Vss},
    error::Problem,
};

/// A configuration that is right on this machine.
#[derive(Clone, Debug, PartialEq)]
pub struct ResolvedConfig {
    /// The daemon as a whole.
    pub relay: Relay,
    /// In the order of the file.
    pub groups: Vec<ResolvedGroup>,
    /// In the order of the file; empty: to be found from the routes to the servers.
    pub upstreams: Vec<ResolvedUpstream>,
    /// In the order of the file.
    pub interfaces: Vec<ResolvedInterface>,
    /// The same configuration with every default written out, the machine's too: what `check` prints.
    pub effective: Config,
    /// What is allowed but probably not meant.
    pub warnings: Vec<Problem>,
}

/// A server group and where it is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedGroup {
    /// Unique.
    pub name: String,
    /// Of the servers that name none; `None`: the main table.
    pub vrf: Option<Vrf>,
    /// Whether messages about a lease go to its server alone.
    pub affinity: Affinity,
    /// 1 to 32, each address once.
    pub servers: Vec<ResolvedServer>,
}

impl ResolvedGroup {
    /// The routing tables of its servers' VRFs, each once; 0 is the main one.
    pub fn tables(&self) -> BTreeSet<u32> {
        self.servers.iter().map(ResolvedServer::table).collect()
    }
}

/// A server and where it is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedServer {
    /// Where requests are sent, and the only address replies are taken from.
    pub address: Ipv4Addr,
    /// Its own VRF, or that of its group; `None`: the main table.
    pub vrf: Option<Vrf>,
    /// Messages whose `secs` field is lower are not sent to it. Seconds.
    pub min_secs: u16,
}

impl ResolvedServer {
    /// The routing table of its VRF, 0 for the main one.
    pub fn table(&self) -> u32 {
        self.vrf.as_ref().map_or(0, |vrf| vrf.table)
    }

    /// The device of its VRF.
    pub fn vrf_name(&self) -> Option<String> {
        self.vrf.as_ref().map(|vrf| vrf.name.clone())
    }
}

impl ResolvedConfig {
    /// The VRFs of all servers: the routing table, 0 for the main one, and the device.
    pub fn server_vrfs(&self) -> BTreeMap<u32, Option<String>> {
        let servers = self.groups.iter().flat_map(|group| &group.servers);
        servers.map(|server| (server.table(), server.vrf_name())).collect()
    }
}

/// A VRF device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vrf {
    /// Name of the device.
    pub name: String,
    /// Index of the device.
    pub ifindex: u32,
    /// Its routing table.
    pub table: u32,
}

/// A server-facing port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedUpstream {
    /// Name of the device.
    pub name: String,
    /// Index of the device.
    pub ifindex: u32,
}

/// A client-facing interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedInterface {
    /// The device that the configuration names.
    pub name: String,
    /// Its index.
    pub ifindex: u32,
    /// Its address.
    pub mac: [u8; 6],
    /// Its MTU: bytes of IP packet.
    pub mtu: u32,
    /// Tags of the clients' frames on it, as the configuration has them.
    pub vlan: VlanTags,
    /// Whether it is the ports of that bridge.
    pub members: bool,
    /// The device that has `address`: that device itself, the 802.1Q device on top of it, the bridge above it.
    pub address_ifindex: u32,
    /// The VRF of that device; `None`: the main table.
    pub vrf: Option<Vrf>,
    /// Our address on the client subnet.
    pub address: Ipv4Addr,
    /// Of that subnet, 0 to 32.
    pub prefix_len: u8,
    /// What requests carry in giaddr.
    pub giaddr: Ipv4Addr,
    /// How other addresses get their turn; `None`: they do not.
    pub smart_relay: Option<SmartRelay>,
    /// Index into [`ResolvedConfig::groups`].
    pub group: usize,
    /// Requests per second; `None`: no limit.
    pub rate_limit: Option<u32>,
    /// Clients of this interface in the lease table at most.
    pub clients_max: u32,
    /// Whether each bound client gets a /32 route and a neighbour entry.
    pub host_routes: bool,
    /// `None`: no option 82 is added, and an untrusted one is refused.
    pub option82: Option<ResolvedOption82>,
}

/// The addresses that a client's requests go out with one after another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmartRelay {
    /// DISCOVERs of the client without an answer, until the next has its turn.
    pub tries: u8,
    /// Those behind the first, with the lengths of their prefixes; at least one.
    pub further: Vec<(Ipv4Addr, u8)>,
}

/// What goes into option 82 of one interface, in the order of the sub-options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedOption82 {
    /// For requests that already carry the option.
    pub policy: Policy,
    /// Whether a request with option 82 and giaddr 0 is accepted.
    pub trusted: bool,
    /// Sub-option 1.
    pub circuit_id: Option<Vec<u8>>,
    /// Sub-option 2.
    pub remote_id: Option<Vec<u8>>,
    /// Sub-option 5, or Cisco's 150: the value is the interface's address.
    pub link_selection: bool,
    /// Sub-option 10: true only together with `server_id_override`.
    pub flags: bool,
    /// Sub-option 11, or Cisco's 152: the value is the interface's address.
    pub server_id_override: bool,
    /// Sub-option 12.
    pub relay_id: Option<Vec<u8>>,
    /// Sub-option 151, with 152 behind it unless that is Cisco's.
    pub vss: Option<Vss>,
    /// The codes of link selection and server identifier override.
    pub numbering: Numbering,
}

impl ResolvedOption82 {
    /// Bytes of sub-options: the length byte of the option. More than 255 is refused by [`Config::resolve`].
    pub fn encoded_len(&self) -> usize {
        let identifier = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, |bytes| 2 + bytes.len());
        let fixed = |present: bool, value: usize| if present { 2 + value } else { 0 };
        let vss = match &self.vss {
            None => 0,
            Some(Vss::Global) => 2 + 1,
            Some(Vss::Name(name)) => 2 + 1 + name.len(),
            Some(Vss::VpnId { .. }) => 2 + 1 + 7,
        };
        let control = if self.sends_control() { 2 } else { 0 };
        identifier(&self.circuit_id)
            + identifier(&self.remote_id)
            + fixed(self.link_selection, 4)
            + fixed(self.flags, 1)
            + fixed(self.server_id_override, 4)
            + identifier(&self.relay_id)
            + vss
            + control
    }

    /// Whether sub-option 152 is there as VSS-control (RFC 6607).
    pub fn sends_control(&self) -> bool {
        self.vss.is_some() && self.numbering == Numbering::Rfc
    }
}
