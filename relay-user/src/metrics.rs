//! Metrics: what the daemon counts, for Prometheus, on the HTTP listener of `metrics_listen`.
//!
//! They are made of the very answers that `status`, `stats` and `servers` give, taken apart without a rest: a number that is
//! added there is not forgotten here. HTTP is hyper's, the text format is that of the crate `prometheus-client`.
//!
//! | module | concept |
//! | --- | --- |
//! | `families` | every metric: its name, its labels, what it means |
//! | `text` | from facts to the text of a scrape |
//! | `relaying` | what was done with packets |
//! | `clients` | the client table |
//! | `servers` | the daemon as it stands, the ways to the servers, and the failover watch |
//! | `listener` | sockets: bound, served, moved |
//! | `http` | one connection, from its request to its end |

mod clients;
mod families;
mod http;
mod listener;
mod relaying;
mod servers;
mod text;

use std::net::Ipv4Addr;

pub use families::{ALL, Kind, Listed};
pub use listener::{Bound, Server, bind, bind_beside};
pub use text::render;

use crate::{
    clients::{
        State,
        watch::{GroupCounts, ServerCounts},
    },
    control::{
        leases::{ClientStats, Servers},
        model::{InterfaceStats, Stats, Status},
    },
};

/// What a scrape is made of, all of one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// As `status` has it.
    pub status: Status,
    /// As `stats` has it.
    pub stats: Stats,
    /// What was counted for interfaces that a reload has taken away: totals do not go back with them.
    pub gone: InterfaceStats,
    /// What the client table knows.
    pub table: TableFacts,
}

/// What the client table knows, between two messages.
#[derive(Clone, Debug, PartialEq)]
pub struct TableFacts {
    /// Its part of `stats`, without what the fast path lost.
    pub stats: ClientStats,
    /// As `servers` has it: of the last hour.
    pub servers: Servers,
    /// The same since the start, by group in the order of the configuration.
    pub ever: Vec<GroupEver>,
    /// Clients of each interface that has any.
    pub clients: Vec<InterfaceClients>,
}

/// What the watch has counted of a server group since the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupEver {
    /// Its name.
    pub name: String,
    /// Its servers together.
    pub counts: GroupCounts,
    /// Each: its address, its VRF, what it did.
    pub servers: Vec<(Ipv4Addr, Option<String>, ServerCounts)>,
}

/// The clients of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceClients {
    /// The device.
    pub interface: String,
    /// The tags, `100` or `200.7`; `None`: untagged.
    pub vlan: Option<String>,
    /// The VRF; `None`: the main table.
    pub vrf: Option<String>,
    /// How many, in the order of [`State::ALL`].
    pub states: [u64; State::ALL.len()],
}

/// Who knows the facts. Called on a thread that may block.
pub trait Source: Send + Sync {
    /// The facts of this moment.
    ///
    /// # Errors
    /// A sentence that says why there are none.
    fn facts(&self) -> Result<Facts, String>;
}
