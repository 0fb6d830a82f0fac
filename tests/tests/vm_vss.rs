//! Two VPNs that are the same in everything but their name, told apart by virtual subnet selection (RFC 6607), on real VRF
//! devices: one subnet, one hardware address of the clients, one giaddr, one server.

#![allow(clippy::unwrap_used, reason = "what fails in a helper of a test fails the test")]

#[path = "vm_vss/near.rs"]
mod near;

use std::net::Ipv4Addr;
use std::time::Duration;

use relay_tests::lab::frame::Direction;
use relay_tests::lab::scenario::{ClientKind, Step};
use relay_tests::lab::{Capture, Namespace, wait};
use relay_tests::subject::Mode;
use relay_tests::vm::daemon::Daemon;
use relay_tests::vm::vrfs::{BLUE, EDGE, RED, RED_GIADDR, SERVER, Vrfs};
use relay_tests::vm::vss::{Leases, Vss, VssServer, sub_options};

const DEADLINE: Duration = Duration::from_secs(90);
const OF_RED: Ipv4Addr = Ipv4Addr::new(192, 168, 60, 111);
const OF_BLUE: Ipv4Addr = Ipv4Addr::new(192, 168, 60, 122);
/// What 151 says: the type for a name, and the name.
const NAMED_RED: &[u8] = b"\0red";
const NAMED_BLUE: &[u8] = b"\0blue";

fn configuration() -> String {
    let interface = |port: &str, vpn: &str| {
        format!(
            "[[interface]]\nname = \"{port}\"\nserver_group = \"s1\"\ngiaddr = \"{RED_GIADDR}\"\n\
             [interface.option82]\ncircuit_id = \"{{name}}\"\nvss = \"{vpn}\"\n\n"
        )
    };
    let group = format!("[[server_group]]\nname = \"s1\"\nvrf = \"mgmt\"\nservers = [\"{SERVER}\"]\n\n");
    [group, interface(RED, "red"), interface(BLUE, "blue")].concat()
}

/// The network with a server, both clients (whose hardware address is the same), and the relay running.
struct Vpns {
    network: Vrfs,
    server: VssServer,
    red: Namespace,
    blue: Namespace,
    daemon: Daemon,
}

impl Vpns {
    fn new(title: &str, mode: Mode, vss: Vss) -> Self {
        let network = Vrfs::new(title).unwrap();
        let (red, blue) =
            (network.client("c1", RED, "red").unwrap(), network.client("c2", BLUE, "blue").unwrap());
        for client in [&red, &blue] {
            client.run(&format!("ip link set {EDGE} address 02:00:00:00:cc:01")).unwrap();
        }
        let leases = Leases::from([(NAMED_RED.to_vec(), OF_RED), (NAMED_BLUE.to_vec(), OF_BLUE)]);
        let server = VssServer::start(&network.s1, SERVER, leases, vss).unwrap();
        let daemon = Daemon::start(&network.relay, mode, &configuration()).unwrap();
        Self { network, server, red, blue, daemon }
    }

    /// Whether the server was asked for this VPN, and asked to say that it knows it, behind everything else.
    fn was_asked_for(&self, port: &str, vpn: &[u8]) -> bool {
        let (port_length, vpn_length) = (port.len() as u8, vpn.len() as u8);
        let circuit = [&[1, port_length], port.as_bytes()].concat();
        let wanted = [[&[151, vpn_length], vpn].concat(), vec![152, 0]];
        self.server.asked().iter().any(|option82| {
            let all = sub_options(option82);
            all.first() == Some(&circuit) && all.ends_with(&wanted)
        })
    }
}

fn each_vpn_has_its_own(mode: Mode) {
    let vpns = Vpns::new("vm-vss", mode, Vss::Understood);
    let [red, blue] = [&vpns.red, &vpns.blue].map(|client| ClientKind::Udhcpc.start(client, EDGE).unwrap());
    assert_eq!((red.bound().unwrap(), blue.bound().unwrap()), (OF_RED, OF_BLUE));
    assert!(vpns.was_asked_for(RED, NAMED_RED), "{:x?}", vpns.server.asked());
    assert!(vpns.was_asked_for(BLUE, NAMED_BLUE), "{:x?}", vpns.server.asked());
    drop((red, blue));
    let stats = vpns.daemon.stats().unwrap();
    for interface in &stats.interfaces {
        assert!(interface.reasons["vss_ignored"].is_zero(), "{stats:?}");
        for count in [interface.requests["request"], interface.replies["ack"]] {
            let (right, wrong) =
                if mode.is_fast() { (count.fast, count.slow) } else { (count.slow, count.fast) };
            assert!(right > 0 && wrong == 0, "{mode:?}: {stats:?}");
        }
    }
    vpns.server.end().unwrap();
}

fn no_address_without_the_vpn(mode: Mode) {
    let vpns = Vpns::new("vm-vss-no", mode, Vss::Ignored);
    let at_client = Capture::start(&vpns.red, EDGE).unwrap();
    let at_server = Capture::start(&vpns.network.s1, EDGE).unwrap();
    let _running = ClientKind::Udhcpc.start(&vpns.red, EDGE).unwrap();
    wait::until("an offer with sub-option 152 in it was dropped", DEADLINE, || {
        let stats = vpns.daemon.stats()?;
        let every = stats.interfaces.iter().map(|interface| interface.reasons["vss_ignored"]);
        let unattributed = stats.unattributed.get("vss_ignored").copied().into_iter();
        let dropped: u64 = every.chain(unattributed).map(|count| count.fast + count.slow).sum();
        Ok((dropped >= 2).then_some(()))
    })
    .unwrap();
    let offered = |capture: &Capture, way| {
        let packets = capture.dhcp().into_iter().filter(|(direction, _)| *direction == way);
        packets.filter(|(_, packet)| Step::of(packet) == Some(Step::Offer)).count()
    };
    assert!(offered(&at_server, Direction::Outgoing) >= 2);
    assert_eq!(offered(&at_client, Direction::Incoming), 0, "an address of a VPN that nobody looked at");
}

#[test]
#[ignore = "needs VRF devices: cargo xtask vm"]
fn clients_of_two_vpns_with_one_hardware_address_get_leases_of_their_own_vpn_without_xdp() {
    each_vpn_has_its_own(Mode::Off);
}

#[test]
#[ignore = "needs VRF devices: cargo xtask vm"]
fn clients_of_two_vpns_with_one_hardware_address_get_leases_of_their_own_vpn_in_generic_mode() {
    each_vpn_has_its_own(Mode::Generic);
}

#[test]
#[ignore = "needs VRF devices: cargo xtask vm"]
fn clients_of_two_vpns_with_one_hardware_address_get_leases_of_their_own_vpn_in_native_mode() {
    each_vpn_has_its_own(Mode::Native);
}

#[test]
#[ignore = "needs VRF devices: cargo xtask vm"]
fn the_offer_of_a_server_that_did_not_look_at_the_vpn_never_reaches_the_client_without_xdp() {
    no_address_without_the_vpn(Mode::Off);
}

#[test]
#[ignore = "needs VRF devices: cargo xtask vm"]
fn the_offer_of_a_server_that_did_not_look_at_the_vpn_never_reaches_the_client_in_native_mode() {
    no_address_without_the_vpn(Mode::Native);
}
