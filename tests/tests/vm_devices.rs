//! Interfaces that are VLAN devices and bonds by name, on real ones: a client gets its lease by the path of each mode, with
//! the same frames on the wires, and the relay says where it is.

#![allow(clippy::unwrap_used, reason = "what fails in a helper of a test fails the test")]

use std::collections::BTreeSet;
use std::time::Duration;

use relay_tests::lab::compare::without_what_differs;
use relay_tests::lab::frame::{Checksum, Direction};
use relay_tests::lab::scenario::{ClientKind, Step};
use relay_tests::lab::{Capture, wait};
use relay_tests::subject::Mode;
use relay_tests::vm::daemon::Daemon;
use relay_tests::vm::stacked::{BOND, BOND_PORTS, EDGE, PORT, SERVER, Stacked};
use relay_user::control::model::{Count, PortMode, TakenUp};

const DEADLINE: Duration = Duration::from_secs(60);

fn configuration(interface: &str) -> String {
    format!(
        "[[server_group]]\nname = \"core\"\nservers = [\"{SERVER}\"]\n\n\
         [[interface]]\nserver_group = \"core\"\noption82.circuit_id = \"{{name}}|{{vlan}}\"\n{interface}\n"
    )
}

fn port_mode(mode: Mode) -> PortMode {
    match mode {
        Mode::Off => PortMode::Off,
        Mode::Generic => PortMode::Generic,
        Mode::Native => PortMode::Native,
    }
}

fn by_its_path(count: Count, mode: Mode) -> bool {
    let (right, wrong) = if mode.is_fast() { (count.fast, count.slow) } else { (count.slow, count.fast) };
    right > 0 && wrong == 0
}

/// The frames of two steps at the server and at the client.
type Wire = (BTreeSet<Vec<u8>>, BTreeSet<Vec<u8>>);

/// Lets the client get a lease on `interface`, and gives what was on the wires.
fn one_lease(network: &Stacked, interface: &str, daemon: &Daemon, mode: Mode, on: &[TakenUp]) -> Wire {
    let status = daemon.status().unwrap();
    assert_eq!(status.interfaces[0].on, on, "{mode:?}: {status:?}");
    let at_server = Capture::incoming(&network.server, EDGE).unwrap();
    let at_client = Capture::incoming(&network.client, interface).unwrap();
    let running = ClientKind::Udhcpc.start(&network.client, interface).unwrap();
    assert_eq!(running.bound().unwrap().octets()[..3], [192, 168, 60]);
    drop(running);
    network.client.run(&format!("ip addr flush dev {interface}")).unwrap();
    let stats = daemon.stats().unwrap();
    let counts = &stats.interfaces[0];
    assert!(by_its_path(counts.requests["discover"], mode), "{mode:?}: {stats:?}");
    assert!(by_its_path(counts.replies["offer"], mode), "{mode:?}: {stats:?}");
    let set = |capture: &Capture, step| {
        let packets = capture
            .dhcp()
            .into_iter()
            .filter(|(way, packet)| *way == Direction::Incoming && Step::of(packet) == Some(step));
        packets
            .map(|(_, packet)| {
                assert_eq!(packet.udp.checksum, Checksum::Right, "{packet}");
                without_what_differs(&packet).unwrap()
            })
            .collect()
    };
    (set(&at_server, Step::Discover), set(&at_client, Step::Offer))
}

fn on(device: &str, vlan: Option<&str>, mode: Mode) -> TakenUp {
    TakenUp { device: device.to_owned(), vlan: vlan.map(str::to_owned), mode: port_mode(mode) }
}

fn same(runs: &[(Mode, Wire)]) {
    let (_, first) = &runs[0];
    assert!(!first.0.is_empty() && !first.1.is_empty(), "nothing to compare with");
    for (mode, wire) in runs {
        assert_eq!(wire, first, "the frames in mode {mode:?} differ");
    }
}

fn vlan_device(title: &str, tags: &[(&str, u16)], shown: &str) {
    let runs = Mode::ALL.map(|mode| {
        let network = Stacked::with_port(&format!("{title}-{mode:?}").to_lowercase()).unwrap();
        let (device, tagged) = network.tags(PORT, tags, false).unwrap();
        network.address(&device).unwrap();
        let _server = network.start_server().unwrap();
        let configuration = configuration(&format!("name = \"{device}\""));
        let daemon = Daemon::start(&network.relay, mode, &configuration).unwrap();
        (mode, one_lease(&network, &tagged, &daemon, mode, &[on(PORT, Some(shown), mode)]))
    });
    same(&runs);
}

#[test]
#[ignore = "needs 802.1Q devices: cargo xtask vm"]
fn a_vlan_device_by_name_is_served_on_its_port() {
    vlan_device("vlan", &[("802.1Q", 100)], "100");
}

#[test]
#[ignore = "needs 802.1Q devices: cargo xtask vm"]
fn a_vlan_device_of_802_1ad_by_name_keeps_its_protocol() {
    vlan_device("svlan", &[("802.1ad", 100)], "100");
}

#[test]
#[ignore = "needs 802.1Q devices: cargo xtask vm"]
fn a_vlan_device_on_a_vlan_device_is_served_on_the_port_with_both_tags() {
    vlan_device("qinq", &[("802.1Q", 100), ("802.1Q", 7)], "100.7");
    vlan_device("qinq-ad", &[("802.1ad", 100), ("802.1Q", 7)], "100.7");
}

#[test]
#[ignore = "needs bonds: cargo xtask vm"]
fn a_bond_relays_each_broadcast_once_and_follows_its_active_port() {
    let runs = Mode::ALL.map(|mode| {
        let network = Stacked::with_bond(&format!("bond-{mode:?}").to_lowercase()).unwrap();
        network.address(BOND).unwrap();
        let _server = network.start_server().unwrap();
        let configuration = configuration(&format!("name = \"{BOND}\""));
        let daemon = Daemon::start(&network.relay, mode, &configuration).unwrap();
        let on = [on(BOND, None, mode)];
        let at_server = Capture::incoming(&network.server, EDGE).unwrap();
        let wire = one_lease(&network, EDGE, &daemon, mode, &on);
        let xids: Vec<u32> = at_server
            .dhcp()
            .iter()
            .filter(|(_, packet)| Step::of(packet) == Some(Step::Select))
            .map(|(_, packet)| packet.bootp().unwrap().xid())
            .collect();
        assert_eq!(xids.len(), 1, "the switch gives the request to both ports: {xids:?}");

        network.relay.run(&format!("ip link set {} down", BOND_PORTS[0])).unwrap();
        wait::until("the other port is the active one", DEADLINE, || {
            let bond = network.relay.run(&format!("ip -d link show {BOND}"))?;
            Ok(bond.contains(&format!("active_slave {}", BOND_PORTS[1])).then_some(()))
        })
        .unwrap();
        let before = daemon.stats().unwrap().interfaces[0].requests["discover"];
        assert_eq!(one_lease(&network, EDGE, &daemon, mode, &on), wire, "{mode:?}");
        let after = daemon.stats().unwrap().interfaces[0].requests["discover"];
        assert!(after.fast + after.slow > before.fast + before.slow);
        (mode, wire)
    });
    same(&runs);
}

#[test]
#[ignore = "needs bonds and 802.1Q devices: cargo xtask vm"]
fn a_vlan_device_of_a_bond_is_served_on_the_bond_or_in_the_stack_on_itself() {
    let runs = Mode::ALL.map(|mode| {
        let network = Stacked::with_bond(&format!("bondvlan-{mode:?}").to_lowercase()).unwrap();
        let (device, tagged) = network.tags(BOND, &[("802.1Q", 100)], false).unwrap();
        network.address(&device).unwrap();
        let _server = network.start_server().unwrap();
        let configuration = configuration(&format!("name = \"{device}\""));
        let daemon = Daemon::start(&network.relay, mode, &configuration).unwrap();
        let on = match mode {
            Mode::Generic => on(&device, None, mode),
            Mode::Off | Mode::Native => on(BOND, Some("100"), mode),
        };
        (mode, one_lease(&network, &tagged, &daemon, mode, &[on]))
    });
    same(&runs);
}
