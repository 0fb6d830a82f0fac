//! Whether the daemon can listen for metrics where it is told to, as far as the machine's addresses say.
//!
//! A warning, not an error: a machine may be told to bind what it does not have (`ip_nonlocal_bind`). The start binds it, and ends
//! when it cannot.

use std::net::{IpAddr, SocketAddr};

use super::super::{error::Report, host::Machine};

/// Checks the address of `metrics_listen`. IPv6 addresses are not known here.
pub(super) fn metrics(address: Option<SocketAddr>, machine: &Machine, report: &mut Report<'_>) {
    let Some(IpAddr::V4(address)) = address.map(|address| address.ip()) else { return };
    if address.is_unspecified() || address.is_loopback() {
        return;
    }
    let vrfs: Vec<_> = machine.devices_with(address).map(|device| machine.vrf_of(device)).collect();
    if vrfs.contains(&None) {
        return;
    }
    let message = match vrfs.first().copied().flatten() {
        Some(vrf) => {
            format!(
                "{address} is an address in the VRF \"{}\", and the daemon listens outside of VRFs",
                vrf.name
            )
        }
        None => format!("no device of this machine has the address {address}"),
    };
    report.warning(
        "relay.metrics_listen",
        message,
        "name an address of this machine that is in no VRF, or 0.0.0.0 for all",
    );
}
