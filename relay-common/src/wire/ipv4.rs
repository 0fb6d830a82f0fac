//! IPv4 (RFC 791). Offsets are from the start of the header.
//!
//! ```text
//! 0        1        2        4        6        8     9      10       12       16       20
//! | ver/ihl| tos    | length | ident  | frag   | ttl | proto| checks | source | destination |
//! ```

/// Octets of a header without options.
pub const HEADER_LEN: usize = 20;
/// Version 4 and a header of five 32-bit words: the only first octet the fast path takes.
pub const VERSION_IHL: u8 = 0x45;
/// Offset of the total length.
pub const TOTAL_LENGTH: usize = 2;
/// Offset of flags and fragment offset.
pub const FRAGMENT: usize = 6;
/// More-fragments flag and the thirteen bits of the offset: any of them set means a fragment.
pub const FRAGMENT_MASK: u16 = 0x3fff;
/// Offset of the protocol.
pub const PROTOCOL: usize = 9;
/// Offset of the header checksum.
pub const CHECKSUM: usize = 10;
/// Offset of the source address.
pub const SOURCE: usize = 12;
/// Offset of the destination address.
pub const DESTINATION: usize = 16;
/// Protocol number of UDP.
pub const UDP: u8 = 17;
/// TTL of every datagram the relay originates.
pub const TTL: u8 = 64;
/// The limited broadcast address.
pub const BROADCAST: [u8; 4] = [255; 4];
/// The unspecified address.
pub const UNSPECIFIED: [u8; 4] = [0; 4];
