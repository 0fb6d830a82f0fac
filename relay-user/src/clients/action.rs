//! What the table wants done, and what it made of a message. It does nothing itself.

use std::net::Ipv4Addr;

use super::{
    client::{Hardware, State},
    time::BootTime,
};

/// Something for the caller to do, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A client has taken a step, for those who watch.
    Step(Step),
    /// Install a host route and a permanent neighbour, in place of what may be there for the address.
    Install(Host),
    /// Take the host route and the neighbour away.
    Remove(Host),
    /// Put a lease into the kernel's map, in place of what may be there for the address.
    Publish(Published),
    /// Take a lease out of the kernel's map.
    Withdraw {
        /// Routing table of the VRF.
        vrf: u32,
        /// The address.
        address: Ipv4Addr,
    },
}

/// A host route with its neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Host {
    /// Index of the interface.
    pub interface: u32,
    /// Routing table of its VRF.
    pub vrf: u32,
    /// The address.
    pub address: Ipv4Addr,
    /// The neighbour's Ethernet address.
    pub mac: [u8; 6],
}

/// A lease as other programs see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// Routing table of the client's VRF.
    pub vrf: u32,
    /// Its address.
    pub address: Ipv4Addr,
    /// Index of the interface.
    pub interface: u32,
    /// Its hardware address.
    pub hardware: Hardware,
    /// The server whose ACK came last.
    pub server: Ipv4Addr,
    /// Lease time of that ACK, seconds; `u32::MAX` is without end.
    pub seconds: u32,
    /// Bound, renewing or rebinding.
    pub state: State,
    /// When the lease ends.
    pub expires: BootTime,
}

/// What a client has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StepKind {
    /// It has sent a DISCOVER.
    Discover,
    /// A server has offered it an address.
    Offer,
    /// It has sent a REQUEST.
    Request,
    /// It has asked its server to extend its lease.
    Renewing,
    /// It has asked all servers to extend its lease.
    Rebinding,
    /// It has got a lease, or another address.
    Bound,
    /// Its lease has been extended by the same server.
    Renewed,
    /// Its lease has been extended by another server.
    TakenOver,
    /// A server has told of its lease when it was asked (RFC 4388).
    Recovered,
    /// It has given its lease back.
    Released,
    /// It has found its address in use.
    Declined,
    /// A server has refused it its address.
    Refused,
    /// Its lease has run out.
    Expired,
    /// A server has given its address to another client.
    Displaced,
    /// It is no longer in the table.
    Forgotten,
}

impl StepKind {
    /// The name in `events` and in JSON.
    pub fn label(self) -> &'static str {
        match self {
            Self::Discover => "discover",
            Self::Offer => "offer",
            Self::Request => "request",
            Self::Renewing => "renewing",
            Self::Rebinding => "rebinding",
            Self::Bound => "bound",
            Self::Renewed => "renewed",
            Self::TakenOver => "taken_over",
            Self::Recovered => "recovered",
            Self::Released => "released",
            Self::Declined => "declined",
            Self::Refused => "refused",
            Self::Expired => "expired",
            Self::Displaced => "displaced",
            Self::Forgotten => "forgotten",
        }
    }
}

/// A step of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// What it is.
    pub kind: StepKind,
    /// The client's number in the table, for [`super::Table::client`] until the next message is handled.
    pub client: u32,
    /// Index of the interface.
    pub interface: u32,
    /// The client's hardware address.
    pub hardware: Hardware,
    /// The address in question, 0.0.0.0 when there is none.
    pub address: Ipv4Addr,
    /// The server in question, 0.0.0.0 when there is none.
    pub server: Ipv4Addr,
}

/// Why a message changed nothing. The order is that of precedence where a message could be meant for several clients:
/// the last is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ignored {
    /// No DHCP message type.
    Bootp,
    /// A type that no lease depends on: INFORM and the answer to it, FORCERENEW, LEASEQUERY and others.
    OtherType,
    /// Neither client identifier nor hardware address.
    Nameless,
    /// A client's message from a port that no clients are on.
    NoInterface,
    /// The table is as large as it may become.
    Limit,
    /// A reply that answers nothing the client was seen to ask.
    NoRequest,
    /// A reply to what has been answered, or a DISCOVER behind the REQUEST that follows it.
    Duplicate,
    /// Several clients may be meant.
    Ambiguous,
    /// An OFFER without an address, or an ACK without a lease time.
    NoLease,
    /// A RELEASE or DECLINE of an address that the client does not hold.
    NotHeld,
    /// From a port where it cannot come from: of other clients, or not of servers.
    OtherPort,
    /// From another VRF than that of the clients or of their servers.
    OtherVrf,
    /// From or to an address that is no server of the interface.
    NotAServer,
}

impl Ignored {
    /// Every reason, in order.
    pub const ALL: [Self; 13] = [
        Self::Bootp,
        Self::OtherType,
        Self::Nameless,
        Self::NoInterface,
        Self::Limit,
        Self::NoRequest,
        Self::Duplicate,
        Self::Ambiguous,
        Self::NoLease,
        Self::NotHeld,
        Self::OtherPort,
        Self::OtherVrf,
        Self::NotAServer,
    ];

    /// The name in statistics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Bootp => "bootp",
            Self::OtherType => "other_type",
            Self::Nameless => "nameless",
            Self::NoInterface => "no_interface",
            Self::Limit => "clients_max",
            Self::NoRequest => "no_request",
            Self::Duplicate => "duplicate",
            Self::Ambiguous => "ambiguous",
            Self::NoLease => "no_lease",
            Self::NotHeld => "not_held",
            Self::OtherPort => "other_port",
            Self::OtherVrf => "other_vrf",
            Self::NotAServer => "not_a_server",
        }
    }

    /// Whether somebody may have forged the message: it came from where it cannot come from.
    pub fn is_suspicious(self) -> bool {
        matches!(self, Self::OtherPort | Self::OtherVrf | Self::NotAServer)
    }
}
