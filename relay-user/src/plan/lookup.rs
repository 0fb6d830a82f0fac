//! What the plan looks up of the machine for every interface, gathered once: with thousands of interfaces, addresses and
//! devices, searching for each of them takes seconds.

use std::{collections::HashMap, net::Ipv4Addr};

use crate::{
    config::domain::VlanTags,
    nexthop::{HostView, Link},
};

/// The devices by name, by VLAN and by address.
pub(super) struct Lookup<'a> {
    by_name: HashMap<&'a str, &'a Link>,
    /// By the index of the device below, and the tag.
    by_vlan: HashMap<(u32, u16), &'a Link>,
    /// In the order of their indexes.
    holders: HashMap<Ipv4Addr, Vec<&'a Link>>,
}

impl<'a> Lookup<'a> {
    pub(super) fn new(host: &'a HostView) -> Self {
        let mut by_name = HashMap::new();
        let mut by_vlan = HashMap::new();
        for link in host.links.values() {
            by_name.entry(&*link.name).or_insert(link);
            if let Some(vlan) = link.vlan {
                by_vlan.entry((vlan.parent, vlan.id)).or_insert(link);
            }
        }
        let mut holders: HashMap<_, Vec<&Link>> = HashMap::new();
        for address in &host.addresses {
            if let Some(link) = host.links.get(&address.ifindex) {
                holders.entry(address.address).or_default().push(link);
            }
        }
        for links in holders.values_mut() {
            links.sort_unstable_by_key(|link| link.index);
        }
        Self { by_name, by_vlan, holders }
    }

    /// The device with this name.
    pub(super) fn link(&self, name: &str) -> Option<&'a Link> {
        self.by_name.get(name).copied()
    }

    /// The device that has `address` for the clients behind `port` with these tags: the 802.1Q device for them or the port
    /// itself, as the configuration is resolved; else any. In other VRFs other devices may have the same address.
    pub(super) fn holder(&self, port: Option<&Link>, vlan: VlanTags, address: Ipv4Addr) -> Option<&'a Link> {
        let holders = self.holders.get(&address)?;
        let own = |wanted: u32| holders.iter().find(|link| link.index == wanted).copied();
        let first = || holders.first().copied();
        let Some(port) = port else { return first() };
        let mut tags = [vlan.outer, vlan.inner].into_iter().flatten();
        let tagged =
            tags.try_fold(port.index, |below, tag| self.by_vlan.get(&(below, tag)).map(|link| link.index));
        tagged.and_then(own).or_else(|| own(port.index)).or_else(first)
    }
}
