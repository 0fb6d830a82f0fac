//! Reads the machine: two rtnetlink dumps and the hostname.
//!
//! Not /sys/class/net: its content is that of the namespace it was mounted in, which need not be the one we are in.

use std::{io, net::IpAddr};

use rtnetlink::{
    packet_core::{
        NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NetlinkBuffer, NetlinkHeader, NetlinkMessage,
        NetlinkPayload,
    },
    packet_route::{
        AddressFamily, RouteNetlinkMessage,
        address::{AddressAttribute, AddressMessage},
        link::{
            InfoBridge, InfoData, InfoVlan, InfoVrf, LinkAttribute, LinkInfo, LinkLayerType, LinkMessage,
        },
    },
    sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE},
};

use super::{Device, DeviceAddress, Machine};
use crate::nexthop::Vlan;

const HOSTNAME: &str = "/proc/sys/kernel/hostname";
/// The kernel marks a dump during which something changed; it is then taken again, this often at most.
const DUMP_ATTEMPTS: usize = 5;

/// Why the machine could not be read.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The rtnetlink socket failed.
    #[error("cannot read the {what} of this machine over rtnetlink: {cause}")]
    Netlink {
        /// Links or addresses.
        what: &'static str,
        /// From the socket or the kernel.
        cause: io::Error,
    },
    /// No hostname.
    #[error("cannot read {HOSTNAME}: {0}")]
    Hostname(io::Error),
}

pub(super) fn machine() -> Result<Machine, HostError> {
    let hostname = std::fs::read_to_string(HOSTNAME).map_err(HostError::Hostname)?;

    let links = dump(&RouteNetlinkMessage::GetLink(LinkMessage::default()))
        .map_err(|cause| HostError::Netlink { what: "links", cause })?;
    let mut request = AddressMessage::default();
    request.header.family = AddressFamily::Inet;
    let addresses = dump(&RouteNetlinkMessage::GetAddress(request))
        .map_err(|cause| HostError::Netlink { what: "addresses", cause })?;

    let mut devices: Vec<Device> = links.into_iter().filter_map(device).collect();
    for (ifindex, address) in addresses.into_iter().filter_map(address) {
        // Gone between the two dumps, or there since: as if it were never seen.
        if let Some(device) = devices.iter_mut().find(|device| device.ifindex == ifindex) {
            device.addresses.push(address);
        }
    }
    Ok(Machine::new(hostname.trim_end(), devices))
}

/// The devices as rtnetlink tells them, for those who look at more of them than a configuration does.
pub(crate) fn links() -> io::Result<Vec<LinkMessage>> {
    let messages = dump(&RouteNetlinkMessage::GetLink(LinkMessage::default()))?;
    let link = |message| match message {
        RouteNetlinkMessage::NewLink(link) => Some(link),
        _ => None,
    };
    Ok(messages.into_iter().filter_map(link).collect())
}

fn dump(request: &RouteNetlinkMessage) -> io::Result<Vec<RouteNetlinkMessage>> {
    for _ in 0..DUMP_ATTEMPTS {
        if let Some(messages) = dump_once(request.clone())? {
            return Ok(messages);
        }
    }
    Err(io::Error::new(io::ErrorKind::Interrupted, "they change faster than they can be read"))
}

/// `None` when the state changed while it was dumped.
fn dump_once(request: RouteNetlinkMessage) -> io::Result<Option<Vec<RouteNetlinkMessage>>> {
    let mut socket = Socket::new(NETLINK_ROUTE)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;

    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_DUMP;
    let mut message = NetlinkMessage::new(header, NetlinkPayload::from(request));
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    socket.send(&bytes, 0)?;

    let mut messages = Vec::new();
    let mut consistent = true;
    loop {
        let (datagram, _) = socket.recv_from_full()?;
        let mut rest = datagram.as_slice();
        while !rest.is_empty() {
            let invalid = |cause| io::Error::new(io::ErrorKind::InvalidData, format!("{cause}"));
            let frame = NetlinkBuffer::new_checked(rest).map_err(invalid)?;
            let length = usize::try_from(frame.length()).unwrap_or(rest.len());
            consistent &= frame.flags() & NLM_F_DUMP_INTR == 0;
            match NetlinkMessage::<RouteNetlinkMessage>::deserialize(&rest[..length]) {
                Ok(message) => match message.payload {
                    NetlinkPayload::Done(_) => return Ok(consistent.then_some(messages)),
                    NetlinkPayload::Error(error) => return Err(error.to_io()),
                    NetlinkPayload::InnerMessage(inner) => messages.push(inner),
                    _ => {}
                },
                // A device of a kind the library does not know must not keep the relay from the others.
                Err(error) => {
                    tracing::warn!(%error, "an rtnetlink message was not understood and is left out")
                }
            }
            // Messages are aligned to four bytes, the last one of a datagram need not be padded.
            rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
    }
}

fn device(message: RouteNetlinkMessage) -> Option<Device> {
    let RouteNetlinkMessage::NewLink(link) = message else { return None };
    let mut device = Device {
        name: String::new(),
        ifindex: link.header.index,
        mac: None,
        mtu: 0,
        addresses: Vec::new(),
        kind: None,
        vlan: None,
        filters_vlans: false,
        controller: None,
        vrf_table: None,
    };
    let ethernet = link.header.link_layer_type == LinkLayerType::Ether;
    let (mut below, mut below_is_here, mut tag, mut protocol) = (None, true, None, 0x8100);
    for attribute in link.attributes {
        match attribute {
            LinkAttribute::IfName(name) => device.name = name,
            LinkAttribute::Mtu(mtu) => device.mtu = mtu,
            LinkAttribute::Address(address) if ethernet => device.mac = address.try_into().ok(),
            LinkAttribute::Controller(ifindex) => device.controller = Some(ifindex),
            LinkAttribute::Link(ifindex) => below = Some(ifindex),
            LinkAttribute::LinkNetNsId(_) => below_is_here = false,
            LinkAttribute::LinkInfo(infos) => {
                for info in infos {
                    match info {
                        LinkInfo::Kind(kind) => device.kind = Some(kind.to_string()),
                        LinkInfo::Data(InfoData::Vlan(data)) => {
                            for info in data {
                                match info {
                                    InfoVlan::Id(id) => tag = Some(id),
                                    InfoVlan::Protocol(of_tag) => protocol = u16::from(of_tag),
                                    _ => {}
                                }
                            }
                        }
                        LinkInfo::Data(InfoData::Bridge(data)) => {
                            device.filters_vlans = data.contains(&InfoBridge::VlanFiltering(true));
                        }
                        LinkInfo::Data(InfoData::Vrf(data)) => {
                            device.vrf_table = data.into_iter().find_map(vrf_table);
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    device.vlan = below.filter(|_| below_is_here).zip(tag).map(|(parent, id)| Vlan { parent, protocol, id });
    (!device.name.is_empty()).then_some(device)
}

fn vrf_table(info: InfoVrf) -> Option<u32> {
    match info {
        InfoVrf::TableId(table) => Some(table),
        _ => None,
    }
}

fn address(message: RouteNetlinkMessage) -> Option<(u32, DeviceAddress)> {
    let RouteNetlinkMessage::NewAddress(message) = message else { return None };
    let mut of_peer = None;
    let mut local = None;
    for attribute in message.attributes {
        match attribute {
            AddressAttribute::Local(IpAddr::V4(address)) => local = Some(address),
            AddressAttribute::Address(IpAddr::V4(address)) => of_peer = Some(address),
            _ => {}
        }
    }
    // On a point-to-point link IFA_ADDRESS is the other end; elsewhere both are the same.
    let address = local.or(of_peer)?;
    Some((message.header.index, DeviceAddress { address, prefix_len: message.header.prefix_len }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(index: u32, name: &str, attributes: Vec<LinkAttribute>) -> RouteNetlinkMessage {
        let mut message = LinkMessage::default();
        message.header.index = index;
        message.header.link_layer_type = LinkLayerType::Ether;
        message.attributes = vec![
            LinkAttribute::IfName(name.into()),
            LinkAttribute::Mtu(1400),
            LinkAttribute::Address(vec![2, 0, 0, 0, 0, 1]),
        ];
        message.attributes.extend(attributes);
        RouteNetlinkMessage::NewLink(message)
    }

    #[test]
    fn a_vlan_device_knows_its_tag_and_the_device_below_it() {
        let vlan = || LinkAttribute::LinkInfo(vec![LinkInfo::Data(InfoData::Vlan(vec![InfoVlan::Id(100)]))]);
        let read = device(link(5, "eth1.100", vec![LinkAttribute::Link(3), vlan()])).expect("a device");
        assert_eq!((read.name.as_str(), read.ifindex, read.mtu), ("eth1.100", 5, 1400));
        assert_eq!(
            (read.mac, read.vlan),
            (Some([2, 0, 0, 0, 0, 1]), Some(Vlan { parent: 3, protocol: 0x8100, id: 100 }))
        );

        // The index is one of another namespace: it says nothing here.
        let moved = vec![LinkAttribute::Link(3), LinkAttribute::LinkNetNsId(0), vlan()];
        assert_eq!(device(link(5, "eth1.100", moved)).expect("a device").vlan, None);
        // A veth has a peer, not a device below it.
        assert_eq!(device(link(6, "veth0", vec![LinkAttribute::Link(7)])).expect("a device").vlan, None);
    }

    #[test]
    fn a_vrf_device_knows_its_table_and_its_port_the_vrf() {
        let table =
            LinkAttribute::LinkInfo(vec![LinkInfo::Data(InfoData::Vrf(vec![InfoVrf::TableId(1009)]))]);
        let vrf = device(link(9, "mgmt", vec![table])).expect("a device");
        let bridge = device(link(4, "br0", vec![LinkAttribute::Controller(9)])).expect("a device");
        let port = device(link(2, "eth0", vec![LinkAttribute::Controller(4)])).expect("a device");
        let alone = device(link(3, "eth1", vec![])).expect("a device");
        let machine = Machine::new("edge7", vec![vrf.clone(), bridge, port.clone(), alone.clone()]);
        assert_eq!(machine.vrf_of(&port), Some(&vrf));
        assert_eq!(machine.vrf_of(&alone), None);
        assert_eq!(vrf.vrf_table, Some(1009));
    }

    #[test]
    fn the_address_of_a_point_to_point_link_is_our_end() {
        let mut message = AddressMessage::default();
        message.header.index = 3;
        message.header.prefix_len = 32;
        message.attributes = vec![
            AddressAttribute::Address(IpAddr::V4([10, 0, 0, 2].into())),
            AddressAttribute::Local(IpAddr::V4([10, 0, 0, 1].into())),
        ];
        let read = address(RouteNetlinkMessage::NewAddress(message));
        assert_eq!(read, Some((3, DeviceAddress { address: [10, 0, 0, 1].into(), prefix_len: 32 })));
    }
}
