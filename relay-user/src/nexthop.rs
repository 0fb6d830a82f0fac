//! Where a datagram toward a DHCP server leaves: egress port, source and destination MAC, source address.
//!
//! The fast path does no lookup per packet, so this module asks the kernel's own FIB and neighbour table once per change
//! and publishes the answers. The kernel stays the only judge of routing: policy rules, ECMP and VRFs need no second
//! implementation here. Every gateway in use is kept resolved by the kernel itself (`NTF_EXT_MANAGED`), because an XDP
//! program can only drop or pass a frame whose neighbour is unknown.

mod events;
mod host;
mod moves;
mod neighbour;
pub(crate) mod request;
mod resolve;
mod route;
mod watcher;

use std::{
    collections::BTreeMap,
    fmt, io,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

pub use host::{Address, HostView, Link, Vlan};
pub use neighbour::Upkeep;
pub use watcher::{Options, Watcher};

/// One server as one routing domain sees it; the same address in two VRFs is two targets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// Name of the VRF device the server is reached through; `None` is the main table. A name and not an index, so that
    /// a VRF that is removed and made again is followed.
    pub vrf: Option<String>,
    pub server: Ipv4Addr,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.vrf {
            Some(vrf) => write!(f, "{} (VRF {vrf})", self.server),
            None => write!(f, "{}", self.server),
        }
    }
}

/// Everything that is written into a frame toward a server, and what decides whether the fast path may write it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextHop {
    /// Egress device; the route's device as it is, also when it is a VLAN, bridge or bond (see `kind`).
    pub ifindex: u32,
    pub device: String,
    /// `IFLA_INFO_KIND` of the device ("vlan", "bridge", "bond", "vxlan", "veth", …); `None` for a physical port. The
    /// caller decides which kinds its XDP program can redirect into; details (VLAN, master) are in [`HostView`].
    pub kind: Option<String>,
    /// Source MAC: the egress device's own.
    pub port_mac: [u8; 6],
    /// Destination MAC: the gateway's, or the server's when it is on link.
    pub next_mac: [u8; 6],
    /// The address that was resolved: the server itself when on link; IPv6 for a route `via inet6` (RFC 5549).
    pub gateway: IpAddr,
    /// The source address the kernel would choose toward this server (route `src`, else the device's address).
    pub preferred_source: Option<Ipv4Addr>,
    /// Bytes of IP packet: the device's MTU, or the route's when smaller.
    pub mtu: u16,
}

/// Whether a server can be served by the fast path now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    Resolved(NextHop),
    Unresolved(Unresolved),
}

impl Resolution {
    /// The next hop, where there is one.
    pub fn next_hop(&self) -> Option<&NextHop> {
        match self {
            Self::Resolved(hop) => Some(hop),
            Self::Unresolved(_) => None,
        }
    }

    /// The Ethernet device that the route leads out of, whether or not anybody answers there yet: the slow path sends
    /// through it at once, so that is where replies are to be expected.
    pub fn device(&self) -> Option<&str> {
        match self {
            Self::Resolved(hop) => Some(&hop.device),
            Self::Unresolved(why) => why.device(),
        }
    }
}

/// Why a server has no next hop; the text is what an operator reads in `servers` and in the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unresolved {
    #[error("there is no VRF device {vrf}")]
    NoVrf { vrf: String },
    #[error("no route")]
    NoRoute,
    #[error("the route is a blackhole")]
    Blackhole,
    #[error("the route says unreachable")]
    Unreachable,
    #[error("the route says prohibit")]
    Prohibited,
    #[error("the address is this host's own")]
    LocalAddress,
    #[error("the address is a broadcast or multicast address")]
    NotUnicast,
    #[error("the route on {device} encapsulates the packet")]
    Encapsulated { device: String },
    #[error("{device} is down or has no carrier")]
    LinkDown { device: String },
    #[error("{device} is not an Ethernet device")]
    NotEthernet { device: String },
    #[error("{gateway} on {device} is being resolved")]
    NeighbourPending { device: String, gateway: IpAddr },
    #[error("{gateway} on {device} does not answer")]
    NeighbourFailed { device: String, gateway: IpAddr },
}

impl Unresolved {
    fn device(&self) -> Option<&str> {
        match self {
            Self::Encapsulated { device }
            | Self::LinkDown { device }
            | Self::NeighbourPending { device, .. }
            | Self::NeighbourFailed { device, .. } => Some(device),
            Self::NoVrf { .. }
            | Self::NoRoute
            | Self::Blackhole
            | Self::Unreachable
            | Self::Prohibited
            | Self::LocalAddress
            | Self::NotUnicast
            | Self::NotEthernet { .. } => None,
        }
    }
}

/// One resolution per target.
pub type Table = BTreeMap<Target, Resolution>;

/// One consistent state of what the daemon follows; a new one is published only when something in it changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    pub next_hops: Table,
    pub host: Arc<HostView>,
}

/// Why the watcher cannot start, or no longer answers.
#[derive(Debug, thiserror::Error)]
pub enum NextHopError {
    #[error("cannot open a route netlink socket: {0}")]
    Socket(#[source] io::Error),
    #[error("cannot read the host's links and addresses: {0}")]
    Host(#[source] request::RequestError),
    #[error("the next-hop watcher is not running")]
    Stopped,
}

/// Why one netlink request has no answer.
pub use request::RequestError;
