//! What the counts say, in words.
//!
//! A finding wants evidence: sixteen clients where it is about chance (of two servers that share clients evenly, one
//! answers none of sixteen once in 65,536 times), and unanswered requests where it is about waiting.

use std::{fmt, net::Ipv4Addr};

use super::{SECS, Watch};
use crate::clients::BootTime;

/// Clients that must have been served before the absence of a server means anything.
const CLIENTS: u64 = 16;
/// Unanswered DISCOVERs before clients are said to wait.
const UNANSWERED: u32 = 3;
/// Periods of five minutes in which a silent server has been silent.
const SILENT: u64 = 3;

/// Names of interfaces by index.
pub trait Names {
    /// The name of an interface, as users know it.
    fn interface(&self, index: u32) -> String;
}

impl<F: Fn(u32) -> String> Names for F {
    fn interface(&self, index: u32) -> String {
        self(index)
    }
}

/// Something an operator should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// A server answers only those who have waited.
    Late {
        /// Which.
        server: Ipv4Addr,
        /// From which `secs` on it answers.
        secs: u16,
    },
    /// Clients are answered only after they have waited.
    Waiting {
        /// Name of their interface.
        interface: String,
        /// How many of a hundred.
        percent: u32,
        /// From which `secs` on they are answered.
        secs: u16,
    },
    /// Two servers offer different addresses to one client, at once.
    Different {
        /// How many clients.
        clients: u64,
    },
    /// A server answers nobody, and others of its group do.
    Silent {
        /// Which.
        server: Ipv4Addr,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Late { server, secs } => {
                write!(
                    f,
                    "{server} answered nobody with secs < {secs} in the last hour: does it get every message?"
                )
            }
            Self::Waiting { interface, percent, secs } => {
                match percent {
                    40..=60 => write!(f, "half of the clients of {interface}")?,
                    100 => write!(f, "all clients of {interface}")?,
                    percent => write!(f, "{percent} % of the clients of {interface}")?,
                }
                write!(f, " wait for secs ≥ {secs}: is a server missing from the group?")
            }
            Self::Different { .. } => {
                f.write_str("two servers offer different leases to one client: expected with a split pool")
            }
            Self::Silent { server } => write!(f, "{server} is silent while its partner answers"),
        }
    }
}

impl Finding {
    /// Whether something may be wrong; else it is only good to know.
    pub fn is_warning(&self) -> bool {
        !matches!(self, Self::Different { .. })
    }
}

impl Watch {
    /// What the last hour says.
    pub fn findings(&self, names: &impl Names, now: BootTime) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut groups: Vec<_> = self
            .policy
            .interfaces
            .iter()
            .flatten()
            .map(|interface| (interface.group, &interface.servers))
            .collect();
        groups.sort_by_key(|(group, _)| *group);
        groups.dedup_by_key(|(group, _)| *group);
        for (group, servers) in groups {
            let together = self.group(group, now);
            for server in servers.iter().filter(|_| servers.len() > 1) {
                if self.is_silent(group, server.address, server.min_secs, now) {
                    findings.push(Finding::Silent { server: server.address });
                    continue;
                }
                let offers = self.server(group, server.address, now).offers;
                let Some(from) = offers.iter().position(|&offers| offers > 0) else { continue };
                // A server that is asked only from there on cannot answer before.
                if from > usize::from(server.min_secs)
                    && together.clients[usize::from(server.min_secs).min(SECS)..from].iter().sum::<u64>()
                        >= CLIENTS
                {
                    findings.push(Finding::Late { server: server.address, secs: from as u16 });
                }
            }
            if together.different > 0 {
                findings.push(Finding::Different { clients: together.different });
            }
        }
        for (&index, window) in &self.interfaces {
            let counts = window.hour(now);
            let all = counts.prompt + counts.waited;
            // Loss and outages do not care for `secs`; servers that stand in for another begin at one value.
            if counts.waited * 4 >= all
                && counts.unanswered >= UNANSWERED
                && counts.ignored_up_to < counts.served_from
            {
                findings.push(Finding::Waiting {
                    interface: names.interface(index),
                    percent: counts.waited * 100 / all.max(1),
                    secs: counts.served_from,
                });
            }
        }
        findings
    }

    fn is_silent(&self, group: u32, server: Ipv4Addr, min_secs: u16, now: BootTime) -> bool {
        let answers =
            self.servers.get(&(group, server)).map_or(0, |window| window.last(now, SILENT).answers());
        let recent = self.groups.get(&group).map(|window| window.last(now, SILENT)).unwrap_or_default();
        let from = usize::from(min_secs).min(SECS - 1);
        answers == 0 && recent.clients[from..].iter().sum::<u64>() >= CLIENTS
    }
}
