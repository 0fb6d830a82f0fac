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
        // The offer has the rest of the lease.
        assert_eq!(one_lease(&network, EDGE, &daemon, mode, &on).0, wire.0, "{mode:?}");
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

/// Two interfaces on one port, for untagged clients and for those of VLAN 100.
fn both() -> String {
    format!(
        "{}\n[[interface]]\nserver_group = \"core\"\nname = \"{PORT}.100\"\n",
        configuration(&format!("name = \"{PORT}\""))
    )
}

/// The client's tags are beside its frames, where XDP does not see them. The untagged interface has 192.168.61.2.
fn with_tags_beside(title: &str) -> (Stacked, String) {
    let network = Stacked::with_port(title).unwrap();
    let (device, tagged) = network.tags(PORT, &[("802.1Q", 100)], true).unwrap();
    network.address(&device).unwrap();
    network.relay.address(PORT, "192.168.61.2/24").unwrap();
    (network, tagged)
}

#[test]
#[ignore = "needs 802.1Q devices: cargo xtask vm"]
fn a_frame_whose_tag_is_beside_it_is_never_relayed_for_the_untagged_interface() {
    for mode in ["generic", "native"] {
        let (network, tagged) = with_tags_beside(&format!("beside-{mode}"));
        let _server = network.start_server().unwrap();
        let relay = format!("fast_path = \"prefer\"\nxdp_mode = \"{mode}\"");
        let daemon = Daemon::with(&network.relay, &relay, &both()).unwrap();
        let status = daemon.status().unwrap();
        let port = status.ports.iter().find(|port| port.name == PORT).unwrap();
        let note = port.note.clone().unwrap_or_default();
        assert!(note.contains("untagged frames cannot be told from tagged ones"), "{note}");
        for (interface, subnet) in [(tagged.as_str(), 60), (EDGE, 61)] {
            let running = ClientKind::Udhcpc.start(&network.client, interface).unwrap();
            assert_eq!(running.bound().unwrap().octets()[..3], [192, 168, subnet], "{mode}, {interface}");
            drop(running);
            network.client.run(&format!("ip addr flush dev {interface}")).unwrap();
        }
        let stats = daemon.stats().unwrap();
        for counts in &stats.interfaces {
            let Count { fast, slow } = counts.requests["discover"];
            assert!(slow > 0 && fast == 0, "{mode}: {stats:?}");
        }
    }
}

#[test]
#[ignore = "needs 802.1Q devices: cargo xtask vm"]
fn a_port_whose_tags_may_be_beside_is_refused_where_the_fast_path_is_required_and_taken_when_they_are_not() {
    let (network, tagged) = with_tags_beside("beside-require");
    let _server = network.start_server().unwrap();
    let refused = Daemon::start(&network.relay, Mode::Native, &both()).err().unwrap().to_string();
    let remedy = format!("`ethtool -K {PORT} rxvlan off rx-vlan-stag-hw-parse off`");
    assert!(refused.contains(&remedy), "{refused}");
    // What the message says to do, at either end.
    network.client.run(&format!("ethtool -K {EDGE} txvlan off tx-vlan-stag-hw-insert off")).unwrap();
    network.relay.run(remedy.trim_matches('`')).unwrap();
    let daemon = Daemon::start(&network.relay, Mode::Native, &both()).unwrap();
    for (interface, subnet) in [(tagged.as_str(), 60), (EDGE, 61)] {
        let running = ClientKind::Udhcpc.start(&network.client, interface).unwrap();
        assert_eq!(running.bound().unwrap().octets()[..3], [192, 168, subnet], "{interface}");
        drop(running);
        network.client.run(&format!("ip addr flush dev {interface}")).unwrap();
    }
    let stats = daemon.stats().unwrap();
    assert!(
        stats.interfaces.iter().all(|one| by_its_path(one.requests["discover"], Mode::Native)),
        "{stats:?}"
    );
}
