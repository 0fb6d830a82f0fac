//! Right files on a machine where they are right, and on one where they are not.

use std::{fmt::Write as _, net::Ipv4Addr};

use relay_user::config::{
    Machine,
    domain::{Numbering, Policy, VlanTags, Vss},
    host::Device,
    resolved::{ResolvedInterface, ResolvedOption82, SmartRelay, Vrf},
};

use crate::{FILE, FULL, GOOD, device, good, machine, read, says, with};

#[test]
fn what_is_left_to_the_machine_is_filled_in() {
    let text = FULL.replace("address = \"192.168.60.2\"\n", "").replace("\"eth2\"", "\"eth1\"");
    let resolved = good(&text).resolve(&machine()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(resolved.groups[0].vrf, Some(Vrf { name: "mgmt".into(), ifindex: 9, table: 1009 }));
    assert_eq!(resolved.upstreams[0].ifindex, 2);
    assert_eq!(
        resolved.interfaces[0],
        ResolvedInterface {
            name: "eth1".into(),
            ifindex: 3,
            mac: [2, 0, 0, 0, 0, 3],
            mtu: 1500,
            vlan: VlanTags { outer: Some(100), inner: None },
            members: false,
            address_ifindex: 5,
            vrf: None,
            address: Ipv4Addr::new(192, 168, 70, 2),
            prefix_len: 22,
            giaddr: Ipv4Addr::new(10, 255, 0, 1),
            smart_relay: None,
            group: 0,
            rate_limit: Some(1000),
            clients_max: 500,
            host_routes: true,
            option82: Some(ResolvedOption82 {
                policy: Policy::Append,
                trusted: true,
                circuit_id: Some(b"eth1.100".to_vec()),
                remote_id: Some(b"02:00:00:00:00:03".to_vec()),
                link_selection: true,
                flags: true,
                server_id_override: true,
                relay_id: Some(vec![0x0a, 0x0b]),
                vss: Some(Vss::Name("red".into())),
                numbering: Numbering::Rfc,
            }),
        }
    );
    // 1: 2+8, 2: 2+17, 5: 6, 10: 3, 11: 6, 12: 2+2, 151: 2+1+3, 152: 2
    assert_eq!(resolved.interfaces[0].option82.as_ref().map(ResolvedOption82::encoded_len), Some(56));
    // QinQ 200.7 has no device, so the port's own address counts; its vss keeps it apart from the third.
    assert_eq!(resolved.interfaces[1].address, Ipv4Addr::new(192, 168, 60, 2));
    assert_eq!(resolved.interfaces[1].giaddr, resolved.interfaces[1].address);
    let option82 = resolved.interfaces[1].option82.as_ref().expect("option82");
    assert!(!option82.link_selection, "giaddr is the address");
    assert!(!option82.flags, "flags go only with the override");

    let effective = resolved.effective.to_toml().expect("TOML");
    let mut expected = String::new();
    for line in
        ["address = \"192.168.70.2\"", "giaddr = \"10.255.0.1\"", "link_selection = true", "dscp = 48"]
    {
        writeln!(expected, "{line}").expect("a string");
        assert!(effective.lines().any(|written| written == line), "{line} is not in\n{effective}");
    }
    assert_eq!(good(&effective).resolve(&machine()).expect("right").interfaces, resolved.interfaces);
}

#[test]
fn smart_relay_goes_on_with_the_device_s_other_subnets_or_with_what_is_named() {
    let smart = |text: &str| {
        let resolved = good(text).resolve(&machine()).unwrap_or_else(|error| panic!("{error}"));
        let effective = resolved.effective.to_toml().expect("TOML");
        assert_eq!(good(&effective).resolve(&machine()).expect("right").interfaces, resolved.interfaces);
        resolved.interfaces[0].smart_relay.clone()
    };
    assert_eq!(smart(GOOD), None);
    let second = (Ipv4Addr::new(192, 168, 61, 2), 25);
    let expected = SmartRelay { tries: 3, further: vec![second] };
    assert_eq!(smart(&format!("{GOOD}smart_relay = 3\n")), Some(expected.clone()));
    let named = format!("{GOOD}smart_relay = 3\nsmart_relay_addresses = [\"192.168.61.2\"]\n");
    assert_eq!(smart(&named), Some(expected));
    let first = (Ipv4Addr::new(192, 168, 60, 2), 24);
    let turned = format!("{GOOD}smart_relay = 1\naddress = \"192.168.61.2\"\n");
    assert_eq!(smart(&turned), Some(SmartRelay { tries: 1, further: vec![first] }));
}

#[test]
fn the_address_of_a_qinq_interface_is_on_its_inner_device() {
    let text = format!("{GOOD}vlan = [100, 7]\n");
    let resolved = good(&text).resolve(&machine()).expect("right");
    assert_eq!(resolved.interfaces[0].address, Ipv4Addr::new(192, 168, 80, 2));
    assert_eq!((resolved.interfaces[0].ifindex, resolved.interfaces[0].address_ifindex), (3, 6));
}

#[test]
fn a_vlan_device_by_name_is_its_port_with_the_tag() {
    let by_name = |name: &str, more: &str| {
        let text = GOOD.replace("\"eth1\"", &format!("\"{name}\"")) + more;
        let resolved = good(&text).resolve(&machine()).unwrap_or_else(|error| panic!("{error}"));
        resolved.interfaces[0].clone()
    };
    let template = "option82.circuit_id = \"{name}|{vlan}|{outer}|{inner}\"\n";
    let tagged = by_name("eth1.100", template);
    assert_eq!((tagged.name.as_str(), tagged.vlan), ("eth1.100", VlanTags::default()));
    assert_eq!((tagged.address, tagged.address_ifindex), (Ipv4Addr::new(192, 168, 70, 2), 5));
    let circuit = |interface: ResolvedInterface| interface.option82.and_then(|option82| option82.circuit_id);
    // The name as it is written, the tags as they are in the frames.
    assert_eq!(circuit(tagged), Some(b"eth1.100|100|100|0".to_vec()));
    let double = by_name("eth1.100", &format!("vlan = 7\n{template}"));
    assert_eq!(double.address, Ipv4Addr::new(192, 168, 80, 2));
    assert_eq!(circuit(double), Some(b"eth1.100|100.7|100|7".to_vec()));
}

#[test]
fn two_names_for_the_same_frames_are_refused_with_both_names() {
    let two = |first: &str, second: &str| {
        format!("{GOOD}{first}\n[[interface]]\nserver_group = \"core\"\n{second}\n")
    };
    let same = two("vlan = 100", "name = \"eth1.100\"");
    let said = good(&same).resolve(&machine()).expect_err("the same frames").to_string();
    assert!(
        said.ends_with(
            ":10: interface[1].name: \"eth1.100\" stands for the same frames as interface[0], \"eth1\" vlan 100; remove one of \
             the two"
        ),
        "{said}"
    );
    assert!(good(&two("", "name = \"eth1.100\"")).resolve(&machine()).is_ok());
    assert!(
        good(&two("vlan = 100\noption82.circuit_id = \"a\"", "name = \"eth1.100.7\""))
            .resolve(&machine())
            .is_ok()
    );
}

#[test]
fn a_bridge_and_a_port_of_it_are_the_same_frames_twice() {
    let bridge = Device { kind: Some("bridge".into()), ..device(20, "br0", &["192.168.90.2/24"]) };
    let port = |index, name| Device { controller: Some(20), ..device(index, name, &[]) };
    let tunnel = Device { kind: Some("vxlan".into()), ..port(23, "vxlan10") };
    let machine = Machine::new("edge7", vec![bridge, port(21, "eth5"), port(22, "eth6"), tunnel]);
    let of = |interfaces: &[&str]| {
        let text: String = interfaces
            .iter()
            .map(|lines| {
                format!(
                    "[[interface]]\nserver_group = \"core\"\noption82.circuit_id = \"{{name}}\"\n{lines}\n"
                )
            })
            .collect();
        let group = "[[server_group]]\nname = \"core\"\nservers = [\"10.0.41.10\"]\n";
        good(&format!("{group}{text}")).resolve(&machine).map_err(|error| error.to_string())
    };
    let both = of(&["name = \"br0\"", "name = \"eth5\""]).expect_err("twice");
    assert!(
        both.ends_with(
            "interface[1].name: \"eth5\" is a port of interface[0], \"br0\": its requests would be relayed twice; name the \
             bridge, or its ports"
        ),
        "{both}"
    );
    let members = of(&["name = \"br0\"\nmembers = true", "name = \"eth5\""]).expect_err("twice");
    assert!(members.contains("\"eth5\" stands for the same frames as interface[0], \"br0\""), "{members}");
    assert!(of(&["name = \"br0\"\nmembers = true"]).is_ok());
    let ports = of(&["name = \"eth5\"", "name = \"eth6\""]).expect("each its own circuit-id");
    assert!(ports.interfaces.iter().all(|interface| interface.address_ifindex == 20), "{ports:?}");
    let no_bridge = of(&["name = \"eth5\"\nmembers = true"]).expect_err("not a bridge");
    assert!(
        no_bridge.contains("\"eth5\" is no bridge, and members = true is about the ports of one"),
        "{no_bridge}"
    );
}

#[test]
fn each_fault_against_the_machine_is_said_with_line_key_and_remedy() {
    let shared = |option82: &str| {
        format!(
            "{GOOD}vlan = 1\n{option82}\n[[interface]]\nname = \"eth1\"\nvlan = 2\nserver_group = \"core\"\n{option82}\n"
        )
    };
    let table: &[(String, &str)] = &[
        (
            GOOD.replace("eth1", "eth11"),
            "5: interface[0].name: there is no device \"eth11\" on this machine; did you mean \"eth1\"? devices here: lo, eth0, \
             eth1, eth2, eth1.100, eth1.100.7, mgmt",
        ),
        (
            GOOD.replace("eth1", "eth2"),
            "5: interface[0].name: \"eth2\" has no IPv4 address; give it the relay's address on the client subnet: ip address \
             add 192.0.2.1/24 dev eth2",
        ),
        (
            GOOD.replace("eth1", "lo"),
            "5: interface[0].name: \"lo\" is not an Ethernet device; name the device whose link the clients are on",
        ),
        (
            with("smart_relay = 3").replace("eth1", "eth0"),
            "7: interface[0].smart_relay: \"eth0\" has no address of another subnet than 10.0.41.2; add one: ip address add \
             192.0.2.1/24 dev eth0, or remove the key",
        ),
        (
            format!("{GOOD}smart_relay = 3\nsmart_relay_addresses = [\"192.168.62.2\"]\n"),
            "8: interface[0].smart_relay_addresses[0]: 192.168.62.2 is not an address of \"eth1\"; name further addresses of \
             the device, one of each client subnet",
        ),
        (
            format!("{GOOD}smart_relay = 3\ngiaddr = \"10.255.0.1\"\n"),
            "7: interface[0].smart_relay: giaddr 10.255.0.1 stays the same, and without link selection nothing else names \
             the other addresses; set option82.link_selection = true, or remove giaddr",
        ),
        (
            with("address = \"192.168.60.3\""),
            "7: interface[0].address: 192.168.60.3 is not an address of \"eth1\"; \"eth1\" has: 192.168.60.2, 192.168.61.2",
        ),
        (
            with("address = \"10.0.41.2\""),
            "7: interface[0].address: 10.0.41.2 is an address of \"eth0\", not of \"eth1\"; \"eth1\" has: 192.168.60.2, \
             192.168.61.2",
        ),
        (
            GOOD.replace("eth1", "eth2") + "address = \"10.1.1.1\"",
            "7: interface[0].address: 10.1.1.1 is not an address of \"eth2\"; \"eth2\" has none: add it with ip address add \
             10.1.1.1/24 dev eth2",
        ),
        (
            with("giaddr = \"10.255.0.2\""),
            "7: interface[0].giaddr: 10.255.0.2 is not an address of this machine; add it to a device (for inter-VRF relaying: \
             in the servers' VRF), or remove the key to use 192.168.60.2",
        ),
        (
            GOOD.replace("10.0.41.10", "192.168.70.2"),
            "3: server_group[0].servers[0]: the server 192.168.70.2 is this machine itself (\"eth1.100\"); write the address of \
             the DHCP server",
        ),
        (
            GOOD.replace("servers", "vrf = \"mgnt\"\nservers"),
            "3: server_group[0].vrf: there is no VRF \"mgnt\" on this machine; did you mean \"mgmt\"? VRFs here: mgmt",
        ),
        (
            GOOD.replace("servers", "vrf = \"eth0\"\nservers"),
            "3: server_group[0].vrf: \"eth0\" is a device, but not a VRF; VRFs here: mgmt",
        ),
        (
            GOOD.replace("\"10.0.41.10\"", "{ address = \"10.0.41.10\", vrf = \"mgnt\" }"),
            "3: server_group[0].servers[0].vrf: there is no VRF \"mgnt\" on this machine; did you mean \"mgmt\"? VRFs here: mgmt",
        ),
        (
            with("[[upstream]]\nname = \"eth9\""),
            "2: upstream[0].name: there is no device \"eth9\" on this machine; did you mean \"eth0\"? devices here: lo, eth0, \
             eth1, eth2, eth1.100, eth1.100.7, mgmt",
        ),
        (
            shared(""),
            "10: interface[1].name: interface[0] has the giaddr 192.168.60.2 too, and neither has a circuit_id: a reply could \
             not be told apart; set option82.circuit_id = \"{name}.{vlan}\" on both, or give each its own giaddr",
        ),
        (
            shared("option82.circuit_id = \"{name}\""),
            "13: interface[1].option82.circuit_id: interface[0] has the giaddr 192.168.60.2 and the same circuit-id too: a reply \
             could not be told apart; make them differ, for example with \"{name}.{vlan}\"",
        ),
        (
            with(&format!("option82.circuit_id = \"{}\"", "x".repeat(254))),
            "7: interface[0].option82: the option would have 256 bytes, and one DHCP option holds 255; shorten circuit_id, \
             remote_id, relay_id or vss",
        ),
    ];
    for (text, said) in table {
        let error = good(text).resolve(&machine()).expect_err(text).to_string();
        assert_eq!(error, format!("{FILE}:{said}"), "\n--- said about:\n{text}");
    }
    assert!(good(&shared("option82.circuit_id = \"{name}.{vlan}\"")).resolve(&machine()).is_ok());
}

#[test]
fn an_address_is_another_one_in_another_vrf() {
    // The server has the address that eth1 has in the main table: in VRF mgmt that is another host.
    let text = GOOD.replace("10.0.41.10", "192.168.60.2").replace("servers", "vrf = \"mgmt\"\nservers");
    assert!(good(&text).resolve(&machine()).is_ok());
    // And 10.0.41.2 is ours there, on a port of the VRF, but a stranger in the main table.
    let mgmt = GOOD.replace("10.0.41.10", "10.0.41.2").replace("servers", "vrf = \"mgmt\"\nservers");
    assert!(good(&mgmt).resolve(&machine()).is_err());
    assert!(good(&mgmt.replace("vrf = \"mgmt\"\n", "")).resolve(&machine()).is_ok());
}

#[test]
fn each_server_of_a_group_is_held_against_its_own_vrf() {
    let servers = |list: &str| GOOD.replace("[\"10.0.41.10\"]", list);
    let two = servers("[\"10.0.41.10\", { address = \"10.0.41.11\", vrf = \"mgmt\" }]")
        + "giaddr = \"10.255.0.1\"\n[interface.option82]\n";
    let resolved = good(&two).resolve(&machine()).unwrap_or_else(|error| panic!("{error}"));
    let mgmt = Vrf { name: "mgmt".into(), ifindex: 9, table: 1009 };
    let vrfs: Vec<_> = resolved.groups[0].servers.iter().map(|server| server.vrf.clone()).collect();
    assert_eq!(vrfs, [None, Some(mgmt)]);
    assert_eq!(resolved.groups[0].tables().into_iter().collect::<Vec<_>>(), [0, 1009]);
    // Replies of the main table come to 10.255.0.1 as well, which is not there.
    let warnings: Vec<String> = resolved.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "/etc/x.toml:7: interface[0].giaddr: 10.255.0.1 (\"mgmt\") is in VRF \"mgmt\", some servers are in the main table; \
          replies arrive only if the servers' VRF has a route for giaddr to this machine"
        ]
    );
    // 10.0.41.2 is ours in VRF mgmt alone.
    assert!(good(&servers("[\"10.0.41.2\"]")).resolve(&machine()).is_ok());
    let ours = good(&servers("[{ address = \"10.0.41.2\", vrf = \"mgmt\" }]")).resolve(&machine());
    let said = ours.expect_err("it is this machine").to_string();
    assert!(
        said.starts_with("/etc/x.toml:3: server_group[0].servers[0]: the server 10.0.41.2 is this machine"),
        "{said}"
    );
}

#[test]
fn interfaces_of_two_groups_share_a_giaddr_where_servers_of_both_are_in_one_vrf() {
    let second = |vrf: &str| {
        format!(
            "[[server_group]]\nname = \"edge\"\nservers = [{{ address = \"10.0.0.9\"{vrf} }}]\n{}\
             [[interface]]\nname = \"eth1\"\nvlan = 100\naddress = \"192.168.70.2\"\ngiaddr = \"10.255.0.1\"\nserver_group = \"edge\"\n",
            GOOD.replace("\"10.0.41.10\"", "\"10.0.41.10\", { address = \"10.0.41.11\", vrf = \"mgmt\" }")
                + "giaddr = \"10.255.0.1\"\n"
        )
    };
    let said = read(&second(", vrf = \"mgmt\"")).expect_err("a reply of VRF mgmt could be for either");
    assert!(
        said.contains("interface[0] has the giaddr 10.255.0.1 too, and neither has a circuit_id"),
        "{said}"
    );
    let said = read(&second("")).expect_err("and so could one of the main table");
    assert!(said.contains("interface[0] has the giaddr 10.255.0.1 too"), "{said}");
    // Nobody else's server is in another VRF: the same address is another there.
    assert!(read(&second(", vrf = \"red\"")).is_ok());
}

#[test]
fn a_giaddr_off_the_client_subnet_without_link_selection_is_a_warning() {
    let warnings = |text: &str| -> Vec<String> {
        let resolved = good(text).resolve(&machine()).unwrap_or_else(|error| panic!("{error}"));
        resolved.warnings.iter().map(ToString::to_string).collect()
    };
    let giaddr = with("giaddr = \"10.255.0.1\"").replace("servers", "vrf = \"mgmt\"\nservers");
    assert_eq!(
        warnings(&giaddr),
        [
            "/etc/x.toml:8: interface[0].giaddr: giaddr 10.255.0.1 is not the address 192.168.60.2, and no link selection is sent; \
          a server that chooses the subnet by giaddr chooses the wrong one: add [interface.option82] with link_selection = true"
        ]
    );
    assert_eq!(warnings(&format!("{giaddr}[interface.option82]\n")), Vec::<String>::new());
    assert_eq!(
        warnings(&format!("{}[interface.option82]\n", giaddr.replace("vrf = \"mgmt\"\n", ""))),
        [
            "/etc/x.toml:7: interface[0].giaddr: 10.255.0.1 (\"mgmt\") is in VRF \"mgmt\", the servers are in the main table; \
          replies arrive only if the servers' VRF has a route for giaddr to this machine"
        ]
    );
}

#[test]
fn this_machine_is_read_over_rtnetlink() {
    let machine = Machine::read().expect("the machine");
    let loopback = machine.device("lo").expect("every namespace has lo");
    assert_eq!((loopback.ifindex, loopback.mac), (1, None));
    assert!(!machine.hostname().is_empty() && !machine.hostname().contains('\n'));
    for device in machine.devices() {
        assert_eq!(machine.device(&device.name), Some(device));
        for address in &device.addresses {
            assert!(machine.devices_with(address.address).any(|holder| holder == device));
        }
    }
}

#[test]
fn every_vlan_of_a_port_can_be_an_interface() {
    let mut text = GOOD.to_owned();
    for vlan in 1..=4094 {
        writeln!(
            text,
            "[[interface]]\nname = \"eth1\"\nserver_group = \"core\"\nvlan = {vlan}\n\
             option82.circuit_id = \"{{name}}.{{vlan}}\"\ngiaddr = \"10.255.0.1\""
        )
        .expect("a string");
    }
    let resolved = good(&text).resolve(&machine()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(resolved.interfaces.len(), 4095);
    assert_eq!(
        resolved.interfaces[4094].option82.as_ref().and_then(|o| o.circuit_id.clone()),
        Some(b"eth1.4094".to_vec())
    );

    let typo = text.replace("vlan = 4000\n", "vlan = 4001\n");
    says(
        &typo,
        &[
            "24008: interface[4001].name: interface[4000] is \"eth1\" vlan 4001 too; remove one of the two, or give it another vlan",
        ],
    );
}

#[test]
fn an_address_to_listen_on_for_metrics_that_is_not_there_or_in_a_vrf_is_warned_of() {
    let warnings = |address: &str| -> Vec<String> {
        let text = format!("[relay]\nmetrics_listen = \"{address}:9567\"\n{GOOD}");
        let resolved = good(&text).resolve(&machine()).unwrap_or_else(|error| panic!("{error}"));
        resolved.warnings.iter().map(ToString::to_string).collect()
    };
    for there in ["127.0.0.1", "127.0.0.53", "0.0.0.0", "192.168.60.2", "192.168.70.2", "[2001:db8::1]"] {
        assert_eq!(warnings(there), [""; 0], "{there}");
    }
    let remedy = "name an address of this machine that is in no VRF, or 0.0.0.0 for all";
    for (address, message) in [
        ("192.0.2.77", "no device of this machine has the address 192.0.2.77"),
        ("10.0.41.2", "10.0.41.2 is an address in the VRF \"mgmt\", and the daemon listens outside of VRFs"),
    ] {
        assert_eq!(warnings(address), [format!("{FILE}:2: relay.metrics_listen: {message}; {remedy}")]);
    }
}
