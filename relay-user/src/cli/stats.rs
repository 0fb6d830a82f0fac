//! `stats` for people: what was relayed, what was not and why in words, and what the relay itself lost.
//!
//! Zero rows are left out: with thousands of interfaces, what happened is what one looks for.

use std::{collections::BTreeMap, fmt::Write as _};

use relay_common::{Reason, abi::MESSAGE_NAMES};
use relay_user::control::{
    leases::{ClientStats, LeasequeryStats},
    model::{Count, InterfaceStats, Stats},
};

use super::table::{Align, Table};

/// The text of `stats`.
pub(super) fn render(stats: &Stats) -> String {
    let Stats {
        interfaces,
        unattributed,
        copies,
        send_errors,
        receive_drops,
        punts,
        punts_lost,
        cuts_lost,
        clients,
    } = stats;
    let mut text = section("Relayed", &relayed(interfaces), "Nothing was relayed yet.");
    text.push('\n');
    text.push_str(&section(
        "Not relayed by the path that counted it",
        &not_relayed(interfaces, unattributed),
        "Nothing.",
    ));
    text.push('\n');
    let Count { fast, slow } = copies;
    // Writing to a String does not fail.
    let _ = writeln!(text, "Copies sent to servers: {fast} by the fast path, {slow} by the slow path");
    let _ = writeln!(
        text,
        "Requests left to the daemon because a server has no resolved next hop: {punts}, lost: {punts_lost}"
    );
    if *cuts_lost != 0 {
        let _ = writeln!(text, "Copies lost for want of the option 82 of their server: {cuts_lost}");
    }
    let _ =
        writeln!(text, "Slow path: {send_errors} send errors, {receive_drops} frames lost before reading");
    text.push('\n');
    text.push_str(&client_table(clients));
    text
}

/// The client table: in a few lines, with what it did not believe.
fn client_table(stats: &ClientStats) -> String {
    let ClientStats {
        clients,
        bound,
        clients_max,
        messages,
        ignored,
        suspicious,
        limit_reached,
        events_lost,
        discovers_lost,
        stored,
        store_error,
        unpublished,
        host_routes,
        host_route_conflicts,
        host_route_failures,
        leasequery,
    } = stats;
    let mut text = format!(
        "Clients: {clients} of at most {clients_max}, {bound} bound; {limit_reached} times there was no room for one\n\
         Messages looked at: {messages}, lost {events_lost} and {discovers_lost} DISCOVERs; {stored} changes stored\n"
    );
    let others: Vec<String> = ignored
        .iter()
        .filter(|(_, count)| **count > 0)
        .map(|(reason, count)| format!("{reason} {count}"))
        .collect();
    // Writing to a String does not fail.
    if !others.is_empty() {
        let _ = writeln!(text, "Messages that changed nothing: {}", others.join(", "));
    }
    if *suspicious > 0 {
        let _ =
            writeln!(text, "{suspicious} of them came from where they cannot come from: forged, or a loop");
    }
    if *unpublished > 0 {
        let _ = writeln!(
            text,
            "{unpublished} leases did not get into the map \"leases\": affinity may not know them"
        );
    }
    if host_routes + host_route_conflicts + host_route_failures > 0 {
        let _ = writeln!(
            text,
            "Host routes: {host_routes}; {host_route_conflicts} left alone as somebody else's, {host_route_failures} failed"
        );
    }
    if let Some(queries) = leasequery {
        text.push_str(&leasequeries(queries));
    }
    if let Some(error) = store_error {
        let _ = writeln!(text, "Leases are not stored: {error}");
    }
    text
}

/// What servers were asked for leases.
fn leasequeries(stats: &LeasequeryStats) -> String {
    let LeasequeryStats {
        sent,
        retries,
        unanswered,
        active,
        unassigned,
        unknown,
        recovered,
        updated,
        withdrawn,
        unplaced,
        incomplete,
        refused,
        unsolicited,
        asking,
    } = stats;
    let more = if *asking { "; more to ask" } else { "" };
    let mut text = format!(
        "Leasequeries: {sent} sent, {retries} of them again; answered {active} active, {unassigned} unassigned, {unknown} \
         unknown; {unanswered} not answered{more}\n\
         Leases learnt so: {recovered}, brought up to date {updated}, taken out {withdrawn}\n"
    );
    if unplaced + incomplete + refused + unsolicited > 0 {
        // Writing to a String does not fail.
        let _ = writeln!(
            text,
            "Answers of no use: {unplaced} of no interface, {incomplete} without an end, {refused} not taken, \
             {unsolicited} to nothing asked"
        );
    }
    text
}

fn section<const N: usize>(title: &str, table: &Table<N>, empty: &str) -> String {
    if table.is_empty() { format!("{title}\n{empty}\n") } else { format!("{title}\n{}", table.render()) }
}

fn relayed(interfaces: &[InterfaceStats]) -> Table<6> {
    let mut table = Table::new([
        ("INTERFACE", Align::Left),
        ("VLAN", Align::Left),
        ("TOWARD", Align::Left),
        ("MESSAGE", Align::Left),
        ("FAST PATH", Align::Right),
        ("SLOW PATH", Align::Right),
    ]);
    for InterfaceStats {
        name, vlan, requests, replies, option82_left_out, swapped_secs, to_holder, ..
    } in interfaces
    {
        for (toward, counts) in [("servers", requests), ("clients", replies)] {
            for (message, Count { fast, slow }) in in_order(MESSAGE_NAMES.iter().copied(), counts) {
                table.row([
                    name.clone(),
                    vlan.clone().unwrap_or_default(),
                    toward.into(),
                    message.into(),
                    fast.to_string(),
                    slow.to_string(),
                ]);
            }
        }
        let remarks = [
            ("without option 82: too long", option82_left_out),
            ("secs in wrong order", swapped_secs),
            ("to the lease's server", to_holder),
        ];
        for (remark, Count { fast, slow }) in remarks.into_iter().filter(|(_, count)| !count.is_zero()) {
            table.row([
                name.clone(),
                vlan.clone().unwrap_or_default(),
                "servers".into(),
                remark.into(),
                fast.to_string(),
                slow.to_string(),
            ]);
        }
    }
    table
}

fn not_relayed(interfaces: &[InterfaceStats], unattributed: &BTreeMap<String, Count>) -> Table<7> {
    let mut table = Table::new([
        ("INTERFACE", Align::Left),
        ("VLAN", Align::Left),
        ("FATE", Align::Left),
        ("REASON", Align::Left),
        ("FAST PATH", Align::Right),
        ("SLOW PATH", Align::Right),
        ("MEANING", Align::Left),
    ]);
    let of_interfaces = interfaces.iter().map(|interface| {
        let InterfaceStats { name, vlan, reasons, .. } = interface;
        (name.as_str(), vlan.as_deref(), reasons)
    });
    for (name, vlan, reasons) in of_interfaces.chain([("", None, unattributed)]) {
        for (label, Count { fast, slow }) in
            in_order(Reason::ALL.iter().map(|reason| reason.label()), reasons)
        {
            // A daemon of a newer version may have reasons that this command has no words for.
            let reason = Reason::ALL.iter().find(|reason| reason.label() == label);
            table.row([
                name.into(),
                vlan.unwrap_or_default().into(),
                reason.map(|reason| reason.class().label()).unwrap_or_default().into(),
                label.into(),
                fast.to_string(),
                slow.to_string(),
                reason.map(|reason| reason.meaning()).unwrap_or_default().into(),
            ]);
        }
    }
    table
}

/// What is not zero: first the known names in their order, then the others.
fn in_order<'a>(
    known: impl Iterator<Item = &'a str> + Clone,
    counts: &'a BTreeMap<String, Count>,
) -> impl Iterator<Item = (&'a str, Count)> {
    let place = move |name: &str| known.clone().position(|known| known == name).unwrap_or(usize::MAX);
    let mut rows: Vec<(&str, Count)> = counts
        .iter()
        .filter(|(_, count)| !count.is_zero())
        .map(|(name, count)| (name.as_str(), *count))
        .collect();
    rows.sort_by_key(|(name, _)| place(name));
    rows.into_iter()
}
