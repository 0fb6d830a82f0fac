//! A server in the clients' VRF and one in another, in one group: each gets the option 82 that is right for it (RFC 6607),
//! and the answers of both reach the client.

use std::net::Ipv4Addr;

use relay_tests::lab::build::{BOOTREQUEST, Bootp, Datagram};
use relay_tests::lab::frame::Direction;
use relay_tests::lab::packet::{Deliver, PacketSocket};
use relay_tests::lab::wait;
use relay_tests::subject::Mode;
use relay_tests::vm::near::{NearAndFar, OF_FAR, OF_NEAR};
use relay_tests::vm::vrfs::{EDGE, NEAR_SERVER, RED, RED_GIADDR, SERVER};

use super::DEADLINE;

const DISCOVER: u8 = 1;
const REQUEST: u8 = 3;
const RELEASE: u8 = 7;
/// The relay's address on the clients' subnet, which they take for their server's.
const RELAY: Ipv4Addr = Ipv4Addr::new(192, 168, 60, 2);
/// Sub-options 151 and 152 for VRF red.
const VPN: &[u8] = b"\x97\x04\0red\x98\0";

fn configuration() -> String {
    format!(
        "[[server_group]]\nname = \"both\"\nvrf = \"mgmt\"\naffinity = \"off\"\n\
         servers = [\"{SERVER}\", {{ address = \"{NEAR_SERVER}\", vrf = \"red\" }}]\n\n\
         [[interface]]\nname = \"{RED}\"\nserver_group = \"both\"\ngiaddr = \"{RED_GIADDR}\"\n\
         [interface.option82]\ncircuit_id = \"{{name}}\"\nserver_id_override = true\nvss = \"red\"\n"
    )
}

/// What the near server gets of option 82; the other one gets the VPN behind it.
fn ours(unicast: bool) -> Vec<u8> {
    let flags = if unicast { 0x80 } else { 0 };
    let [a, b, c, d] = RELAY.octets();
    // Link selection, because the giaddr is another address; flags; override.
    [&[1, 4][..], RED.as_bytes(), &[5, 4, a, b, c, d, 10, 1, flags, 11, 4, a, b, c, d]].concat()
}

struct Group(NearAndFar);

impl Group {
    fn new(mode: Mode) -> Self {
        Self(NearAndFar::new("vm-vss-near", mode, &configuration()).unwrap())
    }

    /// Sends a message of the client by broadcast or to the relay, which then is the last that either server was asked.
    fn sends(&self, kind: u8, unicast: bool, ciaddr: Ipv4Addr) {
        let before = [&self.0.far, &self.0.near].map(|server| server.asked().len());
        let mut message = Bootp::new(BOOTREQUEST, Some(kind), self.0.mac);
        message.ciaddr = ciaddr;
        // An odd number of octets before END in one message, and an even one in the next.
        let message = message.option(61, &vec![7; 3 + usize::from(kind == REQUEST)]);
        let mut datagram = Datagram::from_client(self.0.mac, &message);
        if unicast {
            datagram.destination_mac = self.0.network.relay.mac(RED).unwrap();
            (datagram.source, datagram.destination) = (ciaddr, RELAY);
        }
        let socket = PacketSocket::open(&self.0.client, EDGE, Deliver::Nothing).unwrap();
        socket.send(&datagram.frame()).unwrap();
        let expected = [[ours(unicast), VPN.to_vec()].concat(), ours(unicast)];
        for ((server, before), expected) in [&self.0.far, &self.0.near].into_iter().zip(before).zip(expected)
        {
            let asked =
                wait::until("the server is asked", DEADLINE, || Ok(server.asked().get(before).cloned()));
            assert_eq!(asked.unwrap(), expected, "message type {kind}, unicast {unicast}");
            assert_eq!(server.asked().len(), before + 1, "one copy for each server");
        }
    }

    /// The answers of both servers reach the client, without option 82.
    fn is_answered_by_both(&self, kind: u8, mark: usize) {
        for yiaddr in [OF_FAR, OF_NEAR] {
            let answer = |direction: Direction, packet: &relay_tests::lab::frame::Packet| {
                direction == Direction::Incoming
                    && packet.message_type().map(u8::from) == Some(kind)
                    && packet.bootp().is_ok_and(|bootp| bootp.yiaddr() == yiaddr)
            };
            let packet = self.0.at_client.wait_for_dhcp("an answer", mark, DEADLINE, answer).unwrap();
            assert_eq!(packet.bootp().unwrap().option(82), None);
        }
    }
}

fn each_server_gets_its_own(mode: Mode) {
    let group = Group::new(mode);
    let unknown = Ipv4Addr::UNSPECIFIED;
    group.sends(DISCOVER, false, unknown);
    group.is_answered_by_both(2, 0);
    for (unicast, ciaddr) in [(false, unknown), (true, OF_NEAR)] {
        let mark = group.0.at_client.dhcp().len();
        group.sends(REQUEST, unicast, ciaddr);
        group.is_answered_by_both(5, mark);
    }
    group.sends(RELEASE, true, OF_NEAR);
    let stats = group.0.daemon.stats().unwrap();
    assert_eq!((stats.cuts_lost, stats.punts_lost, stats.send_errors), (0, 0, 0), "{stats:?}");
    let [interface] = &stats.interfaces[..] else { panic!("{stats:?}") };
    for count in [interface.requests["discover"], interface.requests["release"], interface.replies["ack"]] {
        let (right, wrong) = if mode.is_fast() { (count.fast, count.slow) } else { (count.slow, count.fast) };
        assert!(right > 0 && wrong == 0, "{mode:?}: {stats:?}");
    }
    group.0.far.end().unwrap();
    group.0.near.end().unwrap();
}

#[test]
#[ignore = "needs VRF devices: cargo xtask vm"]
fn servers_in_the_clients_vrf_and_in_another_get_each_their_own_option_82_without_xdp() {
    each_server_gets_its_own(Mode::Off);
}

#[test]
#[ignore = "needs VRF devices: cargo xtask vm"]
fn servers_in_the_clients_vrf_and_in_another_get_each_their_own_option_82_in_generic_mode() {
    each_server_gets_its_own(Mode::Generic);
}

#[test]
#[ignore = "needs VRF devices: cargo xtask vm"]
fn servers_in_the_clients_vrf_and_in_another_get_each_their_own_option_82_in_native_mode() {
    each_server_gets_its_own(Mode::Native);
}

#[test]
#[ignore = "needs VRF devices: cargo xtask vm"]
fn clients_that_move_to_another_vrf_are_followed_by_what_their_servers_get() {
    let group = Group::new(Mode::Native);
    group.sends(DISCOVER, false, Ipv4Addr::UNSPECIFIED);
    // In VRF blue nobody is near any more.
    group.0.network.relay.run(&format!("ip link set {RED} master blue")).unwrap();
    let both = [ours(false), VPN.to_vec()].concat();
    wait::until("the server in VRF red is told the VPN", DEADLINE, || {
        let message = Bootp::new(BOOTREQUEST, Some(DISCOVER), group.0.mac);
        let socket = PacketSocket::open(&group.0.client, EDGE, Deliver::Nothing)?;
        socket.send(&Datagram::from_client(group.0.mac, &message).frame())?;
        Ok((group.0.near.asked().last() == Some(&both)).then_some(()))
    })
    .unwrap();
}
