//! What no table can be wrong in alone: things named twice, and addresses that get in each other's way.

use std::{
    collections::{HashMap, HashSet},
    net::Ipv4Addr,
};

use super::super::{
    domain::{Interface, ServerGroup, Upstream},
    error::Report,
};

/// Each group has a name of its own.
pub(super) fn groups(groups: &[ServerGroup], report: &mut Report<'_>) {
    let names = groups.iter().map(|group| group.name.as_str());
    for (index, first) in repeated(names) {
        report.error(
            &format!("server_group[{index}].name"),
            format!("server_group[{first}] has the name \"{}\" too", groups[index].name),
            "give each group a name of its own",
        );
    }
}

/// Each port is listed once.
pub(super) fn upstreams(upstreams: &[Upstream], report: &mut Report<'_>) {
    let names = upstreams.iter().map(|upstream| upstream.name.as_str());
    for (index, first) in repeated(names) {
        report.error(
            &format!("upstream[{index}].name"),
            format!("upstream[{first}] is \"{}\" too", upstreams[index].name),
            "remove one of the two",
        );
    }
}

/// Index of each name that was there before, with the index where it was first. Empty names are faults already.
fn repeated<'n>(names: impl Iterator<Item = &'n str>) -> Vec<(usize, usize)> {
    let mut first = HashMap::new();
    let named = names.enumerate().filter(|(_, name)| !name.is_empty());
    named
        .filter_map(|(index, name)| {
            let known = *first.entry(name).or_insert(index);
            (known != index).then_some((index, known))
        })
        .collect()
}

/// Each (device, tags) is configured once, and a giaddr that several share leaves the circuit-id to tell them apart.
pub(super) fn interfaces(interfaces: &[Interface], groups: &[ServerGroup], report: &mut Report<'_>) {
    let mut places = HashMap::new();
    let mut giaddrs: HashMap<_, usize> = HashMap::new();
    for (index, interface) in interfaces.iter().enumerate() {
        let place = (interface.name.as_str(), interface.vlan);
        let first = *places.entry(place).or_insert(index);
        if first != index && !interface.name.is_empty() {
            let vlan = match interface.vlan.outer {
                None => "untagged".to_owned(),
                Some(_) => format!("vlan {}", interface.vlan),
            };
            report.error(
                &format!("interface[{index}].name"),
                format!("interface[{first}] is \"{}\" {vlan} too", interface.name),
                "remove one of the two, or give it another vlan",
            );
        }

        // The same address in two VRFs is two addresses.
        let Some(group) = groups.get(interface.group) else { continue };
        let Some(giaddr) = interface.giaddr.or(interface.address) else { continue };
        for vrf in group.server_vrfs() {
            let first = *giaddrs.entry((vrf, giaddr)).or_insert(index);
            if first != index
                && !check_told_apart((first, &interfaces[first]), (index, interface), giaddr, report)
            {
                break;
            }
        }
    }
}

/// Reports the later of two interfaces with one giaddr when one of them has nothing that leads a reply to it.
pub(in crate::config) fn check_told_apart(
    (first_index, first): (usize, &Interface),
    (index, later): (usize, &Interface),
    giaddr: Ipv4Addr,
    report: &mut Report<'_>,
) -> bool {
    let [first_82, later_82] = [first, later].map(|interface| interface.option82.as_ref());
    let by_vpn = match (first_82.and_then(|o| o.vss.as_ref()), later_82.and_then(|o| o.vss.as_ref())) {
        (Some(one), Some(other)) => one != other,
        _ => false,
    };
    let lacks =
        |option82: Option<&super::super::domain::Option82>| option82.is_none_or(|o| o.circuit_id.is_none());
    if by_vpn || !(lacks(first_82) || lacks(later_82)) {
        return true;
    }
    let without = match (lacks(first_82), lacks(later_82)) {
        (true, true) => "neither has a circuit_id".to_owned(),
        (true, false) => format!("interface[{first_index}] has no circuit_id"),
        _ => format!("interface[{index}] has no circuit_id"),
    };
    let key = if later.giaddr.is_some() {
        "giaddr"
    } else if later.address.is_some() {
        "address"
    } else {
        "name"
    };
    report.error(
        &format!("interface[{index}].{key}"),
        format!("interface[{first_index}] has the giaddr {giaddr} too, and {without}: a reply could not be told apart"),
        "set option82.circuit_id = \"{name}.{vlan}\" on both, or give each its own giaddr",
    );
    false
}

/// No server is one of our own addresses in the same VRF.
pub(super) fn servers_and_addresses(
    interfaces: &[Interface],
    groups: &[ServerGroup],
    report: &mut Report<'_>,
) {
    let mut ours = HashMap::new();
    for (index, interface) in interfaces.iter().enumerate() {
        let Some(group) = groups.get(interface.group) else { continue };
        for (key, address) in [("address", interface.address), ("giaddr", interface.giaddr)] {
            let Some(address) = address else { continue };
            for vrf in group.server_vrfs() {
                ours.entry((vrf, address)).or_insert_with(|| format!("interface[{index}].{key}"));
            }
        }
    }
    let mut seen = HashSet::new();
    for (group_index, group) in groups.iter().enumerate() {
        for (index, server) in group.servers.iter().enumerate() {
            if let Some(key) = ours.get(&(group.vrf_of(server), server.address))
                && seen.insert((group_index, server.address))
            {
                report.error(
                    &format!("server_group[{group_index}].servers[{index}]"),
                    format!("the server {} is the relay itself ({key})", server.address),
                    "write the address of the DHCP server",
                );
            }
        }
    }
}
