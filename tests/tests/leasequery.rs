//! A relay that has lost its table asks real servers for it (RFC 4388): what they know is in the table again, what they do
//! not say is not, and they are not asked more than they should be. In every mode.

#![allow(clippy::unwrap_used, reason = "a test panics; clippy exempts only the functions marked #[test]")]

#[path = "leasequery/relay.rs"]
#[allow(dead_code, reason = "each test program uses its part of it")]
mod relay;

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::Duration;

use relay::{DEADLINE, POOL, RATE, Relay, SPLIT_POOL, subnets};
use relay_tests::lab::capture::Capture;
use relay_tests::lab::topology::{EDGE, Topology};
use relay_tests::lab::wait;
use relay_tests::peers::dhcpd::Dhcpd;
use relay_tests::peers::failover::{FailoverPair, Place};
use relay_tests::peers::{Client, Dhclient, Udhcpc};
use relay_tests::site::Site;
use relay_tests::subject::Mode;
use relay_user::control::leases::{Filter, LeaseRow, LeasequeryStats};

/// DHCPLEASEQUERY.
const LEASEQUERY: u8 = 10;
/// Arrival times of the leasequeries in a capture.
fn queries(capture: &Capture) -> Vec<(std::time::SystemTime, Ipv4Addr)> {
    capture
        .frames()
        .iter()
        .filter_map(|frame| {
            let packet = frame.packet().ok().filter(|packet| packet.is_dhcp())?;
            let bootp = packet.bootp().ok()?;
            assert!(
                bootp.giaddr() == Ipv4Addr::new(192, 168, 60, 2)
                    || bootp.option(53) != Some(vec![LEASEQUERY])
            );
            (bootp.option(53) == Some(vec![LEASEQUERY])).then(|| (frame.at, bootp.ciaddr()))
        })
        .collect()
}

/// Each address was asked about, once unless no answer came in time, and not faster than is allowed.
fn asked_within_bounds(capture: &Capture, stats: &LeasequeryStats) {
    // 254 hosts, of which the relay has two addresses. The capture may be a moment behind.
    let queries = wait::until("every address is asked about", DEADLINE, || {
        let queries = queries(capture);
        let addresses: BTreeSet<Ipv4Addr> = queries.iter().map(|(_, address)| *address).collect();
        Ok((addresses.len() == 252).then_some(queries))
    })
    .unwrap();
    assert!(queries.len() as u64 <= 252 + stats.retries, "{} queries, {stats:?}", queries.len());
    let took = queries.last().unwrap().0.duration_since(queries[0].0).unwrap();
    let least = Duration::from_secs(1) / RATE * (queries.len() as u32 - 1);
    // Arrivals may be delayed, and the first more than the last.
    assert!(took + Duration::from_secs(1) >= least, "{} queries within {took:?}", queries.len());
}

fn as_it_was(before: &LeaseRow, after: &LeaseRow, servers: &[Ipv4Addr]) {
    assert_eq!(
        (&after.interface, &after.vlan, after.state.as_str()),
        (&before.interface, &before.vlan, "bound")
    );
    assert_eq!((after.address, &after.client_id), (before.address, &before.client_id), "{after:?}");
    let near = |a: Option<u64>, b: Option<u64>| a.unwrap().abs_diff(b.unwrap()) <= 60;
    assert!(near(after.expires_in_seconds, before.expires_in_seconds), "{before:?} {after:?}");
    let (was, is) = (before.lease_seconds.unwrap(), after.lease_seconds.unwrap());
    assert!(was.abs_diff(is) <= 2, "the lease was {was} s, and is {is} s");
    assert!(servers.contains(&after.server.unwrap()), "{after:?}");
}

fn a_pair_gives_the_table_back(mode: Mode) {
    let topology = Topology::new(&format!("lq-pair-{mode:?}").to_lowercase(), 1, 2).unwrap();
    let place = |number: usize| {
        let server = &topology.servers[number];
        Place { host: &server.host, interface: EDGE, address: server.address }
    };
    let _pair = FailoverPair::start(&place(0), &place(1), &subnets("allow leasequery;", SPLIT_POOL)).unwrap();
    let mut relay = Relay::new(&topology, mode);
    let hosts = [topology.client("c1").unwrap(), topology.client("c2").unwrap()];
    let clients: [Box<dyn Client>; 2] = [
        Box::new(Dhclient::start(&hosts[0], EDGE).unwrap()),
        Box::new(Udhcpc::start(&hosts[1], EDGE).unwrap()),
    ];
    let before: Vec<LeaseRow> = clients
        .iter()
        .zip(&hosts)
        .map(|(client, host)| {
            let address = client.bound().unwrap();
            relay.until("a lease", host, |row| row.address == Some(address))
        })
        .collect();
    relay.until_asked("the first scan is done", |stats| stats.sent > 0 && !stats.asking);

    let captures: Vec<Capture> =
        topology.servers.iter().map(|server| Capture::incoming(&server.host, EDGE).unwrap()).collect();
    let at_client = Capture::incoming(&hosts[0], EDGE).unwrap();
    relay.loses_its_table();
    // dhcpd's peer does not say when it last heard of the client (option 91): until the server that bound it has
    // answered too, the lease is as long as what is left of it.
    let stats = relay.until_asked("all is asked", |stats| stats.sent > 0 && !stats.asking);
    for (host, before) in hosts.iter().zip(&before) {
        let after = relay.until("the lease is back", host, |row| row.state == "bound");
        as_it_was(before, &after, &topology.server_addresses());
    }
    assert_eq!((stats.recovered, stats.unplaced, stats.incomplete, stats.refused), (2, 0, 0, 0), "{stats:?}");
    assert_eq!((stats.active, stats.unanswered), (4, 0), "{mode:?}: both servers know both: {stats:?}");
    for capture in &captures {
        asked_within_bounds(capture, &stats);
    }
    assert_eq!(relay.findings(), [] as [String; 0]);
    let counted = relay.site.stats().unwrap();
    let answers = counted.unattributed["lease_answer"];
    let (here, there) =
        if mode.is_fast() { (answers.fast, answers.slow) } else { (answers.slow, answers.fast) };
    assert!(here >= 2 * 252 && there == 0, "{mode:?}: {answers:?}");
    // No client has heard of any of it.
    let heard = at_client.dhcp().into_iter().filter(|(_, packet)| {
        let kind = packet.bootp().ok().and_then(|bootp| bootp.option(53));
        matches!(kind.as_deref(), Some([10..=13]))
    });
    assert_eq!(heard.count(), 0);

    // A stored table of a moment ago is whole: nobody is asked.
    relay.stop();
    relay.start();
    relay.until("the stored lease", &hosts[0], |row| row.state == "bound");
    assert_eq!(relay.asked().sent, 0);
}

#[test]
fn a_pair_in_failover_gives_a_lost_table_back_without_xdp() {
    a_pair_gives_the_table_back(Mode::Off);
}

#[test]
fn a_pair_in_failover_gives_a_lost_table_back_in_generic_mode() {
    a_pair_gives_the_table_back(Mode::Generic);
}

#[test]
fn a_pair_in_failover_gives_a_lost_table_back_in_native_mode() {
    a_pair_gives_the_table_back(Mode::Native);
}

/// The file of the stored leases looks as if it had been written two hours ago.
fn ages(site: &Site) {
    let file = std::fs::File::options().write(true).open(site.state().join("leases.redb")).unwrap();
    let then = std::time::SystemTime::now() - Duration::from_secs(7200);
    file.set_modified(then).unwrap();
}

#[test]
fn a_stored_lease_that_was_given_back_in_the_meantime_is_taken_out_and_the_others_stay() {
    let topology = Topology::new("lq-stale", 1, 1).unwrap();
    let server = &topology.servers[0];
    let _dhcpd = {
        let text = format!("authoritative;\nddns-update-style none;\n{}", subnets("allow leasequery;", POOL));
        Dhcpd::start(&server.host, EDGE, &text).unwrap()
    };
    let mut relay = Relay::new(&topology, Mode::Native);
    let hosts = [topology.client("c1").unwrap(), topology.client("c2").unwrap()];
    let clients: Vec<Dhclient> = hosts.iter().map(|host| Dhclient::start(host, EDGE).unwrap()).collect();
    let before: Vec<LeaseRow> = clients
        .iter()
        .zip(&hosts)
        .map(|(client, host)| {
            let address = client.bound().unwrap();
            relay.until("a lease", host, |row| row.address == Some(address))
        })
        .collect();
    relay.stop();
    // The RELEASE goes to the server by unicast, past the relay that is not there.
    let mut clients = clients.into_iter();
    Box::new(clients.next().unwrap()).release().unwrap();
    ages(&relay.site);
    relay.start();
    let stats = relay.until_asked("all is asked", |stats| stats.sent > 0 && !stats.asking);
    assert_eq!((stats.withdrawn, stats.recovered), (1, 0), "{stats:?}");
    let bound = Filter { state: Some("bound".into()), ..Filter::default() };
    let left = relay.site.leases(bound).unwrap().leases;
    assert_eq!(left.iter().map(|row| row.address).collect::<Vec<_>>(), [before[1].address]);
    assert!(
        relay.process.as_ref().unwrap().lines().iter().any(|line| line.contains("the stored leases are 7"))
    );
}

#[test]
fn a_server_that_forbids_leasequery_is_asked_three_times_and_it_is_said_and_nothing_is_invented() {
    let topology = Topology::new("lq-forbid", 1, 1).unwrap();
    let server = &topology.servers[0];
    let text = format!("authoritative;\nddns-update-style none;\n{}", subnets("", POOL));
    let dhcpd = Dhcpd::start(&server.host, EDGE, &text).unwrap();
    let mut relay = Relay::new(&topology, Mode::Generic);
    let host = topology.client("c1").unwrap();
    let client = Dhclient::start(&host, EDGE).unwrap();
    let address = client.bound().unwrap();
    relay.until("a lease", &host, |row| row.address == Some(address));
    let capture = Capture::incoming(&server.host, EDGE).unwrap();
    relay.loses_its_table();
    let said = relay
        .process
        .as_ref()
        .unwrap()
        .wait_for_line("does not answer leasequeries: does it allow them", DEADLINE)
        .unwrap();
    assert!(said.contains("10.0.41.10") && said.contains("allow leasequery"), "{said}");
    assert_eq!(queries(&capture).len(), 3);
    assert!(dhcpd.process().lines().iter().any(|line| line.contains("LEASEQUERY not allowed")));
    assert_eq!(relay.lease(&host), None);
    assert_eq!(relay.findings().len(), 1, "{:?}", relay.findings());
    assert!(relay.site.prints(&["servers"]).unwrap().contains("does not answer leasequeries"));
    // What it does not say, the client does: it renews, or asks anew.
    drop(client);
    let client = Dhclient::start(&host, EDGE).unwrap();
    let address = client.bound().unwrap();
    relay.until("a lease by its own dialogue", &host, |row| row.address == Some(address));
}

#[test]
fn a_server_that_knows_nothing_of_the_subnet_is_said_to() {
    let topology = Topology::new("lq-unknown", 1, 1).unwrap();
    let server = &topology.servers[0];
    let text = "authoritative;\nddns-update-style none;\nallow leasequery;\nsubnet 10.0.41.0 netmask 255.255.255.0 { }\n";
    let _dhcpd = Dhcpd::start(&server.host, EDGE, text).unwrap();
    let capture = Capture::incoming(&server.host, EDGE).unwrap();
    let relay = Relay::new(&topology, Mode::Off);
    let stats = relay.until_asked("all is asked", |stats| stats.sent > 0 && !stats.asking);
    assert_eq!((stats.unknown, stats.active, stats.recovered), (252, 0, 0), "{stats:?}");
    asked_within_bounds(&capture, &stats);
    assert_eq!(
        relay.findings(),
        [
            "10.0.41.10 knew nothing of all 252 addresses and clients it was asked about by leasequery: does it serve \
          these subnets?"
        ]
    );
}
