//! From the configuration and the machine's present state to the relay's tables and the list of ports.
//!
//! A pure function of both, called again on every change of the machine: what the relay does can then never depend on
//! the order in which things happened.

pub mod blind;
mod further;
mod lookup;
mod near;
mod realm;
mod servers;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use relay_common::{
    abi::{Address, AddressKey, Interface, Port, PortKey, flag},
    wire::eth,
};

pub(crate) use servers::is_taken_for_a_copy;

use crate::{
    config::{
        ResolvedConfig, VlanTags,
        domain::{Affinity, Numbering, Policy, UdpChecksum},
        resolved::{ResolvedInterface, ResolvedOption82},
    },
    hosts::{Device, Devices},
    nexthop::{HostView, Resolution, Snapshot, Target},
    tables::{GroupState, Tables},
};
use lookup::Lookup;
use near::{Near, vrf_of};
use realm::Answered;

/// A device the relay listens on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortUse {
    /// Its name.
    pub name: String,
    /// Whether clients are behind it.
    pub clients: bool,
    /// Whether servers are.
    pub servers: bool,
}

/// Where an interface is taken up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Indexes of devices, keys of [`Plan::ports`].
    pub ports: Vec<u32>,
    /// Tags of its frames there.
    pub tags: VlanTags,
}

/// The VRF that clients are in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientVrf {
    /// Its device; `None`: the main table.
    pub name: Option<String>,
    /// Its routing table, 0 for the main one.
    pub table: u32,
}

/// What the relay is to do now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// For both paths.
    pub tables: Tables,
    /// By interface index.
    pub ports: BTreeMap<u32, PortUse>,
    /// The device that clients are behind as the kernel routes to them, by the index of their interface: the port, or the
    /// VLAN device on it.
    pub devices: Devices,
    /// The VRF that the clients of each interface of the configuration are in now, in its order; of one whose device is gone for
    /// the moment, that of the configuration.
    pub client_vrfs: Vec<ClientVrf>,
    /// Where the requests of an interface come in and with which tags, by its index.
    pub places: BTreeMap<u32, Placed>,
    /// Why a configured interface does not relay now, by its index (from 1).
    pub idle: BTreeMap<u32, String>,
}

/// Every server of the configuration, as the next hops are asked for.
pub fn targets(config: &ResolvedConfig) -> Vec<Target> {
    config
        .groups
        .iter()
        .flat_map(|group| {
            group.servers.iter().map(|server| Target { vrf: server.vrf_name(), server: server.address })
        })
        .collect()
}

/// Makes the plan. `redirects` says which devices take redirected frames.
pub fn make(config: &ResolvedConfig, machine: &Snapshot, redirects: &dyn Fn(u32) -> bool) -> Plan {
    let host = &*machine.host;
    let lookup = Lookup::new(host, config.relay.xdp_mode);
    let mut plan = Plan::default();
    servers::enter(config, machine, &lookup, redirects, &mut plan.tables);
    upstream_ports(config, machine, &lookup, &mut plan);
    for (index, interface) in (1u32..).zip(&config.interfaces) {
        client_port(config, host, &lookup, redirects, index, interface, &mut plan);
    }
    further::add(config, host, &mut plan);
    addresses(config, host, &mut plan);
    plan
}

/// The server-facing ports: those configured, else those the routes to the servers lead out of.
fn upstream_ports(config: &ResolvedConfig, machine: &Snapshot, lookup: &Lookup<'_>, plan: &mut Plan) {
    let host = &*machine.host;
    let devices: Vec<u32> = if config.upstreams.is_empty() {
        let devices = machine.next_hops.values().filter_map(Resolution::device);
        devices.filter_map(|device| lookup.link(device)).map(|link| link.index).collect()
    } else {
        config.upstreams.iter().filter_map(|port| lookup.link(&port.name)).map(|link| link.index).collect()
    };
    for ifindex in devices {
        let Some(link) = host.links.get(&ifindex) else { continue };
        let Some(mac) = link.mac else { continue };
        let port = Port { interface: 0, vrf: vrf_of(host, ifindex), mac, upstream: 1 };
        for ifindex in lookup.shown(ifindex) {
            plan.tables.ports.insert(PortKey { ifindex, outer: 0, inner: 0 }, port);
        }
        plan.ports
            .entry(ifindex)
            .or_insert_with(|| PortUse { name: link.name.clone(), clients: false, servers: false })
            .servers = true;
    }
}

impl Plan {
    /// The VRF that the clients of an interface are in, by its index from 1.
    pub fn client_vrf(&self, index: u32) -> Option<&ClientVrf> {
        self.client_vrfs.get((index as usize).checked_sub(1)?)
    }

    /// Which servers of an interface are in its clients' VPN; `None` where nobody asks.
    fn near<'a>(&self, index: u32, interface: &'a ResolvedInterface) -> Option<Near<'a>> {
        let vrf = self.client_vrf(index)?;
        Some(Near::new(self.tables.groups.get(interface.group)?, interface.option82.as_ref()?, vrf.table))
    }
}

fn client_port(
    config: &ResolvedConfig,
    host: &HostView,
    lookup: &Lookup<'_>,
    redirects: &dyn Fn(u32) -> bool,
    index: u32,
    interface: &ResolvedInterface,
    plan: &mut Plan,
) {
    let relay = &config.relay;
    let group = config.groups.get(interface.group);
    let found = lookup.find(interface);
    let placed = found.as_ref().ok();
    let client_vrf = match placed {
        Some(found) => {
            let vrf = host.vrf_of(found.holder.index);
            let table = vrf.and_then(|vrf| vrf.vrf_table).unwrap_or(0);
            ClientVrf { name: vrf.map(|vrf| vrf.name.clone()), table }
        }
        None => ClientVrf {
            name: interface.vrf.as_ref().map(|vrf| vrf.name.clone()),
            table: interface.vrf.as_ref().map_or(0, |vrf| {
                let now = lookup.vrf(vrf).map(|(_, table)| table);
                now.unwrap_or(vrf.table)
            }),
        },
    };
    let table = client_vrf.table;
    plan.client_vrfs.push(client_vrf);
    let servers = plan.tables.groups.get(interface.group);
    let several = servers.is_some_and(|group| group.vrfs().len() > 1);
    let server_vrf = servers.and_then(|group| group.servers.first()).map_or(0, |server| server.vrf);
    let mut flags = if several { flag::SEVERAL_VRFS } else { 0 };
    let mut agent = None;
    if let Some(option82) = &interface.option82 {
        flags |= option82_flags(option82);
        if option82.server_id_override && group.is_some_and(|group| group.affinity == Affinity::Auto) {
            flags |= flag::AFFINITY;
        }
        agent = plan
            .near(index, interface)
            .and_then(|near| near.enter(&mut plan.tables, index, interface.address, interface.giaddr));
        if agent.is_some() {
            flags |= flag::OPTION82;
        }
    }
    if relay.udp_checksum == UdpChecksum::Always {
        flags |= flag::UDP_CHECKSUM;
    }
    let tags = placed.map_or(interface.vlan, |found| found.place.tags);
    if placed.is_some_and(|found| !redirects(found.out.index)) {
        flags |= flag::SLOW_REPLIES;
    }
    plan.tables.interfaces.push(Interface {
        ifindex: placed.map_or(0, |found| found.out.index),
        group: interface.group as u32,
        rate: interface.rate_limit.unwrap_or(0),
        address: interface.address.octets(),
        giaddr: interface.giaddr.octets(),
        source: interface.giaddr.octets(),
        mac: placed.map_or([0; 6], |found| found.mac),
        outer: tags.outer.unwrap_or(0),
        inner: tags.inner.unwrap_or(0),
        tpid: placed.map_or(eth::TAG_8021Q, |found| found.place.tpid),
        mtu: placed.map_or(0, |found| found.mtu.min(u32::from(u16::MAX)) as u16),
        max_message: relay.max_message_size,
        max_hops: relay.max_hops,
        tos: relay.dscp << 2,
        tries: 0,
        prefix: interface.prefix_len,
        flags,
        server_vrf,
        realm: 0,
        first: index,
        next: 0,
        agent: agent.unwrap_or_default(),
    });
    let found = match found {
        Ok(found) => found,
        Err(why) => {
            plan.idle.insert(index, why);
            return;
        }
    };
    let device = Device {
        ifindex: found.holder.index,
        up: found.holder.up,
        flushes: host.flushes.get(&found.holder.index).copied().unwrap_or(0),
    };
    plan.devices.insert(index, device);
    for port in &found.place.ports {
        for ifindex in lookup.shown(*port) {
            let key = PortKey { ifindex, outer: tags.outer.unwrap_or(0), inner: tags.inner.unwrap_or(0) };
            let upstream = plan.tables.ports.get(&key).map_or(0, |port| port.upstream);
            let port = Port { interface: index, vrf: table, mac: found.mac, upstream };
            plan.tables.ports.insert(key, port);
        }
        let Some(link) = host.links.get(port) else { continue };
        plan.ports
            .entry(*port)
            .or_insert_with(|| PortUse { name: link.name.clone(), clients: false, servers: false })
            .clients = true;
    }
    plan.places.insert(index, Placed { ports: found.place.ports, tags });
}

fn option82_flags(option82: &ResolvedOption82) -> u32 {
    let policy = match option82.policy {
        Policy::Forward => flag::FORWARD,
        Policy::Discard => flag::DISCARD,
        Policy::Append => flag::APPEND,
        Policy::Replace => flag::REPLACE,
    };
    let bit = |on: bool, bit: u32| if on { bit } else { 0 };
    policy | bit(option82.trusted, flag::TRUSTED) | bit(option82.numbering == Numbering::Cisco, flag::CISCO)
}

fn addresses(config: &ResolvedConfig, host: &HostView, plan: &mut Plan) {
    let table = &mut plan.tables.addresses;
    for address in &host.addresses {
        entry(table, vrf_of(host, address.ifindex), address.address).local = 1;
    }
    for server in plan.tables.groups.iter().flat_map(|group| &group.servers) {
        entry(table, server.vrf, server.address).server = 1;
    }
    let vrfs: Vec<BTreeSet<u32>> = plan.tables.groups.iter().map(GroupState::vrfs).collect();
    let mut answered = Answered::new();
    let mut giaddrs = BTreeSet::new();
    for (index, record) in (1u32..).zip(&plan.tables.interfaces) {
        // Plain BOOTP is relayed with the address, whatever giaddr says; of several, with the first.
        let bootp = (index as usize <= config.interfaces.len()).then_some(record.address);
        for &vrf in vrfs.get(record.group as usize).into_iter().flatten() {
            giaddrs.insert(AddressKey { vrf, address: record.giaddr });
            for address in [Some(record.giaddr), bootp].into_iter().flatten() {
                answered.entry(AddressKey { vrf, address }).or_default().insert(index);
            }
        }
    }
    realm::assign(&mut plan.tables, &answered, &giaddrs);
}

fn entry(table: &mut BTreeMap<AddressKey, Address>, vrf: u32, address: Ipv4Addr) -> &mut Address {
    table.entry(AddressKey { vrf, address: address.octets() }).or_default()
}
