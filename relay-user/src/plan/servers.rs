//! The servers of all groups as they are now: the VRF each is in, and the next hop.

use relay_common::{SliceFrame, token_of};

use super::lookup::Lookup;
use crate::{
    config::ResolvedConfig,
    nexthop::{NextHop, Resolution, Snapshot, Target},
    tables::{GroupState, Hop, NOWHERE, ServerState, ServerVrf, Tables},
};

/// Enters them, and their VRFs.
pub(super) fn enter(
    config: &ResolvedConfig,
    machine: &Snapshot,
    lookup: &Lookup<'_>,
    redirects: &dyn Fn(u32) -> bool,
    tables: &mut Tables,
) {
    for group in &config.groups {
        let servers = group
            .servers
            .iter()
            .map(|server| {
                let target = Target { vrf: server.vrf_name(), server: server.address };
                let next = machine.next_hops.get(&target).and_then(Resolution::next_hop);
                let vrf = match &server.vrf {
                    None => Some((ServerVrf::default(), 0)),
                    Some(vrf) => lookup.vrf(vrf).map(|(link, table)| {
                        (ServerVrf { device: Some(link.name.clone()), ifindex: link.index }, table)
                    }),
                };
                let table = vrf.as_ref().map_or(NOWHERE, |(_, table)| *table);
                tables.vrfs.extend(vrf.map(|(vrf, table)| (table, vrf)));
                ServerState {
                    address: server.address,
                    vrf: table,
                    min_secs: server.min_secs,
                    hop: next.map(|next| hop(next, redirects)),
                }
            })
            .collect();
        tables.groups.push(GroupState { servers });
    }
}

fn hop(hop: &NextHop, redirects: &dyn Fn(u32) -> bool) -> Hop {
    Hop {
        ifindex: hop.ifindex,
        next_mac: hop.next_mac,
        port_mac: hop.port_mac,
        mtu: hop.mtu,
        redirect: redirects(hop.ifindex) && !is_taken_for_a_copy(hop),
    }
}

/// Whether the egress program would take a frame to this next hop for a copy that is still to be addressed: a cluster may have a
/// group address that begins like the mark of one.
pub(crate) fn is_taken_for_a_copy(hop: &NextHop) -> bool {
    let mut addresses = [hop.next_mac, hop.port_mac].concat();
    let end = addresses.len();
    token_of(&SliceFrame::new(&mut addresses, 0, end)).is_some()
}
