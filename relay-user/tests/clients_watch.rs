//! The failover watch: servers that share clients by a hash, as in the field, with and without one that gets nothing.

#[path = "clients/event.rs"]
#[allow(dead_code, reason = "each test program uses its part of it")]
mod event;

use std::time::Duration;

use event::*;
use relay_user::clients::{
    BootTime, Interface, Policy, Server,
    watch::{Finding, Watch},
};

const A: &str = "10.0.41.10";
const B: &str = "10.0.41.11";

/// A network with two servers in failover: each answers its own clients at once, the other's from `threshold` on.
struct Network {
    watch: Watch,
    now: BootTime,
    reached: Vec<&'static str>,
    threshold: u16,
    xid: u32,
}

impl Network {
    /// With the servers that are configured, and those of them that requests reach.
    fn new(configured: &[(&str, u16)], reached: &[&'static str], threshold: u16) -> Self {
        let interface = Interface {
            vrf: 0,
            group: 1,
            servers: configured
                .iter()
                .map(|&(server, min_secs)| Server { address: ip(server), vrf: 0, min_secs })
                .collect(),
            clients_max: 1000,
            host_routes: false,
        };
        let policy = Policy { interfaces: vec![None, Some(interface)], ..Policy::default() };
        Self { watch: Watch::new(policy), now: at(10_000), reached: reached.to_vec(), threshold, xid: 0 }
    }

    /// One DISCOVER; whether it was answered.
    fn discover(&mut self, client: u8, secs: u16) -> bool {
        self.xid += 1;
        let discover =
            from_client(DISCOVER, client, self.xid).with(|event| event.secs = secs).stamped(self.now);
        self.watch.observe(&discover, self.now);
        let answering: Vec<_> = self
            .reached
            .iter()
            .copied()
            .filter(|&server| (server == A) == client.is_multiple_of(2) || secs >= self.threshold)
            .collect();
        for &server in &answering {
            // In failover each server has a pool of its own.
            let address = format!("192.0.2.{}", if server == A { client } else { 255 - client });
            let now = self.now.after(Duration::from_millis(3));
            self.watch
                .observe(&from_server(OFFER, client, self.xid, server).yours(&address).stamped(now), now);
        }
        self.now = self.now.after(Duration::from_secs(1));
        !answering.is_empty()
    }

    /// A client that sends a DISCOVER each second until one is answered, and takes what it gets.
    fn attach(&mut self, client: u8) {
        let secs = (0..20).find(|&secs| self.discover(client, secs));
        assert!(secs.is_some(), "nobody ever answers client {client}");
    }

    fn said(&self) -> Vec<String> {
        let findings = self.watch.findings(&|index| format!("eth{index}"), self.now);
        findings.iter().map(Finding::to_string).collect()
    }
}

#[test]
fn secs_0_to_9_with_one_server_missing_from_the_group_is_told_and_with_both_it_is_silent() {
    for threshold in [3, 6] {
        for client in [1, 2] {
            let mut missing = Network::new(&[(B, 0)], &[B], threshold);
            let mut both = Network::new(&[(A, 0), (B, 0)], &[A, B], threshold);
            for secs in 0..10 {
                missing.discover(client, secs);
                both.discover(client, secs);
            }
            assert_eq!(both.said(), [""; 0]);
            let told = format!(
                "all clients of eth1 wait for secs ≥ {threshold}: is a server missing from the group?"
            );
            let expected = if client == 2 { vec![told] } else { vec![] };
            assert_eq!(missing.said(), expected, "client {client} is that of server {client}");
        }
    }
}

#[test]
fn half_of_the_clients_wait_when_a_server_is_missing_and_none_when_both_are_there() {
    let mut missing = Network::new(&[(A, 0)], &[A], 3);
    let mut both = Network::new(&[(A, 0), (B, 0)], &[A, B], 3);
    for client in 0..60 {
        missing.attach(client);
        both.attach(client);
    }
    assert_eq!(
        missing.said(),
        ["half of the clients of eth1 wait for secs ≥ 3: is a server missing from the group?"]
    );
    assert_eq!(both.said(), [""; 0]);
    let counts = both.watch.server(1, ip(A), both.now);
    assert_eq!((counts.clients, counts.offers[0], counts.latencies[2]), (30, 30, 30));
}

#[test]
fn a_server_that_is_configured_and_gets_nothing_is_silent_while_its_partner_answers() {
    let mut network = Network::new(&[(A, 0), (B, 0)], &[A], 3);
    for client in 0..60 {
        network.attach(client);
    }
    assert_eq!(
        network.said(),
        [
            "10.0.41.11 is silent while its partner answers",
            "half of the clients of eth1 wait for secs ≥ 3: is a server missing from the group?"
        ]
    );
    network.now = network.now.after(Duration::from_secs(3700));
    assert_eq!(network.said(), [""; 0], "an hour later that is past");
}

#[test]
fn a_server_that_answers_only_those_who_have_waited_is_asked_about_unless_it_is_configured_so() {
    for (min_secs, expected) in [
        (0, vec!["10.0.41.11 answered nobody with secs < 6 in the last hour: does it get every message?"]),
        (6, vec![]),
    ] {
        let mut network = Network::new(&[(A, 0), (B, min_secs)], &[A, B], 6);
        for client in (0..80).step_by(2) {
            network.attach(client);
        }
        network.discover(100, 6);
        assert_eq!(network.said(), expected);
    }
}

#[test]
fn different_offers_at_once_are_told_and_are_no_warning() {
    let mut network = Network::new(&[(A, 0), (B, 0)], &[A, B], 0);
    network.attach(1);
    assert_eq!(
        network.said(),
        ["two servers offer different leases to one client: expected with a split pool"]
    );
    assert!(
        network.watch.findings(&|_| String::new(), network.now).iter().all(|finding| !finding.is_warning())
    );
}

#[test]
fn an_outage_of_all_servers_and_lost_messages_are_not_taken_for_a_missing_server() {
    let mut network = Network::new(&[(A, 0), (B, 0)], &[A, B], 3);
    for client in 0..40 {
        network.reached.clear();
        for secs in 0..5 + u16::from(client) % 7 {
            network.discover(client, secs);
        }
        network.reached = vec![A, B];
        network.discover(client, 5 + u16::from(client) % 7);
    }
    assert_eq!(network.said(), [""; 0]);
}

#[test]
fn acks_and_naks_are_counted_with_the_time_they_took_and_those_that_pass_without() {
    let mut network = Network::new(&[(A, 0), (B, 0)], &[A, B], 3);
    let now = network.now;
    let later = now.after(Duration::from_millis(100));
    let ask = |client| from_client(REQUEST, client, 7).stamped(now);
    for client in [1, 2] {
        network.watch.observe(&ask(client), now);
    }
    network.watch.observe(&from_server(ACK, 1, 7, A).yours("192.0.2.1").lease(9).stamped(later), later);
    network.watch.observe(&from_server(ACK, 1, 7, A).yours("192.0.2.1").lease(9).stamped(later), later);
    network.watch.observe(&from_server(NAK, 2, 7, B).stamped(later), later);
    let passing =
        from_server(ACK, 3, 9, A).yours("192.0.2.3").lease(9).passing_to("192.0.2.3").stamped(later);
    network.watch.observe(&passing, later);
    network.watch.observe(&from_server(NAK, 2, 7, "10.0.99.1").stamped(later), later);
    let (a, b) = (network.watch.server(1, ip(A), later), network.watch.server(1, ip(B), later));
    assert_eq!((a.acks, a.naks, a.latencies[7]), (2, 0, 1));
    assert_eq!((b.acks, b.naks, b.latencies[7]), (0, 1, 1));
}

#[test]
fn a_new_configuration_changes_nothing_that_the_watch_has_seen_of_what_stays() {
    let mut network = Network::new(&[(A, 0), (B, 0)], &[A, B], 3);
    (1..=20).for_each(|client| network.attach(client));
    // One has asked and has not been answered.
    network.reached.clear();
    assert!(!network.discover(30, 0));
    let (a, b) = (network.watch.server(1, ip(A), network.now), network.watch.server(1, ip(B), network.now));
    assert!(a.clients > 0 && b.clients > 0);
    let interface = |group, servers: &[&str]| Interface {
        vrf: 0,
        group,
        servers: servers.iter().map(|server| Server { address: ip(server), vrf: 0, min_secs: 0 }).collect(),
        clients_max: 1000,
        host_routes: false,
    };
    let other = interface(0, &["10.0.41.12"]);
    let policy =
        Policy { interfaces: vec![None, Some(other), Some(interface(2, &[A, B]))], ..Policy::default() };
    let interfaces = |old| [Some(0), Some(2)].get(old as usize).copied().flatten();
    let groups = |old| (old == 1).then_some(2);
    network.watch.reconfigure(policy, interfaces, groups);
    assert_eq!(network.watch.server(2, ip(A), network.now), a);
    assert_eq!(network.watch.server(2, ip(B), network.now), b);
    assert_eq!(network.watch.server(1, ip(A), network.now).clients, 0);

    // The answer to the one that was on its way.
    let offer = from_server(OFFER, 30, network.xid, A).yours("192.0.2.30").stamped(network.now).on(2, 0);
    network.watch.observe(&offer, network.now);
    assert_eq!(network.watch.server(2, ip(A), network.now).clients, a.clients + 1);
    // A server that is not the group's any more, and a group that is none.
    let policy = Policy { interfaces: vec![None, Some(interface(2, &[B]))], ..Policy::default() };
    network.watch.reconfigure(policy, |old| (old == 2).then_some(1), Some);
    assert_eq!(network.watch.server(2, ip(A), network.now).clients, 0);
    assert_eq!(network.watch.server(2, ip(B), network.now), b);
}

#[test]
fn what_was_counted_is_in_the_sum_since_the_start_also_when_its_hour_is_over() {
    let mut network = Network::new(&[(A, 0), (B, 0)], &[A, B], 3);
    for round in 1..=4 {
        (0..10).for_each(|client| network.attach(client));
        let (hour, ever) = (network.watch.server(1, ip(A), network.now), network.watch.server_ever(1, ip(A)));
        assert_eq!((hour.answers(), ever.answers()), (5, 5 * round), "round {round}");
        assert_eq!(ever.waited_for, Duration::from_millis(3) * u32::try_from(ever.answers()).expect("few"));
        assert_eq!(ever.latencies.iter().sum::<u64>(), ever.answers());
        let group = (network.watch.group(1, network.now), network.watch.group_ever(1));
        assert_eq!((group.0.discovers[0], group.1.discovers[0]), (10, 10 * round), "round {round}");
        // Longer than all parts of the window together.
        network.now = network.now.after(Duration::from_secs(3 * 3600));
    }
    assert_eq!(network.watch.server(1, ip(A), network.now).answers(), 0);
    assert_eq!(network.watch.server_ever(1, ip(A)).answers(), 20);
}
