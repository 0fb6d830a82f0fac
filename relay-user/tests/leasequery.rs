//! Recovery by leasequery against servers that are a table each: how fast they are asked, what becomes of their answers, and
//! of their silence. Time is told, nothing waits.

#[path = "clients/event.rs"]
#[allow(dead_code, reason = "each test program uses its part of it")]
mod event;

use std::{collections::BTreeMap, net::Ipv4Addr, time::Duration};

use event::*;
use relay_user::{
    clients::{
        Action, BootTime, Hardware, Interface, Key, Lease, Policy, Row, Server, State, StepKind, Table,
    },
    leasequery::{Answer, Finding, Pace, Place, Places, Query, Recovery, Standing, Start, Subnet},
};

const A: Ipv4Addr = Ipv4Addr::new(10, 0, 41, 10);
const B: Ipv4Addr = Ipv4Addr::new(10, 0, 41, 11);
const RATE: u16 = 50;
const EMPTY: Start = Start::Empty("a test");
const LONG_AGO: Start = Start::Old(Duration::from_secs(7200));

/// What a server knows of an address: seconds that are left, seconds since it heard of the client.
#[derive(Clone, Copy, Debug)]
enum Known {
    Active { client: u8, left: u32, age: u32 },
    Unassigned,
}

/// What one server is like.
#[derive(Clone, Debug, Default)]
struct Peer {
    silent: bool,
    knows: BTreeMap<Ipv4Addr, Known>,
}

struct Stage {
    table: Table,
    recovery: Recovery,
    peers: BTreeMap<Ipv4Addr, Peer>,
    sent: Vec<(BootTime, Query)>,
    actions: Vec<Action>,
    now: BootTime,
}

fn address(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(192, 168, 60, last)
}

fn mac(client: u8) -> Hardware {
    Hardware::of(&from_client(DISCOVER, client, 0))
}

fn place(prefix_len: u8) -> Place {
    Place {
        interface: 1,
        vrf: 0,
        servers: vec![(0, A), (0, B)],
        giaddr: address(2),
        subnets: vec![Subnet::of(address(2), prefix_len)],
        own: vec![address(2)],
        may_be_chained: false,
    }
}

fn policy() -> Policy {
    let interface = Interface {
        vrf: 0,
        group: 0,
        server_vrf: 0,
        servers: [A, B].map(|address| Server { address, min_secs: 0 }).to_vec(),
        clients_max: 1000,
        host_routes: true,
    };
    Policy { interfaces: vec![None, Some(interface)], ..Policy::default() }
}

impl Stage {
    fn new(places: Places) -> Self {
        let now = at(10_000);
        let mut recovery = Recovery::new(Some(Pace { rate: RATE }));
        recovery.follow(places);
        let peers = [A, B].map(|server| (server, Peer::default())).into();
        Self { table: Table::new(policy(), now), recovery, peers, sent: Vec::new(), actions: Vec::new(), now }
    }

    fn with_subnet(prefix_len: u8) -> Self {
        Self::new(Places::of([place(prefix_len)]))
    }

    /// Both servers know the same.
    fn knows(&mut self, last: u8, known: Known) {
        for peer in self.peers.values_mut() {
            peer.knows.insert(address(last), known);
        }
    }

    /// A lease that was stored before the start.
    fn stored(&mut self, client: u8, last: u8) {
        let row = Row {
            key: Key::of(&from_client(REQUEST, client, 0)).expect("a key"),
            hardware: mac(client),
            on_link: true,
            lease: Lease {
                address: address(last),
                hardware: mac(client),
                server: A,
                server_id: A,
                seconds: 3600,
                t1: 0,
                t2: 0,
                since: at(9_000),
                expires: at(12_600),
            },
        };
        self.table.adopt(&row, self.now, &mut self.actions).expect("it is taken");
    }

    fn begin(&mut self, start: &Start) {
        self.recovery.begin(start, &self.table, self.now);
    }

    /// Lets time pass until there is nothing to do, or `until`.
    fn run(&mut self, until: BootTime) {
        loop {
            while let Some(query) = self.recovery.poll(&self.table, self.now) {
                self.sent.push((self.now, query.clone()));
                if let Some(answer) = self.answer(&query) {
                    self.recovery.answer(query.server, &answer, &mut self.table, self.now, &mut self.actions);
                }
            }
            match self.recovery.deadline() {
                Some(next) if next <= until => {
                    assert!(next > self.now, "it wants to be asked at once, and has nothing to say");
                    self.now = next;
                }
                _ => break,
            }
        }
        self.now = until;
        self.table.expire(self.now, &mut self.actions);
    }

    fn answer(&self, query: &Query) -> Option<Answer> {
        let peer = &self.peers[&query.server.1];
        let message = &query.message;
        let asked = Ipv4Addr::from(*message[12..].first_chunk::<4>()?);
        let found = if asked.is_unspecified() {
            let is = |known: &Known| matches!(known, Known::Active { client, .. } if mac(*client).octets == message[28..44]);
            peer.knows.iter().find(|(_, known)| is(known)).map(|(address, known)| (*address, *known))
        } else {
            peer.knows.get(&asked).map(|known| (asked, *known))
        };
        let mut answer = Answer {
            xid: u32::from_be_bytes(*message[4..].first_chunk()?),
            standing: Standing::Unknown,
            address: asked,
            hardware: Hardware { len: 0, octets: [0; 16] },
            client_id: None,
            lease: None,
            t1: None,
            t2: None,
            last_transaction: None,
            server_id: Some(query.server.1),
            agent: None,
        };
        match found {
            Some((address, Known::Active { client, left, age })) => {
                answer = Answer {
                    standing: Standing::Active,
                    address,
                    hardware: mac(client),
                    lease: Some(left),
                    t1: left.checked_sub(1800),
                    last_transaction: Some(age),
                    ..answer
                };
            }
            Some((_, Known::Unassigned)) => answer.standing = Standing::Unassigned,
            None => {}
        }
        (!peer.silent).then_some(answer)
    }

    fn holder(&self, last: u8) -> Option<&relay_user::clients::Client> {
        self.table.holder(0, address(last))
    }

    /// How often each server was asked about an address.
    fn asked(&self, server: Ipv4Addr, last: u8) -> usize {
        let about = |query: &Query| query.message[12..16] == address(last).octets();
        self.sent.iter().filter(|(_, query)| query.server == (0, server) && about(query)).count()
    }

    fn sent_to(&self, server: Ipv4Addr) -> usize {
        self.sent.iter().filter(|(_, query)| query.server.1 == server).count()
    }
}

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
