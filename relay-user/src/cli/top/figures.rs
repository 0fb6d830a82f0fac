//! What `top` shows: the figures of one round, with the rates since the round before.
//!
//! The JSON form is a line of `top --json`: as in `control::model`, names are never taken away and never change their
//! meaning. `per_second` is null where no rate is known: in the first round, and in the first one of another daemon.

use std::{collections::BTreeMap, net::Ipv4Addr};

use relay_user::control::{
    leases::FindingRow,
    model::{Count, FastPathStatus, ServerPath},
};
use serde::Serialize;

/// One round.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Figures {
    /// When the daemon was asked, in milliseconds since 1970-01-01 UTC.
    pub(super) unix_milliseconds: u64,
    /// The time that the rates are over, in seconds; `None`: there are no rates.
    pub(super) seconds: Option<f64>,
    /// Another daemon answers than in the round before: its counters began anew.
    pub(super) restarted: bool,
    pub(super) daemon: Daemon,
    pub(super) requests: Flow,
    pub(super) replies: Flow,
    /// Copies of requests sent to servers.
    pub(super) copies: Flow,
    /// Frames refused, for any reason.
    pub(super) dropped: Flow,
    /// What the relay itself has lost, by name.
    pub(super) lost: BTreeMap<&'static str, Single>,
    pub(super) messages: Messages,
    /// In the order of the configuration.
    pub(super) interfaces: Vec<Interface>,
    /// By rate, then by total, the highest first.
    pub(super) reasons: Vec<ReasonRow>,
    pub(super) servers: Vec<ServerRow>,
    pub(super) findings: Vec<FindingRow>,
    pub(super) clients: Clients,
}

/// Who answers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Daemon {
    pub(super) version: String,
    pub(super) pid: u32,
    pub(super) started_unix: u64,
    pub(super) uptime_seconds: u64,
    pub(super) config: String,
    pub(super) fast_path: FastPathStatus,
}

/// Something that both paths count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(super) struct Flow {
    /// Since the daemon started.
    pub(super) total: Count,
    pub(super) per_second: Option<Rate>,
}

impl Flow {
    /// A second, by both paths; 0 where no rate is known.
    pub(super) fn rate(&self) -> f64 {
        self.per_second.map_or(0.0, |Rate { fast, slow }| fast + slow)
    }

    /// By both paths.
    pub(super) fn sum(&self) -> u64 {
        self.total.fast + self.total.slow
    }
}

/// A rate by the path that counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(super) struct Rate {
    pub(super) fast: f64,
    pub(super) slow: f64,
}

/// Something that is counted in one place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(super) struct Single {
    pub(super) total: u64,
    pub(super) per_second: Option<f64>,
}

/// Of all interfaces, by message name; every name is there.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Messages {
    pub(super) requests: BTreeMap<String, Flow>,
    pub(super) replies: BTreeMap<String, Flow>,
}

/// A client-facing interface.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Interface {
    pub(super) name: String,
    pub(super) vlan: Option<String>,
    pub(super) vrf: Option<String>,
    pub(super) requests: Flow,
    pub(super) replies: Flow,
    pub(super) dropped: Flow,
    /// Of the requests and replies of this round, or of all where there were none, the share that XDP relayed: 0 to 1.
    pub(super) fast_share: Option<f64>,
}

/// Why frames were not relayed by the path that looked at them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct ReasonRow {
    pub(super) reason: String,
    /// What becomes of such a frame; `None`: a daemon of another version knows.
    pub(super) fate: Option<&'static str>,
    pub(super) frames: Flow,
}

/// A server: the way to it, and what it answered in the last hour.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct ServerRow {
    pub(super) group: String,
    pub(super) vrf: Option<String>,
    pub(super) address: Ipv4Addr,
    pub(super) path: ServerPath,
    /// Why it is not on the fast path.
    pub(super) reason: Option<String>,
    pub(super) offers: u32,
    pub(super) acks: u32,
    pub(super) naks: u32,
    /// Answers by how long they took, as in `servers`.
    pub(super) latencies: Vec<u32>,
}

/// The client table.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Clients {
    pub(super) clients: u64,
    pub(super) bound: u64,
    pub(super) clients_max: u64,
    /// Messages looked at.
    pub(super) messages: Single,
    /// Messages from where they cannot come from.
    pub(super) suspicious: Single,
    /// Messages that made no entry because the table is full.
    pub(super) limit_reached: Single,
    /// Messages other than DISCOVERs that the table did not learn of.
    pub(super) events_lost: Single,
    /// DISCOVERs that it did not learn of.
    pub(super) discovers_lost: Single,
    /// Why leases are not stored now.
    pub(super) store_error: Option<String>,
}
