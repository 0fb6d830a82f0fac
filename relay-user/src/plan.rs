//! From the configuration and the machine's present state to the relay's tables and the list of ports.
//!
//! A pure function of both, called again on every change of the machine: what the relay does can then never depend on
//! the order in which things happened.

pub mod blind;
mod further;
mod lookup;
mod near;
mod realm;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use relay_common::{
    abi::{Address, AddressKey, Interface, Port, PortKey, flag},
    wire::eth,
};

use crate::{
    config::{
        ResolvedConfig, VlanTags,
        domain::{Affinity, Numbering, Policy, UdpChecksum},
        resolved::{ResolvedGroup, ResolvedInterface, ResolvedOption82, ResolvedServer},
    },
    hosts::{Device, Devices},
    nexthop::{HostView, NextHop, Resolution, Snapshot, Target},
    tables::{GroupState, Hop, ServerState, Tables},
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
    for group in &config.groups {
        let servers = group
            .servers
            .iter()
            .map(|server| {
                let target = Target { vrf: server.vrf_name(), server: server.address };
                let hop = machine.next_hops.get(&target).and_then(Resolution::next_hop);
                ServerState {
                    address: server.address,
                    vrf: server.table(),
                    min_secs: server.min_secs,
                    hop: hop.map(|hop| self::hop(hop, redirects)),
                }
            })
            .collect();
        plan.tables.groups.push(GroupState { servers });
    }
    upstream_ports(config, machine, &lookup, &mut plan);
    let mut client_vrfs = Vec::new();
    for (index, interface) in (1u32..).zip(&config.interfaces) {
        client_vrfs.push(client_port(config, host, &lookup, redirects, index, interface, &mut plan));
    }
    further::add(config, host, &client_vrfs, &mut plan);
    addresses(config, host, &mut plan);
    plan
}

fn hop(hop: &NextHop, redirects: &dyn Fn(u32) -> bool) -> Hop {
    Hop {
        ifindex: hop.ifindex,
        next_mac: hop.next_mac,
        port_mac: hop.port_mac,
        mtu: hop.mtu,
        redirect: redirects(hop.ifindex),
    }
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

/// Returns the routing table of the clients' VRF.
fn client_port(
    config: &ResolvedConfig,
    host: &HostView,
    lookup: &Lookup<'_>,
    redirects: &dyn Fn(u32) -> bool,
    index: u32,
    interface: &ResolvedInterface,
    plan: &mut Plan,
) -> u32 {
    let relay = &config.relay;
    let group = config.groups.get(interface.group);
    let found = lookup.find(interface);
    let placed = found.as_ref().ok();
    let client_vrf = match placed {
        Some(found) => vrf_of(host, found.holder.index),
        None => interface.vrf.as_ref().map_or(0, |vrf| vrf.table),
    };
    let several = group.is_some_and(|group| group.tables().len() > 1);
    let mut flags = if several { flag::SEVERAL_VRFS } else { 0 };
    if let Some(option82) = &interface.option82 {
        flags |= option82_flags(option82);
        if option82.server_id_override && group.is_some_and(|group| group.affinity == Affinity::Auto) {
            flags |= flag::AFFINITY;
        }
        let near = group.map(|group| Near::new(group, option82, client_vrf));
        if near.is_some_and(|near| near.enter(&mut plan.tables, index, interface.address, interface.giaddr)) {
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
        server_vrf: group.and_then(|group| group.servers.first()).map_or(0, ResolvedServer::table),
        realm: 0,
        first: index,
        next: 0,
    });
    let found = match found {
        Ok(found) => found,
        Err(why) => {
            plan.idle.insert(index, why);
            return client_vrf;
        }
    };
    let device = Device { ifindex: found.holder.index, up: found.holder.up };
    plan.devices.insert(index, device);
    for port in &found.place.ports {
        for ifindex in lookup.shown(*port) {
            let key = PortKey { ifindex, outer: tags.outer.unwrap_or(0), inner: tags.inner.unwrap_or(0) };
            let upstream = plan.tables.ports.get(&key).map_or(0, |port| port.upstream);
            let port = Port { interface: index, vrf: client_vrf, mac: found.mac, upstream };
            plan.tables.ports.insert(key, port);
        }
        let Some(link) = host.links.get(port) else { continue };
        plan.ports
            .entry(*port)
            .or_insert_with(|| PortUse { name: link.name.clone(), clients: false, servers: false })
            .clients = true;
    }
    plan.places.insert(index, Placed { ports: found.place.ports, tags });
    client_vrf
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
    for group in &config.groups {
        for server in &group.servers {
            entry(table, server.table(), server.address).server = 1;
        }
    }
    let vrfs: Vec<BTreeSet<u32>> = config.groups.iter().map(ResolvedGroup::tables).collect();
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
