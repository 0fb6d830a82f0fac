//! A slow path that cannot keep up: what its socket has no room for is counted, and everything else is relayed.

#![allow(clippy::unwrap_used, reason = "a test panics; clippy exempts only the functions marked #[test]")]

use std::net::Ipv4Addr;
use std::time::Duration;

use nix::sys::signal::Signal;
use relay_tests::lab::build::{BOOTREQUEST, Bootp, Datagram};
use relay_tests::lab::direct::{Direct, EDGE};
use relay_tests::lab::packet::{Deliver, PacketSocket};
use relay_tests::lab::{Namespace, wait};
use relay_tests::subject::Mode;
use relay_tests::vm::daemon::Daemon;

const DEADLINE: Duration = Duration::from_secs(60);
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 41, 10);
/// More DISCOVERs than the socket's buffer has room for.
const SENT: u64 = 60_000;

/// Frames that the kernel had no room for before any socket: a busy machine has such.
fn lost_before(relay: &Namespace) -> u64 {
    let links: serde_json::Value =
        serde_json::from_str(&relay.run(&format!("ip -s -json link show dev {EDGE}")).unwrap()).unwrap();
    links[0]["stats64"]["rx"]["dropped"].as_u64().unwrap()
}

/// Frames that came to the relay: relayed, and lost before it read them.
fn counted(daemon: &Daemon) -> (u64, u64) {
    let stats = daemon.stats().unwrap();
    (stats.interfaces[0].requests["discover"].slow, stats.receive_drops)
}

#[test]
fn frames_that_the_slow_path_has_no_room_for_are_counted_and_all_others_are_relayed() {
    let network = Direct::new("overrun", 1).unwrap();
    network.hosts[0].address(EDGE, &format!("{SERVER}/24")).unwrap();
    let daemon = Daemon::start(
        &network.relay,
        Mode::Off,
        &format!(
            "[[server_group]]\nname = \"core\"\nservers = [\"{SERVER}\"]\n\
             [[interface]]\nname = \"{EDGE}\"\nserver_group = \"core\"\n"
        ),
    )
    .unwrap();
    let socket = PacketSocket::open(&network.client, EDGE, Deliver::Nothing).unwrap();
    let discover = Bootp::new(BOOTREQUEST, Some(1), network.client_mac);
    let frame = Datagram::from_client(network.client_mac, &discover).frame();

    let before = lost_before(&network.relay);
    daemon.process().signal(Signal::SIGSTOP).unwrap();
    (0..SENT).for_each(|_| socket.send(&frame).unwrap());
    daemon.process().signal(Signal::SIGCONT).unwrap();
    let (relayed, lost) = wait::until("every frame is accounted for", DEADLINE, || {
        let (relayed, lost) = counted(&daemon);
        let came = SENT - (lost_before(&network.relay) - before);
        Ok((relayed + lost == came).then_some((relayed, lost)))
    })
    .unwrap_or_else(|error| panic!("{error:#}: {:?} of {SENT}", counted(&daemon)));
    assert!(relayed > 0 && lost > 0, "{relayed} relayed, {lost} lost");

    // What was lost stays counted, and is counted once.
    socket.send(&frame).unwrap();
    wait::until("one more is relayed", DEADLINE, || Ok((counted(&daemon).0 > relayed).then_some(())))
        .unwrap();
    assert_eq!(counted(&daemon), (relayed + 1, lost));
}
