//! Which servers of a group are in the VPN that the clients of an interface are in. Virtual subnet selection is for the others
//! (RFC 6607): what a near server gets has none of it, and so has what comes back from there.

use std::{collections::BTreeSet, net::Ipv4Addr};

use relay_common::abi::Brief;

use crate::{
    config::{domain::Vss, resolved::ResolvedOption82},
    nexthop::HostView,
    option82::{Encoded, Form},
    tables::{GroupState, Tables},
};

/// The servers of an interface.
pub(super) struct Near<'a> {
    /// Routing tables of their VRFs, in the order of the group.
    servers: Vec<u32>,
    option82: &'a ResolvedOption82,
    /// Routing table of the clients' VRF, 0 for the main one.
    vrf: u32,
}

impl<'a> Near<'a> {
    pub(super) fn new(group: &GroupState, option82: &'a ResolvedOption82, vrf: u32) -> Self {
        Self { servers: group.servers.iter().map(|server| server.vrf).collect(), option82, vrf }
    }

    /// What servers in a VRF get.
    fn form(&self, vrf: u32) -> Form {
        let table = |vrf: u32| (vrf != 0).then_some(vrf);
        let near = Vss::is_near(self.option82.vss.as_ref(), table(self.vrf), table(vrf));
        if near { Form::Near } else { Form::Far }
    }

    /// Enters what the interface `index` inserts with this address, and what comes back of it; returns what belongs into its
    /// record. `None` when it inserts nothing.
    pub(super) fn enter(
        &self,
        tables: &mut Tables,
        index: u32,
        address: Ipv4Addr,
        giaddr: Ipv4Addr,
    ) -> Option<Brief> {
        let encoded = Encoded::new(self.option82, address);
        let servers = self.servers.iter().enumerate();
        let near = servers.filter(|(_, vrf)| self.form(**vrf) == Form::Near);
        let near = near.fold(0, |mask, (number, _)| mask | 1 << number);
        let (agent, brief) = encoded.agent(near, self.servers.len())?;
        tables.agents.insert(index, agent);
        for vrf in self.servers.iter().copied().collect::<BTreeSet<u32>>() {
            for (key, owner) in encoded.owners(index, vrf, self.form(vrf), giaddr) {
                // What a server sends back that names no address is the configured interface's, which comes first.
                tables.owners.entry(key).or_insert(owner);
            }
        }
        Some(brief)
    }
}

/// The routing table of the VRF a device is in (itself or through a bridge or bond), 0 for the main table.
pub(super) fn vrf_of(host: &HostView, ifindex: u32) -> u32 {
    host.vrf_of(ifindex).and_then(|vrf| vrf.vrf_table).unwrap_or(0)
}
