//! Where copies go: the published states of server groups, their servers, and what is left to the daemon.

use bytemuck::{Pod, Zeroable};

use super::Cut;

/// Servers in one group: one bit each in a 32-bit mask.
pub const MAX_SERVERS: usize = 32;
/// Tokens whose served sets are remembered per CPU: well above the 64 frames of a NAPI poll.
pub const SERVED_SLOTS: u32 = 256;
/// Octets of a frame in a [`Punted`] record.
pub const PUNT_FRAME: usize = 2048;

/// Value of `SLOTS`: one published state of a server group. A group alternates between two slots, so that a packet
/// in flight finds the servers it was sent to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Slot {
    /// Bit i: server i has a resolved next hop.
    pub ready: u32,
    /// Bit i: server i has none, and the daemon sends its copy.
    pub pending: u32,
    /// Largest IPv4 packet that fits every resolved next hop, octets.
    pub mtu: u32,
    /// Which group this is, for records in `PUNTED`.
    pub group: u32,
    /// Bit i: server i only gets messages whose `secs` is `min_secs` or more.
    pub standby: u32,
    /// Seconds, for the servers of `standby`.
    pub min_secs: [u16; MAX_SERVERS],
    /// The egress devices of the group, each once, then zeros.
    pub devices: [Egress; MAX_SERVERS],
}

/// A device that copies of a group leave by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Egress {
    /// Its interface index.
    pub ifindex: u32,
    /// Bit i: server i is behind it.
    pub servers: u32,
}

/// Value of `servers`: all that makes one server's copy its own. Index: slot × [`MAX_SERVERS`] + server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Server {
    /// The server's address.
    pub address: [u8; 4],
    /// Interface index of the egress device, 0 while the next hop is not resolved.
    pub ifindex: u32,
    /// Routing table of the VRF that it is in, 0 for the main table.
    pub vrf: u32,
    /// Ethernet address of the next hop.
    pub next_mac: [u8; 6],
    /// Our Ethernet address on the egress device.
    pub port_mac: [u8; 6],
}

/// Value of `SERVED`, per CPU: which servers of a token have had their copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Served {
    /// Sequence number of the token.
    pub sequence: u32,
    /// Bit i: server i has been served.
    pub mask: u32,
    /// How the copies of the token are made shorter for some of them; only when the token says so.
    pub cut: Cut,
}

/// Record of the ring buffer `PUNTED`: a rewritten request, and the servers that the daemon is to send it to.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct Punted {
    /// Index of the server group.
    pub group: u32,
    /// Bit i: server i.
    pub servers: u32,
    /// Octets of `frame` that are the frame.
    pub len: u32,
    /// Index of the client-facing interface.
    pub interface: u32,
    /// How the copies for some of them are made shorter.
    pub cut: Cut,
    /// Ethernet header (without meaning), IPv4 header with destination 0, UDP, message.
    pub frame: [u8; PUNT_FRAME],
}
