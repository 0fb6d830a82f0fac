//! One DHCP message as the client table sees it.
//!
//! Every message that is relayed, and every one that only passes through the router, becomes one [`Event`]: what was on the
//! wire, and hashes of what may be too long for it. Matching and judging are the daemon's work. Both paths leave a
//! [`Record`](crate::record::Record), of which the daemon makes the event.

use bytemuck::Zeroable;

/// Octets of a client identifier that a record carries. Those in use (RFC 2132: a type and an Ethernet address;
/// RFC 4361: IAID and DUID-LLT, DUID-LL or DUID-UUID) have 7 to 23.
pub const CLIENT_ID_LEN: usize = 32;

/// Which way a message went.
pub mod path {
    /// Relayed in XDP.
    pub const FAST: u8 = 0;
    /// Relayed by the daemon.
    pub const SLOW: u8 = 1;
    /// Not relayed, only routed through this machine: between a client and a server, or another relay and a server.
    pub const PASSING: u8 = 2;
}

/// Bits of [`Event::flags`].
pub mod flag {
    /// The port it came in on is one that server replies arrive on.
    pub const UPSTREAM: u16 = 1;
    /// The message had option 51: [`Event::lease`](super::Event::lease) is meant, even if it is 0.
    pub const LEASE: u16 = 2;
    /// The hardware type is Ethernet.
    pub const ETHERNET: u16 = 4;
    /// The message had option 82 when it came in.
    pub const AGENT: u16 = 8;
}

/// One DHCP message. All of it is as the message came in, before anything was rewritten.
///
/// Addresses are octets as they stand in the packet, 0.0.0.0 where there is none; integers are in host byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Zeroable)]
pub struct Event {
    /// DHCP message type (option 53), 0 for plain BOOTP.
    pub message: u8,
    /// `op`: 1 from a client, 2 from a server.
    pub op: u8,
    /// One of [`path`].
    pub path: u8,
    /// Bits of [`flag`].
    pub flags: u16,
    /// `hlen`, octets of `chaddr` that count, at most 16.
    pub hlen: u8,
    /// Octets of the client identifier (option 61) on the wire; it may have more than `client_id` holds. 0: none.
    pub client_id_len: u8,
    /// When it was seen, in nanoseconds of `CLOCK_BOOTTIME`.
    pub timestamp: u64,
    /// Transaction identifier.
    pub xid: u32,
    /// Index of the client-facing interface: for a request where it came in, for a reply where it goes; 0 when it is
    /// none or not known, as for replies that only pass.
    pub interface: u32,
    /// Routing table of the VRF of the port it came in on, 0 for the main table.
    pub vrf: u32,
    /// Interface index of the device it came in on.
    pub ifindex: u32,
    /// Identifier of the outer (or only) tag it came in with.
    pub outer: u16,
    /// Identifier of the inner tag.
    pub inner: u16,
    /// Seconds since the client began.
    pub secs: u16,
    /// BOOTP flags, of which bit 0x8000 asks for broadcast.
    pub bootp_flags: u16,
    /// The address the client has.
    pub ciaddr: [u8; 4],
    /// The address the server gives.
    pub yiaddr: [u8; 4],
    /// The address asked for (option 50).
    pub requested: [u8; 4],
    /// Server identifier (option 54).
    pub server_id: [u8; 4],
    /// IPv4 source.
    pub source: [u8; 4],
    /// IPv4 destination.
    pub destination: [u8; 4],
    /// The relay agent's address, 0.0.0.0 in a request that no relay has seen yet.
    pub giaddr: [u8; 4],
    /// Lease time in seconds (option 51), of meaning with [`flag::LEASE`].
    pub lease: u32,
    /// Renewal time T1 in seconds (option 58), 0 for none.
    pub t1: u32,
    /// Rebinding time T2 in seconds (option 59), 0 for none.
    pub t2: u32,
    /// Client hardware address.
    pub chaddr: [u8; 16],
    /// The first octets of the client identifier, zeros behind it.
    pub client_id: [u8; CLIENT_ID_LEN],
    /// Lower half of the hash of the whole client identifier ([`crate::agent::whole`]), 0 when there is none: two that
    /// begin alike and are longer than `client_id` differ in it.
    pub client_id_hash: u32,
    /// The same of the value of option 82 as it came in, of the last one when there are several: which circuit below
    /// another relay, or which of ours a server answers about.
    pub agent_hash: u32,
}
