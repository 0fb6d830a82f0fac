//! The rules of the client table, one at a time, as dialogues of real clients and servers go.

use std::time::Duration;

use relay_common::event::{Event, flag};
use relay_user::clients::{Ignored, State, StepKind};

use crate::{
    event::*,
    world::{A, B, C, World, policy},
};

const X: &str = "192.0.2.10";
const Y: &str = "192.0.2.11";

/// Client `client` gets `address` from server A for `lease` seconds.
fn bind(world: &mut World, client: u8, address: &str, lease: u32) {
    let xid = 0x1000 + u32::from(client);
    world.hear(from_client(DISCOVER, client, xid)).expect("taken in");
    world.hear(from_server(OFFER, client, xid, A).yours(address).lease(lease)).expect("taken in");
    world.hear(from_client(REQUEST, client, xid).asks(address).of_server(A)).expect("taken in");
    world.hear(from_server(ACK, client, xid, A).yours(address).lease(lease)).expect("taken in");
    world.steps();
}

fn state(world: &World, client: u8) -> Option<State> {
    world.client(&from_client(DISCOVER, client, 0)).map(|client| client.state)
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_client_is_bound_by_the_ack_and_not_by_the_offer() {
    let mut world = World::new();
    world.hear(from_client(DISCOVER, 1, 7)).unwrap();
    assert_eq!(state(&world, 1), Some(State::Selecting));
    world.hear(from_server(OFFER, 1, 7, A).yours(X).lease(1800)).unwrap();
    assert_eq!(state(&world, 1), Some(State::Selecting));
    assert!(world.published.is_empty() && world.routes.is_empty() && world.rows.is_empty());
    world.hear(from_client(REQUEST, 1, 7).asks(X).of_server(A)).unwrap();
    assert_eq!(state(&world, 1), Some(State::Requesting));
    assert!(world.published.is_empty());
    world.hear(from_server(ACK, 1, 7, A).yours(X).lease(1800)).unwrap();
    assert_eq!(state(&world, 1), Some(State::Bound));
    assert_eq!(world.published[&(0, ip(X))].expires, world.now.after(seconds(1800)));
    assert_eq!(world.routes[&(0, 1, ip(X))], [2, 0, 0, 0, 0, 1]);
    assert_eq!(world.rows.len(), 1);
    assert_eq!(world.steps(), [StepKind::Discover, StepKind::Offer, StepKind::Request, StepKind::Bound]);
}

#[test]
fn every_servers_offer_is_kept_and_a_repeated_one_replaces_the_first() {
    let mut world = World::new();
    world.hear(from_client(DISCOVER, 1, 7)).unwrap();
    world.hear(from_server(OFFER, 1, 7, A).yours(X).lease(1800)).unwrap();
    world.hear(from_server(OFFER, 1, 7, B).yours(Y).lease(3600)).unwrap();
    world.hear(from_server(OFFER, 1, 7, A).yours(X).lease(900)).unwrap();
    let client = world.client(&from_client(DISCOVER, 1, 7)).unwrap();
    let offers: Vec<_> =
        client.offers.iter().map(|offer| (offer.server, offer.address, offer.lease)).collect();
    assert_eq!(offers, [(ip(A), ip(X), 900), (ip(B), ip(Y), 3600)]);
    world.hear(from_client(DISCOVER, 1, 8)).unwrap();
    assert!(world.client(&from_client(DISCOVER, 1, 8)).unwrap().offers.is_empty());
}

#[test]
fn the_first_lease_is_the_mclt_and_the_renewal_that_only_passes_makes_it_the_full_one() {
    let mut world = World::new();
    bind(&mut world, 1, X, 1800);
    world.wait(seconds(900));
    world.hear(from_client(REQUEST, 1, 8).mine(X).passing_to(A)).unwrap();
    assert_eq!(state(&world, 1), Some(State::Renewing));
    world.hear(from_server(ACK, 1, 8, A).yours(X).mine(X).lease(3600).passing_to(X)).unwrap();
    assert_eq!(state(&world, 1), Some(State::Bound));
    assert_eq!(world.steps(), [StepKind::Renewing, StepKind::Renewed]);
    assert_eq!(world.published[&(0, ip(X))].expires, world.now.after(seconds(3600)));
    assert_eq!(world.rows.values().next().unwrap().lease.seconds, 3600);
    world.wait(seconds(1000));
    assert_eq!(state(&world, 1), Some(State::Bound), "the end of the first lease does not end the second");
}

#[test]
fn a_second_server_takes_the_client_over_when_it_rebinds() {
    let mut world = World::new();
    bind(&mut world, 1, X, 1800);
    world.wait(seconds(1600));
    world.hear(from_client(REQUEST, 1, 8).mine(X)).unwrap();
    assert_eq!(state(&world, 1), Some(State::Rebinding));
    assert_eq!(world.published[&(0, ip(X))].state, State::Rebinding);
    world.hear(from_server(ACK, 1, 8, B).yours(X).mine(X).lease(1800)).unwrap();
    assert_eq!(world.steps(), [StepKind::Rebinding, StepKind::TakenOver]);
    let published = world.published[&(0, ip(X))];
    assert_eq!((published.server, published.state, published.seconds), (ip(B), State::Bound, 1800));
}

#[test]
fn the_answer_of_the_first_server_counts_and_that_of_the_second_comes_too_late() {
    let mut world = World::new();
    bind(&mut world, 1, X, 1800);
    world.hear(from_client(REQUEST, 1, 8).mine(X)).unwrap();
    world.hear(from_server(ACK, 1, 8, B).yours(X).lease(1800)).unwrap();
    let before = world.published.clone();
    for late in [
        from_server(ACK, 1, 8, B).yours(X).lease(1800),
        from_server(ACK, 1, 8, A).yours(Y).lease(3600),
        from_server(NAK, 1, 8, A),
    ] {
        world.wait(seconds(1));
        assert_eq!(world.hear(late), Err(Ignored::Duplicate));
    }
    assert_eq!(world.published, before);
}

#[test]
fn a_release_takes_lease_route_map_entry_and_row_away_and_then_the_entry() {
    let mut world = World::new();
    bind(&mut world, 1, X, 1800);
    world.hear(from_client(RELEASE, 1, 9).mine(X).passing_to(A)).unwrap();
    assert!(world.published.is_empty() && world.routes.is_empty() && world.rows.is_empty());
    assert_eq!(state(&world, 1), Some(State::Released));
    assert_eq!(world.table.holder(0, ip(X)).map(|client| client.key), None);
    world.wait(seconds(11));
    assert_eq!(state(&world, 1), None);
    assert_eq!(world.steps(), [StepKind::Released, StepKind::Forgotten]);
}

#[test]
fn a_decline_a_nak_and_the_end_of_its_time_end_a_lease() {
    for (end, expected) in
        [(from_client(DECLINE, 1, 9).asks(X), State::Declined), (from_server(NAK, 1, 9, A), State::Refused)]
    {
        let mut world = World::new();
        bind(&mut world, 1, X, 1800);
        if end.message == NAK {
            world.hear(from_client(REQUEST, 1, 9).asks(X)).unwrap();
            assert_eq!(state(&world, 1), Some(State::Bound), "until the server has spoken");
        }
        world.hear(end).unwrap();
        assert_eq!(state(&world, 1), Some(expected));
        assert!(world.published.is_empty() && world.routes.is_empty() && world.rows.is_empty());
    }
    let mut world = World::new();
    bind(&mut world, 1, X, 1800);
    world.wait(seconds(1800) - Duration::from_millis(1));
    assert_eq!(state(&world, 1), Some(State::Bound));
    world.wait(Duration::from_millis(1));
    assert_eq!(state(&world, 1), Some(State::Expired));
    assert!(world.published.is_empty() && world.routes.is_empty() && world.rows.is_empty());
}

#[test]
fn a_lease_without_end_does_not_end() {
    let mut world = World::new();
    bind(&mut world, 1, X, u32::MAX);
    world.wait(seconds(100 * 365 * 86_400));
    assert_eq!(state(&world, 1), Some(State::Bound));
}

#[test]
fn an_ack_without_a_request_changes_nothing() {
    let mut world = World::new();
    let ack = |xid| from_server(ACK, 1, xid, A).yours(X).lease(1800);
    assert_eq!(world.hear(ack(7)), Err(Ignored::NoRequest));
    world.hear(from_client(DISCOVER, 1, 7)).unwrap();
    assert_eq!(world.hear(ack(7)), Err(Ignored::NoRequest));
    world.hear(from_client(REQUEST, 1, 7).asks(X)).unwrap();
    assert_eq!(world.hear(ack(8)), Err(Ignored::NoRequest), "another xid");
    assert_eq!(
        world.hear(from_server(ACK, 2, 7, A).yours(X).lease(1)),
        Err(Ignored::NoRequest),
        "another chaddr"
    );
    assert!(world.published.is_empty());
    assert_eq!(world.table.ignored(Ignored::NoRequest), 4);
}

#[test]
fn the_answer_to_an_inform_never_binds() {
    let mut world = World::new();
    assert_eq!(world.hear(from_client(INFORM, 1, 7).mine(X)), Err(Ignored::OtherType));
    assert_eq!(world.hear(from_server(ACK, 1, 7, A)), Err(Ignored::OtherType));
    world.hear(from_client(REQUEST, 1, 7).asks(X)).unwrap();
    assert_eq!(world.hear(from_server(ACK, 1, 7, A).lease(1800)), Err(Ignored::OtherType));
    assert_eq!(state(&world, 1), Some(State::Requesting));
    assert_eq!(world.table.len(), 1);
}

#[test]
fn a_release_from_another_port_another_vrf_or_to_no_server_changes_nothing_and_is_counted() {
    let mut world = World::new();
    bind(&mut world, 1, X, 1800);
    let release = from_client(RELEASE, 1, 9).mine(X).passing_to(A);
    for (forged, reason) in [
        (release.on(2, 0), Ignored::OtherPort),
        (release.on(3, 10).passing_to(C), Ignored::NotHeld),
        (release.on(1, 10), Ignored::OtherVrf),
        (release.on(0, 0), Ignored::NoInterface),
        (release.passing_to("10.0.99.1"), Ignored::NotAServer),
        (release.mine(Y), Ignored::NotHeld),
        (from_client(RELEASE, 2, 9).mine(X).passing_to(A), Ignored::NotHeld),
        (from_client(DECLINE, 1, 9).asks(X).on(2, 0), Ignored::OtherPort),
    ] {
        let before = world.table.ignored(reason);
        assert_eq!(world.hear(forged), Err(reason), "{forged:?}");
        assert_eq!(world.table.ignored(reason), before + 1);
    }
    assert_eq!(state(&world, 1), Some(State::Bound));
    assert!(world.steps().is_empty());
}

#[test]
fn an_ack_or_nak_from_another_port_another_vrf_or_no_server_changes_nothing_and_is_counted() {
    let mut world = World::new();
    bind(&mut world, 1, X, 1800);
    world.hear(from_client(REQUEST, 1, 8).mine(X)).unwrap();
    for real in [from_server(ACK, 1, 8, A).yours(X).lease(9), from_server(NAK, 1, 8, A)] {
        for (forged, reason) in [
            (real.on(2, 0), Ignored::OtherPort),
            (real.on(1, 20), Ignored::OtherVrf),
            (real.with(|event| event.source = [10, 0, 99, 1]), Ignored::NotAServer),
            (real.passing_to(X).with(|event| event.flags &= !flag::UPSTREAM), Ignored::OtherPort),
            (real.passing_to(X).with(|event| event.vrf = 20), Ignored::OtherVrf),
            (real.passing_to(X).with(|event| event.source = [10, 0, 99, 1]), Ignored::NotAServer),
        ] {
            assert_eq!(world.hear(forged), Err(reason), "{forged:?}");
        }
    }
    assert_eq!(state(&world, 1), Some(State::Rebinding));
    assert_eq!(world.published[&(0, ip(X))].expires, world.now.after(seconds(1800)));
}

#[test]
fn servers_in_another_vrf_than_the_clients_are_heard_in_theirs() {
    let mut world = World::new();
    let ack = from_server(ACK, 1, 7, C).yours(X).lease(1800);
    world.hear(from_client(REQUEST, 1, 7).asks(X).on(3, 10)).unwrap();
    assert_eq!(world.hear(ack.on(3, 10)), Err(Ignored::OtherVrf));
    world.hear(ack.on(3, 20)).unwrap();
    assert_eq!(world.published.keys().collect::<Vec<_>>(), [&(10, ip(X))]);
    world.hear(from_client(REQUEST, 1, 8).mine(X).on(3, 10).passing_to(C)).unwrap();
    world.hear(ack.with(|event| event.xid = 8).on(0, 20).passing_to(X)).unwrap();
    assert_eq!(world.steps().last(), Some(&StepKind::Renewed));
}

#[test]
fn one_address_in_two_vrfs_and_one_hardware_address_on_two_ports_are_two_clients() {
    let mut world = World::new();
    bind(&mut world, 1, X, 1800);
    world.hear(from_client(REQUEST, 1, 7).asks(X).on(3, 10)).unwrap();
    world.hear(from_server(ACK, 1, 7, C).yours(X).lease(600).on(3, 20)).unwrap();
    world.hear(from_client(REQUEST, 1, 7).asks(Y).on(2, 0)).unwrap();
    world.hear(from_server(ACK, 1, 7, A).yours(Y).lease(600).on(2, 0)).unwrap();
    assert_eq!(world.published.keys().copied().collect::<Vec<_>>(), [(0, ip(X)), (0, ip(Y)), (10, ip(X))]);
    assert_eq!(world.routes.keys().copied().collect::<Vec<_>>(), [(0, 1, ip(X)), (10, 3, ip(X))]);
}

#[test]
fn a_client_identifier_makes_two_clients_of_one_hardware_address_and_is_matched_where_it_is_returned() {
    let mut world = World::new();
    let (boot, system) = (b"\xffboot".as_slice(), b"\xffsystem".as_slice());
    world.hear(from_client(REQUEST, 1, 7).asks(X).id(boot)).unwrap();
    world.hear(from_client(REQUEST, 1, 7).asks(Y).id(system)).unwrap();
    assert_eq!(world.table.len(), 2);
    let ack = from_server(ACK, 1, 7, A).lease(1800);
    world.hear(ack.yours(Y).id(system)).unwrap();
    assert_eq!(world.table.holder(0, ip(Y)).unwrap().key.identity.client_id(), Some(system));
    world.hear(ack.yours(X)).unwrap();
    assert_eq!(world.table.holder(0, ip(X)).unwrap().key.identity.client_id(), Some(boot));
    assert_eq!(world.hear(ack.yours(X).id(b"other")), Err(Ignored::NoRequest));
}

#[test]
fn long_identifiers_that_begin_alike_are_told_apart_by_length_and_hardware_address() {
    let mut world = World::new();
    for (client, length) in [(1, 40), (1, 41), (2, 40)] {
        world.hear(from_client(DISCOVER, client, 7).id(&[5; 64][..length])).unwrap();
    }
    assert_eq!(world.table.len(), 3);
}

#[test]
fn an_address_that_the_server_gives_to_another_client_is_taken_from_the_first() {
    let mut world = World::new();
    bind(&mut world, 1, X, 1800);
    world.hear(from_client(REQUEST, 2, 8).asks(X)).unwrap();
    world.hear(from_server(ACK, 2, 8, B).yours(X).lease(1800)).unwrap();
    assert_eq!(world.steps(), [StepKind::Request, StepKind::Displaced, StepKind::Bound]);
    assert_eq!((state(&world, 1), state(&world, 2)), (Some(State::Expired), Some(State::Bound)));
    assert_eq!(world.routes[&(0, 1, ip(X))], [2, 0, 0, 0, 0, 2]);
    assert_eq!(world.rows.len(), 1);
}

#[test]
fn a_client_that_gets_another_address_leaves_nothing_behind_at_the_first() {
    let mut world = World::new();
    bind(&mut world, 1, X, 1800);
    bind(&mut world, 1, Y, 1800);
    assert_eq!(world.published.keys().collect::<Vec<_>>(), [&(0, ip(Y))]);
    assert_eq!(world.routes.keys().collect::<Vec<_>>(), [&(0, 1, ip(Y))]);
    assert_eq!((world.rows.len(), world.table.len()), (1, 1));
}

#[test]
fn a_bound_client_that_starts_anew_keeps_its_lease_until_a_server_speaks() {
    let mut world = World::new();
    bind(&mut world, 1, X, 1800);
    world.hear(from_client(DISCOVER, 1, 99)).unwrap();
    world.hear(from_server(OFFER, 1, 99, B).yours(Y).lease(1800)).unwrap();
    assert_eq!(state(&world, 1), Some(State::Bound));
    assert_eq!(world.table.holder(0, ip(X)).unwrap().offers.len(), 1);
}

#[test]
fn a_discover_that_comes_behind_its_request_does_not_take_the_dialogue_back() {
    let mut world = World::new();
    world.hear(from_client(REQUEST, 1, 7).asks(X).of_server(A)).unwrap();
    assert_eq!(world.hear(from_client(DISCOVER, 1, 7)), Err(Ignored::Duplicate));
    world.hear(from_server(ACK, 1, 7, A).yours(X).lease(1800)).unwrap();
    assert_eq!(state(&world, 1), Some(State::Bound));
}

#[test]
fn a_lease_counts_from_its_ack_and_not_from_when_the_record_was_read() {
    let mut world = World::new();
    world.hear(from_client(REQUEST, 1, 7).asks(X)).unwrap();
    let seen = world.now;
    world.wait(seconds(5));
    world.hear(from_server(ACK, 1, 7, A).yours(X).lease(1800).stamped(seen)).unwrap();
    assert_eq!(world.published[&(0, ip(X))].expires, seen.after(seconds(1800)));
    world.hear(from_client(REQUEST, 1, 8).mine(X)).unwrap();
    let future = world.now.after(seconds(100));
    world.hear(from_server(ACK, 1, 8, A).yours(X).lease(1800).stamped(future)).unwrap();
    assert_eq!(world.published[&(0, ip(X))].expires, world.now.after(seconds(1800)), "no clock runs ahead");
}

#[test]
fn a_client_behind_another_relay_gets_no_host_route() {
    let mut world = World::new();
    let behind = |event: Event| event.with(|event| event.giaddr = [198, 51, 100, 1]);
    world.hear(behind(from_client(REQUEST, 1, 7).asks(X)).passing_to(A)).unwrap();
    world.hear(behind(from_server(ACK, 1, 7, A).yours(X).lease(1800)).passing_to("198.51.100.1")).unwrap();
    assert_eq!(state(&world, 1), Some(State::Bound));
    assert!(world.routes.is_empty());
    assert_eq!(world.published.len(), 1);
}

#[test]
fn a_new_network_card_behind_the_same_identifier_moves_the_neighbour() {
    let mut world = World::new();
    world.hear(from_client(REQUEST, 1, 7).asks(X).id(b"me")).unwrap();
    world.hear(from_server(ACK, 1, 7, A).yours(X).lease(1800)).unwrap();
    world.hear(from_client(REQUEST, 2, 8).asks(X).id(b"me")).unwrap();
    assert_eq!(world.routes[&(0, 1, ip(X))], [2, 0, 0, 0, 0, 1]);
    world.hear(from_server(ACK, 2, 8, A).yours(X).lease(1800)).unwrap();
    assert_eq!(world.routes[&(0, 1, ip(X))], [2, 0, 0, 0, 0, 2]);
}

#[test]
fn where_the_table_is_full_no_entry_is_made_and_those_in_it_go_on() {
    let mut world = World::with(policy(4));
    for client in 1..=4 {
        bind(&mut world, client, &format!("192.0.2.{client}"), 1800);
    }
    assert_eq!(world.hear(from_client(DISCOVER, 5, 5)), Err(Ignored::Limit));
    assert_eq!(world.hear(from_client(REQUEST, 5, 5).asks(X)), Err(Ignored::Limit));
    assert_eq!(world.hear(from_server(ACK, 5, 5, A).yours(X).lease(9)), Err(Ignored::NoRequest));
    world.hear(from_client(REQUEST, 1, 50).mine("192.0.2.1")).unwrap();
    world.hear(from_server(ACK, 1, 50, A).yours("192.0.2.1").lease(1800)).unwrap();
    assert_eq!(world.steps(), [StepKind::Rebinding, StepKind::Renewed]);
    world.hear(from_client(RELEASE, 1, 51).mine("192.0.2.1")).unwrap();
    world.wait(seconds(11));
    world.hear(from_client(REQUEST, 5, 5).asks(X)).unwrap();
    assert_eq!(world.table.ignored(Ignored::Limit), 2);
}

#[test]
fn a_flood_of_discovers_leaves_half_of_the_table_to_those_who_ask_for_an_address() {
    let mut world = World::with(policy(100));
    for client in 0..=255 {
        let _ = world.hear(from_client(DISCOVER, client, u32::from(client)));
    }
    assert_eq!(world.table.len(), 50);
    world.hear(from_client(REQUEST, 200, 9).asks(X)).unwrap();
    world.hear(from_server(ACK, 200, 9, A).yours(X).lease(1800)).unwrap();
    assert_eq!(state(&world, 200), Some(State::Bound));
}

#[test]
fn one_hardware_address_under_many_identifiers_cannot_make_the_search_for_its_dialogue_long() {
    let mut world = World::new();
    let made = (0..100u8).filter(|id| world.hear(from_client(REQUEST, 1, 7).id(&[*id; 4])).is_ok()).count();
    assert_eq!(made, 8);
    assert_eq!(world.table.ignored(Ignored::Limit), 92);
}

#[test]
fn stored_leases_are_taken_in_unless_something_newer_is_known() {
    let mut before = World::new();
    bind(&mut before, 1, X, 1800);
    bind(&mut before, 2, Y, 60);
    let mut world = World::new();
    world.rows.clone_from(&before.rows);
    world.hear(from_client(REQUEST, 1, 7).asks("192.0.2.99")).unwrap();
    world.hear(from_server(ACK, 1, 7, A).yours("192.0.2.99").lease(1800)).unwrap();
    world.wait(seconds(10));
    let mut actions = Vec::new();
    let adopted: Vec<_> =
        before.rows.values().map(|row| world.table.adopt(row, world.now, &mut actions)).collect();
    assert_eq!(adopted, [Err(Ignored::Duplicate), Ok(())]);
    world.apply(&actions);
    assert_eq!(world.routes.len(), 2);
    world.wait(seconds(50));
    assert_eq!(state(&world, 2), Some(State::Expired));
    assert_eq!(world.rows.len(), 1, "the row of an adopted lease goes with it");
    for row in before.rows.values().filter(|row| row.lease.address == ip(Y)) {
        assert_eq!(world.table.adopt(row, world.now, &mut actions), Err(Ignored::NoLease));
    }
}

#[test]
fn a_new_configuration_moves_clients_with_their_interface_and_forgets_those_that_have_none() {
    let mut world = World::new();
    bind(&mut world, 1, X, 1800);
    world.hear(from_client(REQUEST, 2, 7).asks(Y).on(2, 0)).unwrap();
    world.hear(from_server(ACK, 2, 7, A).yours(Y).lease(1800).on(2, 0)).unwrap();
    let mut swapped = policy(1000);
    swapped.interfaces.swap(1, 3);
    swapped.interfaces[2] = None;
    let mut actions = Vec::new();
    let moved = |index| [None, Some(3), None, Some(1)][index as usize];
    world.table.reconfigure(swapped, moved, world.now, &mut actions);
    world.apply(&actions);
    assert_eq!(world.routes.keys().collect::<Vec<_>>(), [&(0, 3, ip(X))]);
    assert_eq!(world.published.keys().collect::<Vec<_>>(), [&(0, ip(X))]);
    assert_eq!(world.published[&(0, ip(X))].interface, 3);
    world.hear(from_client(REQUEST, 1, 8).mine(X).on(3, 0)).unwrap();
    world.hear(from_server(ACK, 1, 8, A).yours(X).lease(60).on(3, 0)).unwrap();
    world.wait(seconds(60));
    assert!(world.routes.is_empty() && world.published.is_empty());
}
