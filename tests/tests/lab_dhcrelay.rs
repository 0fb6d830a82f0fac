//! The laboratory proven with the relay everyone knows: real clients and servers around ISC dhcrelay.
//!
//! The same scenarios run with our relay in dhcrelay's place; what is asserted here about the peers (load balancing,
//! duplicates) is what operators see today.

use std::time::Duration;

use relay_tests::lab::frame::Frame;
use relay_tests::lab::golden::{self, Golden, Macs};
use relay_tests::lab::packet::{Deliver, PacketSocket};
use relay_tests::lab::scenario::{ClientKind, Observed, Step, life_of_a_client};
use relay_tests::lab::topology::{
    EDGE, Topology, UPSTREAM, one_relay_one_server, one_relay_two_servers, two_relays_two_servers,
};
use relay_tests::lab::{Capture, Namespace, expect, published};
use relay_tests::peers::Dhcrelay;

fn observe(topology: &Topology, kind: ClientKind) -> Observed {
    let seen = life_of_a_client(topology, &Dhcrelay, kind).unwrap_or_else(|error| panic!("{error:#}"));
    if let Err(error) = expect::whole_life(topology, &Dhcrelay, &seen) {
        panic!("{error:#}\n{seen}");
    }
    seen
}

fn duplicates_as_published(topology: &Topology, kind: ClientKind) {
    let seen = observe(topology, kind);
    published::duplicates(topology, &seen).unwrap_or_else(|error| panic!("{error:#}\n{seen}"));
}

#[test]
fn dhclient_leases_renews_and_releases_behind_one_relay() {
    let topology = one_relay_one_server("one-one-dhclient").unwrap();
    let seen = observe(&topology, ClientKind::Dhclient);
    // Discover and request through the relay; renewal and release straight, and again by dhcrelay.
    let arrived = seen.servers[0].arrived();
    assert_eq!(arrived[..2], [Step::Discover, Step::Select], "{seen}");
    assert_eq!(arrived[arrived.len() - 2..], [Step::Release; 2], "{seen}");
}

#[test]
fn udhcpc_leases_renews_and_releases_behind_one_relay() {
    observe(&one_relay_one_server("one-one-udhcpc").unwrap(), ClientKind::Udhcpc);
}

#[test]
fn dhcpcd_leases_renews_and_releases_behind_one_relay() {
    observe(&one_relay_one_server("one-one-dhcpcd").unwrap(), ClientKind::Dhcpcd);
}

#[test]
fn one_of_two_servers_in_failover_answers_and_the_other_declines_for_load_balance() {
    let topology = one_relay_two_servers("one-two").unwrap();
    let seen = observe(&topology, ClientKind::Udhcpc);
    published::one_server_answers(&topology, &seen).unwrap_or_else(|error| panic!("{error:#}\n{seen}"));
}

#[test]
fn two_relays_bring_every_broadcast_of_dhclient_twice_to_both_servers() {
    let topology = two_relays_two_servers("two-two-dhclient").unwrap();
    duplicates_as_published(&topology, ClientKind::Dhclient);
}

#[test]
fn two_relays_bring_every_broadcast_of_udhcpc_twice_to_both_servers() {
    let topology = two_relays_two_servers("two-two-udhcpc").unwrap();
    duplicates_as_published(&topology, ClientKind::Udhcpc);
}

#[test]
fn two_relays_bring_every_broadcast_of_dhcpcd_twice_to_both_servers() {
    let topology = two_relays_two_servers("two-two-dhcpcd").unwrap();
    duplicates_as_published(&topology, ClientKind::Dhcpcd);
}

/// `BLESS=1` stores what dhcrelay does today instead of comparing with it.
#[test]
fn golden_frames_are_what_dhcrelay_makes_of_their_inputs() {
    let topology = one_relay_one_server("golden").unwrap();
    let relay = &topology.relays[0].host;
    relay.offload(UPSTREAM, "tx", false).unwrap();
    let _running = topology.start_relays(&Dhcrelay).unwrap();
    let client = topology.client("c1").unwrap();
    let server = &topology.servers[0].host;
    let macs = Macs {
        client: client.mac(EDGE).unwrap(),
        relay_client_side: relay.mac(EDGE).unwrap(),
        relay_server_side: relay.mac(UPSTREAM).unwrap(),
        server: server.mac(EDGE).unwrap(),
    };
    let at = |host: &Namespace| {
        (PacketSocket::open(host, EDGE, Deliver::Nothing).unwrap(), Capture::incoming(host, EDGE).unwrap())
    };
    let ((from_client, at_client), (from_server, at_server)) = (at(&client), at(server));

    let cases = golden::cases(&macs);
    for (case, marker) in cases.iter().zip(0x7071_0001..) {
        let (inject, observe) = match case.from {
            golden::From::Client => (&from_client, &at_server),
            golden::From::Server => (&from_server, &at_client),
        };
        inject.send(&case.frame).unwrap();
        inject.send(&golden::marker(&macs, case.from, marker)).unwrap();
        // dhcrelay takes one frame after the other: once the marker is there, the case's frame is, or never will be.
        let output = observe.wait_for(case.name, Duration::from_secs(10), |frames| {
            let of = |xid: u32| frames.iter().filter(move |frame| has_xid(frame, xid)).collect::<Vec<_>>();
            (!of(marker).is_empty()).then(|| of(case.xid).into_iter().cloned().collect::<Vec<_>>())
        });
        let output = output.unwrap();
        assert!(output.len() <= 1, "{}: {} frames", case.name, output.len());
        let output = output.first().map(|frame| golden::without_identification(&frame.bytes));
        let now = Golden { input: case.frame.clone(), output };
        if std::env::var_os("BLESS").is_some() {
            golden::write(case.name, &now).unwrap();
        }
        let stored = golden::read(case.name).unwrap();
        assert_eq!(stored.input, now.input, "{}: another input, run with BLESS=1", case.name);
        assert_eq!(stored.output, now.output, "{}: dhcrelay made another frame of it", case.name);
    }
    let mut names: Vec<_> = cases.iter().map(|case| case.name).collect();
    names.sort_unstable();
    assert_eq!(golden::names().unwrap(), names, "a stored pair without a case");
}

fn has_xid(frame: &Frame, xid: u32) -> bool {
    frame.packet().is_ok_and(|packet| packet.bootp().is_ok_and(|bootp| bootp.xid() == xid))
}
