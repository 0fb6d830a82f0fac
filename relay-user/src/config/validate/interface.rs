//! `[[interface]]` and `[[upstream]]`: the ports.

use std::net::Ipv4Addr;

use super::{
    super::{
        domain::{INTERFACE_CLIENTS, Interface, MAX_FURTHER, ServerGroup, Upstream, VlanTags},
        error::Report,
        file,
        suggest::did_you_mean,
    },
    option82::relay_information,
    values::{address, clients, device, number},
};

/// Stands for a group that could not be found; never outlives the fault that was reported for it.
pub(super) const NO_GROUP: usize = usize::MAX;

/// Checks one server-facing port.
pub(super) fn upstream(index: usize, wire: file::Upstream, report: &mut Report<'_>) -> Upstream {
    let file::Upstream { name } = wire;
    Upstream { name: device(&format!("upstream[{index}].name"), name, "the port", report) }
}

/// Checks one client-facing interface. Its name is empty after a fault.
pub(super) fn client_facing(
    index: usize,
    wire: file::Interface,
    groups: &[ServerGroup],
    report: &mut Report<'_>,
) -> Interface {
    let file::Interface {
        name,
        vlan,
        members,
        server_group,
        address: own,
        giaddr,
        smart_relay,
        smart_relay_addresses,
        rate_limit,
        clients_max,
        host_routes,
        option82,
    } = wire;
    let key = |name: &str| format!("interface[{index}].{name}");
    Interface {
        name: device(&key("name"), name, "the interface", report),
        vlan: tags(&key("vlan"), vlan, report),
        members: members.unwrap_or(false),
        group: group(&key("server_group"), server_group.as_deref(), groups, report),
        address: own.and_then(|text| address(&key("address"), &text, report)),
        giaddr: giaddr.and_then(|text| address(&key("giaddr"), &text, report)),
        smart_relay: smart_relay.map(|tries| {
            let unit = "DISCOVERs without an answer; leave the key out to stay with the first address";
            number(&key("smart_relay"), Some(tries), 3, 1..=255, unit, report)
        }),
        smart_relay_addresses: smart_relay_addresses.map(|addresses| {
            if smart_relay.is_none() {
                report.error(
                    &key("smart_relay_addresses"),
                    "without smart_relay no other address is ever used",
                    "add smart_relay = 3, or remove the key",
                );
            }
            further_addresses(&key("smart_relay_addresses"), &addresses, report)
        }),
        rate_limit: rate_limit.map(|limit| {
            let unit = "requests per second; leave the key out for no limit";
            number(&key("rate_limit"), Some(limit), 1, 1..=u32::MAX.into(), unit, report)
        }),
        clients_max: clients(&key("clients_max"), clients_max, INTERFACE_CLIENTS, report),
        host_routes: host_routes.unwrap_or(false),
        option82: option82.map(|option82| relay_information(&key("option82"), option82, report)),
    }
}

fn further_addresses(key: &str, texts: &[String], report: &mut Report<'_>) -> Vec<Ipv4Addr> {
    if texts.is_empty() || texts.len() > MAX_FURTHER {
        report.error(
            key,
            format!("the list has {} addresses", texts.len()),
            format!("write 1 to {MAX_FURTHER}, or leave the key out for those of the device"),
        );
    }
    let mut addresses = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        let key = format!("{key}[{index}]");
        let Some(found) = address(&key, text, report) else { continue };
        if addresses.contains(&found) {
            report.error(&key, format!("{found} is in the list already"), "name each address once");
        }
        addresses.push(found);
    }
    addresses
}

fn group(key: &str, name: Option<&str>, groups: &[ServerGroup], report: &mut Report<'_>) -> usize {
    let Some(name) = name else {
        report.error(
            key,
            "the interface has no server group",
            format!("add server_group = \"…\"{}", defined(groups)),
        );
        return NO_GROUP;
    };
    if let Some(index) = groups.iter().position(|group| group.name == name) {
        return index;
    }
    // A group that is missing or whose own name is at fault may be the one that is meant: one fault, one line.
    if !groups.is_empty() && groups.iter().all(|group| !group.name.is_empty()) {
        let near = did_you_mean(name, groups.iter().map(|group| group.name.as_str()));
        report.error(
            key,
            format!("no server group is named \"{name}\""),
            format!("{near}defined groups: {}", names(groups)),
        );
    }
    NO_GROUP
}

fn defined(groups: &[ServerGroup]) -> String {
    if groups.is_empty() { String::new() } else { format!("; defined groups: {}", names(groups)) }
}

fn names(groups: &[ServerGroup]) -> String {
    groups.iter().map(|group| group.name.as_str()).collect::<Vec<_>>().join(", ")
}

fn tags(key: &str, wire: Option<file::Vlan>, report: &mut Report<'_>) -> VlanTags {
    let mut tag = |key: &str, value| {
        Some(number(key, Some(value), 1, 1..=4094, "a VLAN; leave the key out for untagged", report))
    };
    match wire {
        None => VlanTags::default(),
        Some(file::Vlan::One(outer)) => VlanTags { outer: tag(key, outer), inner: None },
        Some(file::Vlan::Stack(stack)) => match *stack.as_slice() {
            [outer, inner] => {
                VlanTags { outer: tag(&format!("{key}[0]"), outer), inner: tag(&format!("{key}[1]"), inner) }
            }
            _ => {
                let message = format!("the list has {} tags", stack.len());
                report.error(key, message, "write [outer, inner], or one number for one tag");
                VlanTags::default()
            }
        },
    }
}
