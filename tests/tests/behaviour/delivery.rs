//! Rows 32 to 35: how a reply comes to the client (RFC 2131 section 4.1, RFC 1542 section 5.4).

use std::net::Ipv4Addr;

use relay_tests::lab::build::Bootp;

use super::case::{
    AT_CLIENT, Case, LEASED, Path, answer, answered, delivered, from_server, to_client, with_options,
};
use super::network::{ALL, CLIENT, Interface, OURS, OVERRIDE, PLAIN, QINQ, S1, S2, Server};

const EVERYBODY: ([u8; 6], Ipv4Addr) = ([0xff; 6], Ipv4Addr::BROADCAST);
const RENEWED: Ipv4Addr = Ipv4Addr::new(192, 168, 60, 77);
const END: &[u8] = &[255];

/// A message of this type whose fields are changed goes to this address.
fn goes(
    name: &'static str,
    interface: &Interface,
    kind: u8,
    change: impl FnOnce(&mut Bootp),
    to: ([u8; 6], Ipv4Addr),
) -> Case {
    let mut fields = answer(interface);
    change(&mut fields);
    let message = |agent: &[u8]| with_options(&fields, &[&[53, 1, kind], agent, END], 300);
    delivered(name, interface, message(interface.ours), &message(&[]), to)
}

pub(crate) fn cases() -> Vec<Case> {
    const UNSPECIFIED: Ipv4Addr = Ipv4Addr::UNSPECIFIED;
    let (offer, ack, nak) = (2, 5, 6);
    let mut cases = vec![
        goes(
            "32, RFC 2131 4.1: an offer to yiaddr and chaddr, without ARP",
            &OURS,
            offer,
            |_| {},
            (CLIENT, LEASED),
        ),
        goes(
            "32, RFC 2131 4.1: an offer with the broadcast bit",
            &OURS,
            offer,
            |m| m.flags = 0x8000,
            EVERYBODY,
        ),
        goes(
            "32, RFC 2131 4.1: other bits than the broadcast bit say nothing",
            &OURS,
            offer,
            |m| m.flags = 0x7fff,
            (CLIENT, LEASED),
        ),
        goes(
            "32, RFC 2131 4.1: an acknowledgement to ciaddr",
            &OURS,
            ack,
            |m| m.ciaddr = RENEWED,
            (CLIENT, RENEWED),
        ),
        goes(
            "32, RFC 2131 4.1: ciaddr counts before the broadcast bit",
            &OURS,
            ack,
            |m| (m.ciaddr, m.flags) = (RENEWED, 0x8000),
            (CLIENT, RENEWED),
        ),
        goes("32, RFC 2131 4.1: a NAK is broadcast", &OURS, nak, |m| m.yiaddr = UNSPECIFIED, EVERYBODY),
        goes(
            "32, RFC 2131 4.1: a NAK with ciaddr is broadcast",
            &OURS,
            nak,
            |m| m.ciaddr = RENEWED,
            EVERYBODY,
        ),
        goes(
            "32, RFC 2131 4.3.5: an answer to INFORM goes to ciaddr",
            &PLAIN,
            ack,
            |m| (m.ciaddr, m.yiaddr) = (RENEWED, UNSPECIFIED),
            (CLIENT, RENEWED),
        ),
        goes(
            "32, an answer that gives no address is broadcast",
            &PLAIN,
            ack,
            |m| m.yiaddr = UNSPECIFIED,
            EVERYBODY,
        ),
        goes("32, hlen 0 is no Ethernet address", &PLAIN, offer, |m| m.hlen = 0, EVERYBODY),
        goes("32, hlen 8 is no Ethernet address", &PLAIN, offer, |m| m.hlen = 8, EVERYBODY),
        goes("32, htype 32 is no Ethernet", &PLAIN, offer, |m| m.htype = 32, EVERYBODY),
        goes("32, chaddr is the broadcast address", &PLAIN, offer, |m| m.chaddr[..6].fill(0xff), EVERYBODY),
        goes("32, chaddr is a multicast address", &PLAIN, offer, |m| m.chaddr[0] = 3, EVERYBODY),
        goes("32, chaddr is zero", &PLAIN, offer, |m| m.chaddr[..6].fill(0), EVERYBODY),
        goes(
            "20, 802.1Q: a reply to a tagged client by broadcast",
            &QINQ,
            offer,
            |m| m.flags = 0x8000,
            EVERYBODY,
        ),
        goes("33, RFC 2131: hops 1 in a reply", &PLAIN, offer, |m| m.hops = 1, (CLIENT, LEASED)),
        goes("33, RFC 2131: hops 16 in a reply", &PLAIN, offer, |m| m.hops = 16, (CLIENT, LEASED)),
        goes("33, RFC 2131: hops 255 in a reply", &PLAIN, offer, |m| m.hops = 255, (CLIENT, LEASED)),
        goes("6, RFC 2131: the unknown type 15 is delivered", &OURS, 15, |_| {}, (CLIENT, LEASED)),
        goes("6, RFC 2131: the unknown type 200 is delivered", &OURS, 200, |_| {}, (CLIENT, LEASED)),
    ];
    let us = [&[54, 4][..], &OVERRIDE.address.octets()].concat();
    let ack = |agent: &[u8]| with_options(&answer(&OVERRIDE), &[&[53, 1, 5], &us, agent, END], 300);
    cases.push(answered(
        "34, RFC 5107: our address as the server identifier goes to the client as it is",
        &OVERRIDE,
        ack(OVERRIDE.ours),
        &ack(&[]),
    ));
    cases.push(both_offers());
    cases
}

/// Two servers answer one DISCOVER, and the first of them twice.
fn both_offers() -> Case {
    let offer = |server: &Server, agent: &[u8]| {
        with_options(&answer(&ALL), &[&[53, 1, 2, 54, 4], &server.address.octets(), agent, END], 300)
    };
    let name = "35, RFC 2131 3.1: the offers of two servers are both delivered";
    let mut case = answered(name, &ALL, offer(&S1, ALL.ours), &offer(&S1, &[]));
    for server in [&S2, &S1] {
        case.sent.push((server.host + 1, from_server(server, ALL.giaddr, offer(server, ALL.ours))));
        case.arrives.push((AT_CLIENT, to_client(&ALL, &offer(server, &[]), (CLIENT, LEASED))));
        case.counts.push((ALL.index, "reply offer", Path::Deciding));
    }
    case
}
