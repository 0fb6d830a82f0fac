//! From domain types to [`resolved`](super::resolved) ones: the configuration held against one state of the machine.
//!
//! Like the static checks, it goes on after a fault to find the others.

mod interface;
mod listen;
mod places;
mod smart;

use std::collections::HashMap;

use super::{
    domain::{Config, Interface, Vss},
    error::{ConfigError, Report},
    host::{Device, Machine},
    resolved::{ResolvedConfig, ResolvedGroup, ResolvedInterface, ResolvedServer, ResolvedUpstream, Vrf},
    suggest::did_you_mean,
    validate::check_told_apart,
};
use crate::place::Topology;

impl Config {
    /// Holds the configuration against `machine` and fills in what was left to it.
    ///
    /// # Errors
    /// Every device, address and VRF that is not there, and every address that is in the way of another.
    pub fn resolve(&self, machine: &Machine) -> Result<ResolvedConfig, ConfigError> {
        let mut report = Report::new(self.source());
        let topology = Topology::of_machine(machine);
        let groups = self.resolve_groups(machine, &mut report);
        let upstreams = self.resolve_upstreams(machine, &mut report);
        let resolved: Vec<Option<ResolvedInterface>> = self
            .interfaces
            .iter()
            .enumerate()
            .map(|(index, interface)| {
                interface::client_facing(
                    index,
                    (interface, &self.interfaces),
                    &groups,
                    machine,
                    &topology,
                    &mut report,
                )
            })
            .collect();
        places::apart(&self.interfaces, self.relay.xdp_mode, &topology, &mut report);
        self.check_shared_giaddrs(&resolved, &mut report);
        listen::metrics(self.relay.metrics_listen, machine, &mut report);

        let mut warnings = self.warnings().to_vec();
        warnings.extend(report.finish()?);
        // Without a fault in the report every interface is there.
        let interfaces: Vec<ResolvedInterface> = resolved.into_iter().flatten().collect();
        let effective = self.with_machine_defaults(&interfaces);
        Ok(ResolvedConfig { relay: self.relay.clone(), groups, upstreams, interfaces, effective, warnings })
    }

    fn resolve_groups(&self, machine: &Machine, report: &mut Report<'_>) -> Vec<ResolvedGroup> {
        let resolved = self.groups.iter().enumerate().map(|(index, group)| {
            let key = format!("server_group[{index}]");
            let mut found = |key: &str, name: &str| {
                let vrf = machine.device(name).and_then(vrf);
                if vrf.is_none() {
                    report.error(&format!("{key}.vrf"), no_vrf(name, machine), vrf_remedy(name, machine));
                }
                vrf
            };
            let vrf = group.vrf.as_deref().and_then(|name| found(&key, name));
            let mut servers = Vec::new();
            for (place, server) in group.servers.iter().enumerate() {
                let own = server.vrf.as_deref().map(|name| found(&format!("{key}.servers[{place}]"), name));
                servers.push(ResolvedServer {
                    address: server.address,
                    vrf: own.unwrap_or_else(|| vrf.clone()),
                    min_secs: server.min_secs,
                });
            }
            for (place, server) in group.servers.iter().enumerate() {
                // In another VRF the same address is another host.
                let ours = machine.devices_with(server.address).find(|device| {
                    machine.vrf_of(device).map(|vrf| vrf.name.as_str()) == group.vrf_of(server)
                });
                if let Some(device) = ours {
                    report.error(
                        &format!("{key}.servers[{place}]"),
                        format!("the server {} is this machine itself (\"{}\")", server.address, device.name),
                        "write the address of the DHCP server",
                    );
                }
            }
            ResolvedGroup { name: group.name.clone(), vrf, affinity: group.affinity, servers }
        });
        resolved.collect()
    }

    fn resolve_upstreams(&self, machine: &Machine, report: &mut Report<'_>) -> Vec<ResolvedUpstream> {
        let mut resolved = Vec::new();
        for (index, upstream) in self.upstreams.iter().enumerate() {
            if let Some(device) =
                existing(&format!("upstream[{index}].name"), &upstream.name, machine, report)
            {
                resolved.push(ResolvedUpstream { name: device.name.clone(), ifindex: device.ifindex });
            }
        }
        resolved
    }

    /// Each reply leads to one interface: by giaddr alone, or by giaddr with circuit-id and VPN.
    fn check_shared_giaddrs(&self, resolved: &[Option<ResolvedInterface>], report: &mut Report<'_>) {
        let mut giaddrs: HashMap<_, usize> = HashMap::new();
        let mut circuits: HashMap<_, usize> = HashMap::new();
        let there = resolved
            .iter()
            .enumerate()
            .filter_map(|(index, found)| found.as_ref().map(|found| (index, found)));
        for (index, found) in there {
            let Some(group) = self.groups.get(found.group) else { continue };
            for vrf in group.server_vrfs() {
                let place = (vrf, found.giaddr);
                let first = *giaddrs.entry(place).or_insert(index);
                let told_apart = |index: usize| -> (usize, &Interface) { (index, &self.interfaces[index]) };
                if first != index
                    && !check_told_apart(told_apart(first), told_apart(index), found.giaddr, report)
                {
                    break;
                }
                let option82 = found.option82.as_ref();
                let circuit = option82.and_then(|option82| option82.circuit_id.as_ref());
                // What a server in the clients' own VRF sends back has none.
                let own = found.vrf.as_ref().map(|own| own.name.as_str());
                let vss = option82.and_then(|option82| option82.vss.as_ref());
                let vss = vss.filter(|vss| !Vss::is_near(Some(vss), own, vrf));
                let same = *circuits.entry((place, circuit, vss)).or_insert(index);
                if same != index {
                    report.error(
                        &format!("interface[{index}].option82.circuit_id"),
                        format!(
                            "interface[{same}] has the giaddr {} and the same circuit-id too: a reply could not be told apart",
                            found.giaddr
                        ),
                        "make them differ, for example with \"{name}.{vlan}\"",
                    );
                    break;
                }
            }
        }
    }

    fn with_machine_defaults(&self, resolved: &[ResolvedInterface]) -> Self {
        let mut effective = self.clone();
        for (interface, found) in effective.interfaces.iter_mut().zip(resolved) {
            interface.address = Some(found.address);
            interface.giaddr = Some(found.giaddr);
            interface.smart_relay_addresses = found
                .smart_relay
                .as_ref()
                .map(|smart| smart.further.iter().map(|(address, _)| *address).collect());
            if let (Some(option82), Some(found)) = (&mut interface.option82, &found.option82) {
                option82.link_selection = Some(found.link_selection);
            }
        }
        effective
    }
}

/// The device as a VRF, when it is one.
fn vrf(device: &Device) -> Option<Vrf> {
    device.vrf_table.map(|table| Vrf { name: device.name.clone(), ifindex: device.ifindex, table })
}

fn no_vrf(name: &str, machine: &Machine) -> String {
    match machine.device(name) {
        Some(_) => format!("\"{name}\" is a device, but not a VRF"),
        None => format!("there is no VRF \"{name}\" on this machine"),
    }
}

fn vrf_remedy(name: &str, machine: &Machine) -> String {
    let vrfs: Vec<&str> = machine.vrfs().map(|vrf| vrf.name.as_str()).collect();
    if vrfs.is_empty() {
        return "it has none: create it, or remove the key to reach the servers by the main table".into();
    }
    format!("{}VRFs here: {}", did_you_mean(name, vrfs.iter().copied()), vrfs.join(", "))
}

/// More devices than this are not listed in a message.
const MAX_LISTED: usize = 20;

fn existing<'m>(key: &str, name: &str, machine: &'m Machine, report: &mut Report<'_>) -> Option<&'m Device> {
    let device = machine.device(name);
    if device.is_none() {
        let names: Vec<&str> = machine.devices().iter().map(|device| device.name.as_str()).collect();
        let near = did_you_mean(name, names.iter().copied());
        let listed = names[..names.len().min(MAX_LISTED)].join(", ");
        let more = match names.len().saturating_sub(MAX_LISTED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        report.error(
            key,
            format!("there is no device \"{name}\" on this machine"),
            format!("{near}devices here: {listed}{more}"),
        );
    }
    device
}
