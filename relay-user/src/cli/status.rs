//! `status` for people: the daemon in a line, then ports, interfaces and servers, each with why it is not on the fast
//! path.

use std::fmt::Write as _;

use relay_user::control::model::{
    FastPathStatus, GroupStatus, InterfaceStatus, PortStatus, ServerStatus, Status,
};

use super::table::{Align, Table};

/// The text of `status`.
pub(super) fn render(status: &Status) -> String {
    let Status {
        version,
        pid,
        started_unix: _,
        uptime_seconds,
        config,
        fast_path,
        ports,
        interfaces,
        groups,
    } = status;
    let mut text = format!(
        "xdp-dhcrelay {version}, process {pid}, up {}, configuration {config}\n",
        duration(*uptime_seconds)
    );
    let FastPathStatus { setting, active, note } = fast_path;
    let active = if *active { "active" } else { "not active" };
    // Writing to a String does not fail.
    let _ = write!(text, "Fast path: {active} (fast_path = \"{setting}\")");
    if let Some(note) = note {
        let _ = write!(text, ": {note}");
    }
    text.push_str("\n\n");
    text.push_str(&port_table(ports));
    text.push('\n');
    text.push_str(&interface_table(interfaces));
    text.push('\n');
    text.push_str(&server_table(groups));
    text
}

fn port_table(ports: &[PortStatus]) -> String {
    let columns = ["PORT", "XDP", "BEHIND IT", "NOTE"];
    let mut table = Table::new(columns.map(|heading| (heading, Align::Left)));
    for PortStatus { name, ifindex: _, mode, clients, servers, note } in ports {
        let behind = match (clients, servers) {
            (true, true) => "clients, servers",
            (true, false) => "clients",
            (false, true) => "servers",
            (false, false) => "",
        };
        table.row([name.clone(), mode.to_string(), behind.into(), note.clone().unwrap_or_default()]);
    }
    table.render()
}

fn interface_table(interfaces: &[InterfaceStatus]) -> String {
    let columns = ["INTERFACE", "VLAN", "VRF", "ON", "ADDRESS", "GIADDR", "SERVER GROUP", "RELAYS", "NOTE"];
    let mut table = Table::new(columns.map(|heading| (heading, Align::Left)));
    for InterfaceStatus { index: _, name, vlan, vrf, on, address, giaddr, group, relays, note } in interfaces
    {
        table.row([
            name.clone(),
            vlan.clone().unwrap_or_default(),
            vrf.clone().unwrap_or_default(),
            on.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
            address.to_string(),
            giaddr.to_string(),
            group.clone(),
            if *relays { "yes" } else { "no" }.into(),
            note.clone().unwrap_or_default(),
        ]);
    }
    table.render()
}

fn server_table(groups: &[GroupStatus]) -> String {
    let columns = ["SERVER GROUP", "VRF", "SERVER", "PATH", "PORT", "GATEWAY", "MAC", "NOTE"];
    let mut table = Table::new(columns.map(|heading| (heading, Align::Left)));
    for GroupStatus { name, vrf: _, servers } in groups {
        for ServerStatus { address, vrf, path, device, gateway, mac, reason } in servers {
            table.row([
                name.clone(),
                vrf.clone().unwrap_or_default(),
                address.to_string(),
                path.to_string(),
                device.clone().unwrap_or_default(),
                gateway.map(|gateway| gateway.to_string()).unwrap_or_default(),
                mac.clone().unwrap_or_default(),
                reason.clone().unwrap_or_default(),
            ]);
        }
    }
    table.render()
}

/// The two largest units: `3 d 4 h`, `5 min 12 s`.
pub(super) fn duration(seconds: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let first = UNITS.iter().position(|(unit, _)| seconds >= *unit).unwrap_or(UNITS.len() - 1);
    let (unit, name) = UNITS[first];
    let text = format!("{} {name}", seconds / unit);
    match UNITS.get(first + 1) {
        Some((next, next_name)) if seconds % unit >= *next => {
            format!("{text} {} {next_name}", seconds % unit / next)
        }
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_said_in_its_two_largest_units() {
        let table = [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (312, "5 min 12 s"),
            (3_600, "1 h"),
            (3_659, "1 h"),
            (7_260, "2 h 1 min"),
            (86_400 * 3 + 3_600 * 4 + 59, "3 d 4 h"),
        ];
        for (seconds, said) in table {
            assert_eq!(duration(seconds), said);
        }
    }
}
