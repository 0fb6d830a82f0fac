//! A flood of DISCOVERs on a client's port, each of another client, while bound clients renew: the table keeps every one of
//! them and has every ACK, whatever it cannot take of the flood.
//!
//! `cargo xtask bench flood` does it with a million a second for twenty seconds, which no packet socket reaches.

#![allow(clippy::unwrap_used, reason = "a test panics; clippy exempts only the functions marked #[test]")]

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use relay_tests::lab::build::{BOOTREPLY, BOOTREQUEST, Bootp, Datagram};
use relay_tests::lab::direct::{Direct, EDGE, RELAY, upstream};
use relay_tests::lab::packet::{Deliver, PacketSocket};
use relay_tests::lab::{Namespace, wait};
use relay_tests::subject::Mode;
use relay_tests::vm::daemon::Daemon;
use relay_user::control::leases::{Filter, Leases};
use relay_user::control::{self, Command, Question};
use relay_user::socket::FrameSender;

const DEADLINE: Duration = Duration::from_secs(120);
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 41, 10);
/// A tenth of what the interface has room for, most of which the flood will take.
const BOUND: u16 = 1_000;
const ROOM: u32 = 10_000;
/// Offset of the message in a frame.
const MESSAGE: usize = 14 + 20 + 8;

struct Scene {
    network: Direct,
    daemon: Daemon,
    from_client: PacketSocket,
    from_server: PacketSocket,
    relay_macs: [[u8; 6]; 2],
    server_mac: [u8; 6],
}

fn mac(client: u16) -> [u8; 6] {
    let [high, low] = client.to_be_bytes();
    [2, 0, 0, 1, high, low]
}

fn address(client: u16) -> Ipv4Addr {
    let [high, low] = client.to_be_bytes();
    Ipv4Addr::new(192, 168, 64 + high, low)
}

impl Scene {
    fn new(mode: Mode) -> Self {
        let network = Direct::new(&format!("flood-{mode:?}").to_lowercase(), 1).unwrap();
        network.hosts[0].address(EDGE, &format!("{SERVER}/24")).unwrap();
        // Renewals come back to clients that have no kernel to answer for them: what arrives at the relay is all that counts.
        let daemon = Daemon::start(
            &network.relay,
            mode,
            &format!(
                "[[server_group]]\nname = \"core\"\nservers = [\"{SERVER}\"]\n\
                 [[interface]]\nname = \"{EDGE}\"\nserver_group = \"core\"\nclients_max = {ROOM}\n"
            ),
        )
        .unwrap();
        let socket = |host: &Namespace| PacketSocket::open(host, EDGE, Deliver::Nothing).unwrap();
        let (from_client, from_server) = (socket(&network.client), socket(&network.hosts[0]));
        let relay_macs = [EDGE.to_owned(), upstream(0)].map(|port| network.relay.mac(&port).unwrap());
        let server_mac = network.hosts[0].mac(EDGE).unwrap();
        Self { network, daemon, from_client, from_server, relay_macs, server_mac }
    }

    fn message(&self, op: u8, kind: u8, client: u16, round: u32) -> Bootp {
        Bootp { xid: round << 16 | u32::from(client), ..Bootp::new(op, Some(kind), mac(client)) }
    }

    fn ack(&self, client: u16, round: u32) -> Bootp {
        Bootp { yiaddr: address(client), ..self.message(BOOTREPLY, 5, client, round) }
            .option(54, &SERVER.octets())
            .option(51, &(3600 + round).to_be_bytes())
    }

    /// A client gets its lease through the relay.
    fn bind(&self, client: u16) {
        let request = self
            .message(BOOTREQUEST, 3, client, 0)
            .option(54, &SERVER.octets())
            .option(50, &address(client).octets());
        self.from_client.send(&Datagram::from_client(mac(client), &request).frame()).unwrap();
        let ack = Bootp { giaddr: RELAY, ..self.ack(client, 0) };
        let datagram = Datagram::between((self.server_mac, SERVER), (self.relay_macs[1], RELAY), &ack);
        self.from_server.send(&datagram.frame()).unwrap();
    }

    /// It renews it with the server, past the relay.
    fn asks(&self, client: u16, round: u32) {
        let request = Bootp { ciaddr: address(client), ..self.message(BOOTREQUEST, 3, client, round) };
        let datagram = Datagram {
            destination_mac: self.relay_macs[0],
            source: address(client),
            destination: SERVER,
            ..Datagram::from_client(mac(client), &request)
        };
        self.from_client.send(&datagram.frame()).unwrap();
    }

    fn answers(&self, client: u16, round: u32) {
        let from = (self.server_mac, SERVER);
        let to = (self.relay_macs[1], address(client));
        let datagram =
            Datagram { destination_port: 68, ..Datagram::between(from, to, &self.ack(client, round)) };
        self.from_server.send(&datagram.frame()).unwrap();
    }

    /// Clients that are bound, those of them whose last ACK was that of `round`, and those of them that wait for one.
    fn known(&self, round: u32) -> (Vec<u16>, usize) {
        let filter = Filter { interface: Some(EDGE.to_owned()), ..Filter::default() };
        let leases: Leases =
            control::ask(self.daemon.socket(), Question { command: Command::Leases, filter }).unwrap();
        let bound = leases
            .leases
            .iter()
            .filter(|lease| ["bound", "renewing", "rebinding"].contains(&lease.state.as_str()));
        let of_round = |lease: &&relay_user::control::leases::LeaseRow| {
            lease.state == "bound" && lease.lease_seconds == Some(3600 + round)
        };
        let done: Vec<Option<Ipv4Addr>> = bound.clone().filter(of_round).map(|lease| lease.address).collect();
        let missing = (0..BOUND).filter(|client| !done.contains(&Some(address(*client)))).collect();
        (missing, bound.count())
    }
}

/// Floods the relay from the client's end of the wire until it is told to stop; how many frames.
fn flood(host: &Namespace, own: [u8; 6], stop: &AtomicBool, sent: &AtomicU64) {
    let device = host.ifindex(EDGE).unwrap();
    let sender = host.enter(|| FrameSender::open().unwrap()).unwrap();
    let discover = Bootp::new(BOOTREQUEST, Some(1), [2, 0, 0, 0, 0, 0]);
    let mut frame = Datagram::from_client(own, &discover).frame();
    // Without a UDP checksum, so that nothing else has to be changed with the addresses.
    frame[MESSAGE - 2..MESSAGE].fill(0);
    let mut frames = vec![frame; 64];
    let mut number = 0u32;
    while !stop.load(Ordering::Relaxed) {
        for frame in &mut frames {
            number += 1;
            frame[MESSAGE + 4..MESSAGE + 8].copy_from_slice(&number.to_be_bytes());
            frame[MESSAGE + 30..MESSAGE + 34].copy_from_slice(&number.to_be_bytes());
        }
        let batch: Vec<(u32, &[u8])> = frames.iter().map(|frame| (device, frame.as_slice())).collect();
        let refused = sender.send_batch(&batch).failures.len();
        sent.fetch_add((frames.len() - refused) as u64, Ordering::Relaxed);
    }
}

/// Every bound client renews `rounds` times in a flood, and longer if the flood has not lasted `least` then.
fn nobody_is_lost(mode: Mode, rounds: u32, least: Duration) {
    let scene = Scene::new(mode);
    let (stop, sent) = (AtomicBool::new(false), AtomicU64::new(0));
    // A veth's ring may be full of other frames: a lost one is sent again, as clients and servers do.
    let until = |round: u32, again: &dyn Fn(u16)| {
        (0..BOUND).for_each(again);
        wait::until(&format!("round {round} is in the table"), DEADLINE, || {
            let (missing, bound) = scene.known(round);
            assert!(
                round == 0 || bound == usize::from(BOUND),
                "{mode:?}: {bound} are bound in round {round}"
            );
            missing.iter().for_each(|client| again(*client));
            Ok(missing.is_empty().then_some(()))
        })
        .unwrap_or_else(|error| panic!("{mode:?}: {error:#}\n{:?}", scene.daemon.stats()));
    };
    until(0, &|client| scene.bind(client));
    let (begin, mut round) = (Instant::now(), 0);
    std::thread::scope(|scope| {
        // Ends the flood also when a round fails.
        let _stop = Stop(&stop);
        let (host, own) = (scene.network.client.clone(), scene.network.client_mac);
        let (stop, sent) = (&stop, &sent);
        scope.spawn(move || flood(&host, own, stop, sent));
        while round < rounds || begin.elapsed() < least {
            round += 1;
            until(round, &|client| {
                scene.asks(client, round);
                scene.answers(client, round);
            });
        }
    });
    let (took, sent) = (begin.elapsed().as_secs_f64(), sent.load(Ordering::Relaxed));
    let stats = scene.daemon.stats().unwrap();
    let relayed = stats.interfaces[0].requests["discover"];
    let table = stats.clients;
    println!(
        "{mode:?}: {:.0} DISCOVERs/s offered and {:.0} relayed for {took:.1} s, {round} rounds; {table:?}",
        sent as f64 / took,
        (relayed.fast + relayed.slow) as f64 / took
    );
    assert_eq!(table.bound, u64::from(BOUND), "{mode:?}: {table:?}");
    assert_eq!(table.events_lost, 0, "{mode:?}: only DISCOVERs may be lost: {table:?}");
    // The flood has filled its half of the table, and no more than that.
    assert!(table.clients <= u64::from(ROOM / 2) + u64::from(BOUND), "{mode:?}: {table:?}");
    assert!(table.limit_reached > 0, "{mode:?}: the flood was none: {table:?}");
}

struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn no_bound_client_is_lost_in_a_flood_in_generic_mode() {
    nobody_is_lost(Mode::Generic, 3, Duration::from_secs(2));
}

#[test]
fn no_bound_client_is_lost_in_a_flood_in_native_mode() {
    nobody_is_lost(Mode::Native, 3, Duration::from_secs(2));
}

#[test]
#[ignore = "takes twenty seconds of both processors; cargo xtask bench flood offers more"]
fn no_bound_client_is_lost_in_a_long_flood() {
    nobody_is_lost(Mode::Native, 3, Duration::from_secs(20));
}
