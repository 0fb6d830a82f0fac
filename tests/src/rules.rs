//! Single cases, each a sentence: what the relay does with one frame, in the words of the RFC or the design that says so.
//!
//! What is expected is built from nothing by `lab::build`. Every case is run on the host and in the kernel.

pub mod circuit;
pub mod delivery;
pub mod insertion;
pub mod policy;
pub mod refused;
pub mod reply;
pub mod request;
pub mod size;
pub mod smart;
pub mod untouched;
pub mod vrfs;

use std::net::Ipv4Addr;

use crate::generate::Spec;
use crate::generate::spec::Checksum;
use crate::lab::build::{BOOTREPLY, BOOTREQUEST, Bootp, Datagram};
use crate::oracle::world::{S0, Server, World, mac};

/// The client in all cases.
pub const CLIENT: [u8; 6] = [0x02, 0, 0, 0xcc, 0, 1];
/// The address it is given.
pub const LEASED: [u8; 4] = [192, 168, 60, 100];
/// A relay below us.
pub const OTHER_RELAY: [u8; 4] = [10, 200, 9, 1];

/// What becomes of a frame. Reasons are given by their labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Relayed; this is the copy for the first server.
    Server(Vec<u8>),
    /// Relayed; these are the copies for all servers that get one.
    Copies(Vec<Vec<u8>>),
    /// Relayed to the client as this frame.
    Client(Vec<u8>),
    /// Not DHCP.
    Ignored(&'static str),
    /// Not the relay's business.
    Passed(&'static str),
    /// For the slow path in any case.
    SlowPath(&'static str),
    /// Refused.
    Dropped(&'static str),
}

/// One frame and what becomes of it.
#[derive(Clone, Debug)]
pub struct Case {
    pub name: &'static str,
    pub spec: Spec,
    pub expect: Expect,
    /// Why the fast path leaves the frame to the slow path, where it does.
    pub slow: Option<&'static str>,
}

impl Case {
    /// The same case with a change to the frame that must not make a difference.
    fn with(mut self, change: impl FnOnce(&mut Spec)) -> Self {
        change(&mut self.spec);
        self
    }

    /// The fast path does not do it itself.
    fn slow(mut self, reason: &'static str) -> Self {
        self.slow = Some(reason);
        self
    }

    /// It came by unicast to our address on the client subnet.
    fn unicast(self, world: &World) -> Self {
        let port = world.ports.iter().find(|port| {
            let vlans: Vec<u16> = self.spec.tags.iter().map(|(_, control)| control & 0xfff).collect();
            port.device == self.spec.device && port.vlans.iter().copied().filter(|&vlan| vlan != 0).eq(vlans)
        });
        let port = port.expect("the case is on a port of the world");
        let address = world.interfaces[port.interface - 1].address;
        let mac = port.mac;
        self.with(|spec| {
            (spec.source, spec.source_port) = (OTHER_RELAY, 67);
            (spec.destination, spec.destination_mac) = (address, mac);
        })
    }
}

/// All cases, in the world of [`World::new`].
pub fn cases(world: &World) -> Vec<Case> {
    let mut cases = request::cases(world);
    cases.extend(reply::cases(world));
    cases.extend(insertion::cases(world));
    cases.extend(size::cases(world));
    cases.extend(smart::cases(world));
    cases.extend(policy::cases(world));
    cases.extend(circuit::cases(world));
    cases.extend(delivery::cases(world));
    cases.extend(refused::cases(world));
    cases.extend(untouched::cases(world));
    cases.extend(vrfs::cases(world));
    cases
}

/// A client's DHCP message with these octets behind the cookie, padded to 300.
pub fn discover(options: &[u8]) -> Vec<u8> {
    message(&Bootp::new(BOOTREQUEST, None, CLIENT), options, 300)
}

/// A server's OFFER of [`LEASED`] to a client of interface `number`, with these octets behind option 53.
pub fn offer(world: &World, number: usize, options: &[u8], padded: usize) -> Vec<u8> {
    let mut bootp = Bootp::new(BOOTREPLY, None, CLIENT);
    bootp.yiaddr = LEASED.into();
    bootp.giaddr = world.interfaces[number - 1].giaddr.into();
    message(&bootp, &[&[53, 1, 2], options].concat(), padded)
}

/// A client's message that ends with its last octet.
pub fn bare(options: &[u8]) -> Vec<u8> {
    message(&Bootp::new(BOOTREQUEST, None, CLIENT), options, 0)
}

/// The message as it comes from the relay below us.
pub fn chained(message: Vec<u8>) -> Vec<u8> {
    patched(patched(message, 24, &OTHER_RELAY), 3, &[1])
}

/// The fixed part of `bootp`, the cookie and what is behind it.
pub fn message(bootp: &Bootp, options: &[u8], padded: usize) -> Vec<u8> {
    let mut octets = bootp.bytes();
    octets.truncate(236);
    octets.extend([99, 130, 83, 99]);
    octets.extend(options);
    octets.resize(octets.len().max(padded), 0);
    octets
}

/// The message with other octets at an offset.
pub fn patched(mut message: Vec<u8>, at: usize, octets: &[u8]) -> Vec<u8> {
    message[at..at + octets.len()].copy_from_slice(octets);
    message
}

/// A client's broadcast on interface `number`.
pub fn from_client(world: &World, number: usize, message: Vec<u8>) -> Spec {
    let interface = &world.interfaces[number - 1];
    let tags = match interface.vlans {
        [0, _] => vec![],
        [one, 0] => vec![(interface.tpid, one)],
        [outer, inner] => vec![(interface.tpid, outer), (0x8100, inner)],
    };
    Spec {
        device: interface.device,
        destination_mac: [0xff; 6],
        source_mac: CLIENT,
        tags,
        ethertype: 0x0800,
        version_ihl: 0x45,
        tos: 0x10,
        identification: 0,
        fragment: 0,
        ttl: 64,
        protocol: 17,
        source: [0; 4],
        destination: [255; 4],
        ip_options: vec![],
        total_off: 0,
        ip_checksum_off: 0,
        source_port: 68,
        destination_port: 67,
        udp_off: 0,
        checksum: Checksum::Right,
        message,
        slack: vec![],
        padding: vec![],
    }
}

/// A reply of the first server to the giaddr of interface `number`, on the port of that server.
pub fn from_server(world: &World, number: usize, message: Vec<u8>) -> Spec {
    let interface = &world.interfaces[number - 1];
    let server = &world.groups[interface.group].servers[0];
    let device = if server.device == 0 { S0 } else { server.device };
    Spec {
        device,
        tags: vec![],
        destination_mac: mac(device),
        source_mac: [0x02, 0, 0, 0xbb, 0, 1],
        source: server.address,
        destination: interface.giaddr,
        source_port: 67,
        ..from_client(world, number, message)
    }
}

/// The request as the first server gets it: hops one more, our giaddr where there was none.
fn relayed(world: &World, name: &'static str, number: usize, message: Vec<u8>) -> Case {
    relayed_as(world, name, number, message.clone(), message)
}

/// The same with another message, whose hops and giaddr are the client's still.
fn relayed_as(world: &World, name: &'static str, number: usize, message: Vec<u8>, payload: Vec<u8>) -> Case {
    let server = &world.groups[world.interfaces[number - 1].group].servers[0];
    let spec = from_client(world, number, message);
    Case { name, spec, expect: Expect::Server(copy_for(world, number, server, payload)), slow: None }
}

/// The copy for a server of a message whose hops and giaddr are the client's still.
fn copy_for(world: &World, number: usize, server: &Server, mut payload: Vec<u8>) -> Vec<u8> {
    let interface = &world.interfaces[number - 1];
    payload[3] += 1;
    if payload[24..28] == [0; 4] {
        payload[24..28].copy_from_slice(&interface.giaddr);
    }
    let copy = Datagram {
        destination_mac: server.next_mac,
        source_mac: server.port_mac,
        tags: vec![],
        source: interface.source.into(),
        destination: server.address.into(),
        source_port: 67,
        destination_port: 67,
        ttl: 64,
        tos: interface.tos,
        payload,
    };
    copy.frame()
}

/// The reply as the client gets it: this message, to these addresses.
fn delivered(
    world: &World,
    name: &'static str,
    number: usize,
    message: Vec<u8>,
    payload: Vec<u8>,
    (destination_mac, destination): ([u8; 6], [u8; 4]),
) -> Case {
    let interface = &world.interfaces[number - 1];
    let frame = Datagram {
        destination_mac,
        source_mac: interface.mac,
        tags: from_client(world, number, vec![]).tags,
        source: interface.address.into(),
        destination: Ipv4Addr::from(destination),
        source_port: 67,
        destination_port: 68,
        ttl: 64,
        tos: interface.tos,
        payload,
    };
    let spec = from_server(world, number, message);
    Case { name, spec, expect: Expect::Client(frame.frame()), slow: None }
}

fn case(name: &'static str, spec: Spec, expect: Expect) -> Case {
    Case { name, spec, expect, slow: None }
}
