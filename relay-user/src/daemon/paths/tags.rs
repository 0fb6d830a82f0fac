//! Ports on which XDP does not see VLAN tags: asked for with every change of the devices, said once, and refused at the start
//! where the fast path is required.

use std::collections::BTreeMap;

use super::Fast;
use crate::{
    config::{ResolvedConfig, XdpMode},
    fastpath::{FastPathError, Mode},
    features::{Ethtool, Tags},
    nexthop::Snapshot,
    plan::{
        Plan,
        blind::{self, Blind},
    },
};

impl Fast {
    /// The ports whose tags XDP does not see where it matters, as the devices now are.
    pub(super) fn blind_ports(
        &self,
        plan: &Plan,
        machine: &Snapshot,
        config: &ResolvedConfig,
    ) -> BTreeMap<u32, Blind> {
        let mode = |ifindex: u32| self.attached.get(&ifindex).map(|attachment| attachment.mode);
        Self::blind_among(plan, machine, config, &mode)
    }

    /// The same with the program in these modes.
    pub(super) fn blind_among(
        plan: &Plan,
        machine: &Snapshot,
        config: &ResolvedConfig,
        mode: &dyn Fn(u32) -> Option<Mode>,
    ) -> BTreeMap<u32, Blind> {
        let mut ethtool = None;
        let generic = |ifindex: u32| match mode(ifindex) {
            Some(mode) => mode == Mode::Generic,
            None => config.relay.xdp_mode == XdpMode::Generic,
        };
        blind::find(plan, &machine.host, &generic, &mut |link| {
            // Opened for the first port that has VLANs.
            let ethtool = ethtool.get_or_insert_with(|| {
                Ethtool::open().inspect_err(|error| tracing::debug!("offloads are not known: {error}")).ok()
            });
            Tags::now(&link.name, link.kind.as_deref(), link.index, ethtool.as_mut())
        })
    }

    /// Takes over which ports are blind, and logs those that were not.
    pub(super) fn notice(&mut self, blind: BTreeMap<u32, Blind>) {
        for (ifindex, port) in &blind {
            if self.blind.get(ifindex) != Some(port) {
                tracing::warn!("{}; those go by the slow path", refusal(port));
            }
        }
        self.notes = blind.iter().map(|(ifindex, port)| (*ifindex, refusal(port).to_string())).collect();
        self.blind = blind;
    }
}

/// As an error at the start, and as a note in the log and in `status`.
pub(super) fn refusal(blind: &Blind) -> FastPathError {
    FastPathError::Blind {
        port: blind.name.clone(),
        consequence: blind.consequence(),
        cause: blind.hidden.cause.clone(),
        remedy: blind.hidden.remedy.clone(),
    }
}
