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
/// Offset of the server host name, the second field that option overload may take.
pub const SNAME: usize = 44;
/// Octets of the `sname` field.
pub const SNAME_LEN: usize = 64;
/// Offset of the boot file name, the first field that option overload may take.
pub const FILE: usize = 108;
/// Octets of the `file` field.
pub const FILE_LEN: usize = 128;
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
    /// Requested IP address (RFC 2132 section 9.1).
    pub const REQUESTED: u8 = 50;
    /// Server identifier (RFC 2132 section 9.7).
    pub const SERVER_ID: u8 = 54;
    /// Largest message the client accepts (RFC 2132 section 9.10).
    pub const MAX_MESSAGE: u8 = 57;
    /// Relay agent information (RFC 3046).
    pub const RELAY_AGENT: u8 = 82;
    /// Authentication (RFC 3118).
    pub const AUTHENTICATION: u8 = 90;
    /// The end of the options.
    pub const END: u8 = 255;
}

/// Sub-options of option 82 that the relay reads or writes.
pub mod agent {
    /// Circuit-id (RFC 3046).
    pub const CIRCUIT_ID: u8 = 1;
    /// Remote-id (RFC 3046).
    pub const REMOTE_ID: u8 = 2;
    /// Link selection (RFC 3527).
    pub const LINK_SELECTION: u8 = 5;
    /// Flags (RFC 5010).
    pub const FLAGS: u8 = 10;
    /// Server identifier override (RFC 5107).
    pub const SERVER_ID_OVERRIDE: u8 = 11;
    /// Relay-id (RFC 6925).
    pub const RELAY_ID: u8 = 12;
    /// Virtual subnet selection (RFC 6607).
    pub const VSS: u8 = 151;
    /// Virtual subnet selection control (RFC 6607).
    pub const VSS_CONTROL: u8 = 152;
    /// Link selection as Cisco numbered it before RFC 3527.
    pub const CISCO_LINK_SELECTION: u8 = 150;
    /// Server identifier override as Cisco numbered it before RFC 5107: RFC 6607 gave the code to VSS-control.
    pub const CISCO_SERVER_ID_OVERRIDE: u8 = 152;
    /// The value of `FLAGS` for a request that came by unicast.
    pub const UNICAST: u8 = 0x80;
}

/// DHCP message types that are treated differently from the others.
pub mod message {
    /// No option 53: plain BOOTP.
    pub const BOOTP: u8 = 0;
    /// DHCPDISCOVER.
    pub const DISCOVER: u8 = 1;
    /// DHCPOFFER.
    pub const OFFER: u8 = 2;
    /// DHCPREQUEST.
    pub const REQUEST: u8 = 3;
    /// DHCPACK.
    pub const ACK: u8 = 5;
    /// DHCPNAK.
    pub const NAK: u8 = 6;
    /// DHCPLEASEQUERY (RFC 4388).
    pub const LEASEQUERY: u8 = 10;
    /// DHCPLEASEUNASSIGNED, the first of the three answers to it.
    pub const LEASEUNASSIGNED: u8 = 11;
    /// DHCPLEASEUNKNOWN.
    pub const LEASEUNKNOWN: u8 = 12;
    /// DHCPLEASEACTIVE, the last of them.
    pub const LEASEACTIVE: u8 = 13;
}
