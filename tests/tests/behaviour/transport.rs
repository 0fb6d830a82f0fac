//! Rows 11, 12, 14, 15, 20 and 22: what carries the request.

use std::net::Ipv4Addr;

use relay_tests::lab::build::{Datagram, fragments, with_ip_options};

use super::case::{
    AT_CLIENT, Case, LEASED, LOWER, broadcast, chained, datagram, kept, patched, refused_frame, relayed_as,
    request, unicast, with_udp_checksum,
};
use super::network::{ALL, EDGE, Interface, OURS, PLAIN, QINQ, S1};

const END: &[u8] = &[255];
/// Offsets in an untagged frame.
const IP_CHECKSUM: usize = 24;
const UDP_LENGTH: usize = 38;
const UDP_CHECKSUM: usize = 40;

fn discover() -> Vec<u8> {
    request(&[&[53, 1, 1], END], 300)
}

/// A request without option 82, in a frame built from the datagram.
fn as_it_is(name: &'static str, frame: Vec<u8>) -> Case {
    relayed_as(name, &PLAIN, frame, &discover())
}

/// The same with a change to the datagram.
fn with(name: &'static str, change: impl FnOnce(&mut Datagram)) -> Case {
    let mut changed = datagram(&PLAIN, discover());
    change(&mut changed);
    as_it_is(name, changed.frame())
}

pub(crate) fn cases() -> Vec<Case> {
    [packets(), checksums(), addresses(), tags()].concat()
}

fn packets() -> Vec<Case> {
    let frame = broadcast(&PLAIN, discover());
    let [first, second] = fragments(&frame, 160);
    let mut in_parts = as_it_is("11, RFC 791: a request in two fragments", first).slow("fragment");
    in_parts.sent.push((AT_CLIENT, second.clone()));
    let mut alone = Case::new("11, RFC 791: a last fragment alone is not DHCP", AT_CLIENT, second);
    alone.counts.clear();
    // Eight octets behind the datagram, within the packet.
    let mut slack = datagram(&PLAIN, [discover(), vec![9; 8]].concat()).frame();
    slack = patched(slack, UDP_LENGTH, &308u16.to_be_bytes());
    let right = &broadcast(&PLAIN, discover())[UDP_CHECKSUM..UDP_CHECKSUM + 2];
    slack = patched(slack, UDP_CHECKSUM, right);
    let long_udp = patched(frame.clone(), UDP_LENGTH, &309u16.to_be_bytes());
    let short = frame[..frame.len() - 1].to_vec();
    vec![
        as_it_is("11, RFC 791: IP options", with_ip_options(&frame)).slow("ip_options"),
        in_parts,
        alone,
        as_it_is("11, padding of the Ethernet frame is cut off", [&frame[..], &[0xee; 18]].concat()),
        as_it_is("11, what is behind the datagram in the packet is cut off", slack),
        refused_frame("11, RFC 768: the UDP length is beyond the packet", &PLAIN, long_udp, "udp_length"),
        refused_frame("11, RFC 791: the IP length is beyond the frame", &PLAIN, short, "ip_length"),
    ]
}

fn checksums() -> Vec<Case> {
    let frame = broadcast(&PLAIN, discover());
    let [high, low] = [frame[UDP_CHECKSUM], frame[UDP_CHECKSUM + 1]];
    let mut zero =
        as_it_is("12, RFC 768: a checksum of 0 is none, and stays", with_udp_checksum(frame.clone(), [0, 0]));
    zero.arrives[0].1 = with_udp_checksum(zero.arrives[0].1.clone(), [0, 0]);
    let mut zero_to_all =
        relayed_as("12, RFC 768: a checksum of 0 stays in every copy", &ALL, broadcast(&ALL, discover()), &{
            request(&[&[53, 1, 1], ALL.ours, END], 300)
        });
    // A tagged frame: four octets on.
    zero_to_all.sent[0].1 = patched(zero_to_all.sent[0].1.clone(), UDP_CHECKSUM + 4, &[0, 0]);
    for (_, copy) in &mut zero_to_all.arrives {
        *copy = with_udp_checksum(copy.clone(), [0, 0]);
    }
    let ip = u16::from_be_bytes([frame[IP_CHECKSUM], frame[IP_CHECKSUM + 1]]).wrapping_add(1);
    let pseudo = pseudo_header(&frame);
    vec![
        zero,
        zero_to_all,
        refused_frame(
            "12, RFC 768: a wrong UDP checksum",
            &PLAIN,
            with_udp_checksum(frame.clone(), [high ^ 1, low]),
            "udp_checksum",
        ),
        refused_frame(
            "12, RFC 791: a wrong IP header checksum",
            &PLAIN,
            patched(frame.clone(), IP_CHECKSUM, &ip.to_be_bytes()),
            "ip_checksum",
        ),
        as_it_is(
            "12, the pseudo-header's sum alone, which a network card would complete",
            with_udp_checksum(frame, pseudo.to_be_bytes()),
        ),
    ]
}

/// The sum that a sender leaves to its card: RFC 768's pseudo-header, not inverted.
fn pseudo_header(frame: &[u8]) -> u16 {
    let addresses = frame[26..34].chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1]));
    let total = addresses.sum::<u32>() + 17 + u32::from(u16::from_be_bytes([frame[38], frame[39]]));
    ((total & 0xffff) + (total >> 16)) as u16
}

fn addresses() -> Vec<Case> {
    let renewal = request(&[&[53, 1, 3], END], 300);
    let to_relay = |interface: &Interface, message: &[u8]| unicast(interface, message.to_vec());
    let to_server_itself = Datagram {
        destination_mac: EDGE,
        source: LEASED,
        destination: S1.address,
        ..datagram(&PLAIN, renewal.clone())
    };
    let below = Datagram {
        destination_mac: EDGE,
        source: LOWER,
        destination: PLAIN.address,
        source_port: 67,
        ..datagram(&PLAIN, chained(discover()))
    };
    let somebody = Datagram { destination_mac: [2, 0, 0, 0, 0xee, 0xee], ..datagram(&PLAIN, discover()) };
    let mut passed =
        Case::new("15, a renewal to the real server is not touched", AT_CLIENT, to_server_itself.frame())
            .counted(0, "transit");
    passed.slow = false;
    vec![
        with("14, a request from any port", |datagram| datagram.source_port = 30_000),
        with("14, a request from port 67 is a request all the same", |datagram| datagram.source_port = 67),
        with("14, a request from port 0", |datagram| datagram.source_port = 0),
        relayed_as("15, a renewal to our address is relayed", &PLAIN, to_relay(&PLAIN, &renewal), &renewal),
        relayed_as(
            "15, RFC 1542 4.1: from a relay below, by unicast",
            &PLAIN,
            below.frame(),
            &chained(discover()),
        ),
        passed,
        with("15, our Ethernet address and the broadcast address", |datagram| {
            datagram.destination_mac = EDGE
        }),
        Case::new("15, somebody else's Ethernet address", AT_CLIENT, somebody.frame())
            .counted(0, "other_host"),
        with("22, RFC 1542: a TTL of 1 does not matter", |datagram| datagram.ttl = 1),
        with("22, a TTL of 255 neither", |datagram| datagram.ttl = 255),
        with("22, the client's DSCP is not carried on", |datagram| datagram.tos = 0xb8),
        with("22, a source address that the client has", |datagram| datagram.source = LEASED),
        with("22, a source address that cannot be", |datagram| datagram.source = Ipv4Addr::new(127, 0, 0, 1)),
    ]
}

fn tags() -> Vec<Case> {
    let tagged = |interface: &Interface, tags: &[(u16, u16)]| {
        Datagram { tags: tags.to_vec(), ..datagram(interface, discover()) }.frame()
    };
    let ours = request(&[&[53, 1, 1], OURS.ours, END], 300);
    let qinq = request(&[&[53, 1, 1], QINQ.ours, END], 300);
    let unknown = |name, tags: &[(u16, u16)]| {
        Case::new(name, AT_CLIENT, tagged(&OURS, tags)).counted(0, "no_interface")
    };
    vec![
        kept("20, no tag", &PLAIN, discover()),
        as_it_is("20, 802.1Q: a priority tag is no VLAN", tagged(&PLAIN, &[(0x8100, 0xa000)])),
        relayed_as("20, 802.1Q: one tag", &OURS, tagged(&OURS, &[(0x8100, 10)]), &ours),
        relayed_as("20, 802.1Q: one tag with a priority", &OURS, tagged(&OURS, &[(0x8100, 0xe00a)]), &ours),
        relayed_as("20, 802.1ad: one tag of 0x88a8", &OURS, tagged(&OURS, &[(0x88a8, 10)]), &ours),
        relayed_as(
            "20, 802.1ad: 0x88a8 and 0x8100",
            &QINQ,
            tagged(&QINQ, &[(0x88a8, 200), (0x8100, 7)]),
            &qinq,
        ),
        relayed_as("20, two tags of 0x8100", &QINQ, tagged(&QINQ, &[(0x8100, 200), (0x8100, 7)]), &qinq),
        unknown("20, a VLAN without an interface", &[(0x8100, 99)]),
        unknown("20, an outer tag alone is another VLAN", &[(0x88a8, 200)]),
        unknown("20, the same tags in the other order", &[(0x88a8, 7), (0x8100, 200)]),
        Case::new(
            "20, three tags are not looked into",
            AT_CLIENT,
            tagged(&OURS, &[(0x88a8, 200), (0x8100, 7), (0x8100, 10)]),
        ),
    ]
}
