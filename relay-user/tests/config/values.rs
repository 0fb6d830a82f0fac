//! What is said about single values: each of the keys, given something it does not take.

use crate::{GOOD, good, says, with};

#[test]
fn each_fault_of_a_single_value_is_said_with_line_key_and_remedy() {
    let table: &[(&str, &str)] = &[
        // [relay]: line 2
        (
            "[relay]\nfast_path = \"requires\"",
            "2: relay.fast_path: there is no \"requires\" here; did you mean \"require\"? valid: require, prefer, off",
        ),
        (
            "[relay]\nxdp_mode = \"driver\"",
            "2: relay.xdp_mode: there is no \"driver\" here; valid: auto, native, generic",
        ),
        (
            "[relay]\nmax_hops = 0",
            "2: relay.max_hops: 0 is out of range; write 1 to 255 (hops; RFC 1542 allows at most 16)",
        ),
        (
            "[relay]\nmax_hops = 256",
            "2: relay.max_hops: 256 is out of range; write 1 to 255 (hops; RFC 1542 allows at most 16)",
        ),
        ("[relay]\nmax_hops = \"16\"", "2: relay.max_hops: string \"16\" stands here; write a whole number"),
        (
            "[relay]\nmax_hops = 99999999999999999999",
            "2: relay.max_hops: integer `99999999999999999999` stands here; write a whole number",
        ),
        (
            "[relay]\nmax_message_size = 575",
            "2: relay.max_message_size: 575 is out of range; write 576 to 9000 (bytes of DHCP message)",
        ),
        (
            "[relay]\nstate_dir = \"lib\"",
            "2: relay.state_dir: \"lib\" is not an absolute path; write a path that begins with /",
        ),
        (
            "[relay]\nmetrics_listen = \"9567\"",
            "2: relay.metrics_listen: \"9567\" is not an address with a port; write one such as \"127.0.0.1:9567\" or \
             \"[::1]:9567\", or leave the key out for no listener",
        ),
        (
            "[relay]\nclients_max = 10000001",
            "2: relay.clients_max: 10000001 is out of range; write 1 to 10000000 (clients in the lease table)",
        ),
        ("[relay]\nleasequery = \"on\"", "2: relay.leasequery: there is no \"on\" here; valid: off, auto"),
        (
            "[relay]\nleasequery_rate = 0",
            "2: relay.leasequery_rate: 0 is out of range; write 1 to 1000 (leasequeries a second to each server)",
        ),
        (
            "[relay]\ndscp = 192",
            "2: relay.dscp: 192 is out of range; write 0 to 63 (the DSCP itself, not the TOS byte; 48 is CS6)",
        ),
        (
            "[relay]\nudp_checksum = \"zero\"",
            "2: relay.udp_checksum: there is no \"zero\" here; valid: keep, always",
        ),
        // [[interface]]: line 7
        (
            "vlan = 4095",
            "7: interface[0].vlan: 4095 is out of range; write 1 to 4094 (a VLAN; leave the key out for untagged)",
        ),
        (
            "vlan = 0",
            "7: interface[0].vlan: 0 is out of range; write 1 to 4094 (a VLAN; leave the key out for untagged)",
        ),
        (
            "vlan = [100, 4095]",
            "7: interface[0].vlan[1]: 4095 is out of range; write 1 to 4094 (a VLAN; leave the key out for untagged)",
        ),
        (
            "vlan = [1, 2, 3]",
            "7: interface[0].vlan: the list has 3 tags; write [outer, inner], or one number for one tag",
        ),
        (
            "vlan = \"100\"",
            "7: interface[0].vlan: string \"100\" stands here; write a VLAN number, or [outer, inner]",
        ),
        (
            "clients_max = 0",
            "7: interface[0].clients_max: 0 is out of range; write 1 to 10000000 (clients in the lease table)",
        ),
        (
            "rate_limit = 0",
            "7: interface[0].rate_limit: 0 is out of range; write 1 to 4294967295 (requests per second; leave the key out \
             for no limit)",
        ),
        ("host_routes = 1", "7: interface[0].host_routes: integer `1` stands here; write true or false"),
        (
            "address = \"192.168.60\"",
            "7: interface[0].address: \"192.168.60\" is not an IPv4 address; write an IPv4 address such as \"192.0.2.1\"",
        ),
        (
            "giaddr = \"2001:db8::1\"",
            "7: interface[0].giaddr: \"2001:db8::1\" is not an IPv4 address; this relay speaks DHCPv4: write an IPv4 address",
        ),
        (
            "giaddr = \"127.0.0.1\"",
            "7: interface[0].giaddr: 127.0.0.1 is a loopback address; write the unicast address of one host",
        ),
        (
            "address = \"10.0.41.10\"",
            "3: server_group[0].servers[0]: the server 10.0.41.10 is the relay itself (interface[0].address); write the \
             address of the DHCP server",
        ),
        // [interface.option82]: line 8
        (
            "[interface.option82]\npolicy = \"keep\"",
            "8: interface[0].option82.policy: there is no \"keep\" here; valid: discard, forward, append, replace",
        ),
        (
            "[interface.option82]\ncircuit_id = \"{nmae}\"",
            "8: interface[0].option82.circuit_id: there is no placeholder {nmae}; did you mean \"name\"? placeholders: {name} \
             {vlan} {outer} {inner} {mac} {hostname}",
        ),
        (
            "[interface.option82]\nremote_id = \"{mac\"",
            "8: interface[0].option82.remote_id: a { has no partner; write {{ for a brace itself",
        ),
        (
            "[interface.option82]\nremote_id = \"\"",
            "8: interface[0].option82.remote_id: the text is empty; leave the key out to send none",
        ),
        (
            "[interface.option82]\nrelay_id = { hex = \"0a0\" }",
            "8: interface[0].option82.relay_id.hex: \"0a0\" is not a row of bytes; write two hexadecimal digits for each of 1 \
             to 253 bytes, such as \"0a0b\"",
        ),
        (
            "[interface.option82]\nrelay_id = {}",
            "8: interface[0].option82.relay_id.hex: the bytes are missing; write { hex = \"0a0b\" } or a text",
        ),
        (
            "[interface.option82]\nrelay_id = { hexx = \"0a\" }",
            "8: interface[0].option82.relay_id.hexx: there is no such key; did you mean \"hex\"? valid keys in \
             interface[0].option82.relay_id: hex",
        ),
        (
            "[interface.option82]\nvss = { oui = 16777216, index = 1 }",
            "8: interface[0].option82.vss.oui: 16777216 is out of range; write 0 to 16777215 (24 bits, RFC 2685)",
        ),
        (
            "[interface.option82]\nvss = { oui = 4 }",
            "8: interface[0].option82.vss.index: half of the VPN identifier is missing; write { oui = 4, index = 1 }",
        ),
        (
            "[interface.option82]\nvss = \"röd\"",
            "8: interface[0].option82.vss: \"röd\" cannot be the name of a VPN; write 1 to 250 printable ASCII characters, \
             { oui = 4, index = 1 } or \"global\"",
        ),
        (
            "[interface.option82]\nvss = 7",
            "8: interface[0].option82.vss: integer `7` stands here; write a string or a table such as { oui = 4, index = 1 }",
        ),
    ];
    for (line, said) in table {
        let text = if line.starts_with("[interface") { format!("{GOOD}{line}\n") } else { with(line) };
        says(&text, &[said]);
    }
}

#[test]
fn each_fault_of_a_server_list_is_said_at_its_server() {
    let servers = |list: &str| GOOD.replace("[\"10.0.41.10\"]", list);
    let table: &[(&str, &[&str])] = &[
        (
            "[]",
            &[
                "3: server_group[0].servers: the list is empty; name at least one server, such as servers = [\"192.0.2.1\"]",
            ],
        ),
        (
            "\"10.0.41.10\"",
            &["3: server_group[0].servers: string \"10.0.41.10\" stands here; write a list: [ … ]"],
        ),
        (
            "[10]",
            &[
                "3: server_group[0].servers[0]: integer `10` stands here; write a string or a table such as { address = \
              \"192.0.2.1\", min_secs = 3 }",
            ],
        ),
        (
            "[\"0.0.0.0\", \"255.255.255.255\", \"224.0.0.1\", \"127.1.2.3\", \"dhcp.example\"]",
            &[
                "3: server_group[0].servers[0]: 0.0.0.0 is an unspecified address; write the unicast address of one host",
                "3: server_group[0].servers[1]: 255.255.255.255 is a broadcast address; write the unicast address of one host",
                "3: server_group[0].servers[2]: 224.0.0.1 is a multicast address; write the unicast address of one host",
                "3: server_group[0].servers[3]: 127.1.2.3 is a loopback address; write the unicast address of one host",
                "3: server_group[0].servers[4]: \"dhcp.example\" is not an IPv4 address; write an IPv4 address such as \
                 \"192.0.2.1\"",
            ],
        ),
        (
            "[\n\"10.0.0.1\",\n{ address = \"10.0.0.1\" }]",
            &[
                "5: server_group[0].servers[1]: 10.0.0.1 is in this group already; name each server once: it gets one copy of \
              each message",
            ],
        ),
        (
            "[{ address = \"10.0.0.1\", min_sec = 3 }]",
            &[
                "3: server_group[0].servers[0].min_sec: there is no such key; did you mean \"min_secs\"? valid keys in \
              server_group[0].servers[0]: address, vrf, min_secs",
            ],
        ),
        (
            "[{ address = \"10.0.0.1\", min_secs = 65536 }]",
            &[
                "3: server_group[0].servers[0].min_secs: 65536 is out of range; write 0 to 65535 (seconds a client has tried, \
              its secs field)",
            ],
        ),
        (
            "[{ address = \"10.0.0.1\", vrf = \"a b\" }]",
            &[
                "3: server_group[0].servers[0].vrf: \"a b\" cannot be the name of a network device; write a name of 1 to 15 \
              characters without spaces, '/' and ':', as `ip link` shows it",
            ],
        ),
        (
            "[{ min_secs = 3 }]",
            &[
                "3: server_group[0].servers[0].address: the address of the server is missing; add address = \"192.0.2.1\"",
            ],
        ),
    ];
    for (list, said) in table {
        says(&servers(list), said);
    }

    let list = |count: u32| {
        let each = (1..=count).map(|n| format!("\"10.0.0.{n}\"")).collect::<Vec<_>>();
        servers(&format!("[{}]", each.join(", ")))
    };
    assert_eq!(good(&list(32)).groups[0].servers.len(), 32);
    says(
        &list(33),
        &[
            "3: server_group[0].servers: the group has 33 servers; a message can go to at most 32: remove some, or make a \
          second group for other interfaces",
        ],
    );
}
