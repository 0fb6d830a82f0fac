//! What changed on this host, from the route netlink multicast groups.
//!
//! An event says only *that* something changed: routes and neighbours are asked for again, never taken from the event.
//! Events that cannot concern a server (another prefix, another neighbour) are dropped here, so that a full table's route
//! churn or ten thousand clients' neighbour entries cost a comparison each.

use std::{
    collections::BTreeSet,
    io,
    net::{IpAddr, Ipv4Addr},
};

use rtnetlink::{
    MulticastGroup,
    packet_core::{NetlinkMessage, NetlinkPayload},
    packet_route::{
        RouteNetlinkMessage,
        neighbour::{NeighbourAddress, NeighbourAttribute, NeighbourMessage},
        route::{RouteAddress, RouteAttribute, RouteMessage},
    },
    sys::{AsyncSocket, AsyncSocketExt, TokioSocket, protocols::NETLINK_ROUTE},
};

use super::{
    host::{self, Link},
    request::{DATAGRAM, messages},
};

/// Requested receive buffer; the kernel caps it at `net.core.rmem_max`. More only makes a resynchronisation rarer.
const RECEIVE_BUFFER: libc::c_int = 4 << 20;
const GROUPS: [MulticastGroup; 6] = [
    MulticastGroup::Link,
    MulticastGroup::Neigh,
    MulticastGroup::Ipv4Ifaddr,
    MulticastGroup::Ipv4Route,
    MulticastGroup::Ipv4Rule,
    MulticastGroup::Nexthop,
];
// Types that RouteNetlinkMessage does not decode (linux/rtnetlink.h).
const RTM_NEWNEXTHOP: u16 = 104;
const RTM_DELNEXTHOP: u16 = 105;

/// What the targets depend on; decides which events matter.
#[derive(Debug, Default)]
pub(super) struct Interest {
    pub(super) servers: BTreeSet<Ipv4Addr>,
    pub(super) neighbours: BTreeSet<(u32, IpAddr)>,
}

/// What one datagram of events means for the watcher.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    /// New or changed devices, and removed ones, in order.
    pub(super) links: Vec<LinkChange>,
    /// The host's addresses changed.
    pub(super) addresses: bool,
    /// A next hop may have changed.
    pub(super) next_hops: bool,
    /// Events were lost or could not be read: nothing that is known can be trusted.
    pub(super) lost: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum LinkChange {
    Set(Link),
    Gone(u32),
}

/// The multicast socket; it stays in the network namespace of the thread that opened it.
pub(super) struct Events {
    socket: TokioSocket,
    buffer: Vec<u8>,
}

impl Events {
    /// # Errors
    /// The socket cannot be made or subscribed.
    pub(super) fn open() -> io::Result<Self> {
        let mut socket = TokioSocket::new(NETLINK_ROUTE)?;
        socket.socket_mut().bind_auto()?;
        socket.socket_ref().set_rx_buf_sz(RECEIVE_BUFFER)?;
        for group in GROUPS {
            socket.socket_mut().add_membership(group as u32)?;
        }
        Ok(Self { socket, buffer: Vec::with_capacity(DATAGRAM) })
    }

    /// Waits for the next datagram. Cancel safe: a datagram is taken and interpreted without a wait in between.
    ///
    /// # Errors
    /// The socket failed for good; an overrun is not an error but [`Changes::lost`].
    pub(super) async fn next(&mut self, interest: &Interest) -> io::Result<Changes> {
        self.buffer.clear();
        match self.socket.recv(&mut self.buffer).await {
            Ok(()) => Ok(interpret(&self.buffer, interest)),
            Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {
                Ok(Changes { lost: true, ..Changes::default() })
            }
            Err(error) => Err(error),
        }
    }
}

fn interpret(datagram: &[u8], interest: &Interest) -> Changes {
    let mut changes = Changes::default();
    for message in messages(datagram) {
        let Ok((header, bytes)) = message else {
            changes.lost = true;
            break;
        };
        if [RTM_NEWNEXTHOP, RTM_DELNEXTHOP].contains(&header.message_type) {
            changes.next_hops = true;
            continue;
        }
        match NetlinkMessage::<RouteNetlinkMessage>::deserialize(bytes).map(|message| message.payload) {
            Ok(NetlinkPayload::InnerMessage(event)) => note(event, interest, &mut changes),
            Ok(_) => changes.lost = true,
            Err(error) => {
                tracing::debug!(%error, "netlink: an event cannot be read; everything is read again");
                changes.lost = true;
            }
        }
    }
    changes
}

fn note(event: RouteNetlinkMessage, interest: &Interest, changes: &mut Changes) {
    match event {
        RouteNetlinkMessage::NewLink(message) => {
            if let Some(link) = host::link(&message) {
                changes.links.push(LinkChange::Set(link));
                changes.next_hops = true;
            }
        }
        RouteNetlinkMessage::DelLink(message) => {
            if let Some(link) = host::link(&message) {
                changes.links.push(LinkChange::Gone(link.index));
                changes.next_hops = true;
                changes.addresses = true;
            }
        }
        RouteNetlinkMessage::NewAddress(_) | RouteNetlinkMessage::DelAddress(_) => {
            changes.addresses = true;
            changes.next_hops = true;
        }
        RouteNetlinkMessage::NewRoute(message) | RouteNetlinkMessage::DelRoute(message) => {
            changes.next_hops |= covers_a_server(&message, interest);
        }
        RouteNetlinkMessage::NewNeighbour(message) | RouteNetlinkMessage::DelNeighbour(message) => {
            changes.next_hops |= is_a_gateway(&message, interest);
        }
        // Policy rules: which table answers for a server may have changed.
        _ => changes.next_hops = true,
    }
}

fn covers_a_server(message: &RouteMessage, interest: &Interest) -> bool {
    let prefix = message.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Destination(RouteAddress::Inet(prefix)) => Some(*prefix),
        _ => None,
    });
    // A shift by 32 (the default route) has no value: every address is covered.
    let host_bits = 32 - u32::from(message.header.destination_prefix_length.min(32));
    let network = |address: Ipv4Addr| address.to_bits().checked_shr(host_bits).unwrap_or(0);
    let prefix = network(prefix.unwrap_or(Ipv4Addr::UNSPECIFIED));
    interest.servers.iter().any(|server| network(*server) == prefix)
}

fn is_a_gateway(message: &NeighbourMessage, interest: &Interest) -> bool {
    message.attributes.iter().any(|attribute| {
        let address = match attribute {
            NeighbourAttribute::Destination(NeighbourAddress::Inet(address)) => IpAddr::V4(*address),
            NeighbourAttribute::Destination(NeighbourAddress::Inet6(address)) => IpAddr::V6(*address),
            _ => return false,
        };
        interest.neighbours.contains(&(message.header.ifindex, address))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(prefix: Option<[u8; 4]>, length: u8) -> RouteMessage {
        let mut message = RouteMessage::default();
        message.header.destination_prefix_length = length;
        message
            .attributes
            .extend(prefix.map(|prefix| RouteAttribute::Destination(RouteAddress::Inet(prefix.into()))));
        message
    }

    #[test]
    fn only_routes_whose_prefix_covers_a_server_matter() {
        let interest =
            Interest { servers: [Ipv4Addr::new(10, 0, 41, 10)].into(), neighbours: BTreeSet::default() };
        for (prefix, length) in
            [(None, 0), (Some([10, 0, 0, 0]), 8), (Some([10, 0, 41, 8]), 30), (Some([10, 0, 41, 10]), 32)]
        {
            assert!(covers_a_server(&route(prefix, length), &interest), "{prefix:?}/{length}");
        }
        for (prefix, length) in
            [(Some([11, 0, 0, 0]), 8), (Some([10, 0, 41, 11]), 32), (Some([10, 0, 41, 12]), 30)]
        {
            assert!(!covers_a_server(&route(prefix, length), &interest), "{prefix:?}/{length}");
        }
    }

    #[test]
    fn a_truncated_datagram_means_that_everything_is_read_again() {
        assert!(interpret(&[64, 0, 0, 0, 16, 0, 0, 0], &Interest::default()).lost);
    }
}
