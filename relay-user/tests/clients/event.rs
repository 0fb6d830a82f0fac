//! DHCP messages as records, told in few words.

use std::net::Ipv4Addr;

use bytemuck::Zeroable as _;
use relay_common::event::{Event, flag, path};
use relay_user::clients::BootTime;

pub(crate) const DISCOVER: u8 = 1;
pub(crate) const OFFER: u8 = 2;
pub(crate) const REQUEST: u8 = 3;
pub(crate) const DECLINE: u8 = 4;
pub(crate) const ACK: u8 = 5;
pub(crate) const NAK: u8 = 6;
pub(crate) const RELEASE: u8 = 7;
pub(crate) const INFORM: u8 = 8;

pub(crate) const SECOND: u64 = 1_000_000_000;

/// Seconds since boot.
pub(crate) fn at(seconds: u64) -> BootTime {
    BootTime::from_nanos(seconds * SECOND)
}

pub(crate) fn ip(text: &str) -> Ipv4Addr {
    text.parse().expect("an address")
}

/// A message of the client with that number, on interface 1 of the main table.
fn message(op: u8, message: u8, client: u8, xid: u32) -> Event {
    let mut chaddr = [0; 16];
    chaddr[..6].copy_from_slice(&[2, 0, 0, 0, 0, client]);
    Event {
        op,
        message,
        path: path::FAST,
        flags: flag::ETHERNET,
        hlen: 6,
        xid,
        interface: 1,
        chaddr,
        destination: [255; 4],
        ..Event::zeroed()
    }
}

/// From a client, by broadcast.
pub(crate) fn from_client(kind: u8, client: u8, xid: u32) -> Event {
    message(1, kind, client, xid)
}

/// From a server, relayed.
pub(crate) fn from_server(kind: u8, client: u8, xid: u32, server: &str) -> Event {
    let server = ip(server).octets();
    let mut event = message(2, kind, client, xid);
    event.flags |= flag::UPSTREAM;
    event.source = server;
    event.server_id = server;
    event.destination = [192, 0, 2, 1];
    event
}

/// What can be said of a message beyond that.
pub(crate) trait With: Sized {
    fn with(self, change: impl FnOnce(&mut Event)) -> Self;

    fn yours(self, address: &str) -> Self {
        self.with(|event| event.yiaddr = ip(address).octets())
    }
    fn mine(self, address: &str) -> Self {
        self.with(|event| event.ciaddr = ip(address).octets())
    }
    fn asks(self, address: &str) -> Self {
        self.with(|event| event.requested = ip(address).octets())
    }
    fn of_server(self, server: &str) -> Self {
        self.with(|event| event.server_id = ip(server).octets())
    }
    fn lease(self, seconds: u32) -> Self {
        self.with(|event| {
            event.lease = seconds;
            event.flags |= flag::LEASE;
        })
    }
    fn on(self, interface: u32, vrf: u32) -> Self {
        self.with(|event| (event.interface, event.vrf) = (interface, vrf))
    }
    fn id(self, octets: &[u8]) -> Self {
        self.with(|event| {
            event.client_id_len = octets.len() as u8;
            let kept = octets.len().min(32);
            event.client_id[..kept].copy_from_slice(&octets[..kept]);
        })
    }
    /// By unicast through the router, not relayed.
    fn passing_to(self, destination: &str) -> Self {
        self.with(|event| {
            event.path = path::PASSING;
            event.destination = ip(destination).octets();
            if event.op == 2 {
                event.interface = 0;
            }
        })
    }
    fn stamped(self, time: BootTime) -> Self {
        self.with(|event| event.timestamp = time.nanos())
    }
}

impl With for Event {
    fn with(mut self, change: impl FnOnce(&mut Event)) -> Self {
        change(&mut self);
        self
    }
}
