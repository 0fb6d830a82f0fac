//! What a start gives reason to ask, how fast, and what becomes of a server that is silent.

use std::time::Duration;

use relay_user::{
    clients::{Action, BootTime, State, StepKind},
    leasequery::{Finding, Places, Recovery, Start},
};

use crate::{
    event::*,
    stage::{A, B, EMPTY, Known, RATE, Stage, address, mac, place},
};

#[test]
fn after_an_empty_start_every_address_is_asked_about_once_of_every_server_and_what_is_held_is_learnt() {
    let mut stage = Stage::with_subnet(24);
    stage.knows(31, Known::Active { client: 7, left: 1790, age: 10 });
    stage.knows(99, Known::Active { client: 8, left: 3000, age: 600 });
    stage.begin(&EMPTY);
    stage.run(at(10_100));
    for server in [A, B] {
        assert_eq!(stage.sent_to(server), 253, "all but network, broadcast and our own");
        assert_eq!((stage.asked(server, 2), stage.asked(server, 1), stage.asked(server, 254)), (0, 1, 1));
    }
    let client = stage.holder(31).expect("a client");
    assert_eq!((client.state, client.hardware, client.on_link), (State::Bound, mac(7), true));
    let lease = client.held().expect("a lease");
    assert_eq!((lease.seconds, lease.server, lease.t1), (1800, A, 0), "{lease:?}");
    // The query left when the clock showed 10000 and some: ten seconds before was the last message.
    assert!(lease.since >= at(9_990) && lease.expires.since(lease.since) == Duration::from_secs(1800));
    let other = stage.holder(99).and_then(|client| client.held()).expect("a lease");
    assert_eq!((other.seconds, other.t1), (3600, 1800));
    let tally = stage.recovery.tally();
    assert_eq!((tally.recovered, tally.active, tally.unknown), (2, 4, 502));
    assert!(!tally.asking);
    assert_eq!(stage.recovery.findings(), []);
    let told = |action: &&Action| matches!(action, Action::Step(step) if step.kind == StepKind::Recovered);
    assert_eq!(stage.actions.iter().filter(told).count(), 2, "each is told once");
    assert!(
        stage
            .actions
            .iter()
            .any(|action| matches!(action, Action::Install(host) if host.address == address(31)))
    );
}

#[test]
fn queries_to_a_server_are_never_closer_than_its_rate_allows_whatever_there_is_to_ask() {
    let mut stage = Stage::with_subnet(22);
    stage.peers.get_mut(&B).expect("B").silent = true;
    stage.begin(&EMPTY);
    for client in 0..200 {
        let renewal = from_client(REQUEST, client, client.into()).mine(&format!("192.168.77.{client}"));
        stage.recovery.observe(&renewal, Ok(()), &stage.table, stage.now);
    }
    stage.run(at(10_300));
    assert!(stage.sent_to(A) > 1000);
    for server in [A, B] {
        let times: Vec<BootTime> =
            stage.sent.iter().filter(|(_, query)| query.server.1 == server).map(|(at, _)| *at).collect();
        let gap = Duration::from_secs(1) / u32::from(RATE);
        assert!(times.windows(2).all(|pair| pair[1].since(pair[0]) >= gap), "{server}");
    }
}

#[test]
fn a_silent_server_is_asked_three_times_and_then_now_and_then_and_it_is_said() {
    let mut stage = Stage::with_subnet(24);
    for peer in stage.peers.values_mut() {
        peer.silent = true;
    }
    stage.begin(&EMPTY);
    stage.run(at(10_010));
    assert_eq!((stage.sent_to(A), stage.sent_to(B)), (3, 3));
    let silent = |server| Finding::Silent { server };
    assert_eq!(stage.recovery.findings(), [silent(A), silent(B)]);
    assert!(silent(A).to_string().contains("allow leasequery"));
    // A day: a try after 15 s, 30 s, 60 s, … and at last every quarter of an hour.
    stage.run(at(10_000 + 86_400));
    assert!((90..110).contains(&stage.sent_to(A)), "{}", stage.sent_to(A));
    assert_eq!(stage.table.len(), 0);
    assert_eq!(stage.recovery.tally().recovered, 0);
}

#[test]
fn a_server_that_comes_up_later_is_asked_about_everything_then() {
    let mut stage = Stage::with_subnet(24);
    stage.knows(31, Known::Active { client: 7, left: 1790, age: 10 });
    for peer in stage.peers.values_mut() {
        peer.silent = true;
    }
    stage.begin(&EMPTY);
    stage.run(at(10_060));
    assert_eq!(stage.table.len(), 0);
    stage.peers.get_mut(&B).expect("B").silent = false;
    stage.run(at(10_200));
    assert_eq!(stage.holder(31).and_then(|client| client.held()).map(|lease| lease.server), Some(B));
    assert_eq!((1..=254).filter(|last| *last != 2).filter(|&last| stage.asked(B, last) == 0).count(), 0);
    assert_eq!(stage.recovery.findings(), [Finding::Silent { server: A }]);
}

#[test]
fn a_server_that_knows_nothing_of_what_it_is_asked_is_said_to() {
    let mut stage = Stage::with_subnet(24);
    stage.peers.get_mut(&A).expect("A").knows.insert(address(9), Known::Unassigned);
    stage.begin(&EMPTY);
    stage.run(at(10_050));
    assert_eq!(stage.recovery.findings(), [Finding::Ignorant { server: B, asked: 253 }]);
}

#[test]
fn a_subnet_that_comes_later_is_asked_about_then_and_switched_off_nothing_is() {
    let mut stage = Stage::new(Places::of([]));
    stage.begin(&EMPTY);
    stage.run(at(10_050));
    assert_eq!(stage.sent.len(), 0);
    stage.recovery.follow(Places::of([place(28)]));
    stage.run(at(10_060));
    assert_eq!((stage.sent_to(A), stage.sent_to(B)), (13, 13));

    let mut off = Stage::with_subnet(24);
    off.recovery = Recovery::new(None);
    off.recovery.follow(Places::of([place(24)]));
    off.begin(&EMPTY);
    off.run(at(10_050));
    assert_eq!(off.sent.len(), 0);
}

#[test]
fn a_server_that_was_silent_once_is_asked_again_when_there_is_something_new_to_ask() {
    let mut stage = Stage::with_subnet(24);
    for peer in stage.peers.values_mut() {
        peer.silent = true;
    }
    stage.begin(&Start::Fresh);
    let renewal = |client, last| from_client(REQUEST, client, 5).mine(&address(last).to_string());
    stage.recovery.observe(&renewal(7, 31), Ok(()), &stage.table, stage.now);
    stage.run(at(10_020));
    assert_eq!(stage.sent_to(A), 3);
    // The client's next message tells what was to be asked, and the server is up again.
    for event in [renewal(7, 31), from_server(ACK, 7, 5, "10.0.41.10").yours("192.168.60.31").lease(600)] {
        stage.table.handle(&event.stamped(stage.now), stage.now, &mut stage.actions).expect("it counts");
    }
    stage.run(at(10_100));
    for peer in stage.peers.values_mut() {
        peer.silent = false;
        peer.knows.insert(address(32), Known::Active { client: 8, left: 500, age: 10 });
    }
    stage.recovery.observe(&renewal(8, 32), Ok(()), &stage.table, stage.now);
    stage.run(at(10_110));
    assert_eq!(stage.holder(32).map(|client| client.hardware), Some(mac(8)));
    assert_eq!(stage.recovery.findings(), []);
}
