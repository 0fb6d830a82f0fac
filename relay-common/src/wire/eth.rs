//! Ethernet II with up to two VLAN tags (IEEE 802.1Q and 802.1ad).
//!
//! ```text
//! 0           6           12     14
//! | dst (6)   | src (6)   | type |                    untagged
//! | dst (6)   | src (6)   | 8100 | TCI | type |       one tag
//! | dst (6)   | src (6)   | 88a8 | TCI | 8100 | TCI | type |
//! ```

/// Octets of an Ethernet address.
pub const ADDRESS_LEN: usize = 6;
/// Octets of an untagged Ethernet header.
pub const HEADER_LEN: usize = 14;
/// Octets that one VLAN tag adds.
pub const TAG_LEN: usize = 4;
/// Offset of the destination address.
pub const DESTINATION: usize = 0;
/// Offset of the source address.
pub const SOURCE: usize = 6;
/// Offset of the first EtherType.
pub const ETHERTYPE: usize = 12;

/// EtherType of IPv4.
pub const IPV4: u16 = 0x0800;
/// EtherType of a customer tag (802.1Q).
pub const TAG_8021Q: u16 = 0x8100;
/// EtherType of a service tag (802.1ad).
pub const TAG_8021AD: u16 = 0x88a8;
/// The twelve bits of a TCI that are the VLAN identifier.
pub const VID_MASK: u16 = 0x0fff;

/// The broadcast address.
pub const BROADCAST: [u8; ADDRESS_LEN] = [0xff; ADDRESS_LEN];

/// Whether an EtherType announces a VLAN tag.
#[inline(always)]
pub const fn is_tag(ethertype: u16) -> bool {
    ethertype == TAG_8021Q || ethertype == TAG_8021AD
}

/// An address as it lies in memory, with two zeros behind.
#[inline(always)]
pub const fn number([a, b, c, d, e, f]: [u8; ADDRESS_LEN]) -> u64 {
    u64::from_ne_bytes([a, b, c, d, e, f, 0, 0])
}
