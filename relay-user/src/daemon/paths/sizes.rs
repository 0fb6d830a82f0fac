//! How large the maps of a configuration are made.

use crate::{
    config::{ResolvedConfig, ResolvedInterface},
    fastpath::Sizes,
};

/// Room for the configuration, and for addresses and ports that come while the daemon runs.
pub(super) fn sizes(config: &ResolvedConfig, keys: usize) -> Sizes {
    let further =
        |interface: &ResolvedInterface| interface.smart_relay.as_ref().map_or(0, |smart| smart.further.len());
    let interfaces = (config.interfaces.len() + config.interfaces.iter().map(further).sum::<usize>()) as u32;
    // Replies come from each VRF that servers are in.
    let vrfs = |interface: &ResolvedInterface| {
        config.groups.get(interface.group).map_or(1, |group| group.tables().len())
    };
    let answered =
        config.interfaces.iter().map(|interface| (1 + further(interface)) * vrfs(interface)).sum::<usize>()
            as u32;
    let servers: usize = config.groups.iter().map(|group| group.servers.len()).sum();
    Sizes {
        interfaces,
        groups: config.groups.len() as u32,
        ports: 2 * (interfaces + servers as u32 + config.upstreams.len() as u32).max(keys as u32) + 64,
        addresses: 4 * (answered + servers as u32) + 4096,
        // Its identity, and its value with either flag, with and without sub-option 152.
        owners: 5 * answered,
        leases: config
            .interfaces
            .iter()
            .fold(0u32, |sum, interface| sum.saturating_add(interface.clients_max))
            .min(config.relay.clients_max),
    }
}
