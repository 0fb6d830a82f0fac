//! The IPv4 and UDP headers of what the relay sends: a new datagram, not a forwarded one, so nothing of the old
//! headers is kept (TTL 64, identification 0, don't-fragment clear).

use crate::packet::{HEADERS, pseudo_header};
use crate::wire::{eth, ipv4, udp};
use crate::{Frame, Sum};

/// Brings lengths and checksums of a rewritten request to the length that its frame has got. Host only.
pub(crate) fn resized<F: Frame>(frame: &mut F) -> Option<()> {
    const UDP: usize = eth::HEADER_LEN + ipv4::HEADER_LEN;
    const MESSAGE: usize = UDP + udp::HEADER_LEN;
    let [_, tos] = frame.read::<2>(eth::HEADER_LEN)?;
    let len = frame.len().checked_sub(MESSAGE)?;
    let sum = match frame.read::<2>(UDP + udp::CHECKSUM)? {
        [0, 0] => None,
        _ => Some(frame.sum(MESSAGE, len)?),
    };
    let datagram = Datagram {
        source: frame.read(eth::HEADER_LEN + ipv4::SOURCE)?,
        destination: frame.read(eth::HEADER_LEN + ipv4::DESTINATION)?,
        destination_port: udp::BOOTPS,
        tos,
        len,
        sum,
    };
    frame.write(eth::HEADER_LEN, datagram.headers())
}

/// A datagram from the relay, port 67.
pub(crate) struct Datagram {
    pub(crate) source: [u8; 4],
    pub(crate) destination: [u8; 4],
    pub(crate) destination_port: u16,
    /// IPv4 type of service octet.
    pub(crate) tos: u8,
    /// Octets of the message.
    pub(crate) len: usize,
    /// Sum over the message; `None` sends no UDP checksum.
    pub(crate) sum: Option<Sum>,
}

impl Datagram {
    /// Both headers.
    #[inline(always)]
    pub(crate) fn headers(&self) -> [u8; HEADERS] {
        let length = (self.len + udp::HEADER_LEN) as u16;
        let total = length + ipv4::HEADER_LEN as u16;
        let [s0, s1, s2, s3] = self.source;
        let [d0, d1, d2, d3] = self.destination;
        let [t0, t1] = total.to_be_bytes();
        let [l0, l1] = length.to_be_bytes();
        let [p0, p1] = udp::BOOTPS.to_be_bytes();
        let [q0, q1] = self.destination_port.to_be_bytes();
        let [c0, c1] = Sum::new()
            .pair([ipv4::VERSION_IHL, self.tos])
            .word(total)
            .pair([ipv4::TTL, ipv4::UDP])
            .quad(self.source)
            .quad(self.destination)
            .checksum();
        let [u0, u1] = match self.sum {
            Some(sum) => pseudo_header(self.source, self.destination, length)
                .word(udp::BOOTPS)
                .word(self.destination_port)
                .word(length)
                .plus(sum)
                .udp_checksum(),
            None => [0, 0],
        };
        [
            ipv4::VERSION_IHL,
            self.tos,
            t0,
            t1,
            0,
            0,
            0,
            0,
            ipv4::TTL,
            ipv4::UDP,
            c0,
            c1,
            s0,
            s1,
            s2,
            s3,
            d0,
            d1,
            d2,
            d3,
            p0,
            p1,
            q0,
            q1,
            l0,
            l1,
            u0,
            u1,
        ]
    }
}
