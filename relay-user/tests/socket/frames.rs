//! Frames written out by hand, so that the tests share no code with what they test.

use crate::lab::{PEER_MAC, RELAY_MAC};

pub(crate) const C_TAG: &[u8] = &[0x81, 0x00, 0x60, 0x64];
pub(crate) const S_TAG: &[u8] = &[0x88, 0xa8, 0x00, 0x05];
pub(crate) const QINQ: &[u8] = &[0x88, 0xa8, 0x20, 0x05, 0x81, 0x00, 0x00, 0x64];
pub(crate) const DOUBLE_C: &[u8] = &[0x81, 0x00, 0x00, 0x07, 0x81, 0x00, 0x0f, 0xfe];
/// NOP, NOP, router alert (RFC 2113), NOP, END.
pub(crate) const IP_OPTIONS: &[u8] = &[1, 1, 0x94, 0x04, 0x00, 0x00, 1, 0];

/// What a frame is made of.
#[derive(Clone)]
pub(crate) struct Spec<'a> {
    pub(crate) destination: [u8; 6],
    pub(crate) tags: &'a [u8],
    pub(crate) ip_options: &'a [u8],
    pub(crate) protocol: u8,
    pub(crate) port: u16,
    /// Flags and fragment offset as in the header.
    pub(crate) fragment: u16,
    /// Behind the IP header instead of a UDP datagram.
    pub(crate) raw_payload: Option<&'a [u8]>,
    pub(crate) payload: &'a [u8],
}

impl Default for Spec<'_> {
    fn default() -> Self {
        Spec {
            destination: [0xff; 6],
            tags: &[],
            ip_options: &[],
            protocol: 17,
            port: 67,
            fragment: 0,
            raw_payload: None,
            payload: &[0x5a; 300],
        }
    }
}

impl Spec<'_> {
    pub(crate) fn build(&self) -> Vec<u8> {
        let payload = self.raw_payload.map_or_else(|| udp(self.port, self.payload), <[u8]>::to_vec);
        let mut frame = self.destination.to_vec();
        frame.extend(PEER_MAC);
        frame.extend(self.tags);
        frame.extend([0x08, 0x00]);
        frame.extend(ip_header(self.ip_options, self.protocol, self.fragment, payload.len()));
        frame.extend(payload);
        frame
    }
}

/// A broadcast frame to port 67 with these tags.
pub(crate) fn tagged(tags: &[u8]) -> Vec<u8> {
    Spec { tags, ..Spec::default() }.build()
}

/// A broadcast frame to port 67 that is recognised by its number.
pub(crate) fn numbered(number: u32) -> Vec<u8> {
    let mut payload = [0; 300];
    payload[4..8].copy_from_slice(&number.to_be_bytes());
    Spec { payload: &payload, ..Spec::default() }.build()
}

/// An ARP request.
pub(crate) fn arp() -> Vec<u8> {
    let mut frame = vec![0xff; 6];
    frame.extend(PEER_MAC);
    frame.extend([0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1]);
    frame.extend(PEER_MAC);
    frame.extend([10, 9, 0, 2, 0, 0, 0, 0, 0, 0, 10, 9, 0, 77]);
    frame
}

/// A frame that would be a DHCP one but for its EtherType.
pub(crate) fn with_ether_type(ether_type: [u8; 2]) -> Vec<u8> {
    let mut frame = Spec { destination: RELAY_MAC, ..Spec::default() }.build();
    frame[12..14].copy_from_slice(&ether_type);
    frame
}

/// A UDP datagram from port 68 without a checksum.
pub(crate) fn udp(port: u16, payload: &[u8]) -> Vec<u8> {
    let mut datagram = vec![0, 68];
    datagram.extend(port.to_be_bytes());
    datagram.extend((8 + payload.len() as u16).to_be_bytes());
    datagram.extend([0, 0]);
    datagram.extend(payload);
    datagram
}

fn ip_header(options: &[u8], protocol: u8, fragment: u16, payload: usize) -> Vec<u8> {
    let length = 20 + options.len();
    let mut header = vec![0x40 | (length / 4) as u8, 0];
    header.extend(((length + payload) as u16).to_be_bytes());
    header.extend([0x77, 0x01]);
    header.extend(fragment.to_be_bytes());
    header.extend([64, protocol, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255]);
    header.extend(options);
    let checksum = !ones_complement(&header);
    header[10..12].copy_from_slice(&checksum.to_be_bytes());
    header
}

/// RFC 1071 over an even number of bytes; 0xffff over a header whose checksum is right.
pub(crate) fn ones_complement(bytes: &[u8]) -> u16 {
    let mut total: u32 = bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])).sum();
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    total as u16
}
