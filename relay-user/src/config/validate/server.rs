//! `[[server_group]]` and the servers in it.

use super::{
    super::{
        domain::{MAX_SERVERS_PER_GROUP, Server, ServerGroup},
        error::Report,
        file::{self, TextOr},
    },
    values::{address, device, keyword, number},
};

/// Checks one group. Its name is empty after a fault.
pub(super) fn group(index: usize, wire: file::ServerGroup, report: &mut Report<'_>) -> ServerGroup {
    let file::ServerGroup { name, vrf, affinity, servers } = wire;
    let key = format!("server_group[{index}]");
    let name = match name {
        Some(name) if !name.trim().is_empty() && !name.contains(char::is_control) => name,
        Some(name) => {
            report.error(
                &format!("{key}.name"),
                format!("{name:?} is not a name"),
                "write a short word such as \"core\"",
            );
            String::new()
        }
        None => {
            report.error(&format!("{key}.name"), "the name of the group is missing", "add name = \"…\"");
            String::new()
        }
    };
    ServerGroup {
        name,
        vrf: vrf.map(|vrf| device(&format!("{key}.vrf"), Some(vrf), "the VRF", report)),
        affinity: keyword(&format!("{key}.affinity"), affinity.as_deref(), report),
        servers: members(&format!("{key}.servers"), servers, report),
    }
}

fn members(key: &str, wire: Option<Vec<TextOr<file::Server>>>, report: &mut Report<'_>) -> Vec<Server> {
    let Some(wire) = wire else {
        report.error(key, "the group has no servers", "add servers = [\"192.0.2.1\"]");
        return Vec::new();
    };
    if wire.is_empty() {
        report.error(key, "the list is empty", "name at least one server, such as servers = [\"192.0.2.1\"]");
    }
    if wire.len() > MAX_SERVERS_PER_GROUP {
        report.error(
            key,
            format!("the group has {} servers", wire.len()),
            format!("a message can go to at most {MAX_SERVERS_PER_GROUP}: remove some, or make a second group for other interfaces"),
        );
    }
    let mut servers: Vec<Server> = Vec::new();
    for (index, entry) in wire.into_iter().enumerate() {
        let key = format!("{key}[{index}]");
        let Some(server) = member(&key, entry, report) else { continue };
        if servers.iter().any(|known| known.address == server.address) {
            report.error(
                &key,
                format!("{} is in this group already", server.address),
                "name each server once: it gets one copy of each message",
            );
        }
        servers.push(server);
    }
    servers
}

fn member(key: &str, wire: TextOr<file::Server>, report: &mut Report<'_>) -> Option<Server> {
    match wire {
        TextOr::Text(text) => Some(Server { address: address(key, &text, report)?, vrf: None, min_secs: 0 }),
        TextOr::Table(file::Server { address: text, vrf, min_secs }) => {
            let address_key = format!("{key}.address");
            let min_secs = number(
                &format!("{key}.min_secs"),
                min_secs,
                0,
                0..=65535,
                "seconds a client has tried, its secs field",
                report,
            );
            let vrf = vrf.map(|vrf| device(&format!("{key}.vrf"), Some(vrf), "the VRF", report));
            let Some(text) = text else {
                report.error(
                    &address_key,
                    "the address of the server is missing",
                    "add address = \"192.0.2.1\"",
                );
                return None;
            };
            Some(Server { address: address(&address_key, &text, report)?, vrf, min_secs })
        }
    }
}
