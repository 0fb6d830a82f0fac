//! What is known of one client.
//!
//! Two things happen to a client independently: it holds a lease, and it has a dialogue going. A bound client that
//! restarts and sends a DISCOVER still holds its lease until a server gives it another, so the state speaks of the
//! lease as long as there is one, and of the dialogue only before and after.

use std::net::Ipv4Addr;

use relay_common::event::Event;
use smallvec::SmallVec;

use super::{key::Key, time::BootTime};

/// Where a client stands (RFC 2131 figure 5, as far as a relay agent can see it).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// It has sent a DISCOVER.
    Selecting,
    /// It has sent a REQUEST and holds no lease.
    Requesting,
    /// It holds a lease.
    Bound,
    /// It holds a lease and has asked its server to extend it.
    Renewing,
    /// It holds a lease and has asked all servers to extend it.
    Rebinding,
    /// It has given its lease back.
    Released,
    /// It has found its address in use by somebody else.
    Declined,
    /// A server has refused it its address.
    Refused,
    /// Its lease has run out, or a server gave the address to another client.
    Expired,
}

impl State {
    /// Every state, in the order of a client's life.
    pub const ALL: [Self; 9] = [
        Self::Selecting,
        Self::Requesting,
        Self::Bound,
        Self::Renewing,
        Self::Rebinding,
        Self::Released,
        Self::Declined,
        Self::Refused,
        Self::Expired,
    ];

    /// Whether a lease is held.
    pub fn is_bound(self) -> bool {
        matches!(self, Self::Bound | Self::Renewing | Self::Rebinding)
    }

    /// Whether the client has nothing and has asked for nothing definite: such entries make way for others.
    pub fn is_idle(self) -> bool {
        !self.is_bound() && self != Self::Requesting
    }

    /// The name in tables and in JSON.
    pub fn label(self) -> &'static str {
        match self {
            Self::Selecting => "selecting",
            Self::Requesting => "requesting",
            Self::Bound => "bound",
            Self::Renewing => "renewing",
            Self::Rebinding => "rebinding",
            Self::Released => "released",
            Self::Declined => "declined",
            Self::Refused => "refused",
            Self::Expired => "expired",
        }
    }
}

/// A hardware address (`chaddr` and `hlen`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hardware {
    /// Octets that count.
    pub len: u8,
    /// The address, zeros behind `len`.
    pub octets: [u8; 16],
}

impl Hardware {
    /// The one in a message.
    pub fn of(event: &Event) -> Self {
        let len = event.hlen.min(16);
        // What a client leaves behind its address is not part of it.
        Self { len, octets: std::array::from_fn(|i| if i < usize::from(len) { event.chaddr[i] } else { 0 }) }
    }

    /// The address as far as it counts.
    pub fn octets(&self) -> &[u8] {
        &self.octets[..usize::from(self.len).min(self.octets.len())]
    }

    /// As an Ethernet unicast address; `None` when it is none.
    pub fn ethernet(&self) -> Option<[u8; 6]> {
        let address: [u8; 6] = self.octets().try_into().ok()?;
        (address[0] & 1 == 0 && address != [0; 6]).then_some(address)
    }
}

/// What one server offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Where the OFFER came from.
    pub server: Ipv4Addr,
    /// What the server calls itself (option 54).
    pub server_id: Ipv4Addr,
    /// The address offered.
    pub address: Ipv4Addr,
    /// Lease time, seconds.
    pub lease: u32,
}

/// What a server has acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The client's address.
    pub address: Ipv4Addr,
    /// The hardware address it was acknowledged to.
    pub hardware: Hardware,
    /// Where the last ACK came from.
    pub server: Ipv4Addr,
    /// What that server calls itself (option 54).
    pub server_id: Ipv4Addr,
    /// Lease time of the last ACK, seconds; `u32::MAX` is without end (RFC 2131 section 3.3).
    pub seconds: u32,
    /// Renewal time T1 in seconds, 0 when the server left it to the client.
    pub t1: u32,
    /// Rebinding time T2 in seconds, 0 likewise.
    pub t2: u32,
    /// When the last ACK was seen.
    pub since: BootTime,
    /// When the lease ends.
    pub expires: BootTime,
}

/// How far a dialogue is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// None has been seen.
    None,
    /// A DISCOVER waits for OFFERs.
    Discover,
    /// A REQUEST waits for its answer.
    Request,
    /// A REQUEST has been answered: what other servers say to it comes too late for the client too.
    Answered,
}

/// The dialogue that a client has going, or had last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialogue {
    /// How far it is.
    pub phase: Phase,
    /// Transaction identifier of the client's last message.
    pub xid: u32,
    /// The address asked for: option 50, or else ciaddr.
    pub requested: Ipv4Addr,
    /// The server chosen (option 54), 0.0.0.0 where the client speaks to all.
    pub server_id: Ipv4Addr,
    /// `secs` of the client's last message.
    pub secs: u16,
    /// When the client's last message was seen.
    pub asked: BootTime,
}

impl Dialogue {
    /// No dialogue yet.
    pub(crate) const NONE: Self = Self {
        phase: Phase::None,
        xid: 0,
        requested: Ipv4Addr::UNSPECIFIED,
        server_id: Ipv4Addr::UNSPECIFIED,
        secs: 0,
        asked: BootTime::from_nanos(0),
    };
}

/// One entry of the table.
#[derive(Clone, Debug)]
pub struct Client {
    /// Who it is.
    pub key: Key,
    /// Its hardware address.
    pub hardware: Hardware,
    /// Where it stands.
    pub state: State,
    /// No other relay agent is between it and this one: it can have a host route and a neighbour here.
    pub on_link: bool,
    /// The last lease; held as long as [`State::is_bound`].
    pub lease: Option<Lease>,
    /// The dialogue.
    pub dialogue: Dialogue,
    /// What servers have offered in the dialogue, or in the one before it; two are the common case.
    pub offers: SmallVec<[Offer; 2]>,
    /// The store knows it as it is.
    pub(crate) saved: bool,
    /// The store has a row of it.
    pub(crate) stored: bool,
    /// The kernel was asked for a host route.
    pub(crate) routed: bool,
}

impl Client {
    /// One of which nothing is known but its name.
    pub(crate) fn new(key: Key, hardware: Hardware, state: State) -> Self {
        Self {
            key,
            hardware,
            state,
            on_link: false,
            lease: None,
            dialogue: Dialogue::NONE,
            offers: SmallVec::new(),
            saved: true,
            stored: false,
            routed: false,
        }
    }

    /// The lease it holds now.
    pub fn held(&self) -> Option<&Lease> {
        self.lease.as_ref().filter(|_| self.state.is_bound())
    }
}
