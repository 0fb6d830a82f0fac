//! The laboratory proven with the relay everyone knows: real clients and servers around ISC dhcrelay.
//!
//! The same scenarios run with our relay in dhcrelay's place; what is asserted here about the peers (load balancing,
//! duplicates) is what operators see today.

use relay_tests::lab::expect;
use relay_tests::lab::frame::Direction;
use relay_tests::lab::scenario::{ClientKind, Observed, Step, life_of_a_client};
use relay_tests::lab::topology::{
    Topology, one_relay_one_server, one_relay_two_servers, two_relays_two_servers,
};
use relay_tests::peers::Dhcrelay;

fn observe(topology: &Topology, kind: ClientKind) -> Observed {
    let seen = life_of_a_client(topology, &Dhcrelay, kind).unwrap_or_else(|error| panic!("{error:#}"));
    if let Err(error) = expect::whole_life(topology, &Dhcrelay, &seen) {
        panic!("{error:#}\n{seen}");
    }
    seen
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
    only_one_server_answers(&observe(&topology, ClientKind::Udhcpc));
}

#[test]
fn two_relays_bring_every_broadcast_of_dhclient_twice_to_both_servers() {
    let topology = two_relays_two_servers("two-two-dhclient").unwrap();
    duplicates_as_published(&observe(&topology, ClientKind::Dhclient));
}

#[test]
fn two_relays_bring_every_broadcast_of_udhcpc_twice_to_both_servers() {
    let topology = two_relays_two_servers("two-two-udhcpc").unwrap();
    duplicates_as_published(&observe(&topology, ClientKind::Udhcpc));
}

#[test]
fn two_relays_bring_every_broadcast_of_dhcpcd_twice_to_both_servers() {
    let topology = two_relays_two_servers("two-two-dhcpcd").unwrap();
    duplicates_as_published(&observe(&topology, ClientKind::Dhcpcd));
}

/// The published dialogue: both offers and both acknowledgements come from one server, one through each relay.
fn duplicates_as_published(seen: &Observed) {
    let answering = only_one_server_answers(seen);
    let server = &seen.servers[answering];
    for (asked, answered) in [(Step::Discover, Step::Offer), (Step::Select, Step::Ack)] {
        let requests = server.of(Direction::Incoming, asked).len();
        let replies = server.of(Direction::Outgoing, answered);
        let relayed = replies
            .iter()
            .filter(|packet| packet.bootp().is_ok_and(|bootp| bootp.ciaddr().is_unspecified()))
            .count();
        assert!(requests >= 2 && requests == relayed, "{requests} {asked:?}, {relayed} {answered:?}\n{seen}");
    }
}

/// Returns the index of the server that made the offers.
fn only_one_server_answers(seen: &Observed) -> usize {
    let offers = |server: usize| seen.servers[server].of(Direction::Outgoing, Step::Offer).len();
    let answering = usize::from(offers(0) == 0);
    let silent = 1 - answering;
    assert!(offers(answering) > 0 && offers(silent) == 0, "{seen}");
    let log = seen.server_logs[silent].join("\n");
    assert!(log.contains("load balance to peer dhcp-failover"), "{log}");
    assert!(log.contains("lease owned by peer"), "{log}");
    answering
}
