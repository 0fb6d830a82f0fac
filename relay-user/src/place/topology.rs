//! Which device lies on which, gathered once from whatever describes the machine: with thousands of VLANs, searching for
//! each of them would take seconds.

use std::collections::HashMap;

use crate::{
    config::host::{Device, Machine},
    nexthop::{HostView, Link, Vlan},
};

/// A device, as far as its place among the others goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node<'a> {
    /// Interface index.
    pub index: u32,
    /// Its name.
    pub name: &'a str,
    /// `IFLA_INFO_KIND`; `None` for a physical port.
    pub kind: Option<&'a str>,
    /// The bridge, bond, team or VRF it is a port of.
    pub controller: Option<u32>,
    /// For a VLAN device: its parent and tag.
    pub vlan: Option<Vlan>,
    /// It is a VRF device.
    pub vrf: bool,
    /// For a bridge: its ports are in VLANs.
    pub filters_vlans: bool,
    /// For a port of a bond: it waits until another one fails.
    pub in_reserve: bool,
}

impl Node<'_> {
    /// It forwards between its ports.
    pub fn is_bridge(&self) -> bool {
        self.kind == Some("bridge")
    }

    /// Its ports are one link.
    pub fn aggregates(&self) -> bool {
        matches!(self.kind, Some("bond" | "team"))
    }

    /// What comes in by it comes from another bridge, somewhere else.
    pub fn is_tunnel(&self) -> bool {
        matches!(self.kind, Some("vxlan" | "geneve" | "gretap" | "ip6gretap"))
    }
}

impl<'a> From<&'a Link> for Node<'a> {
    fn from(link: &'a Link) -> Self {
        Self {
            index: link.index,
            name: &link.name,
            kind: link.kind.as_deref(),
            controller: link.master,
            vlan: link.vlan,
            vrf: link.vrf_table.is_some(),
            filters_vlans: link.filters_vlans,
            in_reserve: link.in_reserve,
        }
    }
}

impl<'a> From<&'a Device> for Node<'a> {
    fn from(device: &'a Device) -> Self {
        Self {
            index: device.ifindex,
            name: &device.name,
            kind: device.kind.as_deref(),
            controller: device.controller,
            vlan: device.vlan,
            vrf: device.vrf_table.is_some(),
            filters_vlans: device.filters_vlans,
            // The configuration is not held against what may change at any moment.
            in_reserve: false,
        }
    }
}

/// All devices of a machine.
#[derive(Debug)]
pub struct Topology<'a> {
    nodes: HashMap<u32, Node<'a>>,
    by_name: HashMap<&'a str, u32>,
    by_vlan: HashMap<(u32, u16), u32>,
    /// Devices on top, by the one below, in the order of their indexes.
    vlans: HashMap<u32, Vec<u32>>,
    ports: HashMap<u32, Vec<u32>>,
}

impl<'a> Topology<'a> {
    /// Of devices in the order of their indexes.
    pub fn new(nodes: impl IntoIterator<Item = Node<'a>>) -> Self {
        let mut topology = Self {
            nodes: HashMap::new(),
            by_name: HashMap::new(),
            by_vlan: HashMap::new(),
            vlans: HashMap::new(),
            ports: HashMap::new(),
        };
        for node in nodes {
            topology.by_name.entry(node.name).or_insert(node.index);
            if let Some(vlan) = node.vlan {
                topology.by_vlan.entry((vlan.parent, vlan.id)).or_insert(node.index);
                topology.vlans.entry(vlan.parent).or_default().push(node.index);
            }
            if let Some(controller) = node.controller {
                topology.ports.entry(controller).or_default().push(node.index);
            }
            topology.nodes.insert(node.index, node);
        }
        topology
    }

    /// As the daemon follows it.
    pub fn of_host(host: &'a HostView) -> Self {
        Self::new(host.links.values().map(Node::from))
    }

    /// As a configuration is held against it.
    pub fn of_machine(machine: &'a Machine) -> Self {
        Self::new(machine.devices().iter().map(Node::from))
    }

    /// The device with this index.
    pub fn get(&self, index: u32) -> Option<&Node<'a>> {
        self.nodes.get(&index)
    }

    /// The device with this name.
    pub fn by_name(&self, name: &str) -> Option<&Node<'a>> {
        self.get(*self.by_name.get(name)?)
    }

    /// The VLAN device for `tag` on top of a device.
    pub fn vlan_device(&self, below: u32, tag: u16) -> Option<&Node<'a>> {
        self.get(*self.by_vlan.get(&(below, tag))?)
    }

    /// All VLAN devices on top of a device.
    pub fn vlan_devices(&self, below: u32) -> impl Iterator<Item = &Node<'a>> {
        self.vlans.get(&below).into_iter().flatten().filter_map(|index| self.get(*index))
    }

    /// The ports of a bridge, bond, team or VRF.
    pub fn ports_of(&self, controller: u32) -> impl Iterator<Item = &Node<'a>> {
        self.ports.get(&controller).into_iter().flatten().filter_map(|index| self.get(*index))
    }
}
