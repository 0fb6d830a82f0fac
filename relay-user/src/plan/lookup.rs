//! What the plan looks up of the machine for every interface, gathered once: with thousands of interfaces, addresses and
//! devices, searching for each of them takes seconds.

use std::{collections::HashMap, net::Ipv4Addr};

use crate::{
    config::{
        XdpMode,
        resolved::{ResolvedInterface, Vrf},
    },
    nexthop::{HostView, Link},
    place::{Place, Topology, Wanted},
};

/// The devices by name, by what they lie on and by address.
pub(super) struct Lookup<'a> {
    host: &'a HostView,
    topology: Topology<'a>,
    /// In the order of their indexes.
    holders: HashMap<Ipv4Addr, Vec<&'a Link>>,
    generic: bool,
}

/// Where an interface is now.
pub(super) struct Found<'a> {
    pub(super) place: Place,
    /// By which replies leave.
    pub(super) out: &'a Link,
    /// What has the interface's address.
    pub(super) holder: &'a Link,
    /// Its Ethernet address: what clients send to, and what replies come from.
    pub(super) mac: [u8; 6],
    /// Octets of IP packet that get to the clients.
    pub(super) mtu: u32,
}

impl<'a> Lookup<'a> {
    pub(super) fn new(host: &'a HostView, mode: XdpMode) -> Self {
        let mut holders: HashMap<_, Vec<&Link>> = HashMap::new();
        for address in &host.addresses {
            if let Some(link) = host.links.get(&address.ifindex) {
                holders.entry(address.address).or_default().push(link);
            }
        }
        for links in holders.values_mut() {
            links.sort_unstable_by_key(|link| link.index);
        }
        Self { host, topology: Topology::of_host(host), holders, generic: mode == XdpMode::Generic }
    }

    /// The device with this name.
    pub(super) fn link(&self, name: &str) -> Option<&'a Link> {
        self.host.links.get(&self.topology.by_name(name)?.index)
    }

    /// The device of a VRF, while it is there. Its name is what makes it the one that is configured: deleted and made again, it
    /// has another index and perhaps another routing table, and its former table may be another's.
    pub(super) fn vrf(&self, vrf: &Vrf) -> Option<(&'a Link, u32)> {
        let link = self.link(&vrf.name)?;
        Some((link, link.vrf_table?))
    }

    /// The devices whose index a frame that came in by `port` may show to XDP.
    pub(super) fn shown(&self, port: u32) -> Vec<u32> {
        self.topology.shown(port)
    }

    /// Where an interface is.
    ///
    /// # Errors
    /// Why it is nowhere, for an operator.
    pub(super) fn find(&self, interface: &ResolvedInterface) -> Result<Found<'a>, String> {
        let ResolvedInterface { name, vlan, members, address, .. } = interface;
        let wanted = Wanted { name, vlan: *vlan, members: *members, generic: self.generic };
        let place = self.topology.place(&wanted).map_err(|misplaced| misplaced.to_string())?;
        let link = |index: u32| self.host.links.get(&index);
        let out = link(place.out).ok_or_else(|| format!("there is no device {name}"))?;
        let holder =
            self.holder(&place, *address).ok_or_else(|| format!("no device has the address {address}"))?;
        // The device that clients know us by; one that has the address far from them, as a loopback does, is not on their link.
        let near = place.holders.contains(&holder.index) || place.far_holders.contains(&holder.index);
        let own = if near { holder } else { out };
        let mac = own.mac.or(out.mac).ok_or_else(|| format!("{name} is not an Ethernet device"))?;
        Ok(Found { mtu: out.mtu.min(own.mtu), place, out, holder, mac })
    }

    /// The device that has `address` for the clients of a place, as the configuration is resolved; else any. In other VRFs
    /// other devices may have the same address.
    fn holder(&self, place: &Place, address: Ipv4Addr) -> Option<&'a Link> {
        let holders = self.holders.get(&address)?;
        let own = |wanted: &u32| holders.iter().find(|link| link.index == *wanted).copied();
        let near = place.holders.iter().chain(&place.far_holders).find_map(own);
        near.or_else(|| holders.first().copied())
    }
}
