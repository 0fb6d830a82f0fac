//! A row of the table: what is put on which wire, what has to come out where, octet for octet, and what is counted.

use std::net::Ipv4Addr;

use relay_tests::lab::build::{BOOTREPLY, BOOTREQUEST, Bootp, Datagram};

use super::network::{CLIENT, EDGE, Interface, S1, Server};

/// The address that servers give.
pub(crate) const LEASED: Ipv4Addr = Ipv4Addr::new(192, 168, 60, 100);
/// A relay below ours.
pub(crate) const LOWER: Ipv4Addr = Ipv4Addr::new(192, 168, 60, 5);
pub(crate) const LOWER_GIADDR: Ipv4Addr = Ipv4Addr::new(192, 168, 170, 1);

/// DSCP CS6.
const TOS: u8 = 48 << 2;

/// Where a frame is put on the wire or arrives: 0 the client, 1 and 2 the servers' hosts.
pub(crate) type Place = usize;
pub(crate) const AT_CLIENT: Place = 0;

/// Which of the two paths counts something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Path {
    /// The one that decides: with XDP the fast path, unless it leaves the frame to the slow path.
    Deciding,
    /// The fast path, and without XDP nobody.
    Fast,
}

/// The row.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// Row of the list of behaviours, and the sentence.
    pub(crate) name: &'static str,
    /// What is sent, in order.
    pub(crate) sent: Vec<(Place, Vec<u8>)>,
    /// What arrives, for each place in order. Fragments are put together before they are compared.
    pub(crate) arrives: Vec<(Place, Vec<u8>)>,
    /// Interface index (0: none is known), name of the counter, path.
    pub(crate) counts: Vec<(u32, &'static str, Path)>,
    /// The fast path leaves it to the slow path.
    pub(crate) slow: bool,
}

/// A client's broadcast that is relayed to the interface's servers: `message`, with `hops` and giaddr as the client set
/// them, becomes `becomes`, in which hops and a giaddr of 0 are still to be set.
pub(crate) fn relayed(name: &'static str, interface: &Interface, message: Vec<u8>, becomes: &[u8]) -> Case {
    relayed_as(name, interface, broadcast(interface, message), becomes)
}

/// The same of any frame from the client's side.
pub(crate) fn relayed_as(name: &'static str, interface: &Interface, frame: Vec<u8>, becomes: &[u8]) -> Case {
    let mut case = Case::new(name, AT_CLIENT, frame);
    let mut payload = becomes.to_vec();
    payload[3] += 1;
    let kind = kind(becomes);
    if payload[24..28] == [0; 4] {
        // RFC 1542 knows no option 82 that would lead a reply back: BOOTP gets the client interface's address.
        let giaddr = if kind == "bootp" { interface.address } else { interface.giaddr };
        payload[24..28].copy_from_slice(&giaddr.octets());
    }
    case.counts.push((interface.index, kind, Path::Deciding));
    for server in interface.servers {
        case.arrives.push((server.host + 1, to_server(interface, server, payload.clone())));
        case.counts.push((0, "copies", Path::Deciding));
    }
    case
}

/// What is relayed as it is, but for hops and giaddr.
pub(crate) fn kept(name: &'static str, interface: &Interface, message: Vec<u8>) -> Case {
    relayed(name, interface, message.clone(), &message)
}

/// A client's broadcast that is dropped.
pub(crate) fn refused(
    name: &'static str,
    interface: &Interface,
    message: Vec<u8>,
    reason: &'static str,
) -> Case {
    refused_frame(name, interface, broadcast(interface, message), reason)
}

/// A frame of the client's side that goes nowhere.
pub(crate) fn refused_frame(
    name: &'static str,
    interface: &Interface,
    frame: Vec<u8>,
    reason: &'static str,
) -> Case {
    Case::new(name, AT_CLIENT, frame).counted(interface.index, reason)
}

/// A reply of S1 that is delivered to the client of an interface: `becomes`, sent to this link and this address.
pub(crate) fn delivered(
    name: &'static str,
    interface: &Interface,
    message: Vec<u8>,
    becomes: &[u8],
    (mac, address): ([u8; 6], Ipv4Addr),
) -> Case {
    let mut case = Case::new(name, S1.host + 1, from_server(&S1, interface.giaddr, message));
    case.arrives.push((AT_CLIENT, to_client(interface, becomes, (mac, address))));
    let kind = kind_of_reply(becomes);
    case.counts.push((interface.index, kind, Path::Deciding));
    case
}

/// The same to the client's Ethernet address and the address it is given.
pub(crate) fn answered(name: &'static str, interface: &Interface, message: Vec<u8>, becomes: &[u8]) -> Case {
    delivered(name, interface, message, becomes, (CLIENT, LEASED))
}

/// A reply of S1 to the interface's giaddr that is dropped; no interface can be named for it.
pub(crate) fn lost(
    name: &'static str,
    interface: &Interface,
    message: Vec<u8>,
    reason: &'static str,
) -> Case {
    Case::new(name, S1.host + 1, from_server(&S1, interface.giaddr, message)).counted(0, reason)
}

impl Case {
    /// A frame of which nothing comes out and nothing is counted.
    pub(crate) fn new(name: &'static str, from: Place, frame: Vec<u8>) -> Self {
        let sent = vec![(from, frame)];
        Self { name, sent, arrives: vec![], counts: vec![], slow: false }
    }

    /// Something that the deciding path counts.
    #[must_use]
    pub(crate) fn counted(mut self, index: u32, name: &'static str) -> Self {
        self.counts.push((index, name, Path::Deciding));
        self
    }

    /// The fast path leaves the frame to the slow path, for this reason, on the interface of the first count.
    #[must_use]
    pub(crate) fn slow(mut self, reason: &'static str) -> Self {
        let index = if self.sent[0].0 == AT_CLIENT { self.counts[0].0 } else { 0 };
        self.counts.push((index, reason, Path::Fast));
        self.slow = true;
        self
    }
}

/// The fields of a client's message with these octets behind the cookie, padded with zeros to `length`.
pub(crate) fn request(options: &[&[u8]], length: usize) -> Vec<u8> {
    with_options(&Bootp::new(BOOTREQUEST, None, CLIENT), options, length)
}

/// The fields of an answer to the interface's client.
pub(crate) fn reply(interface: &Interface, options: &[&[u8]], length: usize) -> Vec<u8> {
    with_options(&answer(interface), options, length)
}

/// An answer that gives [`LEASED`].
pub(crate) fn answer(interface: &Interface) -> Bootp {
    let mut message = Bootp::new(BOOTREPLY, None, CLIENT);
    message.yiaddr = LEASED;
    message.giaddr = interface.giaddr;
    message
}

/// The fixed part of a message, the cookie, and these octets.
pub(crate) fn with_options(fields: &Bootp, options: &[&[u8]], length: usize) -> Vec<u8> {
    let mut octets = fields.bytes();
    octets.truncate(236);
    octets.extend([99, 130, 83, 99]);
    octets.extend(options.concat());
    octets.resize(octets.len().max(length), 0);
    octets
}

/// As it comes from a relay below: hops 1 and its giaddr.
pub(crate) fn chained(message: Vec<u8>) -> Vec<u8> {
    patched(patched(message, 3, &[1]), 24, &LOWER_GIADDR.octets())
}

/// Other octets at an offset.
pub(crate) fn patched(mut octets: Vec<u8>, at: usize, patch: &[u8]) -> Vec<u8> {
    octets[at..at + patch.len()].copy_from_slice(patch);
    octets
}

/// A client's broadcast, without octets yet.
pub(crate) fn datagram(interface: &Interface, message: Vec<u8>) -> Datagram {
    let empty = Bootp::new(BOOTREQUEST, None, CLIENT);
    Datagram { tags: interface.tags.to_vec(), payload: message, ..Datagram::from_client(CLIENT, &empty) }
}

/// A client's broadcast on the interface.
pub(crate) fn broadcast(interface: &Interface, message: Vec<u8>) -> Vec<u8> {
    datagram(interface, message).frame()
}

/// A unicast of the client to our address.
pub(crate) fn unicast(interface: &Interface, message: Vec<u8>) -> Vec<u8> {
    let (source, destination) = (LEASED, interface.address);
    Datagram { destination_mac: EDGE, source, destination, ..datagram(interface, message) }.frame()
}

/// The frame with which a request leaves.
pub(crate) fn to_server(interface: &Interface, server: &Server, payload: Vec<u8>) -> Vec<u8> {
    let mut sent = datagram(interface, payload);
    (sent.destination_mac, sent.source_mac, sent.tags) = (server.mac, server.port_mac, vec![]);
    (sent.source, sent.destination, sent.source_port) = (interface.giaddr, server.address, 67);
    (sent.ttl, sent.tos) = (64, TOS);
    sent.frame()
}

/// A reply of a server to one of our addresses.
pub(crate) fn from_server(server: &Server, to: Ipv4Addr, message: Vec<u8>) -> Vec<u8> {
    let empty = Bootp::new(BOOTREPLY, None, CLIENT);
    let (from, to) = ((server.mac, server.address), (server.port_mac, to));
    Datagram { payload: message, ..Datagram::between(from, to, &empty) }.frame()
}

/// The frame with which a reply leaves.
pub(crate) fn to_client(
    interface: &Interface,
    payload: &[u8],
    (mac, address): ([u8; 6], Ipv4Addr),
) -> Vec<u8> {
    let mut sent = datagram(interface, payload.to_vec());
    (sent.destination_mac, sent.source_mac) = (mac, EDGE);
    (sent.source, sent.destination) = (interface.address, address);
    (sent.source_port, sent.destination_port) = (67, 68);
    (sent.ttl, sent.tos) = (64, TOS);
    sent.frame()
}

/// The frame with another UDP checksum field; it has no tags.
pub(crate) fn with_udp_checksum(frame: Vec<u8>, field: [u8; 2]) -> Vec<u8> {
    patched(frame, 40, &field)
}

fn kind(message: &[u8]) -> &'static str {
    match message_type(message) {
        0 => "bootp",
        1 => "discover",
        3 => "request",
        4 => "decline",
        7 => "release",
        8 => "inform",
        11 => "leaseunassigned",
        _ => "other",
    }
}

fn kind_of_reply(message: &[u8]) -> &'static str {
    match message_type(message) {
        0 => "reply bootp",
        2 => "reply offer",
        5 => "reply ack",
        6 => "reply nak",
        11 => "reply leaseunassigned",
        _ => "reply other",
    }
}

/// The value of the last option 53 of a message that ends as it should, 0 without one.
fn message_type(message: &[u8]) -> u8 {
    let options = relay_tests::lab::bootp::Bootp::new(message).map(|bootp| bootp.options());
    let mut of_type = options.unwrap_or_default().into_iter().filter(|(code, _)| *code == 53);
    of_type.next_back().map_or(0, |(_, value)| value[0])
}
