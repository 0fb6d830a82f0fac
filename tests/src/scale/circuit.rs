//! A client-facing interface of the relay, and the one client on it.
//!
//! Everything about the client follows from the number of the circuit, so that a reply which reaches another one is told
//! by every field.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use crate::lab::build::{BOOTREQUEST, Bootp, Datagram};

const TAG_8021Q: u16 = 0x8100;
const TAG_8021AD: u16 = 0x88a8;
/// Sub-option 1.
const CIRCUIT_ID: u8 = 1;
/// Sub-option 5 (RFC 3527).
const LINK_SELECTION: u8 = 5;

/// One interface of the relay with one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Circuit {
    /// From 1.
    pub number: u16,
    /// VLAN identifiers on the port, outermost first.
    pub vlans: Vec<u16>,
    /// The relay's address on the client's subnet.
    pub address: Ipv4Addr,
    /// What the relay writes into giaddr.
    pub giaddr: Ipv4Addr,
    /// The circuit-id in option 82, if the relay is to insert one.
    pub circuit_id: Option<String>,
}

impl Circuit {
    /// A circuit in these VLANs without option 82, whose giaddr is the relay's address on it.
    pub fn new(number: u16, vlans: &[u16]) -> Self {
        let address = on_subnet(number, 1);
        Self { number, vlans: vlans.to_vec(), address, giaddr: address, circuit_id: None }
    }

    /// The same with a circuit-id of its own.
    #[must_use]
    pub fn identified(mut self) -> Self {
        self.circuit_id = Some(format!("circuit {}", self.number));
        self
    }

    /// The same with this giaddr, and link selection with it.
    #[must_use]
    pub fn behind(mut self, giaddr: Ipv4Addr) -> Self {
        self.giaddr = giaddr;
        self
    }

    /// The same with another address of the relay on it, which is the giaddr too.
    #[must_use]
    pub fn at(mut self, address: Ipv4Addr) -> Self {
        (self.address, self.giaddr) = (address, address);
        self
    }

    /// The client's hardware address.
    pub fn mac(&self) -> [u8; 6] {
        let [high, low] = self.number.to_be_bytes();
        [0x02, 0, 0xcc, 0, high, low]
    }

    /// What the server offers to the client.
    pub fn leased(&self) -> Ipv4Addr {
        on_subnet(self.number, 100)
    }

    /// What the server is to find in option 82.
    pub fn option82(&self) -> Option<Vec<u8>> {
        let circuit_id = self.circuit_id.as_ref()?;
        let length = u8::try_from(circuit_id.len()).unwrap_or(u8::MAX);
        let mut value = vec![CIRCUIT_ID, length];
        value.extend(circuit_id.bytes());
        if self.giaddr != self.address {
            value.extend([LINK_SELECTION, 4]);
            value.extend(self.address.octets());
        }
        Some(value)
    }

    /// The tags of its frames: protocol and control information.
    pub fn tags(&self) -> Vec<(u16, u16)> {
        match self.vlans[..] {
            [outer, inner] => vec![(TAG_8021AD, outer), (TAG_8021Q, inner)],
            _ => self.vlans.iter().map(|vlan| (TAG_8021Q, *vlan)).collect(),
        }
    }

    /// The client's DISCOVER. It can take a unicast before it has an address.
    pub fn discover(&self, xid: u32) -> Vec<u8> {
        let mut message = Bootp::new(BOOTREQUEST, Some(1), self.mac());
        message.xid = xid;
        let mut datagram = Datagram::from_client(self.mac(), &message);
        datagram.tags = self.tags();
        datagram.frame()
    }

    /// The `[[interface]]` of the relay's configuration.
    pub fn configuration(&self, port: &str, group: &str) -> String {
        let mut text = format!("[[interface]]\nname = \"{port}\"\nserver_group = \"{group}\"\n");
        let vlan = match self.vlans[..] {
            [] => String::new(),
            [vlan] => format!("vlan = {vlan}\n"),
            _ => format!("vlan = {:?}\n", self.vlans),
        };
        // Writing to a String does not fail.
        let _ = write!(text, "{vlan}address = \"{}\"\ngiaddr = \"{}\"\n", self.address, self.giaddr);
        if let Some(circuit_id) = &self.circuit_id {
            let _ = write!(text, "[interface.option82]\ncircuit_id = \"{circuit_id}\"\n");
        }
        text.push('\n');
        text
    }
}

/// The number of the circuit whose client has this hardware address.
pub(super) fn number(mac: [u8; 6]) -> u16 {
    u16::from_be_bytes([mac[4], mac[5]])
}

/// A host of the subnet of circuit `number`: a /24 of 100.64.0.0/10 (RFC 6598).
pub(super) fn on_subnet(number: u16, host: u8) -> Ipv4Addr {
    let [high, low] = number.to_be_bytes();
    Ipv4Addr::new(100, 64 + (high & 0x3f), low, host)
}
