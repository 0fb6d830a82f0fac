//! Copies that are lost for want of the option 82 of their server (`cuts_lost`) in the kernel. A program of a device map takes
//! a frame for a copy by the first octets of its destination, and the relay sends to no such address: so says `copy.rs`, and
//! the daemon sees to it that no next hop has one. Here one is forced upon the fast path, and offered to the daemon.

#![allow(clippy::unwrap_used, reason = "a test panics; clippy exempts only the functions marked #[test]")]

use std::net::Ipv4Addr;
use std::time::Duration;

use relay_common::abi::{Interface, Port, PortKey};
use relay_tests::lab::build::{BOOTREQUEST, Bootp};
use relay_tests::lab::direct::{Direct, EDGE, RELAY, upstream};
use relay_tests::lab::{Capture, wait};
use relay_tests::subject::{Mode, XdpDhcrelay, stats, status};
use relay_user::control::model::ServerPath;
use relay_user::fastpath::{self, Object, Sizes};
use relay_user::tables::{GroupState, Hop, ServerState, Tables};

const DEADLINE: Duration = Duration::from_secs(20);
const DISCOVER: u8 = 1;
/// Behind `upstream(0)`.
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 41, 10);
/// Marks a copy of a request whose copies are not all of one form, and one of a request whose copies are.
const MARKS: [[u8; 6]; 2] = [[0x03, 0xdd, 1, 0, 0, 0], [0x03, 0xdc, 1, 0, 0, 0]];

fn discover(network: &Direct, xid: u32) -> Bootp {
    let mut message = Bootp::new(BOOTREQUEST, Some(DISCOVER), network.client_mac);
    message.xid = xid;
    message
}

/// The tables of a relay with one server, whose next hop has this address.
fn tables(network: &Direct, next_mac: [u8; 6]) -> Tables {
    let [client, server] = [EDGE, &upstream(0)].map(|port| network.relay.ifindex(port).unwrap());
    let mac = network.relay.mac(EDGE).unwrap();
    let hop = Hop { ifindex: server, next_mac, port_mac: [2, 0, 0, 0, 0, 0], mtu: 1500, redirect: true };
    let interface = Interface {
        ifindex: client,
        address: RELAY.octets(),
        giaddr: RELAY.octets(),
        source: RELAY.octets(),
        mac,
        mtu: 1500,
        max_message: 1472,
        max_hops: 16,
        first: 1,
        ..Interface::default()
    };
    let server = ServerState { address: SERVER, vrf: 0, min_secs: 0, hop: Some(hop) };
    Tables {
        interfaces: vec![interface],
        groups: vec![GroupState { servers: vec![server] }],
        ports: [(
            PortKey { ifindex: client, outer: 0, inner: 0 },
            Port { interface: 1, vrf: 0, mac, upstream: 0 },
        )]
        .into(),
        ..Tables::default()
    }
}

/// What is said of a copy is looked up by the number of its request, and here nothing was said: the copy is lost, counted, and
/// nobody gets another's.
fn a_copy_of_which_nothing_is_known_is_lost_and_counted(mode: fastpath::Mode, title: &str) {
    let network = Direct::new(title, 1).unwrap();
    network.hosts[0].offload(EDGE, "gro", true).unwrap();
    let at_server = Capture::incoming(&network.hosts[0], EDGE).unwrap();
    network
        .relay
        .enter(|| {
            let sizes = Sizes { interfaces: 1, groups: 1, ports: 4, addresses: 8, owners: 1, leases: 1 };
            let mut object = Object::load(sizes, None).unwrap();
            let to_server = [2, 0, 0, 0, 0, 9];
            let [right, wrong] = [to_server, MARKS[0]].map(|next_mac| tables(&network, next_mac));
            object.apply(&Tables::default(), &wrong).unwrap();
            for port in [EDGE, &upstream(0)] {
                object.attach(port, network.relay.ifindex(port).unwrap(), &[mode]).unwrap();
            }
            let counters = |object: &Object| object.counters().counters(0).unwrap();
            network.client_sends(&discover(&network, 1)).unwrap();
            wait::until("a copy is lost", DEADLINE, || Ok((counters(&object).cuts_lost == 1).then_some(())))
                .unwrap();

            // Right again, the next one arrives; so the first would have before it.
            object.apply(&wrong, &right).unwrap();
            network.client_sends(&discover(&network, 2)).unwrap();
            at_server
                .wait_for_dhcp("the second request", 0, DEADLINE, |_, packet| {
                    packet.bootp().is_ok_and(|bootp| bootp.xid() == 2)
                })
                .unwrap();
            assert_eq!(at_server.dhcp().len(), 1, "{}", at_server.summary());
            assert_eq!(counters(&object).cuts_lost, 1);
        })
        .unwrap();
}

#[test]
fn a_copy_of_which_nothing_is_known_is_lost_and_counted_in_generic_mode() {
    a_copy_of_which_nothing_is_known_is_lost_and_counted(fastpath::Mode::Generic, "cuts-generic");
}

#[test]
fn a_copy_of_which_nothing_is_known_is_lost_and_counted_in_native_mode() {
    a_copy_of_which_nothing_is_known_is_lost_and_counted(fastpath::Mode::Native, "cuts-native");
}

/// A cluster of servers may have a group address.
fn a_next_hop_that_would_be_taken_for_a_copy_is_served_by_the_slow_path(mode: Mode) {
    for (mark, title) in MARKS.into_iter().zip(["cuts-dd", "cuts-dc"]) {
        let network = Direct::new(&format!("{title}-{mode:?}").to_lowercase(), 1).unwrap();
        network.hosts[0].address(EDGE, &format!("{SERVER}/24")).unwrap();
        let octets = mark.map(|octet| format!("{octet:02x}")).join(":");
        let port = upstream(0);
        network
            .relay
            .run(&format!("ip neigh add {SERVER} dev {port} lladdr {octets} nud permanent"))
            .unwrap();
        let (_relay, socket) = XdpDhcrelay::new(mode).start_on(&network.relay, EDGE, &[SERVER]).unwrap();
        let at_server = Capture::incoming(&network.hosts[0], EDGE).unwrap();
        network.client_sends(&discover(&network, 1)).unwrap();
        at_server
            .wait_for_dhcp("the request", 0, DEADLINE, |_, packet| packet.ip.destination == SERVER)
            .unwrap_or_else(|error| panic!("{mode:?}: {error:#}\n{:?}", stats(&socket)));
        let now = stats(&socket).unwrap();
        assert_eq!((now.cuts_lost, now.send_errors), (0, 0), "{mode:?}: {now:?}");
        let server = &status(&socket).unwrap().groups[0].servers[0];
        assert_eq!((server.path, server.mac.as_deref()), (ServerPath::Slow, Some(&*octets)), "{mode:?}");
    }
}

#[test]
fn a_next_hop_that_would_be_taken_for_a_copy_is_served_by_the_slow_path_without_xdp() {
    a_next_hop_that_would_be_taken_for_a_copy_is_served_by_the_slow_path(Mode::Off);
}

#[test]
fn a_next_hop_that_would_be_taken_for_a_copy_is_served_by_the_slow_path_in_generic_mode() {
    a_next_hop_that_would_be_taken_for_a_copy_is_served_by_the_slow_path(Mode::Generic);
}

#[test]
fn a_next_hop_that_would_be_taken_for_a_copy_is_served_by_the_slow_path_in_native_mode() {
    a_next_hop_that_would_be_taken_for_a_copy_is_served_by_the_slow_path(Mode::Native);
}
