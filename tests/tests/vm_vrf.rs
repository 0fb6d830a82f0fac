//! Relaying between VRFs and from tagged ports, on real VRF and 802.1Q devices.

#![allow(clippy::unwrap_used, reason = "what fails in a helper of a test fails the test")]

#[path = "vm_vrf/clients.rs"]
mod clients;
#[path = "vm_vrf/near.rs"]
mod near;

use std::net::Ipv4Addr;
use std::ops::RangeInclusive;
use std::time::Duration;

use relay_tests::lab::frame::{Direction, Packet};
use relay_tests::lab::scenario::{ClientKind, Step};
use relay_tests::lab::{Capture, Namespace, wait};
use relay_tests::subject::Mode;
use relay_tests::vm::daemon::Daemon;
use relay_tests::vm::vrfs::{
    BLUE, BLUE_GIADDR, EDGE, GREEN_GIADDR, GREEN_TAG, LEASES_OF_S1, LEASES_OF_S2, RED, RED_GIADDR, SERVER,
    TO_MGMT, TRUNK, Vrfs,
};

const DEADLINE: Duration = Duration::from_secs(60);

fn groups() -> String {
    format!(
        "[[server_group]]\nname = \"s1\"\nvrf = \"mgmt\"\nservers = [\"{SERVER}\"]\n\n\
         [[server_group]]\nname = \"s2\"\nservers = [\"{SERVER}\"]\n\n"
    )
}

fn red() -> String {
    format!("[[interface]]\nname = \"{RED}\"\nserver_group = \"s1\"\ngiaddr = \"{RED_GIADDR}\"\n\n")
}

fn blue() -> String {
    format!("[[interface]]\nname = \"{BLUE}\"\nserver_group = \"s2\"\ngiaddr = \"{BLUE_GIADDR}\"\n\n")
}

fn green() -> String {
    format!("[[interface]]\nname = \"{TRUNK}\"\nvlan = {GREEN_TAG}\nserver_group = \"s2\"\n\n")
}

/// Lets a client get a lease, which has to be `[192, 168, subnet]` and in the range, and ends it without a release: across VRFs
/// a client cannot reach its server by itself.
fn gets_a_lease(client: &Namespace, interface: &str, subnet: u8, range: &RangeInclusive<u8>) -> Ipv4Addr {
    let running = ClientKind::Udhcpc.start(client, interface).unwrap();
    let [a, b, c, host] = running.bound().unwrap().octets();
    assert_eq!([a, b, c], [192, 168, subnet], "the lease is of another subnet");
    assert!(range.contains(&host), "the lease …{host} is another server's: not in {range:?}");
    drop(running);
    client.run(&format!("ip addr flush dev {interface}")).unwrap();
    [a, b, c, host].into()
}

/// The DISCOVERs that arrived at a server.
fn discovers(capture: &Capture) -> Vec<Packet> {
    let incoming = capture.dhcp().into_iter().filter(|(direction, _)| *direction == Direction::Incoming);
    incoming.map(|(_, packet)| packet).filter(|packet| Step::of(packet) == Some(Step::Discover)).collect()
}

fn giaddrs(capture: &Capture) -> Vec<Ipv4Addr> {
    let mut all: Vec<_> = discovers(capture).iter().map(|packet| packet.bootp().unwrap().giaddr()).collect();
    all.dedup();
    all
}

/// Every interface had both a discover and an offer relayed, and by the path of the mode alone.
fn the_right_path_relayed(daemon: &Daemon, mode: Mode) {
    let stats = daemon.stats().unwrap();
    for interface in &stats.interfaces {
        for count in [interface.requests["discover"], interface.replies["offer"]] {
            let (right, wrong) =
                if mode.is_fast() { (count.fast, count.slow) } else { (count.slow, count.fast) };
            assert!(right > 0 && wrong == 0, "{mode:?}: {stats:?}");
        }
    }
}

fn overlapping_vrfs(mode: Mode) {
    let network = Vrfs::new("vm-overlap").unwrap();
    let red_client = network.client("c1", RED, "red").unwrap();
    let blue_client = network.client("c2", BLUE, "blue").unwrap();
    let (green_client, tagged) = network.tagged_client("c3").unwrap();
    let _servers = network.start_servers().unwrap();
    let daemon = Daemon::start(&network.relay, mode, &[groups(), red(), blue(), green()].concat()).unwrap();
    let [at_s1, at_s2] = [&network.s1, &network.s2].map(|server| Capture::start(server, EDGE).unwrap());

    gets_a_lease(&red_client, EDGE, 60, &LEASES_OF_S1);
    gets_a_lease(&blue_client, EDGE, 60, &LEASES_OF_S2);
    assert_eq!(giaddrs(&at_s1), [RED_GIADDR]);
    assert_eq!(giaddrs(&at_s2), [BLUE_GIADDR]);
    gets_a_lease(&green_client, &tagged, 61, &LEASES_OF_S2);
    assert_eq!(giaddrs(&at_s1), [RED_GIADDR]);
    assert_eq!(giaddrs(&at_s2), [BLUE_GIADDR, GREEN_GIADDR]);
    the_right_path_relayed(&daemon, mode);
}

#[test]
#[ignore = "needs VRF and 802.1Q devices: cargo xtask vm"]
fn clients_of_overlapping_vrfs_and_of_a_vlan_get_leases_of_their_own_servers_without_xdp() {
    overlapping_vrfs(Mode::Off);
}

#[test]
#[ignore = "needs VRF and 802.1Q devices: cargo xtask vm"]
fn clients_of_overlapping_vrfs_and_of_a_vlan_get_leases_of_their_own_servers_in_generic_mode() {
    overlapping_vrfs(Mode::Generic);
}

#[test]
#[ignore = "needs VRF and 802.1Q devices: cargo xtask vm"]
fn clients_of_overlapping_vrfs_and_of_a_vlan_get_leases_of_their_own_servers_in_native_mode() {
    overlapping_vrfs(Mode::Native);
}

#[test]
#[ignore = "needs VRF and 802.1Q devices: cargo xtask vm"]
fn a_servers_vrf_that_is_deleted_and_made_again_is_followed() {
    let network = Vrfs::new("vm-again").unwrap();
    let client = network.client("c1", RED, "red").unwrap();
    let _servers = network.start_servers().unwrap();
    let daemon = Daemon::start(&network.relay, Mode::Native, &[groups(), red()].concat()).unwrap();
    let at_s2 = Capture::start(&network.s2, EDGE).unwrap();
    gets_a_lease(&client, EDGE, 60, &LEASES_OF_S1);

    network.relay.run("ip link del mgmt").unwrap();
    // Its port is in the main table now, where the same addresses lead to another server.
    let running = ClientKind::Udhcpc.start(&client, EDGE).unwrap();
    let before = daemon.stats().unwrap().interfaces[0].requests["discover"];
    wait::until("a request came in while the VRF was gone", DEADLINE, || {
        let stats = daemon.stats()?;
        let now = stats.interfaces[0].requests["discover"];
        let refused: u64 = stats.interfaces[0].reasons.values().map(|count| count.fast + count.slow).sum();
        Ok((now.fast + now.slow > before.fast + before.slow || refused > 0).then_some(()))
    })
    .unwrap();
    assert_eq!(discovers(&at_s2).len(), 0, "a request for VRF mgmt went through the main table");
    drop(running);

    network.make_mgmt().unwrap();
    gets_a_lease(&client, EDGE, 60, &LEASES_OF_S1);
    assert_eq!(discovers(&at_s2).len(), 0, "a request for VRF mgmt went through the main table");
}

#[test]
#[ignore = "needs VRF and 802.1Q devices: cargo xtask vm"]
fn ports_that_move_between_vrfs_are_followed() {
    let network = Vrfs::new("vm-move").unwrap();
    let client = network.client("c1", RED, "red").unwrap();
    let _servers = network.start_servers().unwrap();
    let _daemon = Daemon::start(&network.relay, Mode::Native, &[groups(), red()].concat()).unwrap();
    gets_a_lease(&client, EDGE, 60, &LEASES_OF_S1);

    network.relay.run(&format!("ip link set {RED} master blue")).unwrap();
    gets_a_lease(&client, EDGE, 60, &LEASES_OF_S1);

    // The way to the servers through another port of their VRF, and back.
    network.relay.run(&format!("ip link set {TO_MGMT} nomaster")).unwrap();
    network.relay.run(&format!("ip link set {TO_MGMT} master mgmt")).unwrap();
    gets_a_lease(&client, EDGE, 60, &LEASES_OF_S1);
}
