//! The daemon as it stands, the ways to the servers, and what the failover watch has counted of them.

use std::fmt;

use super::{
    GroupEver,
    families::{
        BUILD, FAST_PATH_ACTIVE, FINDINGS, GROUP_DIFFERENT, GROUP_DISCOVERS, GROUP_SERVED, INTERFACE,
        INTERFACE_RELAYS, PORT_MODE, SERVER_ANSWERS, SERVER_CLIENTS, SERVER_OFFERS, SERVER_PATH,
        SERVER_RESPONSE, START_TIME,
    },
    text::{Samples, Text},
};
use crate::{
    clients::watch::{GroupCounts, LATENCIES, SECS, ServerCounts},
    control::{
        leases::Servers,
        model::{FastPathStatus, GroupStatus, InterfaceStatus, PortStatus, ServerStatus, Status},
    },
};

/// What `status` says, and how much the watch has to say.
pub(super) fn standing(text: &mut Text<'_>, status: &Status, servers: &Servers) -> fmt::Result {
    let Status {
        version,
        pid: _,
        started_unix,
        // The time of the scrape less that of the start.
        uptime_seconds: _,
        config: _,
        fast_path: FastPathStatus { setting: _, active, note: _ },
        ports,
        interfaces,
        groups,
    } = status;
    text.family(&BUILD, |samples| samples.put([version], 1))?;
    text.number(&START_TIME, *started_unix)?;
    text.number(&FAST_PATH_ACTIVE, (*active).into())?;
    text.family(&PORT_MODE, |samples| {
        ports.iter().try_for_each(|port| {
            let PortStatus { name, ifindex: _, mode, clients: _, servers: _, note: _ } = port;
            samples.one_of(|mode| [name, mode], &["native", "generic", "off"], &mode.to_string())
        })
    })?;
    interfaces_as_they_stand(text, interfaces)?;
    text.family(&SERVER_PATH, |samples| groups.iter().try_for_each(|group| paths(samples, group)))?;
    // What it said in the last hour was counted since the start, and is below.
    let Servers { groups: _, findings } = servers;
    let warnings = findings.iter().filter(|finding| finding.warning).count();
    text.family(&FINDINGS, |samples| {
        samples.put(["warning"], warnings as u64)?;
        samples.put(["note"], (findings.len() - warnings) as u64)
    })
}

fn interfaces_as_they_stand(text: &mut Text<'_>, interfaces: &[InterfaceStatus]) -> fmt::Result {
    text.family(&INTERFACE, |samples| {
        interfaces.iter().try_for_each(|interface| {
            let InterfaceStatus {
                index: _,
                name,
                vlan,
                vrf,
                on: _,
                address,
                giaddr,
                group,
                relays: _,
                note: _,
            } = interface;
            let (address, giaddr) = (address.to_string(), giaddr.to_string());
            let (vlan, vrf) = (vlan.as_deref().unwrap_or_default(), vrf.as_deref().unwrap_or_default());
            samples.put([name, vlan, vrf, group, &address, &giaddr], 1)
        })
    })?;
    text.family(&INTERFACE_RELAYS, |samples| {
        interfaces.iter().try_for_each(|interface| {
            let vlan = interface.vlan.as_deref().unwrap_or_default();
            samples.put([&interface.name, vlan], interface.relays.into())
        })
    })
}

fn paths(samples: &mut Samples<'_, 4>, group: &GroupStatus) -> fmt::Result {
    let GroupStatus { name, vrf: _, servers } = group;
    servers.iter().try_for_each(|server| {
        let ServerStatus { address, vrf, path, device: _, gateway: _, mac: _, reason: _ } = server;
        let (address, vrf) = (address.to_string(), vrf.as_deref().unwrap_or_default());
        samples.one_of(|path| [name, &address, vrf, path], &["fast", "slow", "none"], &path.to_string())
    })
}

/// What the watch has counted since the start.
pub(super) fn watched(text: &mut Text<'_>, groups: &[GroupEver]) -> fmt::Result {
    let each = |fill: &mut dyn FnMut([&str; 3], &ServerCounts) -> fmt::Result| {
        groups.iter().try_for_each(|GroupEver { name, counts: _, servers }| {
            servers.iter().try_for_each(|(address, vrf, counts)| {
                fill([name, &address.to_string(), vrf.as_deref().unwrap_or_default()], counts)
            })
        })
    };
    text.family(&SERVER_ANSWERS, |samples| {
        each(&mut |[group, server, vrf], counts| {
            let ServerCounts { offers, clients: _, acks, naks, latencies: _, waited_for: _ } = counts;
            let answers = [("offer", offers.iter().sum()), ("ack", *acks), ("nak", *naks)];
            answers.iter().try_for_each(|(message, count)| samples.put([group, server, vrf, message], *count))
        })
    })?;
    text.family(&SERVER_RESPONSE, |samples| {
        each(&mut |labels, counts| {
            let bounds = (0..LATENCIES).map(bound);
            match counts.latencies.iter().sum::<u64>() {
                0 => Ok(()),
                _ => samples.distribution(
                    labels,
                    counts.waited_for.as_secs_f64(),
                    bounds.zip(counts.latencies.iter().copied()),
                ),
            }
        })
    })?;
    text.family(&SERVER_CLIENTS, |samples| each(&mut |labels, counts| samples.put(labels, counts.clients)))?;
    text.family(&SERVER_OFFERS, |samples| {
        each(&mut |[group, server, vrf], counts| {
            by_secs(&counts.offers, |secs, count| samples.put([group, server, vrf, secs], count))
        })
    })?;
    groups_together(text, groups)
}

fn groups_together(text: &mut Text<'_>, groups: &[GroupEver]) -> fmt::Result {
    let each = |fill: &mut dyn FnMut(&str, &GroupCounts) -> fmt::Result| {
        groups.iter().try_for_each(|GroupEver { name, counts, servers: _ }| fill(name, counts))
    };
    text.family(&GROUP_DISCOVERS, |samples| {
        each(&mut |group, GroupCounts { discovers, clients: _, different: _ }| {
            by_secs(discovers, |secs, count| samples.put([group, secs], count))
        })
    })?;
    text.family(&GROUP_SERVED, |samples| {
        each(&mut |group, counts| by_secs(&counts.clients, |secs, count| samples.put([group, secs], count)))
    })?;
    text.family(&GROUP_DIFFERENT, |samples| each(&mut |group, counts| samples.put([group], counts.different)))
}

/// The upper bound of a slot of response times, in seconds.
fn bound(slot: usize) -> f64 {
    if slot + 1 == LATENCIES { f64::INFINITY } else { f64::from(1u32 << slot) / 1000.0 }
}

/// What is not zero, by `secs`.
fn by_secs(counts: &[u64; SECS], mut put: impl FnMut(&str, u64) -> fmt::Result) -> fmt::Result {
    const VALUES: [&str; SECS] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10+"];
    VALUES
        .into_iter()
        .zip(counts)
        .filter(|(_, count)| **count > 0)
        .try_for_each(|(secs, count)| put(secs, *count))
}
