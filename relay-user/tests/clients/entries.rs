//! Entries and what hangs on them: host routes, how many there may be, those of the store and those that move.

use relay_common::event::Event;
use relay_user::clients::{Change, Ignored, Key, State, StepKind};

use crate::{
    dialogue::{X, Y, bind, seconds, state},
    event::*,
    world::{A, World, policy},
};

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

#[test]
fn the_row_of_a_lease_whose_interface_is_gone_goes_and_not_that_of_the_interface_that_has_its_number_now() {
    let mut world = World::new();
    bind(&mut world, 1, X, 1800);
    world.table.take_changes(9, &mut Vec::new());
    let mut next = policy(1000);
    next.interfaces.remove(1);
    let moved = |index| [None, None, Some(1), Some(2)][index as usize];
    world.table.reconfigure(next, moved, world.now, &mut Vec::new());
    let mut changes = Vec::new();
    world.table.take_changes(9, &mut changes);
    let [Change::Delete(key)] = changes[..] else { panic!("{changes:?}") };
    assert_eq!(key.interface, 1 | Key::GONE);
}
