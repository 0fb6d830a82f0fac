//! Option 82 between real clients and real servers, in every mode: what ISC dhcpd and Kea make of it, whether the client
//! gets an address of its own subnet, and that nothing of the option ever reaches a client.
//!
//! What the relay sends is compared between the modes frame by frame, and in the XDP modes the fast path must have
//! relayed all of them.

#![allow(clippy::unwrap_used, reason = "a test panics; clippy exempts only the functions marked #[test]")]

#[path = "option82/lengths.rs"]
mod lengths;
#[path = "option82/scene.rs"]
mod scene;
#[path = "option82/servers.rs"]
mod servers;

use std::collections::BTreeSet;

use relay_tests::lab::frame::Direction;
use relay_tests::lab::scenario::Step;
use relay_tests::peers::{Client, Dhclient};
use relay_tests::subject::Mode;
use scene::{ADDRESSES, GIADDR, RELAY_MACS, SERVER, Scene, ServerKind};

/// What the relay inserts on client port 0 and 1, written out.
type Expected<'a> = &'a dyn Fn(usize) -> Vec<u8>;

/// Circuit-id and remote-id.
fn ids(port: usize) -> Vec<u8> {
    [&[1, 6][..], format!("eth{port}.0").as_bytes(), &[2, 17], RELAY_MACS[port].as_bytes()].concat()
}

/// The same with link selection.
fn ids_and_link(port: usize) -> Vec<u8> {
    [&ids(port)[..], &[5, 4], &ADDRESSES[port].octets()].concat()
}

/// The same with flags and server identifier override.
fn ids_link_and_override(port: usize) -> Vec<u8> {
    [&ids_and_link(port)[..], &[10, 1, 0, 11, 4], &ADDRESSES[port].octets()].concat()
}

const IDS: &str = "circuit_id = \"{name}.{vlan}\"\nremote_id = \"{mac}\"\n";

/// Two clients, one on each port, live side by side. Returns what the relay has sent, without what differs from run to
/// run.
fn lives(
    title: &str,
    mode: Mode,
    kind: ServerKind,
    shared: bool,
    expected: Expected<'_>,
) -> BTreeSet<Vec<u8>> {
    let scene = Scene::new(title, mode, kind, shared.then_some(GIADDR), IDS);
    scene.routed();
    let clients: Vec<Dhclient> =
        scene.clients.iter().map(|client| Dhclient::start(&client.host, "eth0").unwrap()).collect();
    for (port, client) in clients.iter().enumerate() {
        let leased = client.bound().unwrap_or_else(|error| panic!("{mode:?}, {kind:?}: {error:#}\n{scene}"));
        let [a, b, c, _] = ADDRESSES[port].octets();
        assert_eq!(leased.octets()[..3], [a, b, c], "{mode:?}, {kind:?}: an address of another subnet");
    }
    for client in &clients {
        client.renew().unwrap_or_else(|error| panic!("{mode:?}, {kind:?}: {error:#}\n{scene}"));
    }
    for client in clients {
        Box::new(client).release().unwrap();
    }
    scene.finish();
    scene.nothing_of_another_client();
    scene.nothing_of_option82_at_clients();
    scene.option82_is_last_and_is(expected);
    scene.replies_had_option82();
    scene.the_right_path_relayed();
    scene.server_saw_circuit_ids();
    scene.sent_by_the_relay()
}

/// The frames at the server are the same in all modes.
fn in_every_mode(run: impl Fn(Mode) -> BTreeSet<Vec<u8>>) {
    let off = run(Mode::Off);
    assert!(!off.is_empty(), "nothing to compare with");
    for mode in [Mode::Generic, Mode::Native] {
        assert_eq!(run(mode), off, "frames in mode {mode:?} are not those with XDP off");
    }
}

#[test]
fn dhcpd_sees_circuit_id_and_remote_id_and_chooses_pools_by_them() {
    in_every_mode(|mode| lives("isc-ids", mode, ServerKind::Isc, false, &ids));
}

#[test]
fn kea_sees_circuit_id_and_remote_id_and_chooses_pools_by_them() {
    in_every_mode(|mode| lives("kea-ids", mode, ServerKind::Kea, false, &ids));
}

#[test]
fn dhcpd_chooses_the_subnet_by_link_selection_behind_one_loopback_giaddr() {
    in_every_mode(|mode| lives("isc-link", mode, ServerKind::Isc, true, &ids_and_link));
}

#[test]
fn kea_chooses_the_subnet_by_link_selection_behind_one_loopback_giaddr() {
    in_every_mode(|mode| lives("kea-link", mode, ServerKind::Kea, true, &ids_and_link));
}

/// RFC 5107, RFC 5010: clients that have no way to the server renew and release through the relay.
fn through_the_relay(mode: Mode) -> BTreeSet<Vec<u8>> {
    let keys = format!("{IDS}server_id_override = true\n");
    let scene = Scene::new("kea-override", mode, ServerKind::Kea, Some(GIADDR), &keys);
    let mut leases = Vec::new();
    for (port, client) in scene.clients.iter().enumerate() {
        let dhclient = Dhclient::start(&client.host, "eth0").unwrap();
        let leased = dhclient.bound().unwrap_or_else(|error| panic!("{mode:?}: {error:#}\n{scene}"));
        dhclient.renew().unwrap_or_else(|error| panic!("{mode:?}: {error:#}\n{scene}"));
        Box::new(dhclient).release().unwrap();
        leases.push((port, leased));
    }
    scene.finish();
    scene.nothing_of_another_client();
    scene.nothing_of_option82_at_clients();
    for (port, leased) in leases {
        let at_client = scene.at_client(port);
        let of = |direction, step| {
            let packets =
                at_client.iter().filter(|(way, packet)| *way == direction && Step::of(packet) == Some(step));
            packets.map(|(_, packet)| packet).collect::<Vec<_>>()
        };
        // The server calls itself by the relay's address, and the client believes it.
        for step in [Step::Offer, Step::Ack] {
            for packet in of(Direction::Incoming, step) {
                let identifier = packet.bootp().unwrap().option(54);
                assert_eq!(identifier, Some(ADDRESSES[port].octets().to_vec()), "{mode:?}: {packet}");
                assert_eq!(packet.ip.source, ADDRESSES[port], "{mode:?}: {packet}");
            }
        }
        for step in [Step::Renew, Step::Release] {
            let sent = of(Direction::Outgoing, step);
            assert!(!sent.is_empty(), "{mode:?}: no {step:?}\n{scene}");
            for packet in &sent {
                assert_eq!(
                    (packet.ip.source, packet.ip.destination),
                    (leased, ADDRESSES[port]),
                    "{mode:?}: {packet}"
                );
            }
            // At the server each is once, from the relay, and says that it came by unicast.
            let mut flags = ids_link_and_override(port);
            let at = flags.len() - 7;
            flags[at] = 0x80;
            let arrived = scene.at_server_of(step, port);
            assert_eq!(arrived.len(), sent.len(), "{mode:?}: {step:?} at the server\n{scene}");
            for packet in arrived {
                let bootp = packet.bootp().unwrap();
                assert_eq!((bootp.giaddr(), bootp.ciaddr()), (GIADDR, leased), "{mode:?}: {packet}");
                assert_eq!((packet.ip.source, packet.ip.destination), (GIADDR, SERVER), "{mode:?}: {packet}");
                assert_eq!(bootp.option(82), Some(flags.clone()), "{mode:?}: {packet}");
            }
        }
        for step in [Step::Discover, Step::Select] {
            for packet in scene.at_server_of(step, port) {
                let agent = packet.bootp().unwrap().option(82);
                assert_eq!(agent, Some(ids_link_and_override(port)), "{mode:?}: {packet}");
            }
        }
    }
    scene.replies_had_option82();
    scene.the_right_path_relayed();
    scene.sent_by_the_relay()
}

#[test]
fn renewals_and_releases_come_through_the_relay_with_server_identifier_override() {
    in_every_mode(through_the_relay);
}
