//! What comes out of right files: defaults, domain types, the effective configuration, warnings.

use std::{net::Ipv4Addr, path::PathBuf};

use relay_user::config::domain::{
    Affinity, FastPath, Identifier, Leasequery, Numbering, Policy, Relay, Server, UdpChecksum, VlanTags, Vss,
    XdpMode,
};

use crate::{EXAMPLE, FULL, GOOD, good};

#[test]
fn the_least_configuration_gets_every_default() {
    let config = good(GOOD);
    assert_eq!(
        config.relay,
        Relay {
            fast_path: FastPath::Require,
            xdp_mode: XdpMode::Auto,
            max_hops: 16,
            max_message_size: 1472,
            clients_max: 262_144,
            leasequery: Leasequery::Off,
            leasequery_rate: 100,
            state_dir: PathBuf::from("/var/lib/xdp-dhcrelay"),
            bpffs_dir: PathBuf::from("/sys/fs/bpf/xdp-dhcrelay"),
            control_socket: PathBuf::from("/run/xdp-dhcrelay/control.sock"),
            metrics_listen: None,
            dscp: 48,
            udp_checksum: UdpChecksum::Keep,
        }
    );
    assert_eq!(config.groups[0].affinity, Affinity::Auto);
    assert_eq!(config.groups[0].vrf, None);
    assert_eq!(
        config.groups[0].servers,
        [Server { address: Ipv4Addr::new(10, 0, 41, 10), vrf: None, min_secs: 0 }]
    );
    let interface = &config.interfaces[0];
    assert_eq!((interface.group, interface.vlan), (0, VlanTags::default()));
    assert_eq!((interface.address, interface.giaddr, interface.rate_limit), (None, None, None));
    assert_eq!(interface.clients_max, 65_536);
    assert!(!interface.host_routes && interface.option82.is_none() && config.upstreams.is_empty());
    assert_eq!(config.warnings(), []);
}

#[test]
fn every_key_arrives_in_its_domain_type() {
    let config = good(FULL);
    assert_eq!((config.relay.fast_path, config.relay.xdp_mode), (FastPath::Prefer, XdpMode::Generic));
    assert_eq!(config.relay.metrics_listen, Some("127.0.0.1:9567".parse().expect("an address")));
    assert_eq!(config.relay.udp_checksum, UdpChecksum::Always);
    assert_eq!(config.groups[0].vrf.as_deref(), Some("mgmt"));
    assert_eq!(config.groups[0].affinity, Affinity::Off);
    assert_eq!(
        config.groups[0].servers[1],
        Server { address: Ipv4Addr::new(10, 0, 41, 11), vrf: None, min_secs: 3 }
    );
    assert_eq!(config.upstreams[0].name, "eth0");
    let [first, second, third] = config.interfaces.as_slice() else { panic!("three interfaces") };
    assert_eq!(first.vlan, VlanTags { outer: Some(100), inner: None });
    assert_eq!(first.giaddr, Some(Ipv4Addr::new(10, 255, 0, 1)));
    assert_eq!((first.rate_limit, first.clients_max, first.host_routes), (Some(1000), 500, true));
    assert_eq!(config.relay.clients_max, 2_000);
    let option82 = first.option82.as_ref().expect("option82");
    assert_eq!((option82.policy, option82.trusted), (Policy::Append, true));
    assert_eq!((option82.link_selection, option82.server_id_override, option82.flags), (None, true, true));
    assert_eq!(option82.vss, Some(Vss::Name("red".into())));
    assert_eq!(option82.relay_id, Some(Identifier::Bytes(vec![0x0a, 0x0b])));
    assert_eq!(second.vlan, VlanTags { outer: Some(200), inner: Some(7) });
    assert_eq!(second.option82.as_ref().expect("option82").vss, Some(Vss::VpnId { oui: 4, index: 1 }));
    assert_eq!(third.option82.as_ref().expect("option82").vss, Some(Vss::Global));
}

#[test]
fn a_server_is_in_its_own_vrf_or_in_that_of_its_group() {
    let servers = r#"vrf = "mgmt"
servers = ["10.0.41.10", { address = "10.1.0.5", vrf = "red", min_secs = 3 }, { address = "10.1.0.6", vrf = "red" }]"#;
    let config = good(&GOOD.replace("servers = [\"10.0.41.10\"]", servers));
    let [group] = config.groups.as_slice() else { panic!("one group") };
    let vrfs: Vec<_> = group.servers.iter().map(|server| group.vrf_of(server)).collect();
    assert_eq!(vrfs, [Some("mgmt"), Some("red"), Some("red")]);
    assert_eq!(group.server_vrfs().into_iter().collect::<Vec<_>>(), [Some("mgmt"), Some("red")]);
    assert_eq!(group.servers[1].min_secs, 3);
    assert_eq!(good(&config.to_toml().expect("TOML")), config);
}

#[test]
fn the_effective_configuration_reads_back_to_the_same() {
    for text in [GOOD, FULL, EXAMPLE] {
        let config = good(text);
        let effective = config.to_toml().expect("TOML");
        assert_eq!(good(&effective), config, "{effective}");
        assert_eq!(good(&effective).to_toml().expect("TOML"), effective);
        let json: serde_json::Value = serde_json::to_value(&config).expect("JSON");
        assert_eq!(json["relay"]["max_hops"], 16);
        assert_eq!(json["interface"][0]["server_group"], "core");
    }
}

#[test]
fn what_is_allowed_but_doubtful_is_a_warning() {
    let text = format!(
        "[relay]\nmax_hops = 17\n{GOOD}[interface.option82]\nserver_id_override = true\nflags = false\n"
    );
    let said: Vec<String> = good(&text).warnings().iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "/etc/x.toml:2: relay.max_hops: 17 is more than RFC 1542 allows; 16 is the most that other relays and servers \
             will take",
            "/etc/x.toml:11: interface[0].option82.flags: server_id_override without flags hides from servers whether a \
             renewal came by unicast; RFC 5107 wants both: remove flags = false",
        ]
    );
}

#[test]
fn a_vpn_with_cisco_s_numbers_is_a_warning_and_flags_are_no_matter_then() {
    let text = format!(
        "{GOOD}[interface.option82]\nserver_id_override = true\nflags = false\nnumbering = \"cisco\"\nvss = \"red\"\n"
    );
    let config = good(&text);
    assert_eq!(config.interfaces[0].option82.as_ref().map(|o| o.numbering), Some(Numbering::Cisco));
    let said: Vec<String> = config.warnings().iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "/etc/x.toml:11: interface[0].option82.vss: with Cisco's numbering 152 is the server identifier override, and no \
          server can say by it that it ignored the VPN; make sure that every server of the group looks at sub-option \
          151: an address from another VPN is not noticed"
        ]
    );
}

#[test]
fn keys_that_are_written_with_their_defaults_change_nothing() {
    let written = format!(
        "[relay]
fast_path = \"require\"
xdp_mode = \"auto\"
max_hops = 16
max_message_size = 1472
clients_max = 262144
leasequery = \"off\"
leasequery_rate = 100
state_dir = \"/var/lib/xdp-dhcrelay\"
bpffs_dir = \"/sys/fs/bpf/xdp-dhcrelay\"
control_socket = \"/run/xdp-dhcrelay/control.sock\"
dscp = 48
udp_checksum = \"keep\"
{}clients_max = 65536
host_routes = false
option82 = {{ policy = \"discard\", trusted = false, server_id_override = false, flags = true }}
",
        GOOD.replace("servers", "affinity = \"auto\"\nservers")
    );
    assert_eq!(good(&written), good(&format!("{GOOD}[interface.option82]\n")));
    assert_eq!(good(&written).warnings(), []);
}
