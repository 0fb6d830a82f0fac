//! Hand-built frames for injection: a BOOTP message from its fields, wrapped in UDP, IPv4 and Ethernet.
//!
//! Written from the RFCs and independent of the relay's own code, so that a shared mistake cannot hide.

use std::net::Ipv4Addr;

use super::frame::sum;

pub const BROADCAST_MAC: [u8; 6] = [0xff; 6];
pub const BROADCAST_FLAG: u16 = 0x8000;
pub const BOOTREQUEST: u8 = 1;
pub const BOOTREPLY: u8 = 2;

/// A BOOTP or DHCP message (RFC 2131 section 2).
#[derive(Clone, Debug)]
pub struct Bootp {
    pub op: u8,
    pub htype: u8,
    pub hlen: u8,
    pub hops: u8,
    pub xid: u32,
    pub secs: u16,
    pub flags: u16,
    pub ciaddr: Ipv4Addr,
    pub yiaddr: Ipv4Addr,
    pub siaddr: Ipv4Addr,
    pub giaddr: Ipv4Addr,
    pub chaddr: [u8; 16],
    /// Code and value. Empty: plain BOOTP, whose vendor field is 64 zero bytes.
    pub options: Vec<(u8, Vec<u8>)>,
    /// The message is padded with zeros to this many bytes; 300 is the least of RFC 1542.
    pub padded_to: usize,
}

impl Bootp {
    /// A message of a client with this Ethernet address, with option 53 unless `kind` is absent.
    pub fn new(op: u8, kind: Option<u8>, chaddr: [u8; 6]) -> Self {
        let mut long = [0; 16];
        long[..6].copy_from_slice(&chaddr);
        Self {
            op,
            htype: 1,
            hlen: 6,
            hops: 0,
            xid: 0x1234_5678,
            secs: 0,
            flags: 0,
            ciaddr: Ipv4Addr::UNSPECIFIED,
            yiaddr: Ipv4Addr::UNSPECIFIED,
            siaddr: Ipv4Addr::UNSPECIFIED,
            giaddr: Ipv4Addr::UNSPECIFIED,
            chaddr: long,
            options: kind.map(|kind| (53, vec![kind])).into_iter().collect(),
            padded_to: 300,
        }
    }

    /// Adds an option behind those there are.
    #[must_use]
    pub fn option(mut self, code: u8, value: &[u8]) -> Self {
        self.options.push((code, value.to_vec()));
        self
    }

    /// The message as it stands in a UDP datagram.
    ///
    /// # Panics
    /// When an option is longer than 255 bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![self.op, self.htype, self.hlen, self.hops];
        bytes.extend(self.xid.to_be_bytes());
        bytes.extend(self.secs.to_be_bytes());
        bytes.extend(self.flags.to_be_bytes());
        for address in [self.ciaddr, self.yiaddr, self.siaddr, self.giaddr] {
            bytes.extend(address.octets());
        }
        bytes.extend(self.chaddr);
        bytes.extend([0; 64 + 128]);
        if !self.options.is_empty() {
            bytes.extend([99, 130, 83, 99]);
            for (code, value) in &self.options {
                let length =
                    u8::try_from(value.len()).unwrap_or_else(|_| panic!("option {code} is too long"));
                bytes.extend([*code, length]);
                bytes.extend(value);
            }
            bytes.push(255);
        }
        bytes.resize(bytes.len().max(self.padded_to), 0);
        bytes
    }
}

/// A UDP datagram in an IPv4 packet in an Ethernet frame, checksums right.
#[derive(Clone, Debug)]
pub struct Datagram {
    pub destination_mac: [u8; 6],
    pub source_mac: [u8; 6],
    /// Protocol and control information of each tag, outermost first.
    pub tags: Vec<(u16, u16)>,
    pub source: Ipv4Addr,
    pub destination: Ipv4Addr,
    pub source_port: u16,
    pub destination_port: u16,
    pub ttl: u8,
    pub tos: u8,
    pub payload: Vec<u8>,
}

impl Datagram {
    /// A client's broadcast: 0.0.0.0:68 to 255.255.255.255:67.
    pub fn from_client(mac: [u8; 6], message: &Bootp) -> Self {
        Self {
            destination_mac: BROADCAST_MAC,
            source_mac: mac,
            tags: Vec::new(),
            source: Ipv4Addr::UNSPECIFIED,
            destination: Ipv4Addr::BROADCAST,
            source_port: 68,
            destination_port: 67,
            ttl: 64,
            tos: 0x10,
            payload: message.bytes(),
        }
    }

    /// A unicast from port 67 to port 67: a relay to a server, a server to a relay.
    pub fn between(
        (source_mac, source): ([u8; 6], Ipv4Addr),
        (destination_mac, destination): ([u8; 6], Ipv4Addr),
        message: &Bootp,
    ) -> Self {
        Self {
            destination_mac,
            source_mac,
            tags: Vec::new(),
            source,
            destination,
            source_port: 67,
            destination_port: 67,
            ttl: 64,
            tos: 0,
            payload: message.bytes(),
        }
    }

    /// The frame.
    ///
    /// # Panics
    /// When the payload does not fit an IPv4 packet.
    pub fn frame(&self) -> Vec<u8> {
        let udp = self.udp();
        let mut frame = Vec::with_capacity(42 + self.payload.len());
        frame.extend(self.destination_mac);
        frame.extend(self.source_mac);
        for (protocol, control) in &self.tags {
            frame.extend(protocol.to_be_bytes());
            frame.extend(control.to_be_bytes());
        }
        frame.extend([0x08, 0x00]);
        let mut ip = vec![0x45, self.tos];
        ip.extend(length(20 + udp.len()).to_be_bytes());
        ip.extend([0, 0, 0, 0, self.ttl, 17, 0, 0]);
        ip.extend(self.source.octets());
        ip.extend(self.destination.octets());
        let checksum = !sum(&[&ip]);
        ip[10..12].copy_from_slice(&checksum.to_be_bytes());
        frame.extend(ip);
        frame.extend(udp);
        frame
    }

    fn udp(&self) -> Vec<u8> {
        let size = length(8 + self.payload.len()).to_be_bytes();
        let mut udp = Vec::with_capacity(8 + self.payload.len());
        udp.extend(self.source_port.to_be_bytes());
        udp.extend(self.destination_port.to_be_bytes());
        udp.extend(size);
        udp.extend([0, 0]);
        udp.extend(&self.payload);
        let total = sum(&[&self.source.octets(), &self.destination.octets(), &[0, 17], &size, &udp]);
        // RFC 768: a sum of zero is sent as all ones, because zero says there is none.
        let checksum = if total == 0xffff { 0xffff } else { !total };
        udp[6..8].copy_from_slice(&checksum.to_be_bytes());
        udp
    }
}

/// The same packet with four octets of IPv4 options (NOP) behind its header; the frame is untagged.
pub fn with_ip_options(frame: &[u8]) -> Vec<u8> {
    let mut changed = frame[..34].to_vec();
    changed[14] = 0x46;
    changed.extend([1; 4]);
    changed.extend(&frame[34..]);
    complete(changed)
}

/// The packet in two fragments; the first holds `octets` of its payload, a multiple of eight.
pub fn fragments(frame: &[u8], octets: usize) -> [Vec<u8>; 2] {
    let part = |flags: u16, payload: &[u8]| {
        let mut part = frame[..34].to_vec();
        part[20..22].copy_from_slice(&flags.to_be_bytes());
        part.extend(payload);
        complete(part)
    };
    let (first, second) = frame[34..].split_at(octets);
    [part(0x2000, first), part(length(octets / 8), second)]
}

/// The whole packet from its first fragment with the payload of the others behind it: as if it had never been cut, and
/// without the identification that holds fragments together.
pub fn joined(mut parts: Vec<u8>) -> Vec<u8> {
    parts[18..22].fill(0);
    complete(parts)
}

/// Sets the IPv4 length and header checksum of an untagged frame.
fn complete(mut frame: Vec<u8>) -> Vec<u8> {
    let total = length(frame.len() - 14).to_be_bytes();
    frame[16..18].copy_from_slice(&total);
    frame[24..26].fill(0);
    let header = 14 + usize::from(frame[14] & 15) * 4;
    let checksum = !sum(&[&frame[14..header]]);
    frame[24..26].copy_from_slice(&checksum.to_be_bytes());
    frame
}

fn length(bytes: usize) -> u16 {
    u16::try_from(bytes).unwrap_or_else(|_| panic!("{bytes} bytes do not fit an IPv4 packet"))
}

#[cfg(test)]
mod tests {
    use super::super::frame::{Checksum, Packet};
    use super::*;

    #[test]
    fn a_built_frame_reads_back_with_right_checksums() {
        let mac = [2, 0, 0, 0, 0, 1];
        let message = Bootp::new(BOOTREQUEST, Some(1), mac).option(82, &[1, 1, 7]);
        let mut datagram = Datagram::from_client(mac, &message);
        datagram.tags = vec![(0x88a8, 7), (0x8100, 100)];
        let packet = Packet::read(&datagram.frame()).unwrap();
        assert!(packet.ip.header_checksum_right);
        assert_eq!(packet.udp.checksum, Checksum::Right);
        assert_eq!(packet.ethernet.tags.len(), 2);
        assert_eq!(packet.payload.len(), 300);
        let bootp = packet.bootp().unwrap();
        assert_eq!((bootp.op(), bootp.chaddr()), (1, mac));
        assert_eq!(bootp.options(), [(53, vec![1]), (82, vec![1, 1, 7])]);
    }

    #[test]
    fn a_flipped_bit_is_a_wrong_checksum_and_a_bare_pseudo_header_sum_an_unfinished_one() {
        let mac = [2, 0, 0, 0, 0, 1];
        let mut frame = Datagram::from_client(mac, &Bootp::new(BOOTREQUEST, None, mac)).frame();
        frame[60] ^= 1;
        assert_eq!(Packet::read(&frame).unwrap().udp.checksum, Checksum::Wrong);
        let pseudo_header = sum(&[&frame[26..34], &[0, 17], &frame[38..40]]);
        frame[40..42].copy_from_slice(&pseudo_header.to_be_bytes());
        assert_eq!(Packet::read(&frame).unwrap().udp.checksum, Checksum::Unfinished);
    }
}
