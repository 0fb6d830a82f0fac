//! Whose word counts, and for whom: what comes from where it cannot come from changes nothing, and who is who.

use relay_common::event::flag;
use relay_user::clients::{Ignored, State, StepKind};

use crate::{
    dialogue::{X, Y, bind, seconds, state},
    event::*,
    world::{A, C, World},
};

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
