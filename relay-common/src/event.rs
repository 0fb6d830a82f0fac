//! One DHCP message as the client table sees it: the record that goes through a ring buffer to the daemon.
//!
//! Every message that is relayed, and every one that only passes through the router, becomes one [`Event`] of fixed
//! size. The record holds what was on the wire, and hashes of what may be too long for it; matching and judging are the
//! daemon's work, so that filling a record costs the kernel one read of the fixed part and one read per option.
//! The slow path fills the same record with the same [`fill`].

use bytemuck::{Pod, Zeroable};

use crate::Frame;
use crate::wire::bootp;

/// Version of the layout, the first octet of every record. A reader refuses records of another version: programs of
/// an older daemon may still be attached while a newer one starts.
pub const VERSION: u8 = 2;
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Event {
    /// [`VERSION`].
    pub version: u8,
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

const _: () = assert!(size_of::<Event>() == 136);

/// Options that a record is filled from, besides the message type, which is known from before.
pub mod option {
    /// Requested IP address (RFC 2132 section 9.1).
    pub const REQUESTED: u8 = 50;
    /// IP address lease time (section 9.2).
    pub const LEASE: u8 = 51;
    /// Server identifier (section 9.7).
    pub const SERVER_ID: u8 = 54;
    /// Renewal time T1 (section 9.11).
    pub const T1: u8 = 58;
    /// Rebinding time T2 (section 9.12).
    pub const T2: u8 = 59;
    /// Client identifier (section 9.14).
    pub const CLIENT_ID: u8 = 61;
    /// Relay agent information (RFC 3046).
    pub const AGENT: u8 = 82;
}

/// Where the options of a message are, as the one walk over them has noted.
pub trait Offsets {
    /// Offset, from the start of the frame, of the code octet of the option's first instance; 0 when there is none.
    /// The walk has made sure that the option ends within the message.
    fn option(&self, code: u8) -> usize;
    /// [`crate::agent::whole`] of the value of option 61 or 82; 0 when there is none.
    fn hash(&self, code: u8) -> u64;
}

/// What a record says that is not in the message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// One of [`path`].
    pub path: u8,
    /// DHCP message type.
    pub message: u8,
    /// Whether server replies arrive on the port it came in on.
    pub upstream: bool,
    /// As [`Event::interface`].
    pub interface: u32,
    /// As [`Event::vrf`].
    pub vrf: u32,
    /// As [`Event::ifindex`].
    pub ifindex: u32,
    /// As [`Event::outer`].
    pub outer: u16,
    /// As [`Event::inner`].
    pub inner: u16,
    /// IPv4 source.
    pub source: [u8; 4],
    /// IPv4 destination.
    pub destination: [u8; 4],
    /// As [`Event::timestamp`].
    pub timestamp: u64,
}

/// Fills every field of `event` from the message at offset `message` of the frame. `None`, with `event` in no promised state,
/// when the message is not in the frame.
///
/// Field by field, and by reads of at most 16 octets: a larger one would go over the stack, of which a BPF program has 512
/// octets for all its functions.
#[inline(always)]
pub fn fill<F: Frame, O: Offsets>(
    frame: &F,
    message: usize,
    options: &O,
    place: &Place,
    event: &mut Event,
) -> Option<()> {
    let at = frame.offset(message);
    let [op, htype, hlen, _hops] = frame.read(at + bootp::OP)?;
    let lease = number(frame, options.option(option::LEASE));
    let mut flags = 0;
    if place.upstream {
        flags |= flag::UPSTREAM;
    }
    if lease.is_some() {
        flags |= flag::LEASE;
    }
    if htype == bootp::ETHERNET {
        flags |= flag::ETHERNET;
    }
    if options.option(option::AGENT) != 0 {
        flags |= flag::AGENT;
    }
    event.version = VERSION;
    event.message = place.message;
    event.op = op;
    event.path = place.path;
    event.flags = flags;
    event.hlen = if hlen > bootp::CHADDR_LEN as u8 { bootp::CHADDR_LEN as u8 } else { hlen };
    event.timestamp = place.timestamp;
    event.xid = u32::from_be_bytes(frame.read(at + bootp::XID)?);
    event.interface = place.interface;
    event.vrf = place.vrf;
    event.ifindex = place.ifindex;
    event.outer = place.outer;
    event.inner = place.inner;
    event.secs = frame.u16(at + bootp::SECS)?;
    event.bootp_flags = frame.u16(at + bootp::FLAGS)?;
    event.ciaddr = frame.read(at + bootp::CIADDR)?;
    event.yiaddr = frame.read(at + bootp::YIADDR)?;
    event.giaddr = frame.read(at + bootp::GIADDR)?;
    // By halves: a copy of 16 octets is a call of a function, for which there is no stack left.
    let (halves, _) = event.chaddr.as_chunks_mut::<8>();
    let mut half_at = at + bootp::CHADDR;
    for half in halves {
        *half = frame.read(half_at)?;
        half_at += half.len();
    }
    event.source = place.source;
    event.destination = place.destination;
    event.requested = address(frame, options.option(option::REQUESTED)).unwrap_or_default();
    event.server_id = address(frame, options.option(option::SERVER_ID)).unwrap_or_default();
    event.lease = lease.unwrap_or(0);
    event.t1 = number(frame, options.option(option::T1)).unwrap_or(0);
    event.t2 = number(frame, options.option(option::T2)).unwrap_or(0);
    event.client_id_hash = options.hash(option::CLIENT_ID) as u32;
    event.agent_hash = options.hash(option::AGENT) as u32;
    event.client_id_len = client_id(frame, options.option(option::CLIENT_ID), &mut event.client_id);
    Some(())
}

/// The value of an option of four octets at `at`; an option of another length is taken for absent.
#[inline(always)]
fn address<F: Frame>(frame: &F, at: usize) -> Option<[u8; 4]> {
    if at == 0 {
        return None;
    }
    let [_, len, a, b, c, d] = frame.read::<6>(frame.offset(at))?;
    (len == 4).then_some([a, b, c, d])
}

/// The same as a number in network byte order.
#[inline(always)]
fn number<F: Frame>(frame: &F, at: usize) -> Option<u32> {
    address(frame, at).map(u32::from_be_bytes)
}

/// Copies the client identifier's first octets and returns its length on the wire.
#[inline(always)]
fn client_id<F: Frame>(frame: &F, at: usize, into: &mut [u8; CLIENT_ID_LEN]) -> u8 {
    let at = frame.offset(at);
    let len = if at == 0 { 0 } else { frame.u8(at + 1).unwrap_or(0) };
    let (words, _) = into.as_chunks_mut::<8>();
    // Zeros are not written apart, which would be a call of a function too.
    let mut left = frame.offset(usize::from(len));
    let mut from = at + 2;
    for octets in words {
        *octets = first_octets(frame, from, left).to_le_bytes();
        left = left.saturating_sub(8);
        from += 8;
    }
    len
}

/// The first `wanted` of the eight octets at `at`, the rest zero, as a little-endian number. All that are wanted are in the
/// frame; the others may not be.
#[inline(always)]
fn first_octets<F: Frame>(frame: &F, at: usize, wanted: usize) -> u64 {
    if wanted == 0 {
        return 0;
    }
    if let Some(octets) = frame.read::<8>(frame.offset(at)) {
        let word = u64::from_le_bytes(octets);
        return if wanted >= 8 { word } else { word & !(u64::MAX << (wanted * 8)) };
    }
    let (mut word, mut at, mut shift) = (0, at, 0);
    if wanted & 4 != 0 {
        word = u64::from(u32::from_le_bytes(frame.read(frame.offset(at)).unwrap_or_default()));
        (at, shift) = (at + 4, 32);
    }
    if wanted & 2 != 0 {
        word |= u64::from(u16::from_le_bytes(frame.read(frame.offset(at)).unwrap_or_default())) << shift;
        (at, shift) = (at + 2, shift + 16);
    }
    if wanted & 1 != 0 {
        word |= u64::from(frame.u8(frame.offset(at)).unwrap_or(0)) << shift;
    }
    word
}

#[cfg(test)]
mod tests;
