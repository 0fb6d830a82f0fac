//! Configuration files as an operator writes them, right and wrong: what comes out of the right ones, and what exactly
//! is said about the wrong ones. The wording is part of the interface: it is what the operator works with.

#[path = "config/mutations.rs"]
mod mutations;
#[path = "config/on_machine.rs"]
mod on_machine;
#[path = "config/right.rs"]
mod right;
#[path = "config/tables.rs"]
mod tables;
#[path = "config/values.rs"]
mod values;

use std::path::Path;

use relay_user::{
    config::{
        Config, Machine,
        host::{Device, DeviceAddress},
    },
    nexthop::Vlan,
};

const FILE: &str = "/etc/x.toml";
const EXAMPLE: &str = include_str!("../../xdp-dhcrelay.example.toml");

/// The least that is right; lines 1 to 6.
const GOOD: &str = "[[server_group]]
name = \"core\"
servers = [\"10.0.41.10\"]
[[interface]]
name = \"eth1\"
server_group = \"core\"
";

fn read(text: &str) -> Result<Config, String> {
    Config::from_str(text, Path::new(FILE)).map_err(|error| error.to_string())
}

fn good(text: &str) -> Config {
    read(text).unwrap_or_else(|error| panic!("{error}"))
}

/// Puts `line` in front of `GOOD`, or behind it when it does not begin with a table header.
fn with(line: &str) -> String {
    if line.starts_with('[') { format!("{line}\n{GOOD}") } else { format!("{GOOD}{line}\n") }
}

#[track_caller]
fn says(text: &str, expected: &[&str]) {
    let said = read(text).expect_err(text);
    let expected: Vec<String> = expected.iter().map(|line| format!("{FILE}:{line}")).collect();
    assert_eq!(said, expected.join("\n"), "\n--- said about:\n{text}");
}

/// Most keys, and the values that are not the defaults.
const FULL: &str = r#"
[relay]
fast_path = "prefer"
xdp_mode = "generic"
metrics_listen = "127.0.0.1:9567"
udp_checksum = "always"
clients_max = 2000

[[server_group]]
name = "core"
vrf = "mgmt"
affinity = "off"
servers = ["10.0.41.10", { address = "10.0.41.11", min_secs = 3 }]

[[upstream]]
name = "eth0"

[[interface]]
name = "eth1"
vlan = 100
server_group = "core"
address = "192.168.60.2"
giaddr = "10.255.0.1"
rate_limit = 1000
clients_max = 500
host_routes = true

[interface.option82]
policy = "append"
trusted = true
circuit_id = "{name}.{vlan}"
remote_id = "{mac}"
server_id_override = true
flags = true
vss = "red"
relay_id = { hex = "0A0b" }

[[interface]]
name = "eth1"
vlan = [200, 7]
server_group = "core"
option82 = { vss = { oui = 4, index = 1 } }

[[interface]]
name = "eth2"
server_group = "core"
option82.vss = "global"
"#;

fn device(ifindex: u32, name: &str, addresses: &[&str]) -> Device {
    Device {
        name: name.into(),
        ifindex,
        mac: Some([2, 0, 0, 0, 0, u8::try_from(ifindex).expect("small")]),
        mtu: 1500,
        addresses: addresses
            .iter()
            .map(|text| {
                let (address, prefix_len) = text.split_once('/').expect("a prefix length");
                DeviceAddress {
                    address: address.parse().expect("an address"),
                    prefix_len: prefix_len.parse().expect("a number"),
                }
            })
            .collect(),
        kind: None,
        vlan: None,
        filters_vlans: false,
        controller: None,
        vrf_table: None,
    }
}

fn vlan(parent: u32, id: u16) -> Option<Vlan> {
    Some(Vlan { parent, protocol: 0x8100, id })
}

/// Two client ports, one of them with a VLAN device; servers behind eth0 in VRF mgmt, whose loopback address is on the VRF device.
fn machine() -> Machine {
    Machine::new(
        "edge7",
        vec![
            Device { mac: None, ..device(1, "lo", &["127.0.0.1/8"]) },
            Device { controller: Some(9), ..device(2, "eth0", &["10.0.41.2/24"]) },
            device(3, "eth1", &["192.168.60.2/24", "192.168.61.2/25"]),
            device(4, "eth2", &[]),
            Device { vlan: vlan(3, 100), ..device(5, "eth1.100", &["192.168.70.2/22"]) },
            Device { vlan: vlan(5, 7), ..device(6, "eth1.100.7", &["192.168.80.2/24"]) },
            Device { vrf_table: Some(1009), ..device(9, "mgmt", &["10.255.0.1/32"]) },
        ],
    )
}
