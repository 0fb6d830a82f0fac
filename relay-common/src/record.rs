//! One DHCP message as the packet path leaves it for the client table: what XDP writes into its rings, and the slow path makes
//! of the same message.
//!
//! What stands together in the message is copied as it lies there, in whole words, and understood by whoever reads it
//! ([`Event`]): filling a record is most of what telling about a message costs.

use bytemuck::{Pod, Zeroable};

use crate::event::{CLIENT_ID_LEN, Event, flag};
use crate::wire::{bootp, ipv4, udp};
use crate::{Frame, agent};

/// A message as it came in, before anything was rewritten. Of what the message does not have, zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Record {
    /// When it was seen, in nanoseconds of `CLOCK_BOOTTIME`.
    pub timestamp: u64,
    /// The first forty octets of the message as they lie in memory: `op` to the twelfth of `chaddr`.
    pub head: [u64; HEAD],
    /// The last four octets of `chaddr`.
    pub chaddr: [u8; 4],
    /// DHCP message type (option 53), 0 for plain BOOTP.
    pub message: u8,
    /// One of [`crate::event::path`].
    pub path: u8,
    /// Bits of [`flag`] that the message itself does not say.
    pub flags: u16,
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
    /// IPv4 source and destination, as they lie in memory.
    pub addresses: u64,
    /// Value of option 50.
    pub requested: [u8; 4],
    /// Value of option 54.
    pub server_id: [u8; 4],
    /// Value of option 51, of meaning with [`flag::LEASE`].
    pub lease: [u8; 4],
    /// Value of option 58.
    pub t1: [u8; 4],
    /// Value of option 59.
    pub t2: [u8; 4],
    /// Octets of the client identifier (option 61) on the wire, 0: none.
    pub client_id_len: u8,
    /// Always 0.
    pub zero: [u8; 3],
    /// Lower half of the hash of the client identifier, if it is longer than what is in `client_id`.
    pub client_id_hash: u32,
    /// Lower half of the hash of the value of option 82, of the last one when there are several.
    pub agent_hash: u32,
    /// What stands where the client identifier begins, as it lies in memory; behind its end it may be anything.
    pub client_id: [u64; CLIENT_ID_LEN / 8],
}

/// Words in [`Record::head`].
const HEAD: usize = 5;

const _: () = {
    assert!(size_of::<Record>() == 144);
    assert!(bootp::CHADDR + bootp::CHADDR_LEN == 8 * HEAD + 4);
};

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
    /// [`crate::agent::whole`] of the value of option 82, or of an option 61 with more than [`CLIENT_ID_LEN`] octets; 0 when
    /// there is none.
    fn hash(&self, code: u8) -> u64;
}

/// What a record says that is not in the message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// One of [`crate::event::path`].
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
    /// As [`Event::timestamp`].
    pub timestamp: u64,
}

/// Fills every field of `record` from the frame whose IPv4 header, without options, is at offset `l3`. `None`, with `record`
/// in no promised state, when the message is not in the frame.
#[inline(always)]
pub fn fill<F: Frame, O: Offsets>(
    frame: &F,
    l3: usize,
    options: &O,
    place: &Place,
    record: &mut Record,
) -> Option<()> {
    record.timestamp = place.timestamp;
    record.message = place.message;
    record.path = place.path;
    record.interface = place.interface;
    record.vrf = place.vrf;
    record.ifindex = place.ifindex;
    record.outer = place.outer;
    record.inner = place.inner;
    let at = frame.offset(l3);
    [record.addresses] = frame.words(at + ipv4::SOURCE)?;
    let message = at + ipv4::HEADER_LEN + udp::HEADER_LEN;
    // What is behind the head is there whenever the record is made of a message; one comparison then does for both.
    let words = frame.words::<{ HEAD + 1 }>(message)?;
    let [a, b, c, d, e, last] = words;
    record.head = [a, b, c, d, e];
    record.chaddr = first_half(last);
    let mut flags = 0;
    if place.upstream {
        flags |= flag::UPSTREAM;
    }
    record.lease = match address(frame, options.option(option::LEASE)) {
        Some(value) => {
            flags |= flag::LEASE;
            value
        }
        None => [0; 4],
    };
    if options.option(option::AGENT) != 0 {
        flags |= flag::AGENT;
        record.agent_hash = options.hash(option::AGENT) as u32;
    } else {
        record.agent_hash = 0;
    }
    record.flags = flags;
    record.requested = address(frame, options.option(option::REQUESTED)).unwrap_or_default();
    record.server_id = address(frame, options.option(option::SERVER_ID)).unwrap_or_default();
    record.t1 = address(frame, options.option(option::T1)).unwrap_or_default();
    record.t2 = address(frame, options.option(option::T2)).unwrap_or_default();
    record.zero = [0; 3];
    record.client_id_hash = 0;
    let id = frame.offset(options.option(option::CLIENT_ID));
    if id == 0 {
        record.client_id_len = 0;
        return Some(());
    }
    let len = frame.u8(id + 1)?;
    record.client_id_len = len;
    if len as usize > CLIENT_ID_LEN {
        record.client_id_hash = options.hash(option::CLIENT_ID) as u32;
    }
    match frame.words(frame.offset(id + 2)) {
        Some(words) => {
            record.client_id = words;
            Some(())
        }
        // Near the end of the frame.
        None => frame.load(id + 2, len as usize, &mut record.client_id),
    }
}

/// The octets that lie first in memory.
#[inline(always)]
const fn first_half(word: u64) -> [u8; 4] {
    let [a, b, c, d, ..] = word.to_ne_bytes();
    [a, b, c, d]
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

impl From<&Record> for Event {
    fn from(record: &Record) -> Self {
        let mut head = [0; 8 * HEAD + 4];
        let (words, last) = head.split_at_mut(8 * HEAD);
        words.copy_from_slice(bytemuck::cast_slice(&record.head));
        last.copy_from_slice(&record.chaddr);
        let quad = |at: usize| [head[at], head[at + 1], head[at + 2], head[at + 3]];
        let pair = |at: usize| u16::from_be_bytes([head[at], head[at + 1]]);
        let mut chaddr = [0; bootp::CHADDR_LEN];
        chaddr.copy_from_slice(&head[bootp::CHADDR..]);
        let mut client_id = [0; CLIENT_ID_LEN];
        let len = usize::from(record.client_id_len);
        let known = len.min(CLIENT_ID_LEN);
        client_id[..known].copy_from_slice(&bytemuck::cast_slice(&record.client_id)[..known]);
        let client_id_hash = match len {
            0 => 0,
            1..=CLIENT_ID_LEN => agent::whole(&client_id[..known]) as u32,
            _ => record.client_id_hash,
        };
        let [a, b, c, d, e, f, g, h] = record.addresses.to_ne_bytes();
        let ethernet = if head[bootp::HTYPE] == bootp::ETHERNET { flag::ETHERNET } else { 0 };
        Self {
            message: record.message,
            op: head[bootp::OP],
            path: record.path,
            flags: record.flags | ethernet,
            hlen: head[bootp::HLEN].min(bootp::CHADDR_LEN as u8),
            client_id_len: record.client_id_len,
            timestamp: record.timestamp,
            xid: u32::from_be_bytes(quad(bootp::XID)),
            interface: record.interface,
            vrf: record.vrf,
            ifindex: record.ifindex,
            outer: record.outer,
            inner: record.inner,
            secs: pair(bootp::SECS),
            bootp_flags: pair(bootp::FLAGS),
            ciaddr: quad(bootp::CIADDR),
            yiaddr: quad(bootp::YIADDR),
            requested: record.requested,
            server_id: record.server_id,
            source: [a, b, c, d],
            destination: [e, f, g, h],
            giaddr: quad(bootp::GIADDR),
            lease: u32::from_be_bytes(record.lease),
            t1: u32::from_be_bytes(record.t1),
            t2: u32::from_be_bytes(record.t2),
            chaddr,
            client_id,
            client_id_hash,
            agent_hash: record.agent_hash,
        }
    }
}

#[cfg(test)]
mod tests;
