//! Every server gets every client message exactly once: 1, 2, 8 and 32 servers behind one egress port, and spread over
//! three, in every mode, told from captures at the servers.

#![allow(clippy::unwrap_used, reason = "a test panics; clippy exempts only the functions marked #[test]")]

use std::net::Ipv4Addr;
use std::time::Duration;

use relay_tests::lab::build::{BOOTREQUEST, Bootp, Datagram};
use relay_tests::lab::frame::{Checksum, Packet};
use relay_tests::lab::packet::{Deliver, PacketSocket};
use relay_tests::lab::{Capture, Lab, Namespace};
use relay_tests::subject::{Mode, XdpDhcrelay, stats};

const DEADLINE: Duration = Duration::from_secs(20);
const RELAY: Ipv4Addr = Ipv4Addr::new(192, 168, 60, 2);
/// DISCOVER, REQUEST, DECLINE, RELEASE, INFORM, plain BOOTP, and a type nobody knows.
const KINDS: [Option<u8>; 7] = [Some(1), Some(3), Some(4), Some(7), Some(8), None, Some(200)];

struct Network {
    client: Namespace,
    relay: Namespace,
    /// One host for each egress port of the relay, with the MAC of that port.
    hosts: Vec<(Namespace, [u8; 6])>,
    servers: Vec<Ipv4Addr>,
    _lab: Lab,
}

fn network(title: &str, servers: usize, ports: usize) -> Network {
    let lab = Lab::new(title).unwrap();
    let client = lab.host("c").unwrap();
    let relay = lab.host("r").unwrap();
    lab.link(&client, "eth0", &relay, "eth0").unwrap();
    client.offload("eth0", "tx", false).unwrap();
    relay.address("eth0", &format!("{RELAY}/24")).unwrap();
    let mut hosts = Vec::new();
    for port in 0..ports {
        let host = lab.host(&format!("s{port}")).unwrap();
        let egress = format!("eth{}", port + 1);
        lab.link(&relay, &egress, &host, "eth0").unwrap();
        relay.address(&egress, &format!("10.0.{}.1/24", 41 + port)).unwrap();
        let mac = relay.mac(&egress).unwrap();
        hosts.push((host, mac));
    }
    let mut addresses = Vec::new();
    for server in 0..servers {
        let port = server % ports;
        let address = Ipv4Addr::new(10, 0, 41 + port as u8, 10 + server as u8);
        hosts[port].0.address("eth0", &format!("{address}/24")).unwrap();
        addresses.push(address);
    }
    Network { client, relay, hosts, servers: addresses, _lab: lab }
}

fn every_server_gets_every_message_once(mode: Mode, servers: usize, ports: usize) {
    let network = network(&format!("fan-{mode:?}-{servers}-{ports}").to_lowercase(), servers, ports);
    let subject = XdpDhcrelay::new(mode);
    let (relay, socket) = subject.start_on(&network.relay, "eth0", &network.servers).unwrap();
    let captures: Vec<Capture> =
        network.hosts.iter().map(|(host, _)| Capture::incoming(host, "eth0").unwrap()).collect();

    let mac = network.client.mac("eth0").unwrap();
    let sender = PacketSocket::open(&network.client, "eth0", Deliver::Nothing).unwrap();
    let mut messages = Vec::new();
    for (number, kind) in (0u32..).zip(KINDS) {
        let mut message = Bootp::new(BOOTREQUEST, kind, mac);
        message.xid = 0x0100_0000 + number;
        // Odd and even lengths, with and without padding.
        message.padded_to = 300 + 7 * number as usize;
        sender.send(&Datagram::from_client(mac, &message).frame()).unwrap();
        messages.push(message);
    }
    let last = 0x0100_0000 + messages.len() as u32 - 1;
    for (index, server) in network.servers.iter().enumerate() {
        captures[index % ports]
            .wait_for_dhcp(&format!("the last message for {server}"), 0, DEADLINE, |_, packet| {
                packet.ip.destination == *server && packet.bootp().is_ok_and(|bootp| bootp.xid() == last)
            })
            .unwrap_or_else(|error| panic!("{mode:?}, {servers} servers on {ports} ports: {error:#}"));
    }
    for (index, server) in network.servers.iter().enumerate() {
        let (host, port_mac) = &network.hosts[index % ports];
        let arrived: Vec<Packet> = captures[index % ports]
            .dhcp()
            .into_iter()
            .map(|(_, packet)| packet)
            .filter(|packet| packet.ip.destination == *server)
            .collect();
        assert_eq!(arrived.len(), messages.len(), "{mode:?}: messages at {server}: {arrived:?}");
        for message in &messages {
            let copies: Vec<&Packet> = arrived
                .iter()
                .filter(|packet| packet.bootp().is_ok_and(|bootp| bootp.xid() == message.xid))
                .collect();
            let [copy] = copies[..] else {
                panic!("{mode:?}: {} copies of {message:?} at {server}", copies.len())
            };
            right_copy(copy, message, host.mac("eth0").unwrap(), *port_mac);
        }
    }
    let counted = stats(&socket).unwrap();
    let expected = (messages.len() * servers) as u64;
    let copies = if mode.is_fast() { counted.copies.fast } else { counted.copies.slow };
    assert_eq!(copies, expected, "{mode:?}: {counted:?}");
    drop(relay);
}

fn right_copy(copy: &Packet, message: &Bootp, server_mac: [u8; 6], port_mac: [u8; 6]) {
    assert_eq!(copy.ethernet.destination, server_mac, "{copy}");
    assert_eq!(copy.ethernet.source, port_mac, "{copy}");
    assert_eq!(copy.ip.source, RELAY, "{copy}");
    assert_eq!((copy.udp.source, copy.udp.destination), (67, 67), "{copy}");
    assert_eq!((copy.ip.ttl, copy.ip.tos), (64, 48 << 2), "{copy}");
    assert!(copy.ip.header_checksum_right, "{copy}");
    assert_eq!(copy.udp.checksum, Checksum::Right, "{copy}");
    let mut expected = message.bytes();
    expected[3] = 1;
    expected[24..28].copy_from_slice(&RELAY.octets());
    assert_eq!(copy.payload, expected, "{copy}");
    assert_eq!(usize::from(copy.udp.length), 8 + expected.len(), "{copy}");
    assert_eq!(usize::from(copy.ip.total_length), 28 + expected.len(), "{copy}");
}

#[test]
fn one_server_gets_every_message_once() {
    for mode in Mode::ALL {
        every_server_gets_every_message_once(mode, 1, 1);
    }
}

#[test]
fn two_servers_get_every_message_once() {
    for mode in Mode::ALL {
        every_server_gets_every_message_once(mode, 2, 1);
    }
}

#[test]
fn eight_servers_get_every_message_once() {
    for mode in Mode::ALL {
        every_server_gets_every_message_once(mode, 8, 1);
    }
}

#[test]
fn thirty_two_servers_get_every_message_once() {
    for mode in Mode::ALL {
        every_server_gets_every_message_once(mode, 32, 1);
    }
}

#[test]
fn eight_servers_behind_three_ports_get_every_message_once() {
    for mode in Mode::ALL {
        every_server_gets_every_message_once(mode, 8, 3);
    }
}

#[test]
fn thirty_two_servers_behind_three_ports_get_every_message_once() {
    for mode in Mode::ALL {
        every_server_gets_every_message_once(mode, 32, 3);
    }
}
