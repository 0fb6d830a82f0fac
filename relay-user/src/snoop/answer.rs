//! The answers of the client table: rows for `leases`, the watch for `servers`, its part of `stats`, and all of it for
//! metrics.

use std::{collections::BTreeMap, net::Ipv4Addr};

use super::{Labels, View, step};
use crate::{
    clients::{BootTime, Client, Ignored, State},
    control::leases::{
        ClientStats, Filter, FindingRow, GroupWatch, LeaseRow, Leases, ServerWatch, Servers, ignored,
    },
    metrics::{GroupEver, InterfaceClients, TableFacts},
};

/// The clients that `filter` admits. Rows are made of these only: a question about one client of a million is cheap.
pub fn leases(view: &View<'_>, filter: &Filter, state: Option<State>) -> Leases {
    let mut found: Vec<&Client> =
        view.table.clients().filter(|client| admits(client, filter, state, view.labels)).collect();
    found.sort_by_key(|client| {
        (client.key.interface, client.lease.as_ref().map(|lease| lease.address), client.hardware)
    });
    Leases {
        clients: view.table.len() as u64,
        leases: found.into_iter().map(|client| row(client, view.labels, view.now)).collect(),
    }
}

fn admits(client: &Client, filter: &Filter, wanted: Option<State>, labels: &Labels) -> bool {
    let Filter { interface, vrf, mac, address, state: _ } = filter;
    let label = labels.get(client.key.interface);
    wanted.is_none_or(|wanted| client.state == wanted)
        && address.is_none_or(|wanted| client.lease.as_ref().is_some_and(|lease| lease.address == wanted))
        && mac.as_ref().is_none_or(|wanted| step::hardware(&client.hardware).as_ref() == Some(wanted))
        && interface
            .as_ref()
            .is_none_or(|wanted| label.is_some_and(|label| *wanted == label.name || *wanted == label.word()))
        && vrf.as_ref().is_none_or(|wanted| label.is_some_and(|label| label.vrf.as_ref() == Some(wanted)))
}

fn row(client: &Client, labels: &Labels, now: BootTime) -> LeaseRow {
    let label = labels.get(client.key.interface);
    let lease = client.lease.as_ref();
    let given = |address: Ipv4Addr| (!address.is_unspecified()).then_some(address);
    let set = |seconds: u32| (seconds != 0).then_some(seconds);
    LeaseRow {
        interface: label.map(|label| label.name.clone()).unwrap_or_default(),
        vlan: label.and_then(|label| label.vlan.clone()),
        vrf: label.and_then(|label| label.vrf.clone()),
        mac: step::hardware(&client.hardware),
        client_id: client
            .key
            .identity
            .client_id()
            .map(|octets| octets.iter().map(|octet| format!("{octet:02x}")).collect()),
        state: client.state.label().to_owned(),
        address: lease.map(|lease| lease.address),
        server: lease.map(|lease| lease.server),
        server_id: lease.and_then(|lease| given(lease.server_id)),
        lease_seconds: lease.map(|lease| lease.seconds),
        t1_seconds: lease.and_then(|lease| set(lease.t1)),
        t2_seconds: lease.and_then(|lease| set(lease.t2)),
        age_seconds: lease.map(|lease| now.since(lease.since).as_secs()),
        expires_in_seconds: client
            .held()
            .filter(|lease| lease.expires != BootTime::NEVER)
            .map(|lease| lease.expires.since(now).as_secs()),
        xid: client.dialogue.xid,
        secs: client.dialogue.secs,
        offers: step::offers(client),
    }
}

/// The failover watch.
pub fn servers(view: &View<'_>) -> Servers {
    let groups = (0u32..)
        .zip(&view.config.groups)
        .map(|(index, group)| {
            let together = view.watch.group(index, view.now);
            GroupWatch {
                name: group.name.clone(),
                vrf: group.vrf.as_ref().map(|vrf| vrf.name.clone()),
                discovers: together.discovers.map(of_an_hour).to_vec(),
                clients: together.clients.map(of_an_hour).to_vec(),
                servers: group
                    .servers
                    .iter()
                    .map(|server| {
                        let counts = view.watch.server(index, server.address, view.now);
                        ServerWatch {
                            address: server.address,
                            vrf: server.vrf_name(),
                            min_secs: server.min_secs,
                            clients: of_an_hour(counts.clients),
                            offers: counts.offers.map(of_an_hour).to_vec(),
                            acks: of_an_hour(counts.acks),
                            naks: of_an_hour(counts.naks),
                            latencies: counts.latencies.map(of_an_hour).to_vec(),
                        }
                    })
                    .collect(),
            }
        })
        .collect();
    let name = |index: u32| view.labels.get(index).map(super::Label::word).unwrap_or_default();
    let watched = view
        .watch
        .findings(&name, view.now)
        .into_iter()
        .map(|finding| FindingRow { warning: finding.is_warning(), text: finding.to_string() });
    let asked = view
        .recovery
        .findings()
        .into_iter()
        .map(|finding| FindingRow { warning: true, text: finding.to_string() });
    let findings = watched.chain(asked).collect();
    Servers { groups, findings }
}

/// A number of messages in an hour: a million a second are not more than this holds.
fn of_an_hour(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// The table's part of `stats`. What the fast path lost is added by the one who can read it.
pub fn stats(view: &View<'_>) -> ClientStats {
    let of = |reason| view.table.ignored(reason);
    ClientStats {
        clients: view.table.len() as u64,
        bound: view.table.bound() as u64,
        clients_max: view.table.policy().clients_max.into(),
        messages: view.table.handled(),
        ignored: ignored(of),
        suspicious: Ignored::ALL.into_iter().filter(|reason| reason.is_suspicious()).map(of).sum(),
        limit_reached: of(Ignored::Limit),
        events_lost: view.tallies.lost.others,
        discovers_lost: view.tallies.lost.discovers,
        stored: view.tallies.stored,
        store_error: view.tallies.store_error.clone(),
        unpublished: view.tallies.unpublished,
        host_routes: view.tallies.hosts.installed,
        host_route_conflicts: view.tallies.hosts.conflicts,
        host_route_failures: view.tallies.hosts.failures,
        leasequery: view.recovery.is_on().then(|| view.recovery.tally()),
    }
}

/// What metrics are made of.
pub fn facts(view: &View<'_>) -> TableFacts {
    TableFacts { stats: stats(view), servers: servers(view), ever: ever(view), clients: clients(view) }
}

/// The failover watch since the start.
fn ever(view: &View<'_>) -> Vec<GroupEver> {
    let groups = (0u32..).zip(&view.config.groups);
    groups
        .map(|(index, group)| GroupEver {
            name: group.name.clone(),
            counts: view.watch.group_ever(index),
            servers: group
                .servers
                .iter()
                .map(|server| {
                    (server.address, server.vrf_name(), view.watch.server_ever(index, server.address))
                })
                .collect(),
        })
        .collect()
}

/// Clients by interface and state. Looks at all of them.
fn clients(view: &View<'_>) -> Vec<InterfaceClients> {
    let mut counts: BTreeMap<u32, [u64; State::ALL.len()]> = BTreeMap::new();
    for client in view.table.clients() {
        counts.entry(client.key.interface).or_default()[client.state as usize] += 1;
    }
    counts
        .into_iter()
        .map(|(index, states)| {
            let label = view.labels.get(index);
            InterfaceClients {
                interface: label.map(|label| label.name.clone()).unwrap_or_default(),
                vlan: label.and_then(|label| label.vlan.clone()),
                vrf: label.and_then(|label| label.vrf.clone()),
                states,
            }
        })
        .collect()
}
