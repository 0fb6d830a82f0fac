//! The client table: who holds leases, what it did not learn, where it writes them.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
};

use super::{
    InterfaceClients,
    families::{
        CLIENT_IGNORED, CLIENT_LIMIT, CLIENT_LOST, CLIENT_MESSAGES, CLIENT_SUSPICIOUS, CLIENTS, CLIENTS_MAX,
        HOST_ROUTE_CONFLICTS, HOST_ROUTE_FAILURES, HOST_ROUTES, INTERFACE_BOUND, LEASEQUERIES,
        LEASEQUERY_ANSWERS, LEASEQUERY_ASKING, LEASEQUERY_LEASES, LEASEQUERY_RETRIES, LEASEQUERY_UNANSWERED,
        LEASEQUERY_UNSOLICITED, STORE_FAILING, STORED, UNPUBLISHED,
    },
    text::Text,
};
use crate::{
    clients::State,
    control::{
        leases::{ClientStats, LeasequeryStats},
        model::Status,
    },
};

/// The table's part of `stats`, and its clients by VRF, state and interface.
pub(super) fn write(
    text: &mut Text<'_>,
    status: &Status,
    stats: &ClientStats,
    clients: &[InterfaceClients],
) -> fmt::Result {
    let ClientStats {
        // The sums of what `occupancy` writes.
        clients: _,
        bound: _,
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
    occupancy(text, status, clients)?;
    text.number(&CLIENTS_MAX, *clients_max)?;
    text.number(&CLIENT_MESSAGES, *messages)?;
    text.family(&CLIENT_IGNORED, |samples| {
        ignored.iter().try_for_each(|(reason, count)| samples.put([reason], *count))
    })?;
    text.number(&CLIENT_SUSPICIOUS, *suspicious)?;
    text.number(&CLIENT_LIMIT, *limit_reached)?;
    text.family(&CLIENT_LOST, |samples| {
        samples.put(["discover"], *discovers_lost)?;
        samples.put(["other"], *events_lost)
    })?;
    text.number(&STORED, *stored)?;
    text.number(&STORE_FAILING, store_error.is_some().into())?;
    text.number(&UNPUBLISHED, *unpublished)?;
    text.number(&HOST_ROUTES, *host_routes)?;
    text.number(&HOST_ROUTE_CONFLICTS, *host_route_conflicts)?;
    text.number(&HOST_ROUTE_FAILURES, *host_route_failures)?;
    leasequery.as_ref().map_or(Ok(()), |stats| leasequeries(text, stats))
}

/// Every state in every VRF that has an interface, and every interface, zeros too.
fn occupancy(text: &mut Text<'_>, status: &Status, clients: &[InterfaceClients]) -> fmt::Result {
    let mut by_vrf: BTreeMap<&str, [u64; State::ALL.len()]> = BTreeMap::new();
    let vrfs: BTreeSet<&str> = status.interfaces.iter().map(|interface| name(&interface.vrf)).collect();
    by_vrf.extend(vrfs.into_iter().map(|vrf| (vrf, Default::default())));
    let mut bound: HashMap<(&str, &str), u64> = HashMap::new();
    for InterfaceClients { interface, vlan, vrf, states } in clients {
        let sums = by_vrf.entry(name(vrf)).or_default();
        for (sum, count) in sums.iter_mut().zip(states) {
            *sum += count;
        }
        let held = State::ALL.iter().zip(states).filter(|(state, _)| state.is_bound());
        *bound.entry((interface, name(vlan))).or_default() += held.map(|(_, count)| count).sum::<u64>();
    }
    text.family(&CLIENTS, |samples| {
        by_vrf.iter().try_for_each(|(vrf, states)| {
            let states = State::ALL.iter().zip(states);
            states.into_iter().try_for_each(|(state, count)| samples.put([vrf, state.label()], *count))
        })
    })?;
    text.family(&INTERFACE_BOUND, |samples| {
        status.interfaces.iter().try_for_each(|interface| {
            let place = (interface.name.as_str(), name(&interface.vlan));
            samples.put([place.0, place.1], bound.get(&place).copied().unwrap_or_default())
        })
    })
}

fn leasequeries(text: &mut Text<'_>, stats: &LeasequeryStats) -> fmt::Result {
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
    text.number(&LEASEQUERIES, *sent)?;
    text.number(&LEASEQUERY_RETRIES, *retries)?;
    text.number(&LEASEQUERY_UNANSWERED, *unanswered)?;
    let answers = [("leaseactive", active), ("leaseunassigned", unassigned), ("leaseunknown", unknown)];
    text.family(&LEASEQUERY_ANSWERS, |samples| {
        answers.iter().try_for_each(|(message, count)| samples.put([message], **count))
    })?;
    let outcomes = [
        ("recovered", recovered),
        ("updated", updated),
        ("withdrawn", withdrawn),
        ("unplaced", unplaced),
        ("incomplete", incomplete),
        ("refused", refused),
    ];
    text.family(&LEASEQUERY_LEASES, |samples| {
        outcomes.iter().try_for_each(|(outcome, count)| samples.put([outcome], **count))
    })?;
    text.number(&LEASEQUERY_UNSOLICITED, *unsolicited)?;
    text.number(&LEASEQUERY_ASKING, u64::from(*asking))
}

/// What Prometheus takes for no label at all, where there is none.
fn name(given: &Option<String>) -> &str {
    given.as_deref().unwrap_or_default()
}
