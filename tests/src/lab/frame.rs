//! A captured frame and what a reader sees in it: Ethernet with its tags, IPv4, UDP, and the DHCP message.
//!
//! This reading shares no code with the relay: it judges what the relay wrote. Checksums are always verified.

use std::fmt;
use std::net::Ipv4Addr;
use std::time::SystemTime;

use anyhow::{Context, Result, ensure};
use dhcproto::v4::{Decodable, Decoder, Message, MessageType};

use super::bootp::Bootp;

/// Which way a frame went, seen from the interface it was captured on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Incoming,
    Outgoing,
}

/// One frame as it was on the wire, VLAN tags included.
#[derive(Clone, Debug)]
pub struct Frame {
    pub at: SystemTime,
    pub direction: Direction,
    pub bytes: Vec<u8>,
}

/// An IPv4 UDP datagram in an Ethernet frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    pub ethernet: Ethernet,
    pub ip: Ipv4,
    pub udp: Udp,
    /// The UDP payload.
    pub payload: Vec<u8>,
    /// The whole frame as it was on the wire.
    pub octets: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ethernet {
    pub destination: [u8; 6],
    pub source: [u8; 6],
    /// Outermost first.
    pub tags: Vec<Tag>,
    /// Of the innermost payload.
    pub ethertype: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag {
    /// 0x8100 or 0x88a8.
    pub protocol: u16,
    /// Priority, drop eligibility and VLAN id.
    pub control: u16,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ipv4 {
    pub source: Ipv4Addr,
    pub destination: Ipv4Addr,
    /// DSCP and ECN.
    pub tos: u8,
    pub ttl: u8,
    pub identification: u16,
    /// DF, MF and the fragment offset.
    pub fragment: u16,
    pub total_length: u16,
    pub header_checksum_right: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Udp {
    pub source: u16,
    pub destination: u16,
    pub length: u16,
    pub checksum: Checksum,
}

/// The state of a UDP checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    Right,
    /// The sender computed none.
    Zero,
    /// Only the pseudo-header's sum, which a device with checksum offload would complete.
    Unfinished,
    Wrong,
}

impl Frame {
    /// Reads the frame.
    ///
    /// # Errors
    /// When it is not a whole IPv4 UDP datagram, with the reason.
    pub fn packet(&self) -> Result<Packet> {
        Packet::read(&self.bytes)
    }

    /// Whether it is a UDP datagram from or to one of the ports 67 and 68.
    pub fn is_dhcp(&self) -> bool {
        self.packet().is_ok_and(|packet| packet.is_dhcp())
    }
}

impl fmt::Display for Frame {
    /// One line for a person: what tests print when a frame they wait for does not come.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arrow = if self.direction == Direction::Incoming { "in " } else { "out" };
        match self.packet() {
            Ok(packet) => write!(formatter, "{arrow} {packet}"),
            Err(error) => write!(formatter, "{arrow} {} bytes: {error}", self.bytes.len()),
        }
    }
}

impl Packet {
    /// Reads an Ethernet frame that holds an unfragmented UDP datagram.
    pub fn read(frame: &[u8]) -> Result<Self> {
        let (ethernet, ip_bytes) = Ethernet::read(frame)?;
        ensure!(ethernet.ethertype == 0x0800, "ethertype {:04x}", ethernet.ethertype);
        let (ip, udp_bytes) = Ipv4::read(ip_bytes)?;
        let (udp, payload) = Udp::read(&ip, udp_bytes)?;
        Ok(Self { ethernet, ip, udp, payload: payload.to_vec(), octets: frame.to_vec() })
    }

    pub fn is_dhcp(&self) -> bool {
        [self.udp.source, self.udp.destination].iter().any(|port| (67..=68).contains(port))
    }

    /// The message through `dhcproto`; plain BOOTP has no magic cookie and is an error here.
    pub fn dhcp(&self) -> Result<Message> {
        Message::decode(&mut Decoder::new(&self.payload)).context("no DHCP message")
    }

    /// Option 53, when the message has one.
    pub fn message_type(&self) -> Option<MessageType> {
        self.dhcp().ok()?.opts().msg_type()
    }

    /// The fixed fields by name.
    pub fn bootp(&self) -> Result<Bootp<'_>> {
        Bootp::new(&self.payload)
    }
}

impl fmt::Display for Packet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}:{} > {}:{} {} bytes",
            self.ip.source,
            self.udp.source,
            self.ip.destination,
            self.udp.destination,
            self.payload.len()
        )?;
        if let Ok(bootp) = self.bootp() {
            match self.message_type() {
                Some(kind) => write!(formatter, " {kind:?}")?,
                None => write!(formatter, " op {}", bootp.op())?,
            }
            write!(
                formatter,
                " xid {:08x} hops {} flags {:04x} ciaddr {} yiaddr {} giaddr {}",
                bootp.xid(),
                bootp.hops(),
                bootp.flags(),
                bootp.ciaddr(),
                bootp.yiaddr(),
                bootp.giaddr()
            )?;
        }
        if !self.ip.header_checksum_right {
            write!(formatter, " IP CHECKSUM WRONG")?;
        }
        match self.udp.checksum {
            Checksum::Right => Ok(()),
            other => write!(formatter, " udp checksum {other:?}"),
        }
    }
}

impl Ethernet {
    fn read(frame: &[u8]) -> Result<(Self, &[u8])> {
        let (destination, rest) = frame.split_first_chunk::<6>().context("no destination")?;
        let (source, mut rest) = rest.split_first_chunk::<6>().context("no source")?;
        let mut tags = Vec::new();
        loop {
            let (ethertype, after) = rest.split_first_chunk::<2>().context("no ethertype")?;
            let ethertype = u16::from_be_bytes(*ethertype);
            if !matches!(ethertype, 0x8100 | 0x88a8) {
                let ethernet = Self { destination: *destination, source: *source, tags, ethertype };
                return Ok((ethernet, after));
            }
            let (control, after) = after.split_first_chunk::<2>().context("half a tag")?;
            tags.push(Tag { protocol: ethertype, control: u16::from_be_bytes(*control) });
            rest = after;
        }
    }
}

impl Ipv4 {
    fn read(bytes: &[u8]) -> Result<(Self, &[u8])> {
        let head: &[u8; 20] = bytes.first_chunk().context("a short IPv4 header")?;
        ensure!(head[0] >> 4 == 4, "IP version {}", head[0] >> 4);
        let header_length = usize::from(head[0] & 15) * 4;
        let half = |offset: usize| u16::from_be_bytes([head[offset], head[offset + 1]]);
        let address = |at: usize| Ipv4Addr::new(head[at], head[at + 1], head[at + 2], head[at + 3]);
        let total_length = half(2);
        ensure!(head[9] == 17, "IP protocol {}", head[9]);
        ensure!(half(6) & 0x3fff == 0, "a fragment");
        let header = bytes.get(..header_length).context("IPv4 options run past the frame")?;
        let datagram = bytes
            .get(header_length..usize::from(total_length))
            .with_context(|| format!("total length {total_length} of {} bytes", bytes.len()))?;
        let ip = Self {
            source: address(12),
            destination: address(16),
            tos: head[1],
            ttl: head[8],
            identification: half(4),
            fragment: half(6),
            total_length,
            header_checksum_right: sum(&[header]) == 0xffff,
        };
        Ok((ip, datagram))
    }
}

impl Udp {
    fn read<'a>(ip: &Ipv4, bytes: &'a [u8]) -> Result<(Self, &'a [u8])> {
        let (head, payload) = bytes.split_first_chunk::<8>().context("a short UDP header")?;
        let half = |offset: usize| u16::from_be_bytes([head[offset], head[offset + 1]]);
        let length = half(4);
        ensure!(usize::from(length) == bytes.len(), "UDP length {length} of {} bytes", bytes.len());
        let pseudo_header = sum(&[&ip.source.octets(), &ip.destination.octets(), &[0, 17], &head[4..6]]);
        let checksum = match half(6) {
            0 => Checksum::Zero,
            _ if sum(&[&pseudo_header.to_be_bytes(), bytes]) == 0xffff => Checksum::Right,
            field if field == pseudo_header => Checksum::Unfinished,
            _ => Checksum::Wrong,
        };
        Ok((Self { source: half(0), destination: half(2), length, checksum }, payload))
    }
}

/// The one's complement sum of RFC 1071 over parts of even length (only the last may be odd), folded, not inverted.
pub(super) fn sum(parts: &[&[u8]]) -> u16 {
    let mut total = 0u32;
    for part in parts {
        for pair in part.chunks(2) {
            total += u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |low| u32::from(*low));
        }
    }
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    u16::try_from(total).unwrap_or(u16::MAX)
}
