//! What makes two messages one client's: interface, VRF, and the client identifier or else the hardware address.
//!
//! RFC 2131 section 4.2: a client that sends an identifier is known by it alone, so that a machine that boots from the
//! network and then starts its system may be two clients with one hardware address. The interface is part of
//! the key because one hardware address on two VLANs is two clients, and because what arrives on one port must not
//! touch what another port's clients hold.

use relay_common::event::{CLIENT_ID_LEN, Event};

use super::client::Hardware;

/// A client's own name for itself.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// 0: the hardware address; else octets of the client identifier on the wire.
    len: u8,
    /// Octets of the hardware address where it counts, else 0.
    hlen: u8,
    octets: [u8; CLIENT_ID_LEN],
    /// The hardware address, when there is no client identifier or not all of it is in `octets`.
    chaddr: [u8; 16],
}

/// Octets of an [`Identity`] in the store.
pub(crate) const IDENTITY_LEN: usize = 2 + CLIENT_ID_LEN + 16;

impl Identity {
    /// Of the client that sent `event`; `None` when it names itself in no way.
    ///
    /// Of an identifier that is longer than a record carries the first octets, the length and the hardware address
    /// together are taken for it.
    pub fn of(event: &Event) -> Option<Self> {
        let len = event.client_id_len;
        let cut = usize::from(len) > CLIENT_ID_LEN;
        let by_hardware = len == 0 || cut;
        if len == 0 && event.hlen == 0 {
            return None;
        }
        Some(Self {
            len,
            hlen: if by_hardware { event.hlen.min(16) } else { 0 },
            octets: if len == 0 { [0; CLIENT_ID_LEN] } else { event.client_id },
            chaddr: if by_hardware { Hardware::of(event).octets } else { [0; 16] },
        })
    }

    /// The client identifier as far as it is known; `None` for a client that goes by its hardware address.
    pub fn client_id(&self) -> Option<&[u8]> {
        (self.len > 0).then(|| &self.octets[..usize::from(self.len).min(CLIENT_ID_LEN)])
    }

    /// As octets, for the store.
    pub(crate) fn to_octets(self) -> [u8; IDENTITY_LEN] {
        let mut octets = [0; IDENTITY_LEN];
        octets[0] = self.len;
        octets[1] = self.hlen;
        octets[2..2 + CLIENT_ID_LEN].copy_from_slice(&self.octets);
        octets[2 + CLIENT_ID_LEN..].copy_from_slice(&self.chaddr);
        octets
    }

    /// From what [`Self::to_octets`] made.
    pub(crate) fn from_octets(octets: &[u8; IDENTITY_LEN]) -> Self {
        Self {
            len: octets[0],
            hlen: octets[1],
            octets: std::array::from_fn(|i| octets[2 + i]),
            chaddr: std::array::from_fn(|i| octets[2 + CLIENT_ID_LEN + i]),
        }
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.client_id() {
            Some(octets) => write!(f, "id {octets:02x?}/{}", self.len),
            None => write!(f, "hw {:02x?}", &self.chaddr[..usize::from(self.hlen).min(16)]),
        }
    }
}

/// The key of the client table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Index of the client-facing interface.
    pub interface: u32,
    /// Routing table of its VRF, 0 for the main table.
    pub vrf: u32,
    /// The client.
    pub identity: Identity,
}

impl Key {
    /// In `interface` of a key that is only to be taken out of the store: its number may be another interface's by now.
    pub const GONE: u32 = 1 << 31;

    /// Of the client that sent `event` on the interface it came in on; `None` when it does not say who it is.
    pub fn of(event: &Event) -> Option<Self> {
        Some(Self { interface: event.interface, vrf: event.vrf, identity: Identity::of(event)? })
    }
}
