//! What is said about a file as a whole: things named twice or not at all, unknown keys, syntax, many faults at once.

use std::path::Path;

use relay_user::config::Config;

use crate::{FILE, GOOD, good, says, with};

#[test]
fn faults_between_tables_name_the_other_table() {
    let table: &[(String, &[&str])] = &[
        (
            String::new(),
            &[
                "1: server_group: no server group is defined; add a [[server_group]] with name and servers",
                "1: interface: no client-facing interface is defined; add an [[interface]] with name and server_group",
            ],
        ),
        (
            GOOD.replace("server_group = \"core\"", "server_group = \"cor\"")
                + "[[server_group]]\nname = \"edge\"\nservers = [\"10.0.0.9\"]",
            &[
                "6: interface[0].server_group: no server group is named \"cor\"; did you mean \"core\"? defined groups: core, edge",
            ],
        ),
        (
            GOOD.replace("server_group = \"core\"\n", ""),
            &[
                "4: interface[0].server_group: the interface has no server group; add server_group = \"…\"; defined groups: core",
            ],
        ),
        (
            GOOD.replace("name = \"core\"", "name = 7"),
            &["2: server_group[0].name: integer `7` stands here; write a string"],
        ),
        (
            with("[[server_group]]\nname = \"core\"\nservers = [\"10.0.0.9\"]"),
            &[
                "5: server_group[1].name: server_group[0] has the name \"core\" too; give each group a name of its own",
            ],
        ),
        (
            format!("{GOOD}[[interface]]\nname = \"eth1\"\nserver_group = \"core\"\n"),
            &[
                "8: interface[1].name: interface[0] is \"eth1\" untagged too; remove one of the two, or give it another vlan",
            ],
        ),
        (
            format!(
                "{GOOD}vlan = [5, 6]\n[[interface]]\nname = \"eth1\"\nvlan = [5, 6]\nserver_group = \"core\"\n"
            ),
            &[
                "9: interface[1].name: interface[0] is \"eth1\" vlan 5.6 too; remove one of the two, or give it another vlan",
            ],
        ),
        (
            format!("{GOOD}[[upstream]]\nname = \"eth0\"\n[[upstream]]\nname = \"eth0\"\n"),
            &["10: upstream[1].name: upstream[0] is \"eth0\" too; remove one of the two"],
        ),
        (
            format!("{GOOD}[[upstream]]\n"),
            &["7: upstream[0].name: the name of the port is missing; add name = \"…\""],
        ),
        (
            GOOD.replace("\"eth1\"", "\"averylongdevicename\""),
            &[
                "5: interface[0].name: \"averylongdevicename\" cannot be the name of a network device; write a name of 1 to 15 \
              characters without spaces, '/' and ':', as `ip link` shows it",
            ],
        ),
        (
            format!(
                "{GOOD}giaddr = \"10.9.9.9\"\n[[interface]]\nname = \"eth2\"\nserver_group = \"core\"\ngiaddr = \"10.9.9.9\"\n"
            ),
            &[
                "11: interface[1].giaddr: interface[0] has the giaddr 10.9.9.9 too, and neither has a circuit_id: a reply could \
              not be told apart; set option82.circuit_id = \"{name}.{vlan}\" on both, or give each its own giaddr",
            ],
        ),
        (
            format!(
                "{GOOD}giaddr = \"10.9.9.9\"\noption82.circuit_id = \"{{name}}\"\n[[interface]]\nname = \"eth2\"\n\
                 server_group = \"core\"\naddress = \"10.9.9.9\"\n"
            ),
            &[
                "12: interface[1].address: interface[0] has the giaddr 10.9.9.9 too, and interface[1] has no circuit_id: a reply \
              could not be told apart; set option82.circuit_id = \"{name}.{vlan}\" on both, or give each its own giaddr",
            ],
        ),
        (
            GOOD.replace("[[interface]]", "[interface]"),
            &["4: interface: a table stands here; write [[interface]] instead of [interface]"],
        ),
    ];
    for (text, said) in table {
        says(text, said);
    }
}

#[test]
fn unknown_keys_are_named_with_the_nearest_valid_one() {
    says(
        &with("[relay]\nmax_hop = 4"),
        &[
            "2: relay.max_hop: there is no such key; did you mean \"max_hops\"? valid keys in relay: fast_path, xdp_mode, \
          max_hops, max_message_size, clients_max, leasequery, leasequery_rate, state_dir, bpffs_dir, control_socket, metrics_listen, dscp, udp_checksum",
        ],
    );
    says(
        &with("[[servergroup]]\nname = \"x\""),
        &[
            "1: servergroup: there is no such key; did you mean \"server_group\"? valid keys here: relay, server_group, upstream, \
          interface",
        ],
    );
    says(
        &with("giadr = \"10.0.0.1\""),
        &[
            "7: interface[0].giadr: there is no such key; did you mean \"giaddr\"? valid keys in interface[0]: name, vlan, \
          members, server_group, address, giaddr, smart_relay, smart_relay_addresses, rate_limit, clients_max, host_routes, \
          option82",
        ],
    );
}

#[test]
fn one_slip_is_one_line_although_other_things_are_missing_for_it() {
    let interface_keys = "name, vlan, members, server_group, address, giaddr, smart_relay, smart_relay_addresses, rate_limit, clients_max, \
         host_routes, option82";
    for (right, slip, said) in [
        (
            "[[server_group]]",
            "[[server_groups]]",
            "1: server_groups: there is no such key; did you mean \"server_group\"? valid keys here: relay, server_group, \
             upstream, interface"
                .to_owned(),
        ),
        (
            "\"eth1\"",
            "1",
            "5: interface[0].name: integer `1` stands here; write a string".to_owned(),
        ),
        (
            "server_group = ",
            "servergroup = ",
            format!(
                "6: interface[0].servergroup: there is no such key; did you mean \"server_group\"? valid keys in \
                 interface[0]: {interface_keys}"
            ),
        ),
        (
            "servers = ",
            "server = ",
            "3: server_group[0].server: there is no such key; did you mean \"servers\"? valid keys in server_group[0]: name, \
             vrf, affinity, servers"
                .to_owned(),
        ),
    ] {
        says(&GOOD.replace(right, slip), &[&said]);
    }
}

#[test]
fn a_file_of_faults_is_not_read_to_its_end() {
    let text: String = (0..1000).map(|n| format!("key{n} = {n}\n")).collect();
    let error = Config::from_str(&text, Path::new(FILE)).expect_err("nothing is right");
    assert_eq!(error.problems.len(), 100);
    assert!(error.problems.iter().all(|problem| problem.message == "there is no such key"));
}

#[test]
fn all_faults_of_a_file_are_said_at_once_in_the_order_of_the_lines() {
    says(
        "[relay]
max_hops = \"many\"
dscp = 64
fastpath = \"off\"
[[server_group]]
name = \"core\"
servers = [\"10.0.41.10\", \"10.0.41.10\"]
[[interface]]
name = \"eth1\"
server_group = \"cores\"
[interface.option82]
trusted = \"yes\"
circuit_id = \"{port}\"
",
        &[
            "2: relay.max_hops: string \"many\" stands here; write a whole number",
            "3: relay.dscp: 64 is out of range; write 0 to 63 (the DSCP itself, not the TOS byte; 48 is CS6)",
            "4: relay.fastpath: there is no such key; did you mean \"fast_path\"? valid keys in relay: fast_path, xdp_mode, \
             max_hops, max_message_size, clients_max, leasequery, leasequery_rate, state_dir, bpffs_dir, control_socket, metrics_listen, dscp, udp_checksum",
            "7: server_group[0].servers[1]: 10.0.41.10 is in this group already; name each server once: it gets one copy of \
             each message",
            "10: interface[0].server_group: no server group is named \"cores\"; did you mean \"core\"? defined groups: core",
            "12: interface[0].option82.trusted: string \"yes\" stands here; write true or false",
            "13: interface[0].option82.circuit_id: there is no placeholder {port}; placeholders: {name} {vlan} {outer} {inner} \
             {mac} {hostname}",
        ],
    );
}

#[test]
fn faults_of_syntax_are_said_in_the_same_form() {
    says("[relay\nmax_hops = 4\n", &["1: unclosed table; expected here: `]`"]);
    says("[relay]\ndscp = 4\ndscp = 5\n", &["3: duplicate key; keep one of the two lines"]);
    says(
        "[relay]\ndscp = \n\nmax_hops = x\n",
        &[
            "2: string values must be quoted; put \" around a text; numbers, true and false stand alone",
            "4: string values must be quoted; put \" around a text; numbers, true and false stand alone",
        ],
    );
}

#[test]
fn a_file_that_cannot_be_read_is_named_with_cause_and_remedy() {
    let said = |path: &Path| Config::load(path).expect_err("no configuration").to_string();
    assert_eq!(
        said(Path::new("/nonexistent/relay.toml")),
        "/nonexistent/relay.toml: the file cannot be read: No such file or directory (os error 2); name an existing file \
         with --config; xdp-dhcrelay.example.toml is one to start from"
    );
    let directory = tempfile::tempdir().expect("a directory");
    assert_eq!(
        said(directory.path()),
        format!(
            "{}: the file cannot be read: Is a directory (os error 21); name a readable file with --config",
            directory.path().display()
        )
    );
    let latin1 = directory.path().join("latin1.toml");
    std::fs::write(&latin1, b"[relay]\n# \xe4\n").expect("written");
    assert_eq!(
        said(&latin1),
        format!("{}:2: the line is not UTF-8; save the file as UTF-8", latin1.display())
    );
    let right = directory.path().join("right.toml");
    std::fs::write(&right, GOOD).expect("written");
    assert_eq!(Config::load(&right), Ok(good(GOOD)));
}
