//! Frames compared octet by octet. What may differ is named here and nowhere else; everything that is not named is equal
//! or the test fails.

use std::ops::Range;

use anyhow::{Result, ensure};

use super::frame::{Checksum, Packet, sum};

/// Octets in front of the message: Ethernet without tags, IPv4 without options, UDP.
const HEADERS: usize = 14 + 20 + 8;
const TTL: usize = 14 + 8;
const IP_CHECKSUM: Range<usize> = 14 + 10..14 + 12;

/// What one client's message has different in every run: the client draws its transaction at random and counts the
/// seconds since it began, and the UDP checksum covers both. Addresses, lengths, TTL, TOS, the IPv4 identification and
/// its checksum are the same.
const BY_RUN: [(&str, Range<usize>); 3] = [
    ("UDP checksum", HEADERS - 2..HEADERS),
    ("xid", HEADERS + 4..HEADERS + 8),
    ("secs", HEADERS + 8..HEADERS + 10),
];

/// A frame of a relay without what differs between two runs, after its checksums have been found right.
///
/// # Errors
/// When a checksum is wrong or absent, or the frame is not one of plain Ethernet, IPv4 and UDP headers.
pub fn without_what_differs(packet: &Packet) -> Result<Vec<u8>> {
    ensure!(packet.ip.header_checksum_right, "wrong IP checksum: {packet}");
    ensure!(packet.udp.checksum == Checksum::Right, "UDP checksum {:?}: {packet}", packet.udp.checksum);
    ensure!(packet.octets.len() == HEADERS + packet.payload.len(), "more than its headers: {packet}");
    let mut octets = packet.octets.clone();
    for (_, range) in BY_RUN {
        octets[range].fill(0);
    }
    Ok(octets)
}

/// What a router makes of a frame of IPv4: new Ethernet addresses, one hop less to live, the header checksum to match.
///
/// # Panics
/// When the frame is too short for an IPv4 header.
pub fn routed(frame: &[u8], router: [u8; 6], next: [u8; 6]) -> Vec<u8> {
    let mut routed = frame.to_vec();
    routed[..6].copy_from_slice(&next);
    routed[6..12].copy_from_slice(&router);
    routed[TTL] -= 1;
    routed[IP_CHECKSUM].fill(0);
    let header = 14 + usize::from(routed[14] & 15) * 4;
    let checksum = !sum(&[&routed[14..header]]);
    routed[IP_CHECKSUM].copy_from_slice(&checksum.to_be_bytes());
    routed
}
