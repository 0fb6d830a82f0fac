//! Clients that are asked about because they show themselves.

use relay_user::{clients::State, leasequery::Start};

use crate::{
    event::*,
    stage::{A, EMPTY, Known, Stage, address, mac},
};

#[test]
fn after_a_fresh_start_nothing_is_asked_but_about_renewals_of_what_is_not_known() {
    let mut stage = Stage::with_subnet(24);
    stage.stored(1, 11);
    stage.knows(31, Known::Active { client: 7, left: 1790, age: 10 });
    stage.begin(&Start::Fresh);
    stage.run(at(10_010));
    assert_eq!(stage.sent.len(), 0);
    // Of a client that is known, of one that is not, and of the same one again.
    for (client, last) in [(1, 11), (7, 31), (7, 31)] {
        let renewal = from_client(REQUEST, client, 5).mine(&address(last).to_string());
        stage.recovery.observe(&renewal, Ok(()), &stage.table, stage.now);
    }
    stage.run(at(10_011));
    assert_eq!(stage.sent.len(), 0, "its own dialogue comes first");
    stage.run(at(10_030));
    // With the first answer, which here comes at once, there is nothing more to know.
    assert_eq!((stage.sent.len(), stage.asked(A, 31)), (1, 1));
    assert_eq!(stage.holder(31).map(|client| client.hardware), Some(mac(7)));
}

#[test]
fn what_a_dialogue_brings_to_light_in_time_is_not_asked() {
    let mut stage = Stage::with_subnet(24);
    stage.begin(&Start::Fresh);
    let renewal = from_client(REQUEST, 7, 5).mine("192.168.60.31").stamped(stage.now);
    let done = stage.table.handle(&renewal, stage.now, &mut stage.actions);
    stage.recovery.observe(&renewal, done, &stage.table, stage.now);
    let ack = from_server(ACK, 7, 5, "10.0.41.10").yours("192.168.60.31").lease(60).stamped(stage.now);
    let done = stage.table.handle(&ack, stage.now, &mut stage.actions);
    assert_eq!(done, Ok(()));
    stage.recovery.observe(&ack, done, &stage.table, stage.now);
    stage.run(at(10_030));
    assert_eq!(stage.sent.len(), 0);
}

#[test]
fn an_ack_whose_request_was_not_seen_is_asked_about_if_it_comes_from_a_server() {
    for (server, asks) in [("10.0.41.10", true), ("10.0.41.99", false)] {
        let mut stage = Stage::with_subnet(24);
        stage.begin(&Start::Fresh);
        let ack = from_server(ACK, 7, 5, server).yours("192.168.60.31").lease(60).stamped(stage.now);
        let done = stage.table.handle(&ack, stage.now, &mut stage.actions);
        assert!(done.is_err());
        stage.recovery.observe(&ack, done, &stage.table, stage.now);
        stage.run(at(10_030));
        assert_eq!(stage.asked(A, 31) > 0, asks, "{server}");
    }
}

#[test]
fn on_a_subnet_too_large_to_ask_about_a_client_is_asked_about_by_its_hardware_address_when_it_shows_itself() {
    let mut stage = Stage::with_subnet(12);
    stage.knows(31, Known::Active { client: 7, left: 1790, age: 10 });
    stage.begin(&EMPTY);
    stage.run(at(10_010));
    assert_eq!(stage.sent.len(), 0);
    let discover = from_client(DISCOVER, 7, 5).stamped(stage.now);
    let done = stage.table.handle(&discover, stage.now, &mut stage.actions);
    stage.recovery.observe(&discover, done, &stage.table, stage.now);
    stage.run(at(10_030));
    assert_eq!(stage.sent.len(), 1);
    assert_eq!(stage.sent[0].1.message[28..34], [2, 0, 0, 0, 0, 7]);
    let client = stage.holder(31).expect("a client");
    assert_eq!((client.state, client.dialogue.xid), (State::Bound, 5), "its dialogue goes on");
    assert_eq!(stage.table.len(), 1);
}
