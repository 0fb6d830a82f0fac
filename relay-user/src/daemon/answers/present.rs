//! What `status` says: gathered from the configuration, the plan and the machine.

use std::{net::IpAddr, sync::Arc};

use crate::{
    config::ResolvedConfig,
    control::model::{
        FastPathStatus, GroupStatus, InterfaceStatus, PortMode, PortStatus, ServerPath, ServerStatus, TakenUp,
    },
    daemon::paths::Paths,
    fastpath::{Mode, counters::Reader},
    nexthop::{Resolution, Snapshot, Target, Unresolved},
    plan::{Plan, is_taken_for_a_copy},
    tables::ServerState,
};

/// What `status` says, but for the time.
#[derive(Default)]
pub(in crate::daemon) struct Present {
    pub(super) fast_path: Option<FastPathStatus>,
    pub(super) ports: Vec<PortStatus>,
    pub(super) interfaces: Vec<InterfaceStatus>,
    pub(super) groups: Vec<GroupStatus>,
    /// Its counters go by the numbers of `interfaces`.
    pub(super) kernel: Option<Arc<Reader>>,
}

impl Present {
    pub(super) fn gather(paths: &Paths, machine: &Snapshot) -> Self {
        let config = paths.config();
        let plan = paths.plan();
        Self {
            fast_path: Some(FastPathStatus {
                setting: config.relay.fast_path.to_string(),
                active: paths.is_fast(),
                note: paths.note().map(str::to_owned),
            }),
            ports: plan
                .ports
                .iter()
                .map(|(ifindex, port)| {
                    let (mode, note) = paths.port_mode(*ifindex);
                    PortStatus {
                        name: port.name.clone(),
                        ifindex: *ifindex,
                        mode: port_mode(mode),
                        clients: port.clients,
                        servers: port.servers,
                        note: note.map(str::to_owned),
                    }
                })
                .collect(),
            interfaces: interfaces(config, plan, paths),
            groups: groups(config, plan, machine, paths.is_fast()),
            kernel: paths.kernel_counters().map(Arc::clone),
        }
    }
}

fn port_mode(mode: Option<Mode>) -> PortMode {
    match mode {
        Some(Mode::Native) => PortMode::Native,
        Some(Mode::Generic) => PortMode::Generic,
        None => PortMode::Off,
    }
}

/// Where an interface is taken up.
fn taken_up(index: u32, plan: &Plan, paths: &Paths) -> Vec<TakenUp> {
    let Some(placed) = plan.places.get(&index) else { return Vec::new() };
    let ports = placed.ports.iter().filter_map(|ifindex| Some((ifindex, plan.ports.get(ifindex)?)));
    ports
        .map(|(ifindex, port)| TakenUp {
            device: port.name.clone(),
            vlan: placed.tags.outer.map(|_| placed.tags.to_string()),
            mode: port_mode(paths.port_mode(*ifindex).0),
        })
        .collect()
}

fn interfaces(config: &ResolvedConfig, plan: &Plan, paths: &Paths) -> Vec<InterfaceStatus> {
    (1u32..)
        .zip(&config.interfaces)
        .map(|(index, interface)| InterfaceStatus {
            index,
            name: interface.name.clone(),
            vlan: interface.vlan.outer.map(|_| interface.vlan.to_string()),
            vrf: plan.client_vrf(index).and_then(|vrf| vrf.name.clone()),
            on: taken_up(index, plan, paths),
            address: interface.address,
            giaddr: interface.giaddr,
            group: config.groups.get(interface.group).map_or_else(String::new, |group| group.name.clone()),
            relays: !plan.idle.contains_key(&index),
            note: plan.idle.get(&index).cloned(),
        })
        .collect()
}

fn groups(config: &ResolvedConfig, plan: &Plan, machine: &Snapshot, is_fast: bool) -> Vec<GroupStatus> {
    config
        .groups
        .iter()
        .zip(&plan.tables.groups)
        .map(|(group, state)| GroupStatus {
            name: group.name.clone(),
            vrf: group.vrf.as_ref().map(|vrf| vrf.name.clone()),
            servers: state
                .servers
                .iter()
                .zip(&group.servers)
                .map(|(server, configured)| {
                    let target = Target { vrf: configured.vrf_name(), server: server.address };
                    server_status(server, machine.next_hops.get(&target), is_fast, target.vrf)
                })
                .collect(),
        })
        .collect()
}

fn server_status(
    server: &ServerState,
    resolution: Option<&Resolution>,
    is_fast: bool,
    vrf: Option<String>,
) -> ServerStatus {
    let hop = resolution.and_then(Resolution::next_hop);
    let (path, reason) = match resolution {
        Some(Resolution::Resolved(hop)) => match server.hop {
            Some(_) if !is_fast => (ServerPath::Slow, None),
            Some(found) if found.redirect => (ServerPath::Fast, None),
            _ if is_taken_for_a_copy(hop) => {
                let why = "the next hop's Ethernet address begins as the fast path marks its copies";
                (ServerPath::Slow, Some(why.to_owned()))
            }
            _ => (ServerPath::Slow, Some(format!("{} does not take redirected frames", hop.device))),
        },
        Some(Resolution::Unresolved(why)) => (path_without_hop(why), Some(why.to_string())),
        None => (ServerPath::Slow, Some("not looked up yet".to_owned())),
    };
    ServerStatus {
        address: server.address,
        vrf,
        path,
        device: hop.map(|hop| hop.device.clone()),
        gateway: hop.and_then(|hop| match hop.gateway {
            IpAddr::V4(gateway) if gateway != server.address => Some(gateway),
            IpAddr::V4(_) | IpAddr::V6(_) => None,
        }),
        mac: hop.map(|hop| {
            let octets: Vec<String> = hop.next_mac.iter().map(|octet| format!("{octet:02x}")).collect();
            octets.join(":")
        }),
        reason,
    }
}

fn path_without_hop(why: &Unresolved) -> ServerPath {
    match why {
        Unresolved::NeighbourPending { .. }
        | Unresolved::NeighbourFailed { .. }
        | Unresolved::NotEthernet { .. }
        | Unresolved::Encapsulated { .. } => ServerPath::Slow,
        Unresolved::NoVrf { .. }
        | Unresolved::NoRoute
        | Unresolved::Blackhole
        | Unresolved::Unreachable
        | Unresolved::Prohibited
        | Unresolved::LocalAddress
        | Unresolved::NotUnicast
        | Unresolved::LinkDown { .. } => ServerPath::None,
    }
}
