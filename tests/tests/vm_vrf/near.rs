//! As `clients`, with a server in the clients' VRF: it goes and comes back with it, under another number, and its place is
//! taken by nobody.

use std::net::{Ipv4Addr, UdpSocket};

use relay_tests::lab::build::{BOOTREPLY, BOOTREQUEST, Bootp, Datagram};
use relay_tests::lab::frame::{Direction, Packet};
use relay_tests::lab::packet::{Deliver, PacketSocket};
use relay_tests::lab::{Namespace, wait};
use relay_tests::subject::Mode;
use relay_tests::vm::near::{NearAndFar, OF_FAR, OF_NEAR};
use relay_tests::vm::vrfs::{EDGE, NEAR_SERVER, RED, RED_GIADDR, SERVER, TO_MAIN, TO_MGMT, TO_RED};
use relay_user::control::model::ServerPath;

use super::DEADLINE;

const DISCOVER: u8 = 1;
const OFFER: u8 = 2;
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

struct Scene(NearAndFar);

impl Scene {
    fn new(mode: Mode) -> Self {
        Self(NearAndFar::new("vm-near-again", mode, &configuration()).unwrap())
    }

    fn sends(&self, message: &Bootp) {
        let socket = PacketSocket::open(&self.0.client, EDGE, Deliver::Nothing).unwrap();
        socket.send(&Datagram::from_client(self.0.mac, message).frame()).unwrap();
    }

    /// A DISCOVER reaches these servers, each with its own option 82, and their offers the client.
    fn is_served_by(&self, servers: &[Ipv4Addr]) {
        let before = [&self.0.far, &self.0.near].map(|server| server.asked().len());
        let mark = self.0.at_client.dhcp().len();
        self.sends(&Bootp::new(BOOTREQUEST, Some(DISCOVER), self.0.mac));
        for yiaddr in servers {
            let answer = |direction: Direction, packet: &Packet| {
                direction == Direction::Incoming
                    && packet.bootp().is_ok_and(|bootp| bootp.yiaddr() == *yiaddr)
            };
            self.0.at_client.wait_for_dhcp("an offer", mark, DEADLINE, answer).unwrap();
        }
        let expected = [(OF_FAR, [OURS, VPN].concat()), (OF_NEAR, OURS.to_vec())];
        for ((server, before), (yiaddr, expected)) in
            [&self.0.far, &self.0.near].into_iter().zip(before).zip(expected)
        {
            let expected = if servers.contains(&yiaddr) { vec![expected] } else { Vec::new() };
            assert_eq!(server.asked()[before..], expected, "{:?}", self.0.daemon.stats());
        }
    }

    /// An offer to the giaddr from a host that has the near server's address, into one of the relay's ports.
    fn hears_a_stray(&self, host: &Namespace, port: &str) {
        let mut offer = Bootp::new(BOOTREPLY, Some(OFFER), self.0.mac).option(82, OURS);
        (offer.yiaddr, offer.giaddr) = (STRAY, RED_GIADDR);
        let from = (host.mac(EDGE).unwrap(), NEAR_SERVER);
        let to = (self.0.network.relay.mac(port).unwrap(), RED_GIADDR);
        let socket = PacketSocket::open(host, EDGE, Deliver::Nothing).unwrap();
        socket.send(&Datagram::between(from, to, &offer).frame()).unwrap();
    }

    fn nobody_has_the_stray(&self) {
        let all = self.0.at_client.dhcp();
        let strays =
            all.iter().filter(|(_, packet)| packet.bootp().is_ok_and(|bootp| bootp.yiaddr() == STRAY));
        assert_eq!(strays.count(), 0, "{}", self.0.at_client.summary());
    }

    /// Waits until the near server has a next hop, or until it has none for want of its VRF.
    fn near_is_there(&self, there: bool) {
        wait::until("the state of the near server", DEADLINE, || {
            let status = self.0.daemon.status()?;
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
    let relay = &scene.0.network.relay;
    scene.near_is_there(true);
    scene.is_served_by(&[OF_FAR, OF_NEAR]);

    let mark = scene.0.daemon.process().lines().len();
    relay.run("ip link del red").unwrap();
    scene.near_is_there(false);
    scene.0.daemon.process().wait_for_line_after(mark, "VRF red is gone", DEADLINE).unwrap();
    scene.hears_a_stray(&scene.0.near_host, TO_RED);
    scene.is_served_by(&[OF_FAR]);
    scene.nobody_has_the_stray();

    // The number that VRF red had is another's now, who has the same addresses.
    scene.0.network.make_vrf("green", 10).unwrap();
    relay.run(&format!("ip link set {TO_MAIN} master green")).unwrap();
    relay.address("green", &format!("{RED_GIADDR}/32")).unwrap();
    scene.0.network.make_vrf("red", 11).unwrap();
    for port in [RED, TO_RED] {
        relay.run(&format!("ip link set {port} master red")).unwrap();
    }
    relay.address("red", &format!("{RED_GIADDR}/32")).unwrap();
    scene.near_is_there(true);
    scene.is_served_by(&[OF_FAR, OF_NEAR]);
    scene.hears_a_stray(&scene.0.network.s2, TO_MAIN);
    scene.is_served_by(&[OF_FAR, OF_NEAR]);
    scene.nobody_has_the_stray();
    let refused = scene.0.daemon.stats().unwrap().unattributed["unknown_server"];
    assert_eq!(refused.fast + refused.slow, 1, "{mode:?}: the stray from the VRF with the old number");

    // What is too long for the way goes by a socket in the VRF, and in fragments.
    scene.0.near.end().unwrap();
    let socket = scene.0.near_host.enter(|| UdpSocket::bind((NEAR_SERVER, 67))).unwrap().unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    relay.run(&format!("ip link set {TO_RED} mtu 600")).unwrap();
    let mut long = Bootp::new(BOOTREQUEST, Some(DISCOVER), scene.0.mac);
    long.padded_to = 1000;
    let socket_of_client = PacketSocket::open(&scene.0.client, EDGE, Deliver::Nothing).unwrap();
    socket_of_client.send(&Datagram::from_client(scene.0.mac, &long).frame()).unwrap();
    let mut buffer = [0; 1500];
    let (length, from) = socket.recv_from(&mut buffer).unwrap();
    assert_eq!((length, from.ip()), (1000, RED_GIADDR.into()), "{mode:?}");
    scene.0.far.end().unwrap();
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
