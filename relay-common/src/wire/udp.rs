//! UDP (RFC 768). Offsets are from the start of the header.

/// Octets of the header.
pub const HEADER_LEN: usize = 8;
/// Offset of the destination port.
pub const DESTINATION: usize = 2;
/// Offset of the length (header and payload).
pub const LENGTH: usize = 4;
/// Offset of the checksum; zero means that none was computed.
pub const CHECKSUM: usize = 6;
/// The port of BOOTP servers and relay agents.
pub const BOOTPS: u16 = 67;
/// The port of BOOTP clients.
pub const BOOTPC: u16 = 68;
