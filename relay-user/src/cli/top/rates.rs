//! From two rounds of answers to figures. A pure function: the rates are what was counted in between, over the time in
//! between as it was measured.
//!
//! A counter that has gone back began anew in between, at zero: an interface was taken out of the configuration and
//! put in again. Of another daemon nothing is compared: since when it counts is not known to the fraction of a second.

use std::{
    collections::{BTreeMap, HashMap},
    ops::AddAssign,
};

use relay_common::{Class, Reason, abi::MESSAGE_NAMES};
use relay_user::control::{
    leases::{ClientStats, GroupWatch, ServerWatch, Servers},
    model::{Count, GroupStatus, InterfaceStats, ServerStatus, Stats, Status},
};

use super::{
    figures::{Clients, Daemon, Figures, Flow, Interface, Messages, Rate, ReasonRow, ServerRow, Single},
    round::Round,
};

/// The figures of `now`, with rates if `before` is of the same daemon and of an earlier time.
pub(super) fn figures(before: Option<&Round>, now: &Round) -> Figures {
    let same = before.filter(|before| before.daemon() == now.daemon());
    let seconds = same
        .map(|before| now.at.saturating_duration_since(before.at).as_secs_f64())
        .filter(|seconds| *seconds > 0.0);
    let seconds_shown = seconds.map(|seconds| rounded(seconds, 1e6));
    let compare = Compare { before: same.map(|round| &round.stats), now: &now.stats, seconds };
    let Sums { requests, replies, reasons, messages, interfaces } = compare.interfaces(&now.status);
    let Status { version, pid, started_unix, uptime_seconds, config, fast_path, groups, .. } = &now.status;
    Figures {
        unix_milliseconds: now.unix_milliseconds,
        seconds: seconds_shown,
        restarted: before.is_some() && same.is_none(),
        daemon: Daemon {
            version: version.clone(),
            pid: *pid,
            started_unix: *started_unix,
            uptime_seconds: *uptime_seconds,
            config: config.clone(),
            fast_path: fast_path.clone(),
        },
        requests: requests.flow(seconds),
        replies: replies.flow(seconds),
        copies: Tally::of(same.map(|before| before.stats.copies), now.stats.copies).flow(seconds),
        dropped: dropped(&reasons).flow(seconds),
        lost: compare.lost(),
        messages,
        interfaces,
        reasons: reason_rows(&reasons, seconds),
        servers: server_rows(groups, &now.servers),
        findings: now.servers.findings.clone(),
        clients: compare.clients(),
    }
}

/// A counter of both paths: what it says, and by how much it has grown.
#[derive(Clone, Copy, Default)]
struct Tally {
    total: Count,
    grown: Count,
}

impl Tally {
    /// What is new was not there at all, and has counted from zero.
    fn of(before: Option<Count>, now: Count) -> Self {
        let before = before.unwrap_or_default();
        let grown = Count { fast: grown(before.fast, now.fast), slow: grown(before.slow, now.slow) };
        Self { total: now, grown }
    }

    fn flow(self, seconds: Option<f64>) -> Flow {
        let per_second = seconds.map(|seconds| Rate {
            fast: rate(self.grown.fast, seconds),
            slow: rate(self.grown.slow, seconds),
        });
        Flow { total: self.total, per_second }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.total += other.total;
        self.grown += other.grown;
    }
}

fn grown(before: u64, now: u64) -> u64 {
    now.checked_sub(before).unwrap_or(now)
}

fn rate(grown: u64, seconds: f64) -> f64 {
    rounded(grown as f64 / seconds, 1e3)
}

/// To a fraction that means something: the documents for programs are read by people too.
fn rounded(number: f64, parts: f64) -> f64 {
    (number * parts).round() / parts
}

/// Counters by name.
type Tallies = BTreeMap<String, Tally>;

fn tallies(before: Option<&BTreeMap<String, Count>>, now: &BTreeMap<String, Count>) -> Tallies {
    let of =
        |name: &String, count: &Count| Tally::of(before.and_then(|before| before.get(name)).copied(), *count);
    now.iter().map(|(name, count)| (name.clone(), of(name, count))).collect()
}

fn sum(tallies: &Tallies) -> Tally {
    let mut sum = Tally::default();
    tallies.values().for_each(|tally| sum += *tally);
    sum
}

fn add(sums: &mut Tallies, more: &Tallies) {
    for (name, tally) in more {
        *sums.entry(name.clone()).or_default() += *tally;
    }
}

fn reason(label: &str) -> Option<Reason> {
    Reason::ALL.iter().copied().find(|reason| reason.label() == label)
}

fn dropped(reasons: &Tallies) -> Tally {
    let mut sum = Tally::default();
    for (label, tally) in reasons {
        if reason(label).is_some_and(|reason| reason.class() == Class::Dropped) {
            sum += *tally;
        }
    }
    sum
}

/// Two answers of one daemon.
struct Compare<'a> {
    before: Option<&'a Stats>,
    now: &'a Stats,
    seconds: Option<f64>,
}

/// All interfaces together, and each.
struct Sums {
    requests: Tally,
    replies: Tally,
    reasons: Tallies,
    messages: Messages,
    interfaces: Vec<Interface>,
}

/// What an interface goes by: its number is another one after a reload.
type Key<'a> = (&'a str, Option<&'a str>);

impl Compare<'_> {
    fn interfaces(&self, status: &Status) -> Sums {
        let earlier: HashMap<Key<'_>, &InterfaceStats> = self
            .before
            .iter()
            .flat_map(|before| &before.interfaces)
            .map(|interface| ((interface.name.as_str(), interface.vlan.as_deref()), interface))
            .collect();
        let vrfs: HashMap<Key<'_>, &str> = status
            .interfaces
            .iter()
            .filter_map(|interface| {
                Some(((interface.name.as_str(), interface.vlan.as_deref()), interface.vrf.as_deref()?))
            })
            .collect();

        let (mut requests, mut replies) = (Tallies::new(), Tallies::new());
        let mut reasons = tallies(self.before.map(|before| &before.unattributed), &self.now.unattributed);
        let mut interfaces = Vec::new();
        for now in &self.now.interfaces {
            let key = (now.name.as_str(), now.vlan.as_deref());
            let before = earlier.get(&key);
            let to_servers = tallies(before.map(|before| &before.requests), &now.requests);
            let to_clients = tallies(before.map(|before| &before.replies), &now.replies);
            let refused = tallies(before.map(|before| &before.reasons), &now.reasons);
            interfaces.push(self.interface(now, vrfs.get(&key), [&to_servers, &to_clients, &refused]));
            add(&mut requests, &to_servers);
            add(&mut replies, &to_clients);
            add(&mut reasons, &refused);
        }
        let all = |tallies: &Tallies| {
            let known = MESSAGE_NAMES.iter().map(|name| ((*name).to_owned(), Flow::default()));
            let mut flows: BTreeMap<String, Flow> = known.collect();
            for (name, flow) in &mut flows {
                *flow = tallies.get(name).copied().unwrap_or_default().flow(self.seconds);
            }
            flows
        };
        let messages = Messages { requests: all(&requests), replies: all(&replies) };
        Sums { requests: sum(&requests), replies: sum(&replies), reasons, messages, interfaces }
    }

    fn interface(&self, now: &InterfaceStats, vrf: Option<&&str>, parts: [&Tallies; 3]) -> Interface {
        let [requests, replies, reasons] = parts;
        let mut both = sum(requests);
        both += sum(replies);
        let share = |count: Count| {
            let sum = count.fast + count.slow;
            (sum > 0).then(|| count.fast as f64 / sum as f64)
        };
        let recent = self.seconds.and_then(|_| share(both.grown));
        Interface {
            name: now.name.clone(),
            vlan: now.vlan.clone(),
            vrf: vrf.map(|vrf| (*vrf).to_owned()),
            requests: sum(requests).flow(self.seconds),
            replies: sum(replies).flow(self.seconds),
            dropped: dropped(reasons).flow(self.seconds),
            fast_share: recent.or_else(|| share(both.total)),
        }
    }

    /// A counter of one place.
    fn single(&self, of: impl Fn(&Stats) -> u64) -> Single {
        let (before, now) = (self.before.map_or(0, &of), of(self.now));
        Single { total: now, per_second: self.seconds.map(|seconds| rate(grown(before, now), seconds)) }
    }

    fn lost(&self) -> BTreeMap<&'static str, Single> {
        BTreeMap::from([
            ("send_errors", self.single(|stats| stats.send_errors)),
            ("receive_drops", self.single(|stats| stats.receive_drops)),
            ("punts_lost", self.single(|stats| stats.punts_lost)),
            ("cuts_lost", self.single(|stats| stats.cuts_lost)),
        ])
    }

    fn clients(&self) -> Clients {
        let ClientStats { clients, bound, clients_max, store_error, .. } = &self.now.clients;
        Clients {
            clients: *clients,
            bound: *bound,
            clients_max: *clients_max,
            messages: self.single(|stats| stats.clients.messages),
            suspicious: self.single(|stats| stats.clients.suspicious),
            limit_reached: self.single(|stats| stats.clients.limit_reached),
            events_lost: self.single(|stats| stats.clients.events_lost),
            discovers_lost: self.single(|stats| stats.clients.discovers_lost),
            store_error: store_error.clone(),
        }
    }
}

/// Every reason, also those that only the daemon knows; the busiest first.
fn reason_rows(tallies: &Tallies, seconds: Option<f64>) -> Vec<ReasonRow> {
    let known = Reason::ALL.iter().map(|reason| (reason.label().to_owned(), Tally::default()));
    let mut all: Tallies = known.collect();
    add(&mut all, tallies);
    let mut rows: Vec<ReasonRow> = all
        .into_iter()
        .map(|(label, tally)| ReasonRow {
            fate: reason(&label).map(|reason| reason.class().label()),
            reason: label,
            frames: tally.flow(seconds),
        })
        .collect();
    let rank = |row: &ReasonRow| (row.frames.rate(), row.frames.sum());
    rows.sort_by(|one, other| {
        let ((one, one_total), (other, other_total)) = (rank(one), rank(other));
        other.total_cmp(&one).then(other_total.cmp(&one_total))
    });
    rows
}

/// The way to each server, and what the watch has counted of it.
fn server_rows(groups: &[GroupStatus], watch: &Servers) -> Vec<ServerRow> {
    let counted = |group: &str, server: &ServerStatus| {
        let of_group = watch.groups.iter().filter(|GroupWatch { name, .. }| name == group);
        of_group
            .flat_map(|group| &group.servers)
            .find(|counted| counted.address == server.address && counted.vrf == server.vrf)
    };
    let row = |group: &GroupStatus, server: &ServerStatus| {
        let row = ServerRow {
            group: group.name.clone(),
            vrf: server.vrf.clone(),
            address: server.address,
            path: server.path,
            reason: server.reason.clone(),
            offers: 0,
            acks: 0,
            naks: 0,
            latencies: Vec::new(),
        };
        match counted(&group.name, server) {
            Some(ServerWatch { offers, acks, naks, latencies, .. }) => ServerRow {
                offers: offers.iter().sum(),
                acks: *acks,
                naks: *naks,
                latencies: latencies.clone(),
                ..row
            },
            None => row,
        }
    };
    groups.iter().flat_map(|group| group.servers.iter().map(move |server| row(group, server))).collect()
}

#[cfg(test)]
mod tests;
