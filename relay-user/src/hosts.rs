//! Host routes and neighbours of bound clients, for interfaces with `host_routes = true`.
//!
//! A /32 route to the client's device, and its Ethernet address as a permanent neighbour, so that no packet to it waits for
//! ARP. Both carry a protocol number of their own, [`PROTOCOL`], by which the daemon knows them again after a restart
//! and by which they are told from everybody else's: what a stranger has put there for the same address stays as
//! it is, and nothing is removed that does not carry the number.
//!
//! The client table says what is wanted (`wanted`), a task makes it so (`task`, `kernel`). What is wanted is a state and no
//! queue: an address that comes and goes faster than the kernel is told costs one message.

mod kernel;
mod task;
mod wanted;

pub use task::HostRoutes;
pub use wanted::{Tally, Wanted};

use std::{collections::BTreeMap, net::Ipv4Addr};

/// `rtm_protocol` and `NDA_PROTOCOL` of what is installed: the number of the relay agent information option.
/// Numbers from 5 on are for programs to choose (`include/uapi/linux/rtnetlink.h`); nobody in iproute2's list has it.
pub const PROTOCOL: u8 = 82;

/// The main routing table (`RT_TABLE_MAIN`).
const MAIN: u32 = 254;

/// Where the clients of an interface are: by interface index.
pub type Devices = BTreeMap<u32, Device>;

/// A device that clients are behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its interface index.
    pub ifindex: u32,
    /// Whether it is up: on one that is not, the kernel keeps no routes.
    pub up: bool,
    /// Counts the times that the kernel has dropped the routes on it: one that went down and came up again between two looks is
    /// not as it was.
    pub flushes: u64,
}

/// What is installed in the kernel for one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Entry {
    /// Routing table.
    table: u32,
    address: Ipv4Addr,
    ifindex: u32,
    mac: [u8; 6],
}

/// The routing table of a VRF as the client table writes it, where 0 is the main one.
fn table(vrf: u32) -> u32 {
    if vrf == 0 { MAIN } else { vrf }
}
