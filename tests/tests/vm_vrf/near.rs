//! As `clients`, with a server in the clients' VRF: it goes and comes back with it, under another number, and its place is
//! taken by nobody.

use std::net::{Ipv4Addr, UdpSocket};

use relay_tests::lab::build::{BOOTREPLY, BOOTREQUEST, Bootp, Datagram};
use relay_tests::lab::frame::{Direction, Packet};
use relay_tests::lab::packet::{Deliver, PacketSocket};
use relay_tests::lab::{Capture, Namespace, wait};
use relay_tests::subject::Mode;
use relay_tests::vm::daemon::Daemon;
use relay_tests::vm::vrfs::{EDGE, NEAR_SERVER, RED, RED_GIADDR, SERVER, TO_MAIN, TO_MGMT, TO_RED, Vrfs};
use relay_tests::vm::vss::{Leases, Vss, VssServer};
use relay_user::control::model::ServerPath;

use super::DEADLINE;

const DISCOVER: u8 = 1;
const OFFER: u8 = 2;
const OF_FAR: Ipv4Addr = Ipv4Addr::new(192, 168, 60, 111);
const OF_NEAR: Ipv4Addr = Ipv4Addr::new(192, 168, 60, 133);
/// What nobody may get: it comes from where the VRF was.
const STRAY: Ipv4Addr = Ipv4Addr::new(192, 168, 60, 177);
/// What the near server gets of option 82, and what the other one gets behind it.
const OURS: &[u8] = b"\x01\x04eth1\x05\x04\xc0\xa8\x3c\x02";
const VPN: &[u8] = b"\x97\x04\0red\x98\0";

fn configuration() -> String {
    let ports = [TO_MGMT, TO_MAIN, TO_RED].map(|port| format!("[[upstream]]\nname = \"{port}\"\n\n"));
    format!(
        "[[server_group]]\nname = \"both\"\nvrf = \"mgmt\"\n\
         servers = [\"{SERVER}\", {{ address = \"{NEAR_SERVER}\", vrf = \"red\" }}]\n\n{}\
         [[interface]]\nname = \"{RED}\"\nserver_group = \"both\"\ngiaddr = \"{RED_GIADDR}\"\n\
         [interface.option82]\ncircuit_id = \"{{name}}\"\nvss = \"red\"\n",
        ports.concat()
    )
}

struct Scene {
    network: Vrfs,
    client: Namespace,
    mac: [u8; 6],
    at_client: Capture,
    near_host: Namespace,
    far: VssServer,
    near: VssServer,
    daemon: Daemon,
}

impl Scene {
    fn new(mode: Mode) -> Self {
        let network = Vrfs::new("vm-near-again").unwrap();
        let client = network.client("c1", RED, "red").unwrap();
        let near_host = network.near_server().unwrap();
        let far = Leases::from([(b"\0red".to_vec(), OF_FAR)]);
        let far = VssServer::start(&network.s1, SERVER, far, Vss::Understood).unwrap();
        let own = Leases::from([(Vec::new(), OF_NEAR)]);
        let near = VssServer::start(&near_host, NEAR_SERVER, own, Vss::Understood).unwrap();
        let daemon = Daemon::start(&network.relay, mode, &configuration()).unwrap();
        let at_client = Capture::start(&client, EDGE).unwrap();
        let mac = client.mac(EDGE).unwrap();
        Self { network, client, mac, at_client, near_host, far, near, daemon }
    }

    fn sends(&self, message: &Bootp) {
        let socket = PacketSocket::open(&self.client, EDGE, Deliver::Nothing).unwrap();
        socket.send(&Datagram::from_client(self.mac, message).frame()).unwrap();
    }

    /// A DISCOVER reaches these servers, each with its own option 82, and their offers the client.
    fn is_served_by(&self, servers: &[Ipv4Addr]) {
        let before = [&self.far, &self.near].map(|server| server.asked().len());
        let mark = self.at_client.dhcp().len();
        self.sends(&Bootp::new(BOOTREQUEST, Some(DISCOVER), self.mac));
        for yiaddr in servers {
            let answer = |direction: Direction, packet: &Packet| {
                direction == Direction::Incoming
                    && packet.bootp().is_ok_and(|bootp| bootp.yiaddr() == *yiaddr)
            };
            self.at_client.wait_for_dhcp("an offer", mark, DEADLINE, answer).unwrap();
        }
        let expected = [(OF_FAR, [OURS, VPN].concat()), (OF_NEAR, OURS.to_vec())];
        for ((server, before), (yiaddr, expected)) in
            [&self.far, &self.near].into_iter().zip(before).zip(expected)
        {
            let expected = if servers.contains(&yiaddr) { vec![expected] } else { Vec::new() };
            assert_eq!(server.asked()[before..], expected, "{:?}", self.daemon.stats());
        }
    }

    /// An offer to the giaddr from a host that has the near server's address, into one of the relay's ports.
    fn hears_a_stray(&self, host: &Namespace, port: &str) {
        let mut offer = Bootp::new(BOOTREPLY, Some(OFFER), self.mac).option(82, OURS);
        (offer.yiaddr, offer.giaddr) = (STRAY, RED_GIADDR);
        let from = (host.mac(EDGE).unwrap(), NEAR_SERVER);
        let to = (self.network.relay.mac(port).unwrap(), RED_GIADDR);
        let socket = PacketSocket::open(host, EDGE, Deliver::Nothing).unwrap();
        socket.send(&Datagram::between(from, to, &offer).frame()).unwrap();
    }

    fn nobody_has_the_stray(&self) {
        let all = self.at_client.dhcp();
        let strays =
            all.iter().filter(|(_, packet)| packet.bootp().is_ok_and(|bootp| bootp.yiaddr() == STRAY));
        assert_eq!(strays.count(), 0, "{}", self.at_client.summary());
    }

    /// Waits until the near server has a next hop, or until it has none for want of its VRF.
    fn near_is_there(&self, there: bool) {
        wait::until("the state of the near server", DEADLINE, || {
            let status = self.daemon.status()?;
            let near = &status.groups[0].servers[1];
            let gone =
                near.path == ServerPath::None && near.reason.as_deref() == Some("there is no VRF device red");
            Ok((if there { near.mac.is_some() } else { gone }).then_some(()))
        })
        .unwrap();
    }
}

fn a_server_in_the_clients_vrf_is_followed(mode: Mode) {
    let scene = Scene::new(mode);
    let relay = &scene.network.relay;
    scene.near_is_there(true);
    scene.is_served_by(&[OF_FAR, OF_NEAR]);

    let mark = scene.daemon.process().lines().len();
    relay.run("ip link del red").unwrap();
    scene.near_is_there(false);
    scene.daemon.process().wait_for_line_after(mark, "VRF red is gone", DEADLINE).unwrap();
    scene.hears_a_stray(&scene.near_host, TO_RED);
    scene.is_served_by(&[OF_FAR]);
    scene.nobody_has_the_stray();

    // The number that VRF red had is another's now, who has the same addresses.
    scene.network.make_vrf("green", 10).unwrap();
    relay.run(&format!("ip link set {TO_MAIN} master green")).unwrap();
    relay.address("green", &format!("{RED_GIADDR}/32")).unwrap();
    scene.network.make_vrf("red", 11).unwrap();
    for port in [RED, TO_RED] {
        relay.run(&format!("ip link set {port} master red")).unwrap();
    }
    relay.address("red", &format!("{RED_GIADDR}/32")).unwrap();
    scene.near_is_there(true);
    scene.is_served_by(&[OF_FAR, OF_NEAR]);
    scene.hears_a_stray(&scene.network.s2, TO_MAIN);
    scene.is_served_by(&[OF_FAR, OF_NEAR]);
    scene.nobody_has_the_stray();
    let refused = scene.daemon.stats().unwrap().unattributed["unknown_server"];
    assert_eq!(refused.fast + refused.slow, 1, "{mode:?}: the stray from the VRF with the old number");

    // What is too long for the way goes by a socket in the VRF, and in fragments.
    scene.near.end().unwrap();
    let socket = scene.near_host.enter(|| UdpSocket::bind((NEAR_SERVER, 67))).unwrap().unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    relay.run(&format!("ip link set {TO_RED} mtu 600")).unwrap();
    let mut long = Bootp::new(BOOTREQUEST, Some(DISCOVER), scene.mac);
    long.padded_to = 1000;
    let socket_of_client = PacketSocket::open(&scene.client, EDGE, Deliver::Nothing).unwrap();
    socket_of_client.send(&Datagram::from_client(scene.mac, &long).frame()).unwrap();
    let mut buffer = [0; 1500];
    let (length, from) = socket.recv_from(&mut buffer).unwrap();
    assert_eq!((length, from.ip()), (1000, RED_GIADDR.into()), "{mode:?}");
    scene.far.end().unwrap();
}

#[test]
#[ignore = "needs VRF devices: cargo xtask vm"]
fn a_server_in_the_clients_vrf_is_followed_to_another_table_without_xdp() {
    a_server_in_the_clients_vrf_is_followed(Mode::Off);
}

#[test]
#[ignore = "needs VRF devices: cargo xtask vm"]
fn a_server_in_the_clients_vrf_is_followed_to_another_table_in_generic_mode() {
    a_server_in_the_clients_vrf_is_followed(Mode::Generic);
}

#[test]
#[ignore = "needs VRF devices: cargo xtask vm"]
fn a_server_in_the_clients_vrf_is_followed_to_another_table_in_native_mode() {
    a_server_in_the_clients_vrf_is_followed(Mode::Native);
}
