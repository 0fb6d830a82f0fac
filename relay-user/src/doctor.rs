//! What the fast path can do on each port of a configuration, why not more, and what to change: for an operator, before the
//! daemon runs or while it does. Nothing is changed by looking.
//!
//! `look` asks the kernel the same questions as the daemon; `ports` and `servers` judge the answers.

mod look;
mod ports;
mod servers;

pub use look::{Look, look};
pub use ports::PortReport;
pub use servers::ServerReport;

use serde::Serialize;

use crate::control::model::PortMode;

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    /// Good to know.
    Note,
    /// The fast path does less than it could, or nothing.
    Slow,
    /// The daemon will not start so, or not relay.
    Fault,
}

/// Something that was found, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How much it weighs.
    pub weight: Weight,
    /// What it is.
    pub what: String,
    /// What would change it; absent where nothing has to.
    pub remedy: Option<String>,
}

impl Finding {
    fn new(weight: Weight, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { weight, what: what.into(), remedy: Some(remedy.into()) }
    }

    fn note(what: impl Into<String>) -> Self {
        Self { weight: Weight::Note, what: what.into(), remedy: None }
    }
}

/// The whole answer; the document of `doctor --json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether nothing keeps any message off the fast path.
    pub fast: bool,
    /// About the machine and the process.
    pub machine: Vec<Finding>,
    /// Every port that XDP would be on, in the order of the indexes.
    pub ports: Vec<PortReport>,
    /// Every client-facing interface, in the order of the configuration.
    pub interfaces: Vec<InterfaceReport>,
    /// Every server of every group.
    pub servers: Vec<ServerReport>,
}

/// A client-facing interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InterfaceReport {
    /// As the configuration names it.
    pub name: String,
    /// Where its requests would be taken up: `eth1 vlan 100`.
    pub on: Vec<String>,
    /// What stands in its way.
    pub findings: Vec<Finding>,
}

impl Report {
    /// The weightiest finding; `None` when there is none at all.
    pub fn worst(&self) -> Option<Weight> {
        let all = [
            self.machine.iter().collect::<Vec<_>>(),
            self.ports.iter().flat_map(|port| &port.findings).collect(),
            self.interfaces.iter().flat_map(|interface| &interface.findings).collect(),
            self.servers.iter().flat_map(|server| &server.findings).collect(),
        ];
        all.into_iter().flatten().map(|finding| finding.weight).max()
    }
}

/// Judges what was seen.
pub fn judge(look: &Look) -> Report {
    let ports = ports::judge(look);
    let mut report = Report {
        fast: true,
        machine: look.machine.clone(),
        interfaces: interfaces(look),
        servers: servers::judge(look, &ports),
        ports,
    };
    report.fast = report.worst().unwrap_or(Weight::Note) < Weight::Slow;
    report
}

fn interfaces(look: &Look) -> Vec<InterfaceReport> {
    let Look { config, plan, .. } = look;
    (1u32..)
        .zip(&config.interfaces)
        .map(|(index, interface)| {
            let placed = plan.places.get(&index);
            let on = placed.map_or_else(Vec::new, |placed| {
                let tags = placed.tags.outer.map_or_else(String::new, |_| format!(" vlan {}", placed.tags));
                let ports = placed.ports.iter().filter_map(|port| plan.ports.get(port));
                ports.map(|port| format!("{}{tags}", port.name)).collect()
            });
            let idle = plan.idle.get(&index).map(|why| {
                Finding::new(
                    Weight::Fault,
                    format!("nothing is relayed: {why}"),
                    "make the device, or change the configuration",
                )
            });
            let slow = plan
                .tables
                .interface(index)
                .filter(|entry| entry.flags & relay_common::abi::flag::SLOW_REPLIES != 0 && idle.is_none())
                .and_then(|entry| look.machine_view.host.links.get(&entry.ifindex))
                .map(|link| no_redirect(&link.name, link.kind.as_deref(), "replies go by the daemon"));
            InterfaceReport {
                name: interface.name.clone(),
                on,
                findings: idle.into_iter().chain(slow).collect(),
            }
        })
        .collect()
}

/// A device that takes no natively redirected frames.
fn no_redirect(device: &str, kind: Option<&str>, consequence: &str) -> Finding {
    let remedy = match kind {
        Some("veth") => {
            "turn on GRO at its other end (`ethtool -K PEER gro on`), or put an XDP program there".to_owned()
        }
        Some("bridge" | "vlan" | "vxlan" | "macvlan" | "team") => {
            "set relay.xdp_mode = \"generic\", which redirects to every device".to_owned()
        }
        _ => format!(
            "see `ethtool -i {device}` for the driver: some take redirected frames only with an XDP program or enough queues; \
             or set relay.xdp_mode = \"generic\""
        ),
    };
    Finding::new(
        Weight::Slow,
        format!("{device} takes no frames that native XDP redirects to it: {consequence}"),
        remedy,
    )
}

/// The mode as `status` shows it.
fn mode_word(mode: Option<crate::fastpath::Mode>) -> PortMode {
    match mode {
        Some(crate::fastpath::Mode::Native) => PortMode::Native,
        Some(crate::fastpath::Mode::Generic) => PortMode::Generic,
        None => PortMode::Off,
    }
}
