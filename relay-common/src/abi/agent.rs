//! Option 82: what an interface inserts, what some servers get less of it, and whose option it is that comes back.

use bytemuck::{Pod, Zeroable};

/// Value of `AGENTS`, by interface index: the relay agent information option as the interface inserts it.
/// Made by [`Agent::new`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Agent {
    /// Octets of the option with its code and length; 0 when the interface inserts none.
    pub len: u16,
    /// Offset of sub-option 10's value in `octets`, 0 when there is none.
    pub flags_at: u16,
    /// One's complement sum over the option and END, beginning at an even offset, in 16 bits.
    pub sum: u32,
    /// What servers in the clients' VRF get less of it.
    pub cut: Cut,
    /// Always 0.
    pub zero: u32,
    /// The option, END, and zeros.
    pub octets: [u8; AGENT_ROOM],
}

/// In `Interface`: as much of option 82 as most messages need, for whom nothing is looked up in `AGENTS`.
/// Made by [`Brief::new`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Brief {
    /// Hash of the value that servers send back, `agent::whole`; 0 when it is to be looked up in `AGENT_OWNERS`.
    pub answer: u64,
    /// The option, END, and zeros, as they lie in memory. Says nothing when `last` is 0.
    pub words: [u64; BRIEF_WORDS],
    /// The last eight octets up to END. 0 when `AGENTS` has to be asked: the option is too long or too short, some servers get
    /// less of it, or its flags depend on the request.
    pub last: u64,
    /// [`Agent::sum`].
    pub sum: u32,
    /// [`Agent::len`].
    pub len: u16,
    /// Always 0.
    pub zero: u16,
}

/// Words in [`Brief::words`]: room for a circuit-id and a remote-id of common length.
pub const BRIEF_WORDS: usize = 4;

/// How option 82 is made shorter in a copy for a server in the clients' VRF: virtual subnet selection, which is the end of
/// it, is for the others (RFC 6607). Made by `Agent::cut_for`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Pod, Zeroable)]
#[repr(C)]
pub struct Cut {
    /// Bit i: server i gets the shorter one.
    pub near: u32,
    /// Where the option begins: octets before the end of the frame. 0 in [`Agent`].
    pub behind: u16,
    /// Octets of the option that stay, with code and length; 0 when none of it does.
    pub kept: u16,
    /// Octets that go.
    pub tail: u16,
    /// One's complement sum by which the shorter one with END and zeros differs, beginning at an even offset.
    pub sum: u16,
}

/// Octets in [`Agent::octets`]: the longest option and END, in whole words of eight.
pub const AGENT_ROOM: usize = 264;

/// Key of `AGENT_OWNERS`: an option 82 that a server may send back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Pod, Zeroable)]
#[repr(C)]
pub struct AgentKey {
    /// Hash of the option's value: `agent::whole` or `agent::identity`.
    pub hash: u64,
    /// Routing table of the servers' VRF, 0 for the main table.
    pub vrf: u32,
    /// The reply's giaddr.
    pub giaddr: [u8; 4],
}

/// Value of `AGENT_OWNERS`: whose option 82 it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct AgentOwner {
    /// Index of the interface.
    pub interface: u32,
    /// Nonzero when the value has sub-option 152 in it: the server did not look at the VPN (RFC 6607 section 5).
    pub vss_ignored: u32,
}
