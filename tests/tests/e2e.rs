//! Real clients and real servers with our relay between them, in every mode: the series of
//! "one relay, one server", "one relay, two servers" and "two relays, two servers".
//!
//! The servers must see the same messages whatever the mode, and in the two XDP modes the fast path must have relayed
//! them: without the counter a relay that quietly does everything in the slow path would pass.

use std::collections::BTreeSet;

use relay_tests::lab::expect;
use relay_tests::lab::frame::Direction;
use relay_tests::lab::scenario::{ClientKind, Observed, Step, life_of_a_client};
use relay_tests::lab::topology::{
    Topology, one_relay_one_server, one_relay_two_servers, two_relays_two_servers,
};
use relay_tests::subject::{Mode, XdpDhcrelay};
use relay_user::control::model::Stats;

/// Runs a client through its life behind our relay and checks what every mode must show.
fn observe(topology: &Topology, mode: Mode, kind: ClientKind) -> Observed {
    let relay = XdpDhcrelay::new(mode);
    let seen = life_of_a_client(topology, &relay, kind).unwrap_or_else(|error| panic!("{mode:?}: {error:#}"));
    if let Err(error) = expect::whole_life(topology, &relay, &seen) {
        panic!("{mode:?}: {error:#}\n{seen}");
    }
    let stats = relay.stats();
    assert_eq!(stats.len(), topology.relays.len(), "every relay answers `stats`");
    for stats in &stats {
        the_right_path_relayed(stats, mode);
    }
    seen
}

fn the_right_path_relayed(stats: &Stats, mode: Mode) {
    let interface = &stats.interfaces[0];
    for message in ["discover", "request"] {
        let count = interface.requests[message];
        let (right, wrong) = if mode.is_fast() { (count.fast, count.slow) } else { (count.slow, count.fast) };
        assert!(right > 0, "{mode:?}: {message} was not relayed by its path: {stats:?}");
        assert_eq!(wrong, 0, "{mode:?}: {message} was relayed by the other path: {stats:?}");
    }
    for message in ["offer", "ack"] {
        let count = interface.replies[message];
        let wrong = if mode.is_fast() { count.slow } else { count.fast };
        assert_eq!(wrong, 0, "{mode:?}: {message} was relayed by the other path: {stats:?}");
    }
    assert_eq!(stats.send_errors, 0, "{mode:?}: {stats:?}");
}

/// The relayed requests at each server, without what differs from run to run: the transaction (xid, secs) and with it
/// the checksum. Retransmissions make the number of copies vary, so it is the set that is compared.
fn relayed(seen: &Observed) -> Vec<BTreeSet<Vec<u8>>> {
    let requests = |step| {
        move |server: &relay_tests::lab::scenario::Seen| {
            server.of(Direction::Incoming, step).into_iter().map(comparable).collect::<BTreeSet<_>>()
        }
    };
    [Step::Discover, Step::Select]
        .into_iter()
        .flat_map(|step| seen.servers.iter().map(requests(step)))
        .collect()
}

fn comparable(packet: &relay_tests::lab::frame::Packet) -> Vec<u8> {
    let ipv4 = &packet.ip;
    let mut octets = Vec::new();
    octets.extend_from_slice(&packet.ethernet.destination);
    octets.extend_from_slice(&packet.ethernet.source);
    octets.extend_from_slice(&ipv4.source.octets());
    octets.extend_from_slice(&ipv4.destination.octets());
    octets.extend_from_slice(&[ipv4.ttl, ipv4.tos]);
    let mut message = packet.payload.clone();
    message[4..10].fill(0);
    octets.extend_from_slice(&message);
    octets
}

fn same_in_every_mode(title: &str, topology: fn(&str) -> anyhow::Result<Topology>, kind: ClientKind) {
    let runs = Mode::ALL.map(|mode| {
        let topology = topology(&format!("{title}-{mode:?}").to_lowercase()).unwrap();
        (mode, observe(&topology, mode, kind))
    });
    let [(_, off), rest @ ..] = &runs;
    for (mode, seen) in rest {
        assert_eq!(
            relayed(seen),
            relayed(off),
            "what servers get in mode {mode:?} is not what they get with XDP off"
        );
    }
}

#[test]
fn dhclient_lives_behind_one_relay_and_one_server() {
    same_in_every_mode("e11-dhclient", one_relay_one_server, ClientKind::Dhclient);
}

#[test]
fn udhcpc_lives_behind_one_relay_and_one_server() {
    same_in_every_mode("e11-udhcpc", one_relay_one_server, ClientKind::Udhcpc);
}

#[test]
fn dhcpcd_lives_behind_one_relay_and_one_server() {
    same_in_every_mode("e11-dhcpcd", one_relay_one_server, ClientKind::Dhcpcd);
}

#[test]
fn udhcpc_lives_behind_one_relay_and_two_servers_in_failover() {
    same_in_every_mode("e12-udhcpc", one_relay_two_servers, ClientKind::Udhcpc);
}

#[test]
fn dhclient_lives_behind_two_relays_and_two_servers_in_failover() {
    same_in_every_mode("e22-dhclient", two_relays_two_servers, ClientKind::Dhclient);
}

#[test]
fn udhcpc_lives_behind_two_relays_and_two_servers_in_failover() {
    same_in_every_mode("e22-udhcpc", two_relays_two_servers, ClientKind::Udhcpc);
}

#[test]
fn dhcpcd_lives_behind_two_relays_and_two_servers_in_failover() {
    same_in_every_mode("e22-dhcpcd", two_relays_two_servers, ClientKind::Dhcpcd);
}
