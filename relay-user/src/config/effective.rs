//! From domain types back to wire types: the configuration as a file in which no default is left unsaid.
//!
//! `check` prints it, and `--json` gives it to programs in the same shape.

use std::net::Ipv4Addr;

use super::{
    domain::{Config, Identifier, Interface, Option82, Relay, Server, ServerGroup, VlanTags, Vss},
    file,
};

impl From<Config> for file::File {
    fn from(config: Config) -> Self {
        let Config { relay: settings, groups, upstreams, interfaces, warnings: _, source: _ } = config;
        let names: Vec<String> = groups.iter().map(|group| group.name.clone()).collect();
        let upstreams: Vec<_> =
            upstreams.into_iter().map(|upstream| file::Upstream { name: Some(upstream.name) }).collect();
        Self {
            relay: Some(relay(settings)),
            server_group: Some(groups.into_iter().map(server_group).collect()),
            upstream: (!upstreams.is_empty()).then_some(upstreams),
            interface: Some(
                interfaces.into_iter().map(|interface| client_interface(interface, &names)).collect(),
            ),
        }
    }
}

fn relay(relay: Relay) -> file::Relay {
    let Relay {
        fast_path,
        xdp_mode,
        max_hops,
        max_message_size,
        clients_max,
        leasequery,
        leasequery_rate,
        state_dir,
        bpffs_dir,
        control_socket,
        metrics_listen,
        dscp,
        udp_checksum,
    } = relay;
    // The paths come out of a TOML string and so are UTF-8.
    let path = |path: std::path::PathBuf| Some(path.to_string_lossy().into_owned());
    file::Relay {
        fast_path: Some(fast_path.to_string()),
        xdp_mode: Some(xdp_mode.to_string()),
        max_hops: Some(max_hops.into()),
        max_message_size: Some(max_message_size.into()),
        clients_max: Some(clients_max.into()),
        leasequery: Some(leasequery.to_string()),
        leasequery_rate: Some(leasequery_rate.into()),
        state_dir: path(state_dir),
        bpffs_dir: path(bpffs_dir),
        control_socket: path(control_socket),
        metrics_listen: metrics_listen.map(|address| address.to_string()),
        dscp: Some(dscp.into()),
        udp_checksum: Some(udp_checksum.to_string()),
    }
}

fn server_group(group: ServerGroup) -> file::ServerGroup {
    let ServerGroup { name, vrf, affinity, servers } = group;
    file::ServerGroup {
        name: Some(name),
        vrf,
        affinity: Some(affinity.to_string()),
        servers: Some(servers.into_iter().map(server).collect()),
    }
}

fn server(server: Server) -> file::TextOr<file::Server> {
    let Server { address, vrf, min_secs } = server;
    if vrf.is_none() && min_secs == 0 {
        return file::TextOr::Text(address.to_string());
    }
    file::TextOr::Table(file::Server {
        address: Some(address.to_string()),
        vrf,
        min_secs: Some(min_secs.into()),
    })
}

fn client_interface(interface: Interface, group_names: &[String]) -> file::Interface {
    let Interface {
        name,
        vlan,
        members,
        group,
        address,
        giaddr,
        smart_relay,
        smart_relay_addresses,
        rate_limit,
        clients_max,
        host_routes,
        option82,
    } = interface;
    let text = |address: Option<Ipv4Addr>| address.map(|address| address.to_string());
    file::Interface {
        name: Some(name),
        vlan: tags(vlan),
        members: Some(members),
        server_group: group_names.get(group).cloned(),
        address: text(address),
        giaddr: text(giaddr),
        smart_relay: smart_relay.map(i64::from),
        smart_relay_addresses: smart_relay_addresses
            .map(|addresses| addresses.iter().map(Ipv4Addr::to_string).collect()),
        rate_limit: rate_limit.map(i64::from),
        clients_max: Some(clients_max.into()),
        host_routes: Some(host_routes),
        option82: option82.map(relay_information),
    }
}

fn tags(vlan: VlanTags) -> Option<file::Vlan> {
    match (vlan.outer, vlan.inner) {
        (Some(outer), Some(inner)) => Some(file::Vlan::Stack(vec![outer.into(), inner.into()])),
        (Some(outer), None) => Some(file::Vlan::One(outer.into())),
        (None, _) => None,
    }
}

fn relay_information(option82: Option82) -> file::Option82 {
    let Option82 {
        policy,
        trusted,
        circuit_id,
        remote_id,
        link_selection,
        server_id_override,
        flags,
        vss,
        relay_id,
        numbering,
    } = option82;
    file::Option82 {
        policy: Some(policy.to_string()),
        trusted: Some(trusted),
        circuit_id: circuit_id.map(identifier),
        remote_id: remote_id.map(identifier),
        link_selection,
        server_id_override: Some(server_id_override),
        flags: Some(flags),
        vss: vss.map(virtual_subnet),
        relay_id: relay_id.map(identifier),
        numbering: Some(numbering.to_string()),
    }
}

fn identifier(identifier: Identifier) -> file::TextOr<file::Hex> {
    match identifier {
        Identifier::Template(template) => file::TextOr::Text(template.to_string()),
        Identifier::Bytes(bytes) => {
            let hex = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            file::TextOr::Table(file::Hex { hex: Some(hex) })
        }
    }
}

fn virtual_subnet(vss: Vss) -> file::TextOr<file::VpnId> {
    match vss {
        Vss::Name(name) => file::TextOr::Text(name),
        Vss::VpnId { oui, index } => {
            file::TextOr::Table(file::VpnId { oui: Some(oui.into()), index: Some(index.into()) })
        }
        Vss::Global => file::TextOr::Text("global".into()),
    }
}
