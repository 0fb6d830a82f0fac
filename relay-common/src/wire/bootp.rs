//! BOOTP and DHCP (RFC 951, RFC 1542, RFC 2131). Offsets are from the start of the message, the UDP payload.
//!
//! ```text
//! 0    1      2     3     4     8      10      12       16       20       24       28       44      108     236
//! | op | htype| hlen| hops| xid | secs | flags | ciaddr | yiaddr | siaddr | giaddr | chaddr | sname | file  | cookie, options
//! ```

/// Offset of the operation.
pub const OP: usize = 0;
/// Offset of the hardware type.
pub const HTYPE: usize = 1;
/// Offset of the hardware address length.
pub const HLEN: usize = 2;
/// Offset of the hop count.
pub const HOPS: usize = 3;
/// Offset of the transaction identifier.
pub const XID: usize = 4;
/// Offset of the seconds since the client began.
pub const SECS: usize = 8;
/// Offset of the flags.
pub const FLAGS: usize = 10;
/// Offset of the address a client already has.
pub const CIADDR: usize = 12;
/// Offset of the address a server gives.
pub const YIADDR: usize = 16;
/// Offset of the relay agent's address.
pub const GIADDR: usize = 24;
/// Offset of the client's hardware address.
pub const CHADDR: usize = 28;
/// Octets of the `chaddr` field.
pub const CHADDR_LEN: usize = 16;
/// Offset of the boot file name, the first field that option overload may take.
pub const FILE: usize = 108;
/// Offset of the magic cookie.
pub const COOKIE: usize = 236;
/// Octets of the fixed part; a shorter message is not BOOTP.
pub const FIXED_LEN: usize = 236;
/// Offset of the first DHCP option.
pub const OPTIONS: usize = 240;
/// Octets below which old clients do not accept a message (RFC 951 section 3: 64 octets of vendor area).
pub const MIN_LEN: usize = 300;

/// `op` of a message from a client.
pub const BOOTREQUEST: u8 = 1;
/// `op` of a message from a server.
pub const BOOTREPLY: u8 = 2;
/// `htype` of Ethernet.
pub const ETHERNET: u8 = 1;
/// The broadcast bit of `flags`.
pub const BROADCAST_FLAG: u16 = 0x8000;
/// The magic cookie of RFC 1497.
pub const MAGIC: [u8; 4] = [99, 130, 83, 99];

/// Option codes that the relay reads.
pub mod option {
    /// A single octet of padding.
    pub const PAD: u8 = 0;
    /// Overload of `file` and `sname` (RFC 2132 section 9.3).
    pub const OVERLOAD: u8 = 52;
    /// DHCP message type (RFC 2132 section 9.6).
    pub const MESSAGE_TYPE: u8 = 53;
    /// Relay agent information (RFC 3046).
    pub const RELAY_AGENT: u8 = 82;
    /// The end of the options.
    pub const END: u8 = 255;
}

/// DHCP message types that are treated differently from the others.
pub mod message {
    /// No option 53: plain BOOTP.
    pub const BOOTP: u8 = 0;
    /// DHCPNAK.
    pub const NAK: u8 = 6;
}
