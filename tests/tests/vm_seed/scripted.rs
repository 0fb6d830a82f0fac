//! A client that says what the test has it say, once, and when the test has seen what it waits for: real clients take the
//! first offer while others are under way, and repeat themselves on a slow machine.

use std::net::Ipv4Addr;

use relay_tests::lab::build::{BOOTREQUEST, Bootp, Datagram};
use relay_tests::lab::frame::{Direction, Packet};
use relay_tests::lab::packet::{Deliver, PacketSocket};
use relay_tests::lab::scenario::Step;
use relay_tests::lab::{Capture, Namespace};
use relay_tests::vm::seed::seen::{DEADLINE, leased, server_identifier};
use relay_tests::vm::seed::{EDGE, Seed};

const DISCOVER: u8 = 1;
const REQUEST: u8 = 3;
const RELEASE: u8 = 7;
const REQUESTED_ADDRESS: u8 = 50;
const SERVER_IDENTIFIER: u8 = 54;

/// The client.
pub(super) struct Scripted {
    pub(super) capture: Capture,
    mac: [u8; 6],
    socket: PacketSocket,
    _host: Namespace,
}

impl Scripted {
    pub(super) fn new(seed: &Seed) -> Self {
        let host = seed.client("c1").unwrap();
        let capture = Capture::start(&host, EDGE).unwrap();
        let socket = PacketSocket::open(&host, EDGE, Deliver::Nothing).unwrap();
        Self { mac: host.mac(EDGE).unwrap(), socket, capture, _host: host }
    }

    /// Begins a dialogue.
    pub(super) fn discovers(&self, xid: u32) {
        self.broadcasts(&self.message(DISCOVER, xid));
    }

    /// Takes an offer.
    pub(super) fn takes(&self, offer: &Packet) {
        let request = self
            .message(REQUEST, offer.bootp().unwrap().xid())
            .option(REQUESTED_ADDRESS, &leased(offer).unwrap().octets())
            .option(SERVER_IDENTIFIER, &server_identifier(offer).unwrap().octets());
        self.broadcasts(&request);
    }

    /// Asks its server, which is a relay, for more time.
    pub(super) fn renews(&self, seed: &Seed, ack: &Packet, xid: u32) {
        self.unicasts(seed, ack, self.message(REQUEST, xid));
    }

    /// Gives its lease back.
    pub(super) fn releases(&self, seed: &Seed, ack: &Packet, xid: u32) {
        let server = server_identifier(ack).unwrap();
        self.unicasts(seed, ack, self.message(RELEASE, xid).option(SERVER_IDENTIFIER, &server.octets()));
    }

    /// Waits until so many replies of a step have come, and gives them.
    pub(super) fn replies(&self, step: Step, count: usize) -> Vec<Packet> {
        self.capture
            .wait_for(&format!("{count} of {step:?}"), DEADLINE, |frames| {
                let packets = frames.iter().filter(|frame| frame.direction == Direction::Incoming);
                let packets = packets.filter_map(|frame| frame.packet().ok());
                let replies: Vec<_> = packets.filter(|packet| Step::of(packet) == Some(step)).collect();
                (replies.len() >= count).then_some(replies)
            })
            .unwrap()
    }

    fn message(&self, kind: u8, xid: u32) -> Bootp {
        let mut message = Bootp::new(BOOTREQUEST, Some(kind), self.mac);
        message.xid = xid;
        message
    }

    fn broadcasts(&self, message: &Bootp) {
        self.socket.send(&Datagram::from_client(self.mac, message).frame()).unwrap();
    }

    fn unicasts(&self, seed: &Seed, ack: &Packet, mut message: Bootp) {
        let (server, address): (Ipv4Addr, _) = (server_identifier(ack).unwrap(), leased(ack).unwrap());
        let relay = seed.relays.iter().find(|relay| relay.address == server).unwrap();
        message.ciaddr = address;
        let datagram = Datagram {
            destination_mac: relay.host.mac(EDGE).unwrap(),
            source: address,
            destination: server,
            ..Datagram::from_client(self.mac, &message)
        };
        self.socket.send(&datagram.frame()).unwrap();
    }
}
