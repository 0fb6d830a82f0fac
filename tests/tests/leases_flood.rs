//! A flood of DISCOVERs on a client's port, each of another client, while bound clients renew: the table keeps every one of
//! them and has every ACK, whatever it cannot take of the flood.
//!
//! `cargo xtask bench snoop` makes the flood in the kernel, for twenty seconds, faster than a packet socket can.

#![allow(clippy::unwrap_used, reason = "a test panics; clippy exempts only the functions marked #[test]")]

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use relay_tests::lab::build::{BOOTREQUEST, Bootp, Datagram};
use relay_tests::lab::direct::{Direct, EDGE};
use relay_tests::lab::{Namespace, wait};
use relay_tests::scripted::{SERVER, Script, address, lease_time};
use relay_tests::subject::Mode;
use relay_tests::vm::daemon::Daemon;
use relay_user::control::leases::{Filter, Leases};
use relay_user::control::{self, Command, Question};
use relay_user::socket::FrameSender;

const DEADLINE: Duration = Duration::from_secs(120);
/// A tenth of what the interface has room for, most of which the flood will take.
const BOUND: u16 = 1_000;
const ROOM: u32 = 10_000;
/// Offset of the message in a frame.
const MESSAGE: usize = 14 + 20 + 8;

struct Scene {
    network: Direct,
    daemon: Daemon,
    script: Script,
}

impl Scene {
    fn new(mode: Mode) -> Self {
        let network = Direct::new(&format!("flood-{mode:?}").to_lowercase(), 1).unwrap();
        let script = Script::new(&network).unwrap();
        let daemon = Daemon::start(
            &network.relay,
            mode,
            &format!(
                "[[server_group]]\nname = \"core\"\nservers = [\"{SERVER}\"]\n\
                 [[interface]]\nname = \"{EDGE}\"\nserver_group = \"core\"\nclients_max = {ROOM}\n"
            ),
        )
        .unwrap();
        Self { network, daemon, script }
    }

    /// Clients whose last ACK was not that of `round`, and how many are bound; `None` when the relay is too busy to say.
    fn known(&self, round: u32) -> Option<(Vec<u16>, usize)> {
        let filter = Filter { interface: Some(EDGE.to_owned()), ..Filter::default() };
        let question = Question { command: Command::Leases, filter };
        let leases: Leases = control::ask(self.daemon.socket(), question).ok()?;
        let bound = leases
            .leases
            .iter()
            .filter(|lease| ["bound", "renewing", "rebinding"].contains(&lease.state.as_str()));
        let of_round = |lease: &&relay_user::control::leases::LeaseRow| {
            lease.state == "bound" && lease.lease_seconds == Some(lease_time(round))
        };
        let done: Vec<Option<Ipv4Addr>> = bound.clone().filter(of_round).map(|lease| lease.address).collect();
        let missing = (0..BOUND).filter(|client| !done.contains(&Some(address(*client)))).collect();
        Some((missing, bound.count()))
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

/// A frame that the port's queue has no room for is as lost as one in a full ring.
fn offered(sent: anyhow::Result<()>) {
    if let Err(error) = sent {
        assert_eq!(error.downcast_ref(), Some(&Errno::ENOBUFS), "{error:#}");
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
            let Some((missing, bound)) = scene.known(round) else { return Ok(None) };
            assert!(
                round == 0 || bound == usize::from(BOUND),
                "{mode:?}: {bound} are bound in round {round}"
            );
            missing.iter().for_each(|client| again(*client));
            Ok(missing.is_empty().then_some(()))
        })
        .unwrap_or_else(|error| panic!("{mode:?}: {error:#}\n{:?}", scene.daemon.stats()));
    };
    until(0, &|client| scene.script.bind(client).unwrap());
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
                offered(scene.script.asks(client, round));
                offered(scene.script.answers(client, round));
            });
        }
    });
    let (took, sent) = (begin.elapsed().as_secs_f64(), sent.load(Ordering::Relaxed));
    let stats = wait::until("counters", DEADLINE, || Ok(scene.daemon.stats().ok())).unwrap();
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
#[ignore = "takes twenty seconds of both processors; cargo xtask bench snoop offers more"]
fn no_bound_client_is_lost_in_a_long_flood() {
    nobody_is_lost(Mode::Native, 3, Duration::from_secs(20));
}
