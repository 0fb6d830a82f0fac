//! Interfaces by the names that operators have for them: a bridge with local ports and a VXLAN tunnel, and its ports.
//! VLAN devices and bonds are in `vm_devices`, where the kernel has them.

#![allow(clippy::unwrap_used, reason = "what fails in a helper of a test fails the test")]

use std::collections::BTreeSet;
use std::time::Duration;

use relay_tests::lab::build::{BOOTREQUEST, Bootp, Datagram};
use relay_tests::lab::compare::without_what_differs;
use relay_tests::lab::frame::{Direction, Packet};
use relay_tests::lab::packet::{Deliver, PacketSocket};
use relay_tests::lab::scenario::{ClientKind, Step};
use relay_tests::lab::segment::{BRIDGE, EDGE, PORTS, SERVER, Segment, TUNNEL};
use relay_tests::lab::{Capture, Namespace};
use relay_tests::vm::daemon::Daemon;
use relay_user::control::model::{Count, PortMode, TakenUp};

const DEADLINE: Duration = Duration::from_secs(30);
const OFF: &str = "fast_path = \"off\"";
const GENERIC: &str = "fast_path = \"require\"\nxdp_mode = \"generic\"";
const NATIVE: &str = "fast_path = \"require\"\nxdp_mode = \"native\"";
const AUTO: &str = "fast_path = \"require\"";

/// Which path relayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Fast,
    Slow,
}

impl By {
    fn alone(self, count: Count) -> bool {
        match self {
            Self::Fast => count.fast > 0 && count.slow == 0,
            Self::Slow => count.slow > 0 && count.fast == 0,
        }
    }
}

fn configuration(interface: &str) -> String {
    format!(
        "[[server_group]]\nname = \"core\"\nservers = [\"{SERVER}\"]\n\n\
         [[interface]]\nserver_group = \"core\"\n{interface}\n"
    )
}

fn gets_a_lease(client: &Namespace) {
    let running = ClientKind::Udhcpc.start(client, EDGE).unwrap();
    assert_eq!(running.bound().unwrap().octets()[..3], [192, 168, 60]);
    drop(running);
}

/// The frames of one client at a place, without what differs from run to run.
fn of_client(capture: &Capture, mac: [u8; 6], direction: Direction, steps: &[Step]) -> BTreeSet<Vec<u8>> {
    let packets = capture.dhcp().into_iter().filter(|(way, packet)| {
        let bootp = packet.bootp().unwrap();
        *way == direction
            && bootp.chaddr()[..6] == mac
            && Step::of(packet).is_some_and(|step| steps.contains(&step))
    });
    packets.map(|(_, packet)| without_what_differs(&packet).unwrap()).collect()
}

fn any_of(capture: &Capture, mac: [u8; 6], wanted: impl Fn(&Packet) -> bool) -> usize {
    let of_client = |packet: &Packet| packet.bootp().unwrap().chaddr()[..6] == mac;
    capture.dhcp().iter().filter(|(_, packet)| of_client(packet) && wanted(packet)).count()
}

fn is_reply(packet: &Packet) -> bool {
    matches!(Step::of(packet), Some(Step::Offer | Step::Ack))
}

fn is_discover(packet: &Packet) -> bool {
    Step::of(packet) == Some(Step::Discover)
}

/// A DISCOVER from behind the tunnel has gone through the relay's bridge.
fn a_far_client_asks(network: &Segment, at_client: &Capture) -> [u8; 6] {
    let mac = network.far.mac(EDGE).unwrap();
    let message = Bootp::new(BOOTREQUEST, Some(1), mac);
    let socket = PacketSocket::open(&network.far, EDGE, Deliver::Nothing).unwrap();
    socket.send(&Datagram::from_client(mac, &message).frame()).unwrap();
    at_client
        .wait_for_dhcp("the far client's request", 0, DEADLINE, |_, packet| {
            packet.bootp().is_ok_and(|bootp| bootp.chaddr()[..6] == mac)
        })
        .unwrap();
    mac
}

struct Run {
    relay: &'static str,
    requests: By,
    replies: By,
    modes: Vec<(&'static str, PortMode)>,
}

/// What the server got from the first client, and the client from the relay.
type Wire = (BTreeSet<Vec<u8>>, BTreeSet<Vec<u8>>);

/// Both clients get their leases by the right path; where the bridge has seen their requests, each reply is seen at its
/// client's port alone.
fn relayed(title: &str, interface: &str, run: &Run, members: bool) -> Wire {
    let network = Segment::new(title).unwrap();
    let _server = network.start_server().unwrap();
    let daemon = Daemon::with(&network.relay, run.relay, &configuration(interface)).unwrap();
    let status = daemon.status().unwrap();
    let expected: Vec<TakenUp> = run
        .modes
        .iter()
        .map(|(device, mode)| TakenUp { device: (*device).to_owned(), vlan: None, mode: *mode })
        .collect();
    assert_eq!(status.interfaces[0].on, expected, "{status:?}");

    let at_server = Capture::start(&network.server, EDGE).unwrap();
    let at_clients = network.clients.each_ref().map(|client| Capture::start(client, EDGE).unwrap());
    let behind_tunnel = Capture::start(&network.leaf, TUNNEL).unwrap();
    let far = a_far_client_asks(&network, &at_clients[0]);
    for client in &network.clients {
        gets_a_lease(client);
    }

    let [first, second] = network.clients.each_ref().map(|client| client.mac(EDGE).unwrap());
    // Taken up at the ports by XDP, a request is not flooded, and the bridge does not learn from it where its client is.
    let bridged = !members || run.requests == By::Slow;
    let flooded = any_of(&at_clients[1], first, is_discover);
    let tunnelled = any_of(&behind_tunnel, first, is_discover);
    assert_eq!((flooded > 0, tunnelled > 0), (bridged, bridged), "{flooded}, {tunnelled}");
    for (mac, other) in [(first, &at_clients[1]), (second, &at_clients[0])] {
        for elsewhere in [other, &behind_tunnel] {
            let replies = any_of(elsewhere, mac, is_reply);
            assert_eq!(replies == 0, bridged, "replies at another port:\n{}", elsewhere.summary());
        }
    }
    // What comes out of the tunnel is for the relay at its other end.
    let relayed_far = any_of(&at_server, far, is_discover);
    assert_eq!(relayed_far > 0, !members, "{}", at_server.summary());

    let stats = daemon.stats().unwrap();
    let counts = &stats.interfaces[0];
    for message in ["discover", "request"] {
        assert!(run.requests.alone(counts.requests[message]), "{title}, {message}: {stats:?}");
    }
    for message in ["offer", "ack"] {
        assert!(run.replies.alone(counts.replies[message]), "{title}, {message}: {stats:?}");
    }
    assert_eq!(stats.send_errors, 0, "{stats:?}");
    (
        of_client(&at_server, first, Direction::Incoming, &[Step::Discover, Step::Select]),
        of_client(&at_clients[0], first, Direction::Incoming, &[Step::Offer]),
    )
}

fn same_on_every_wire(runs: &[(&str, Wire)]) {
    let (_, (requests, replies)) = &runs[0];
    assert!(!requests.is_empty() && !replies.is_empty(), "nothing to compare with");
    for (title, wire) in runs {
        assert_eq!(wire, &runs[0].1, "{title} differs from {}", runs[0].0);
    }
}

#[test]
fn a_bridge_relays_what_it_floods_and_its_replies_find_the_clients_port() {
    let interface = format!("name = \"{BRIDGE}\"");
    let run = |relay, requests, replies, mode| Run { relay, requests, replies, modes: vec![(BRIDGE, mode)] };
    let runs = [
        ("bridge-off", run(OFF, By::Slow, By::Slow, PortMode::Off)),
        ("bridge-generic", run(GENERIC, By::Fast, By::Fast, PortMode::Generic)),
        // A native redirect into a bridge goes nowhere: those replies are the daemon's.
        ("bridge-auto", run(AUTO, By::Fast, By::Slow, PortMode::Generic)),
    ]
    .map(|(title, run)| (title, relayed(title, &interface, &run, false)));
    same_on_every_wire(&runs);
}

#[test]
fn the_ports_of_a_bridge_relay_before_it_floods_and_never_what_comes_out_of_a_tunnel() {
    let interface = format!("name = \"{BRIDGE}\"\nmembers = true");
    let run = |relay, requests, replies, mode| Run {
        relay,
        requests,
        replies,
        modes: PORTS.map(|port| (port, mode)).into(),
    };
    let runs = [
        ("members-off", run(OFF, By::Slow, By::Slow, PortMode::Off)),
        ("members-generic", run(GENERIC, By::Fast, By::Fast, PortMode::Generic)),
        ("members-native", run(NATIVE, By::Fast, By::Slow, PortMode::Native)),
    ]
    .map(|(title, run)| (title, relayed(title, &interface, &run, true)));
    same_on_every_wire(&runs);
}

#[test]
fn a_port_of_a_bridge_by_name_has_the_bridges_address_and_its_replies_go_straight_to_it() {
    let interface = format!("name = \"{}\"", PORTS[0]);
    let runs = [
        ("port-off", OFF, By::Slow, PortMode::Off),
        ("port-generic", GENERIC, By::Fast, PortMode::Generic),
        ("port-native", NATIVE, By::Fast, PortMode::Native),
    ]
    .map(|(title, relay, by, mode)| {
        let network = Segment::new(title).unwrap();
        let _server = network.start_server().unwrap();
        let daemon = Daemon::with(&network.relay, relay, &configuration(&interface)).unwrap();
        let status = daemon.status().unwrap();
        assert_eq!(status.interfaces[0].on, [TakenUp { device: PORTS[0].to_owned(), vlan: None, mode }]);
        let at_server = Capture::start(&network.server, EDGE).unwrap();
        let at_client = Capture::start(&network.clients[0], EDGE).unwrap();
        gets_a_lease(&network.clients[0]);
        let stats = daemon.stats().unwrap();
        let counts = &stats.interfaces[0];
        assert!(by.alone(counts.requests["discover"]) && by.alone(counts.replies["offer"]), "{stats:?}");
        let mac = network.clients[0].mac(EDGE).unwrap();
        let offers = of_client(&at_client, mac, Direction::Incoming, &[Step::Offer]);
        let bridge = network.relay.mac(BRIDGE).unwrap();
        assert!(offers.iter().all(|frame| frame[6..12] == bridge), "replies come from the bridge's address");
        (title, (of_client(&at_server, mac, Direction::Incoming, &[Step::Discover, Step::Select]), offers))
    });
    same_on_every_wire(&runs);
}

#[test]
fn a_port_that_joins_or_leaves_the_bridge_is_followed() {
    let network = Segment::new("members-follow").unwrap();
    let _server = network.start_server().unwrap();
    network.relay.run(&format!("ip link set {} nomaster", PORTS[1])).unwrap();
    let interface = format!("name = \"{BRIDGE}\"\nmembers = true");
    let daemon = Daemon::with(&network.relay, NATIVE, &configuration(&interface)).unwrap();
    let on = || {
        let status = daemon.status().unwrap();
        status.interfaces[0].on.iter().map(|on| on.device.clone()).collect::<Vec<_>>()
    };
    assert_eq!(on(), PORTS[..1]);
    let wait = |expected: &[&str]| {
        relay_tests::lab::wait::until(&format!("the relay is on {expected:?}"), DEADLINE, || {
            Ok((on() == expected).then_some(()))
        })
        .unwrap();
    };
    network.relay.run(&format!("ip link set {} master {BRIDGE}", PORTS[1])).unwrap();
    wait(&PORTS);
    gets_a_lease(&network.clients[1]);
    network.relay.run(&format!("ip link set {} nomaster", PORTS[0])).unwrap();
    wait(&PORTS[1..]);
    assert!(daemon.stats().unwrap().interfaces[0].requests["discover"].fast > 0);
}
