//! What becomes of answers: which are believed, and what they change.

use std::time::Duration;

use relay_user::{
    clients::{Action, BootTime, Table},
    leasequery::{Answer, Place, Places, Standing},
};

use crate::{
    event::*,
    stage::{A, B, EMPTY, Known, LONG_AGO, Stage, address, mac, place, policy},
};

#[test]
fn of_two_servers_that_both_know_a_lease_the_one_that_heard_of_the_client_last_counts() {
    for (age_a, age_b, expected) in [(10, 4000, A), (4000, 10, B), (10, 10, A)] {
        let mut stage = Stage::with_subnet(30);
        for (server, age, client) in [(A, age_a, 7), (B, age_b, 7)] {
            let known = Known::Active { client, left: 7000 - age, age };
            stage.peers.get_mut(&server).expect("it").knows.insert(address(1), known);
        }
        stage.begin(&EMPTY);
        stage.run(at(10_100));
        let lease = stage.holder(1).and_then(|client| client.held()).expect("a lease");
        assert_eq!((lease.server, lease.seconds), (expected, 7000), "{age_a} {age_b}");
    }
}

#[test]
fn stored_leases_that_are_old_are_asked_about_and_go_when_a_server_says_that_nobody_holds_them() {
    let mut stage = Stage::with_subnet(24);
    for (client, last) in [(1, 11), (2, 12), (3, 13), (4, 14)] {
        stage.stored(client, last);
    }
    // One is still held, one not, one is unknown (a fixed address, say), and one was given to somebody else.
    stage.knows(11, Known::Active { client: 1, left: 3500, age: 100 });
    stage.knows(12, Known::Unassigned);
    stage.knows(14, Known::Active { client: 9, left: 3500, age: 100 });
    stage.begin(&LONG_AGO);
    stage.run(at(10_100));
    let held = |last| stage.holder(last).map(|client| client.hardware);
    assert_eq!([held(11), held(12), held(13), held(14)], [Some(mac(1)), None, Some(mac(3)), Some(mac(9))]);
    let tally = stage.recovery.tally();
    assert_eq!((tally.withdrawn, tally.updated, tally.recovered), (1, 2, 0), "{tally:?}");
    assert!(
        stage
            .actions
            .iter()
            .any(|action| matches!(action, Action::Remove(host) if host.address == address(12)))
    );
}

#[test]
fn a_lease_that_one_of_two_servers_still_has_stays_in_whichever_order_they_answer() {
    for keeper in [A, B] {
        let mut stage = Stage::with_subnet(24);
        stage.stored(1, 11);
        stage.knows(11, Known::Unassigned);
        let known = Known::Active { client: 1, left: 3500, age: 100 };
        stage.peers.get_mut(&keeper).expect("it").knows.insert(address(11), known);
        stage.begin(&LONG_AGO);
        stage.run(at(10_100));
        assert_eq!(stage.holder(11).and_then(|client| client.held()).map(|lease| lease.server), Some(keeper));
    }
}

#[test]
fn a_live_ack_is_believed_before_a_server_that_was_asked() {
    let mut stage = Stage::with_subnet(24);
    stage.knows(31, Known::Active { client: 9, left: 1000, age: 800 });
    stage.begin(&EMPTY);
    let now = stage.now;
    for event in [
        from_client(REQUEST, 7, 5).asks("192.168.60.31").of_server("10.0.41.10"),
        from_server(ACK, 7, 5, "10.0.41.10").yours("192.168.60.31").lease(60),
    ] {
        stage.table.handle(&event.stamped(now), now, &mut stage.actions).expect("it counts");
    }
    stage.run(at(10_050));
    assert_eq!(stage.holder(31).map(|client| client.hardware), Some(mac(7)));
    assert_eq!(stage.recovery.tally().recovered, 0);
}

#[test]
fn nothing_is_made_of_answers_that_were_not_asked_for_or_that_do_not_say_enough() {
    let mut stage = Stage::with_subnet(30);
    stage.begin(&EMPTY);
    let query = stage.recovery.poll(&stage.table, stage.now).expect("a query");
    let right = Answer {
        standing: Standing::Active,
        address: address(1),
        hardware: mac(7),
        lease: Some(60),
        ..stage.answer(&query).expect("an answer")
    };
    let mut hear = |server, answer: &Answer| {
        stage.recovery.answer(server, answer, &mut stage.table, stage.now, &mut stage.actions);
        stage.table.len()
    };
    assert_eq!(hear(query.server, &Answer { xid: !right.xid, ..right.clone() }), 0);
    assert_eq!(hear((0, B), &right), 0, "of another server");
    assert_eq!(hear((9, A), &right), 0, "of another VRF");
    assert_eq!(
        hear(query.server, &Answer { address: address(9), ..right.clone() }),
        0,
        "about another address"
    );
    assert_eq!(stage.recovery.tally().unsolicited, 4);
}

#[test]
fn a_lease_without_an_end_is_not_learnt_and_one_without_limit_is() {
    for (lease, expected) in [(None, None), (Some(0), None), (Some(u32::MAX), Some(BootTime::NEVER))] {
        let mut stage = Stage::with_subnet(30);
        stage.begin(&EMPTY);
        let query = stage.recovery.poll(&stage.table, stage.now).expect("a query");
        let answer = Answer {
            standing: Standing::Active,
            hardware: mac(7),
            lease,
            ..stage.answer(&query).expect("an answer")
        };
        stage.recovery.answer(query.server, &answer, &mut stage.table, stage.now, &mut stage.actions);
        let found = stage.table.clients().next().and_then(|client| Some(client.held()?.expires));
        assert_eq!(found, expected, "{lease:?}");
        assert_eq!(stage.recovery.tally().incomplete, u64::from(expected.is_none()));
    }
}

#[test]
fn an_address_of_two_interfaces_is_not_asked_about_and_option_82_tells_them_apart() {
    let two = || [place(24), Place { interface: 2, ..place(24) }];
    let mut stage = Stage::new(Places::of(two()));
    stage.begin(&EMPTY);
    stage.run(at(10_050));
    assert_eq!(stage.sent.len(), 0);

    let mut policy = policy();
    policy.interfaces.push(policy.interfaces[1].clone());
    let mut stage = Stage::new(Places::of(two()).with_agent(0, &[1, 1, 9], 2));
    stage.table = Table::new(policy, stage.now);
    stage.begin(&EMPTY);
    // On the first it shows itself, on the second it was when the server heard of it last.
    let discover = from_client(DISCOVER, 7, 5).stamped(stage.now);
    stage.recovery.observe(&discover, Ok(()), &stage.table, stage.now);
    stage.now = stage.now.after(Duration::from_secs(5));
    let query = stage.recovery.poll(&stage.table, stage.now).expect("a query");
    let answer = Answer {
        standing: Standing::Active,
        address: address(31),
        hardware: mac(7),
        lease: Some(60),
        agent: Some(vec![1, 1, 9]),
        ..stage.answer(&query).expect("an answer")
    };
    stage.recovery.answer(query.server, &answer, &mut stage.table, stage.now, &mut stage.actions);
    assert_eq!(stage.holder(31).map(|client| client.key.interface), Some(2));
}
