//! What the fast path remembers of clients: where they were heard, how often they tried, and who holds their lease.

use bytemuck::{Pod, Zeroable};

/// Key of `CLIENTS`: a client whose request went out with an address that several interfaces share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Pod, Zeroable)]
#[repr(C)]
pub struct ClientKey {
    /// The client's hardware address, all of the field, as two numbers: a key that BPF programs make of plain numbers must be
    /// aligned as they are.
    pub chaddr: [u64; 2],
    /// [`Interface::realm`](super::Interface::realm). The value is the index of the interface that the request came in on.
    pub realm: u32,
    /// Transaction identifier.
    pub xid: [u8; 4],
}

impl ClientKey {
    /// From the fields of a message.
    #[inline(always)]
    pub fn new(realm: u32, xid: [u8; 4], chaddr: [u8; 16]) -> Self {
        Self { chaddr: halves(chaddr), realm, xid }
    }
}

#[inline(always)]
fn halves([a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]: [u8; 16]) -> [u64; 2] {
    [[a, b, c, d, e, f, g, h], [i, j, k, l, m, n, o, p]].map(u64::from_ne_bytes)
}

/// Key of `ATTEMPTS`: a client of an interface that has several addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Pod, Zeroable)]
#[repr(C)]
pub struct AttemptKey {
    /// The client's hardware address, as in [`ClientKey`].
    pub chaddr: [u64; 2],
    /// Index of the configured interface.
    pub interface: u32,
    /// Always 0.
    pub zero: u32,
}

impl AttemptKey {
    /// From the field of a message.
    #[inline(always)]
    pub fn new(interface: u32, chaddr: [u8; 16]) -> Self {
        Self { chaddr: halves(chaddr), interface, zero: 0 }
    }
}

/// Value of `ATTEMPTS`: how far the client has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Attempt {
    /// Index of the record that its last DISCOVER went out with.
    pub at: u32,
    /// DISCOVERs with it since anybody answered one.
    pub unanswered: u32,
    /// Index of the record that its last OFFER or ACK was for, 0 when there was none.
    pub answered: u32,
}

impl Attempt {
    /// Nothing is known.
    pub const NONE: Self = Self { at: 0, unanswered: 0, answered: 0 };
}

/// Key of `HOLDERS`: an address offered or given to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Pod, Zeroable)]
#[repr(C)]
pub struct HolderKey {
    /// Index of the client-facing interface.
    pub interface: u32,
    /// The address.
    pub address: [u8; 4],
    /// The client's Ethernet address.
    pub chaddr: [u8; 6],
    /// Always 0.
    pub zero: u16,
}

/// Value of `HOLDERS`: the server that did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Holder {
    /// Its address; 0.0.0.0 when several offered the same.
    pub server: [u8; 4],
    /// Transaction identifier of its last reply.
    pub xid: [u8; 4],
    /// Nonzero since a request went to it alone, until it answers.
    pub asked: u32,
}
