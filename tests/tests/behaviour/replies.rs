//! Rows 24 to 26: who may answer, and to which address.

use std::net::Ipv4Addr;

use relay_tests::lab::build::{BOOTREQUEST, Datagram};

use super::case::{
    AT_CLIENT, Case, LOWER_GIADDR, answer, answered, datagram, from_server, lost, patched, relayed, reply,
    request, to_client, with_options,
};
use super::network::{CLIENT, EDGE, Interface, LOOP, LOOPBACK, NARROW, OURS, PLAIN, S1, S2, S3, Server};

const OFFER: &[u8] = &[53, 1, 2, 54, 4, 10, 0, 41, 10, 255];
const GIADDR: usize = 24;
const XID: usize = 4;

/// The offer comes from `server`, whatever host that is on, at S1's port.
fn from(name: &'static str, server: Server, reason: Option<&'static str>) -> Case {
    let offer = reply(&PLAIN, &[OFFER], 300);
    let mut case = answered(name, &PLAIN, offer.clone(), &offer);
    case.sent[0].1 = from_server(&server, PLAIN.giaddr, offer);
    if let Some(reason) = reason {
        (case.arrives, case.counts) = (vec![], vec![]);
        case = case.counted(0, reason);
    }
    case
}

/// The offer to PLAIN's client is sent to `to` with this giaddr.
fn to(name: &'static str, to: Ipv4Addr, giaddr: Ipv4Addr, reason: &'static str) -> Case {
    let offer = patched(reply(&PLAIN, &[OFFER], 300), GIADDR, &giaddr.octets());
    Case::new(name, S1.host + 1, from_server(&S1, to, offer)).counted(0, reason)
}

pub(crate) fn cases() -> Vec<Case> {
    [servers(), addresses(), without_option82()].concat()
}

fn servers() -> Vec<Case> {
    let offer = reply(&PLAIN, &[OFFER], 300);
    let stranger = Server { address: Ipv4Addr::new(10, 0, 41, 99), ..S1 };
    let spoofed = Datagram {
        destination_mac: EDGE,
        source: S1.address,
        destination: PLAIN.address,
        source_port: 67,
        ..datagram(&PLAIN, offer.clone())
    };
    let bare = Datagram { tags: vec![], ..spoofed.clone() };
    let everybody = Datagram { destination_mac: [0xff; 6], destination: Ipv4Addr::BROADCAST, ..bare.clone() };
    vec![
        answered("24, RFC 2131: an offer of a configured server", &PLAIN, offer.clone(), &offer),
        from("24, an offer of a server of another group of the VRF", S2, None),
        from(
            "24, a server whose route leads to another port of the VRF",
            Server { mac: S1.mac, port_mac: S1.port_mac, ..S3 },
            None,
        ),
        from("24, an offer of somebody who is no server", stranger, Some("unknown_server")),
        Case::new("24, a reply of a client, to our address", AT_CLIENT, bare.frame())
            .counted(PLAIN.index, "reply_from_client_port"),
        Case::new("24, a reply of a client, broadcast", AT_CLIENT, everybody.frame())
            .counted(PLAIN.index, "reply_from_client_port"),
        answered(
            "24, the server of one group answers for an interface of another",
            &NARROW,
            reply(&NARROW, &[OFFER], 300),
            &reply(&NARROW, &[OFFER], 300),
        ),
    ]
}

fn addresses() -> Vec<Case> {
    let unspecified = Ipv4Addr::UNSPECIFIED;
    let upstream = Ipv4Addr::new(10, 0, 41, 1);
    let request = patched(request(&[&[53, 1, 1, 255]], 300), 0, &[BOOTREQUEST]);
    vec![
        to("25, RFC 2131 4.1: giaddr 0", PLAIN.address, unspecified, "wrong_giaddr"),
        to("25, a giaddr that is not ours", PLAIN.address, LOWER_GIADDR, "wrong_giaddr"),
        to(
            "25, another interface's giaddr than the destination",
            PLAIN.address,
            OURS.address,
            "wrong_giaddr",
        ),
        to("25, an address of ours that is no giaddr", upstream, upstream, "wrong_giaddr"),
        to("25, our giaddr at another address of ours", upstream, PLAIN.address, "wrong_giaddr"),
        to("25, our giaddr by broadcast", Ipv4Addr::BROADCAST, PLAIN.address, "wrong_giaddr"),
        to("25, a reply on its way to another relay", LOWER_GIADDR, LOWER_GIADDR, "transit"),
        Case::new(
            "25, a request from where the servers are",
            S1.host + 1,
            from_server(&S1, PLAIN.address, request),
        )
        .counted(0, "no_interface"),
    ]
}

fn without_option82() -> Vec<Case> {
    let offer =
        |interface: &Interface, xid: u32| patched(reply(interface, &[OFFER], 300), XID, &xid.to_be_bytes());
    let discover = |xid: u32| patched(request(&[&[53, 1, 1, 255]], 300), XID, &xid.to_be_bytes());
    // Heard on one of the interfaces that share the giaddr, and answered.
    let mut heard = relayed(
        "26, a giaddr of several interfaces: the one on which the client was heard",
        &LOOP,
        discover(0x2600_0001),
        &patched(request(&[&[53, 1, 1], LOOP.ours, &[255]], 300), XID, &0x2600_0001u32.to_be_bytes()),
    );
    let answered_to = offer(&LOOP, 0x2600_0001);
    heard.sent.push((S1.host + 1, from_server(&S1, LOOPBACK, answered_to.clone())));
    heard.arrives.push((AT_CLIENT, to_client(&LOOP, &answered_to, (CLIENT, super::case::LEASED))));
    // Heard on an interface with a giaddr of its own.
    let mut elsewhere = relayed(
        "26, a giaddr of several interfaces: not an interface that has another giaddr",
        &PLAIN,
        discover(0x2600_0002),
        &discover(0x2600_0002),
    );
    elsewhere.sent.push((S1.host + 1, from_server(&S1, LOOPBACK, offer(&LOOP, 0x2600_0002))));
    let mut bootp = answer(&LOOP);
    bootp.giaddr = LOOP.address;
    let bootp = patched(with_options(&bootp, &[], 300), 236, &[0; 4]);
    let mut to_bootp = answered(
        "26, BOOTP behind a loopback giaddr comes to the interface's address",
        &LOOP,
        bootp.clone(),
        &bootp,
    );
    to_bootp.sent[0].1 = from_server(&S1, LOOP.address, bootp);
    vec![
        answered("26, a giaddr of one interface", &OURS, offer(&OURS, 1), &offer(&OURS, 1)),
        lost(
            "26, a giaddr of several interfaces, an unknown client",
            &LOOP,
            offer(&LOOP, 0x2600_0000),
            "ambiguous_giaddr",
        ),
        heard.counted(LOOP.index, "reply offer"),
        elsewhere.counted(0, "ambiguous_giaddr"),
        to_bootp,
    ]
}
