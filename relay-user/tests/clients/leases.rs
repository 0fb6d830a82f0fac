//! How leases begin, are extended and end, as dialogues of real clients and servers go.

use std::time::Duration;

use relay_user::clients::{Ignored, State, StepKind};

use crate::{
    dialogue::{X, Y, bind, seconds, state},
    event::*,
    world::{A, B, World},
};

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
