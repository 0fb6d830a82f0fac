//! The host's devices and IPv4 addresses, as the daemon follows them.
//!
//! Devices are kept up to date from events, because a router may have thousands of them and each description is large;
//! addresses are read again whole, because their order (the first is the primary one) is the kernel's alone.

use std::{collections::BTreeMap, net::IpAddr, net::Ipv4Addr};

use rtnetlink::packet_route::{
    AddressFamily, RouteNetlinkMessage,
    address::{AddressAttribute, AddressHeaderFlags, AddressMessage},
    link::{
        BondPortState, InfoBondPort, InfoBridge, InfoData, InfoPortData, InfoVlan, InfoVrf, LinkAttribute,
        LinkFlags, LinkInfo, LinkLayerType, LinkMessage,
    },
};

use super::request::{RequestError, Requests};

/// All devices and IPv4 addresses of this network namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostView {
    /// By ifindex.
    pub links: BTreeMap<u32, Link>,
    /// In the kernel's order: of one device, the first is its primary address.
    pub addresses: Vec<Address>,
    /// How often a device has gone down or to another controller, or may have, by ifindex: what the kernel had of routes and
    /// neighbours on it is gone then, which it does not announce.
    pub flushes: BTreeMap<u32, u64>,
}

/// One network device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub index: u32,
    pub name: String,
    /// `None` where the device has no 6-byte address.
    pub mac: Option<[u8; 6]>,
    /// Bytes of payload (IP packet) per frame.
    pub mtu: u32,
    /// Administratively up and with carrier (`IFF_UP` and `IFF_LOWER_UP`).
    pub up: bool,
    /// Frames on it have an Ethernet header (`ARPHRD_ETHER`); not so for tun, ppp, loopback.
    pub ethernet: bool,
    /// The bridge, bond, team or VRF device it belongs to.
    pub master: Option<u32>,
    /// `IFLA_INFO_KIND`; `None` for a physical port.
    pub kind: Option<String>,
    /// For a VLAN device: its parent and tag.
    pub vlan: Option<Vlan>,
    /// For a bridge: its ports are in VLANs (`vlan_filtering`).
    pub filters_vlans: bool,
    /// For a port of a bond: it is in reserve, and what it receives is dropped (`IFLA_BOND_SLAVE_STATE`).
    pub in_reserve: bool,
    /// For a VRF device: its routing table.
    pub vrf_table: Option<u32>,
}

/// What a VLAN device does to a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vlan {
    /// ifindex of the device that carries the tagged frames.
    pub parent: u32,
    /// Tag protocol in host byte order: 0x8100 or 0x88a8.
    pub protocol: u16,
    /// VLAN ID, 1-4094.
    pub id: u16,
}

/// One IPv4 address of this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address {
    pub ifindex: u32,
    /// The local address, also on a point-to-point link.
    pub address: Ipv4Addr,
    pub prefix_len: u8,
    /// Another address of the same subnet on the same device stands before it (`IFA_F_SECONDARY`).
    pub secondary: bool,
}

impl HostView {
    /// The device with this name.
    pub fn link(&self, name: &str) -> Option<&Link> {
        self.links.values().find(|link| link.name == name)
    }

    /// The VRF device that a device is in, itself or through a bridge or bond; `None`: the main table.
    pub fn vrf_of(&self, ifindex: u32) -> Option<&Link> {
        let mut at = Some(ifindex);
        // A device is at most a few levels below a VRF; the bound guards against a loop in a stale view.
        for _ in 0..8 {
            let link = at.and_then(|index| self.links.get(&index))?;
            if link.vrf_table.is_some() {
                return Some(link);
            }
            at = link.master;
        }
        None
    }

    /// Takes in how a device now is.
    pub(super) fn set(&mut self, link: Link) {
        if self.links.get(&link.index).is_some_and(|was| was.up && !link.up || was.master != link.master) {
            *self.flushes.entry(link.index).or_default() += 1;
        }
        self.links.insert(link.index, link);
    }

    /// Takes in that a device is gone.
    pub(super) fn remove(&mut self, ifindex: u32) {
        self.links.remove(&ifindex);
        self.flushes.remove(&ifindex);
    }

    /// Takes in all devices. `unheard`: any of them may have been down meanwhile.
    pub(super) fn set_all(&mut self, links: BTreeMap<u32, Link>, unheard: bool) {
        let gone: Vec<u32> = self.links.keys().filter(|index| !links.contains_key(index)).copied().collect();
        gone.into_iter().for_each(|index| self.remove(index));
        if unheard {
            for index in self.links.keys() {
                *self.flushes.entry(*index).or_default() += 1;
            }
        }
        links.into_values().for_each(|link| self.set(link));
    }

    /// The addresses of one device, its primary one first.
    pub fn addresses_of(&self, ifindex: u32) -> impl Iterator<Item = &Address> {
        self.addresses.iter().filter(move |address| address.ifindex == ifindex)
    }
}

/// Reads all devices.
pub(super) async fn read_links(requests: &mut Requests) -> Result<BTreeMap<u32, Link>, RequestError> {
    let found = requests.dump(RouteNetlinkMessage::GetLink(LinkMessage::default())).await?;
    Ok(found
        .into_iter()
        .filter_map(|message| match message {
            RouteNetlinkMessage::NewLink(message) => link(&message),
            _ => None,
        })
        .map(|link| (link.index, link))
        .collect())
}

/// Reads all IPv4 addresses.
pub(super) async fn read_addresses(requests: &mut Requests) -> Result<Vec<Address>, RequestError> {
    let mut question = AddressMessage::default();
    question.header.family = AddressFamily::Inet;
    let found = requests.dump(RouteNetlinkMessage::GetAddress(question)).await?;
    Ok(found
        .into_iter()
        .filter_map(|message| match message {
            RouteNetlinkMessage::NewAddress(message) => address(&message),
            _ => None,
        })
        .collect())
}

/// The device a message describes in full. `None` for a bridge port's message (AF_BRIDGE, which is also sent as
/// RTM_DELLINK when a port leaves its bridge) and for partial ones (wireless events), which say nothing of what is kept.
pub(super) fn link(message: &LinkMessage) -> Option<Link> {
    if message.header.interface_family != AddressFamily::Unspec {
        return None;
    }
    let flags = message.header.flags;
    let mut name = None;
    let mut mtu = None;
    let (mut mac, mut master, mut kind, mut vrf_table) = (None, None, None, None);
    let (mut parent, mut parent_elsewhere, mut tag_protocol, mut vlan_id) = (None, false, 0x8100, None);
    let (mut filters_vlans, mut in_reserve) = (false, false);
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::IfName(value) => name = Some(value.clone()),
            LinkAttribute::Mtu(value) => mtu = Some(*value),
            LinkAttribute::Address(bytes) => mac = <[u8; 6]>::try_from(bytes.as_slice()).ok(),
            LinkAttribute::Controller(index) => master = Some(*index),
            LinkAttribute::Link(index) => parent = Some(*index),
            LinkAttribute::LinkNetNsId(_) => parent_elsewhere = true,
            LinkAttribute::LinkInfo(infos) => {
                for info in infos {
                    match info {
                        LinkInfo::Kind(value) => kind = Some(value.to_string()),
                        LinkInfo::Data(InfoData::Vrf(data)) => {
                            vrf_table = data.iter().find_map(|item| match item {
                                InfoVrf::TableId(table) => Some(*table),
                                _ => None,
                            });
                        }
                        LinkInfo::Data(InfoData::Bridge(data)) => {
                            filters_vlans = data.contains(&InfoBridge::VlanFiltering(true));
                        }
                        LinkInfo::PortData(InfoPortData::BondPort(data)) => {
                            in_reserve = data.contains(&InfoBondPort::BondPortState(BondPortState::Backup));
                        }
                        LinkInfo::Data(InfoData::Vlan(data)) => {
                            for item in data {
                                match item {
                                    InfoVlan::Id(id) => vlan_id = Some(*id),
                                    InfoVlan::Protocol(protocol) => tag_protocol = u16::from(*protocol),
                                    _ => {}
                                }
                            }
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    let vlan = match (parent, vlan_id) {
        (Some(parent), Some(id)) if !parent_elsewhere => Some(Vlan { parent, protocol: tag_protocol, id }),
        _ => None,
    };
    Some(Link {
        index: message.header.index,
        name: name?,
        mac,
        mtu: mtu?,
        up: flags.contains(LinkFlags::Up | LinkFlags::LowerUp),
        ethernet: message.header.link_layer_type == LinkLayerType::Ether,
        master,
        kind,
        vlan,
        filters_vlans,
        in_reserve,
        vrf_table,
    })
}

fn address(message: &AddressMessage) -> Option<Address> {
    let mut local = None;
    let mut peer = None;
    for attribute in &message.attributes {
        match attribute {
            AddressAttribute::Local(IpAddr::V4(address)) => local = Some(*address),
            // On a point-to-point link this is the other end; elsewhere it repeats IFA_LOCAL.
            AddressAttribute::Address(IpAddr::V4(address)) => peer = Some(*address),
            _ => {}
        }
    }
    Some(Address {
        ifindex: message.header.index,
        address: local.or(peer)?,
        prefix_len: message.header.prefix_len,
        secondary: message.header.flags.contains(AddressHeaderFlags::Secondary),
    })
}

#[cfg(test)]
mod tests {
    use rtnetlink::packet_route::link::InfoKind;

    use super::*;

    fn message(family: AddressFamily, attributes: Vec<LinkAttribute>) -> LinkMessage {
        let mut message = LinkMessage::default();
        message.header.interface_family = family;
        message.header.index = 3;
        message.attributes = attributes;
        message
    }

    fn vlan() -> Vec<LinkAttribute> {
        let tag = LinkInfo::Data(InfoData::Vlan(vec![InfoVlan::Id(100), InfoVlan::Protocol(0x88a8.into())]));
        let info = LinkAttribute::LinkInfo(vec![LinkInfo::Kind(InfoKind::Vlan), tag]);
        vec![LinkAttribute::IfName("eth0.100".into()), LinkAttribute::Mtu(1496), LinkAttribute::Link(2), info]
    }

    #[test]
    fn a_port_that_leaves_its_bridge_is_not_taken_for_a_removed_device() {
        assert!(link(&message(AddressFamily::Unspec, vlan())).is_some());
        assert_eq!(link(&message(AddressFamily::Bridge, vlan())), None);
    }

    #[test]
    fn an_announcement_without_the_mtu_is_partial_and_ignored() {
        let partial = vec![LinkAttribute::IfName("wlan0".into())];
        assert_eq!(link(&message(AddressFamily::Unspec, partial)), None);
    }

    #[test]
    fn a_vlan_device_has_its_parent_and_tag_unless_the_parent_is_in_another_namespace() {
        let found = link(&message(AddressFamily::Unspec, vlan())).unwrap();
        assert_eq!(found.kind.as_deref(), Some("vlan"));
        assert_eq!(found.vlan, Some(Vlan { parent: 2, protocol: 0x88a8, id: 100 }));
        let mut elsewhere = vlan();
        elsewhere.push(LinkAttribute::LinkNetNsId(1));
        assert_eq!(link(&message(AddressFamily::Unspec, elsewhere)).unwrap().vlan, None);
    }
}
