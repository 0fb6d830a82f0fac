//! What the daemon says about itself, as both ends of the control socket know it.
//!
//! The JSON form of these types is what programs read from `--json`: names are never taken away and never change their
//! meaning, and every message name and every reason is present, zeros too. The maps are made by [`messages`] and
//! [`reasons`], so that none can be left out.

use std::{collections::BTreeMap, fmt, net::Ipv4Addr, ops::AddAssign};

use relay_common::{
    Reason,
    abi::{MESSAGE_NAMES, MESSAGE_SLOTS},
};
use serde::{Deserialize, Serialize};

use super::leases::ClientStats;
use crate::config::Changes;

/// The answer to `status`: how the daemon stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Version of the daemon, which need not be the version of the one who asks.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// When it was started, in seconds since 1970-01-01 UTC.
    pub started_unix: u64,
    /// How long it has been running, in seconds of a clock that nobody sets.
    pub uptime_seconds: u64,
    /// Path of its configuration file, as it was given.
    pub config: String,
    /// Whether packets are relayed in XDP.
    pub fast_path: FastPathStatus,
    /// Every device that the relay has to do with.
    pub ports: Vec<PortStatus>,
    /// Every client-facing interface, in the order of the configuration.
    pub interfaces: Vec<InterfaceStatus>,
    /// Every server group, in the order of the configuration.
    pub groups: Vec<GroupStatus>,
}

/// The answer to `reload`: what another configuration has changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reloaded {
    /// By the names in the file.
    pub changes: Changes,
    /// From the order until the new configuration was in force.
    pub milliseconds: u64,
}

/// The fast path as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FastPathStatus {
    /// `fast_path` of the configuration: `require`, `prefer` or `off`.
    pub setting: String,
    /// Whether XDP relays anything.
    pub active: bool,
    /// Why it does not, or what is to be known about it.
    pub note: Option<String>,
}

/// A device that the relay has to do with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortStatus {
    /// Its name.
    pub name: String,
    /// Its index.
    pub ifindex: u32,
    /// Where XDP runs on it.
    pub mode: PortMode,
    /// Whether requests of clients arrive here.
    pub clients: bool,
    /// Whether replies of servers arrive here.
    pub servers: bool,
    /// Why XDP does not run, or runs in the slower mode.
    pub note: Option<String>,
}

/// Where XDP runs on a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PortMode {
    /// In the driver.
    Native,
    /// In the network stack.
    Generic,
    /// Not at all: the slow path has the port.
    Off,
}

impl fmt::Display for PortMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Native => "native",
            Self::Generic => "generic",
            Self::Off => "off",
        })
    }
}

/// A client-facing interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterfaceStatus {
    /// Its index in the maps and in [`InterfaceStats`], from 1.
    pub index: u32,
    /// The device.
    pub name: String,
    /// The tags of its clients, `100` or `200.7`; `None`: untagged.
    pub vlan: Option<String>,
    /// Name of the VRF its clients are in now; `None`: the main table.
    #[serde(default)]
    pub vrf: Option<String>,
    /// Where its requests are taken up.
    #[serde(default)]
    pub on: Vec<TakenUp>,
    /// Our address on the client subnet.
    pub address: Ipv4Addr,
    /// What requests carry as giaddr.
    pub giaddr: Ipv4Addr,
    /// Name of the server group.
    pub group: String,
    /// Whether requests that come in here are relayed.
    pub relays: bool,
    /// Why they are not, or what is to be known about the interface.
    pub note: Option<String>,
}

/// A device on which the requests of an interface are taken up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenUp {
    /// Its name, one of the ports.
    pub device: String,
    /// The tags of the frames there, `100` or `200.7`; `None`: untagged.
    pub vlan: Option<String>,
    /// Where XDP runs on it.
    pub mode: PortMode,
}

impl fmt::Display for TakenUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { device, vlan, mode } = self;
        f.write_str(device)?;
        if let Some(vlan) = vlan {
            write!(f, " vlan {vlan}")?;
        }
        write!(f, ", {mode}")
    }
}

/// A server group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupStatus {
    /// Its name.
    pub name: String,
    /// The VRF of its servers that have none of their own; `None`: the main table.
    pub vrf: Option<String>,
    /// Its servers, in the order of the configuration.
    pub servers: Vec<ServerStatus>,
}

/// A server, and the way to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerStatus {
    /// Its address.
    pub address: Ipv4Addr,
    /// The VRF it is reached through; `None`: the main table.
    pub vrf: Option<String>,
    /// Which path its copies take.
    pub path: ServerPath,
    /// The device they leave by.
    pub device: Option<String>,
    /// The next hop, when it is not the server itself.
    pub gateway: Option<Ipv4Addr>,
    /// Ethernet address of the next hop, `02:00:00:00:00:01`.
    pub mac: Option<String>,
    /// Why it is not on the fast path.
    pub reason: Option<String>,
}

/// Which path the copies for a server take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ServerPath {
    /// XDP sends them.
    Fast,
    /// The daemon sends them.
    Slow,
    /// None can be sent: there is no route.
    None,
}

impl fmt::Display for ServerPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fast => "fast",
            Self::Slow => "slow",
            Self::None => "none",
        })
    }
}

/// The answer to `stats`: what was done with packets since the daemon started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Every client-facing interface, in the order of the configuration.
    pub interfaces: Vec<InterfaceStats>,
    /// Frames not relayed that no interface can be named for, by reason.
    pub unattributed: BTreeMap<String, Count>,
    /// Copies sent to servers.
    pub copies: Count,
    /// Frames and datagrams that the kernel refused to send for the slow path.
    pub send_errors: u64,
    /// Frames that the slow path's sockets lost because the daemon did not keep up.
    pub receive_drops: u64,
    /// Requests that the fast path rewrote and left to the daemon to send, for want of a next hop.
    pub punts: u64,
    /// Those of them that were lost because the daemon did not keep up.
    pub punts_lost: u64,
    /// Copies that were lost because it was not known any more which option 82 is right for their server.
    #[serde(default)]
    pub cuts_lost: u64,
    /// The client table.
    #[serde(default)]
    pub clients: ClientStats,
}

/// What was done with the packets of one interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterfaceStats {
    /// Its index, as in [`InterfaceStatus`].
    pub index: u32,
    /// The device.
    pub name: String,
    /// The tags of its clients, `100` or `200.7`; `None`: untagged.
    pub vlan: Option<String>,
    /// Requests relayed, by message name.
    pub requests: BTreeMap<String, Count>,
    /// Replies relayed, by message name.
    pub replies: BTreeMap<String, Count>,
    /// Requests that went on without our option 82, because they would have become too long with it.
    pub option82_left_out: Count,
    /// Requests whose `secs` was in the wrong byte order.
    pub swapped_secs: Count,
    /// Requests that went to the server of the lease alone.
    pub to_holder: Count,
    /// Frames not relayed by the path that looked at them, by reason.
    pub reasons: BTreeMap<String, Count>,
}

/// A number of packets, by the path that counted them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// XDP.
    pub fast: u64,
    /// The daemon.
    pub slow: u64,
}

impl Count {
    /// Whether neither path counted anything.
    pub fn is_zero(self) -> bool {
        self == Self::default()
    }
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        let Self { fast, slow } = other;
        self.fast += fast;
        self.slow += slow;
    }
}

/// Counts by message name, taken from `count` by message slot (0 is plain BOOTP, then the DHCP types, then others).
pub fn messages(count: impl Fn(usize) -> Count) -> BTreeMap<String, Count> {
    (0..MESSAGE_SLOTS).map(|slot| (MESSAGE_NAMES[slot].to_owned(), count(slot))).collect()
}

/// Counts by label of the reason, taken from `count`.
pub fn reasons(count: impl Fn(Reason) -> Count) -> BTreeMap<String, Count> {
    Reason::ALL.iter().map(|reason| (reason.label().to_owned(), count(*reason))).collect()
}
