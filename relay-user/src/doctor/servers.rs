//! Each server: whether XDP can send to it, and what its next hop waits for.

use std::net::Ipv4Addr;

use serde::Serialize;

use super::{Finding, Look, PortReport, Weight, no_redirect};
use crate::{
    nexthop::{Resolution, Target, Unresolved},
    tables::ServerState,
};

/// A server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServerReport {
    /// Its group.
    pub group: String,
    /// The VRF it is reached through; absent: the main table.
    pub vrf: Option<String>,
    /// Its address.
    pub address: Ipv4Addr,
    /// The device its copies leave by.
    pub device: Option<String>,
    /// What is in the way.
    pub findings: Vec<Finding>,
}

pub(super) fn judge(look: &Look, ports: &[PortReport]) -> Vec<ServerReport> {
    let groups = look.config.groups.iter().zip(&look.plan.tables.groups);
    groups
        .flat_map(|(group, state)| {
            state.servers.iter().zip(&group.servers).map(|(server, configured)| {
                let target = Target { vrf: configured.vrf_name(), server: server.address };
                let resolution = look.machine_view.next_hops.get(&target);
                let device = resolution.and_then(Resolution::device);
                let mut findings: Vec<Finding> = finding(look, server, resolution).into_iter().collect();
                findings.extend(device.and_then(|device| unheard(device, ports)));
                ServerReport {
                    group: group.name.clone(),
                    vrf: target.vrf,
                    address: server.address,
                    device: device.map(str::to_owned),
                    findings,
                }
            })
        })
        .collect()
}

fn finding(look: &Look, server: &ServerState, resolution: Option<&Resolution>) -> Option<Finding> {
    match resolution? {
        Resolution::Resolved(hop) => {
            let slow = !look.modes.is_empty() && server.hop.is_some_and(|hop| !hop.redirect);
            slow.then(|| no_redirect(&hop.device, hop.kind.as_deref(), "copies for it go by the daemon"))
        }
        Resolution::Unresolved(why) => Some(unresolved(why, server.address)),
    }
}

fn unresolved(why: &Unresolved, server: Ipv4Addr) -> Finding {
    match why {
        // Nobody has asked yet: the daemon does, and keeps it so.
        Unresolved::NeighbourPending { .. } => {
            Finding::note(format!("{why}: the daemon sees to it when it runs"))
        }
        Unresolved::NeighbourFailed { gateway, .. } => Finding::new(
            Weight::Slow,
            why.to_string(),
            format!("look for {gateway} with `arping`, or at its link"),
        ),
        Unresolved::Encapsulated { .. } | Unresolved::NotEthernet { .. } => Finding::new(
            Weight::Slow,
            format!("{why}: copies for it go by the daemon"),
            "a route out of an Ethernet device is what XDP can use",
        ),
        Unresolved::NoVrf { vrf } => {
            Finding::new(Weight::Fault, why.to_string(), format!("`ip link add {vrf} type vrf table N`"))
        }
        Unresolved::LinkDown { device } => {
            Finding::new(Weight::Fault, why.to_string(), format!("`ip link set {device} up`"))
        }
        Unresolved::NoRoute
        | Unresolved::Blackhole
        | Unresolved::Unreachable
        | Unresolved::Prohibited
        | Unresolved::LocalAddress
        | Unresolved::NotUnicast => Finding::new(
            Weight::Fault,
            why.to_string(),
            format!("see `ip route get {server}` (with `vrf NAME` in a VRF)"),
        ),
    }
}

/// With `[[upstream]]`, only what is named there hears replies.
fn unheard(device: &str, ports: &[PortReport]) -> Option<Finding> {
    let heard = ports.iter().any(|port| port.servers && port.name == device);
    (!heard).then(|| {
        Finding::new(
            Weight::Fault,
            format!("its replies come in by {device}, which is no [[upstream]]"),
            format!("add [[upstream]] name = \"{device}\", or remove all of them"),
        )
    })
}
