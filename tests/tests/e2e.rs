//! Real clients and real servers with our relay between them, in every mode: the series of
//! "one relay, one server", "one relay, two servers" and "two relays, two servers".
//!
//! The servers must see the same messages whatever the mode, and in the two XDP modes the fast path must have relayed
//! them: without the counter a relay that quietly does everything in the slow path would pass.

#![allow(clippy::unwrap_used, reason = "a test panics; clippy exempts only the functions marked #[test]")]

use std::collections::{BTreeMap, BTreeSet};

use relay_tests::lab::compare::without_what_differs;
use relay_tests::lab::frame::{Direction, Packet};
use relay_tests::lab::scenario::{ClientKind, Observed, Step, life_of_a_client};
use relay_tests::lab::topology::{
    Topology, one_relay_one_server, one_relay_two_servers, two_relays_two_servers,
};
use relay_tests::lab::{expect, published};
use relay_tests::subject::{Mode, XdpDhcrelay};
use relay_user::control::model::Stats;

/// Runs a client through its life behind our relay and checks what every mode must show.
fn observe(topology: &Topology, mode: Mode, kind: ClientKind) -> Observed {
    let relay = XdpDhcrelay::new(mode);
    let seen = life_of_a_client(topology, &relay, kind).unwrap_or_else(|error| panic!("{mode:?}: {error:#}"));
    if let Err(error) = expect::whole_life(topology, &relay, &seen) {
        panic!("{mode:?}: {error:#}\n{seen}");
    }
    let published = match (topology.relays.len(), topology.servers.len()) {
        (1, 2) => published::one_server_answers(topology, &seen).map(drop),
        (2, 2) => published::duplicates(topology, &seen),
        _ => Ok(()),
    };
    if let Err(error) = published {
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

/// What is at each server from the relays, and what the relays have sent to the client, without what differs from run to
/// run. Retransmissions make the number of copies vary, so it is the set that is compared. Of the replies it is the
/// offers: which of two servers in failover acknowledges first, or both, is a matter of milliseconds between them.
fn relayed(seen: &Observed) -> BTreeMap<String, BTreeSet<Vec<u8>>> {
    let set = |packets: Vec<&Packet>| {
        let relayed = packets
            .into_iter()
            .filter(|packet| packet.bootp().is_ok_and(|bootp| !bootp.giaddr().is_unspecified()));
        relayed
            .map(|packet| without_what_differs(packet).unwrap_or_else(|error| panic!("{error:#}\n{seen}")))
            .collect::<BTreeSet<_>>()
    };
    let mut sets = BTreeMap::new();
    for step in [Step::Discover, Step::Select] {
        for (number, server) in seen.servers.iter().enumerate() {
            let arrived = server.of(Direction::Incoming, step);
            sets.insert(format!("{step:?} at server {}", number + 1), set(arrived));
        }
    }
    sets.insert("Offer at the client".to_owned(), set(seen.client.of(Direction::Incoming, Step::Offer)));
    sets
}

fn same_in_every_mode(title: &str, topology: fn(&str) -> anyhow::Result<Topology>, kind: ClientKind) {
    let runs = Mode::ALL.map(|mode| {
        let topology = topology(&format!("{title}-{mode:?}").to_lowercase()).unwrap();
        (mode, observe(&topology, mode, kind))
    });
    let [(_, off), rest @ ..] = &runs;
    let off = relayed(off);
    assert!(off.values().all(|frames| !frames.is_empty()), "nothing to compare with: {off:?}");
    for (mode, seen) in rest {
        assert_eq!(relayed(seen), off, "frames in mode {mode:?} are not those with XDP off");
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
fn dhclient_lives_behind_one_relay_and_two_servers_in_failover() {
    same_in_every_mode("e12-dhclient", one_relay_two_servers, ClientKind::Dhclient);
}

#[test]
fn dhcpcd_lives_behind_one_relay_and_two_servers_in_failover() {
    same_in_every_mode("e12-dhcpcd", one_relay_two_servers, ClientKind::Dhcpcd);
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
