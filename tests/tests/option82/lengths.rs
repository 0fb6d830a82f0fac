//! Option 82 into frames of every length. There are three ways to make room: padding behind END, growing the frame at its
//! tail, and moving its head. On a veth in native mode the room at the tail goes from 63 octets down to 0 and back with
//! the length (it is what is left of a multiple of 64), so that a run over all lengths goes all ways.

use std::time::Duration;

use relay_tests::lab::Capture;
use relay_tests::lab::build::{BOOTREQUEST, Bootp, Datagram};
use relay_tests::lab::direct::{Direct, EDGE, RELAY};
use relay_tests::lab::packet::{Deliver, PacketSocket};
use relay_tests::subject::Mode;
use relay_tests::vm::daemon::Daemon;

use super::scene::SERVER;

const DEADLINE: Duration = Duration::from_secs(20);
/// The smallest and the largest message that is sent, octets: frames of 300 to 700 octets.
const SHORTEST: usize = 258;
const LONGEST: usize = 658;
/// 27 octets of value.
const AGENT: &[u8] = b"\x52\x1b\x01\x19a circuit-id of 25 octets";

/// A DISCOVER of `length` octets whose END is followed by `slack` zeros, with `agent` before END.
fn discover(mac: [u8; 6], length: usize, slack: usize, agent: &[u8]) -> Vec<u8> {
    let mut message = Bootp::new(BOOTREQUEST, Some(1), mac);
    message.xid = (length * 256 + slack) as u32;
    message.padded_to = 0;
    let mut octets = message.bytes();
    octets.pop();
    let mut fill = length - octets.len() - 1 - slack;
    while fill > 0 {
        // No rest of one octet: an option has at least two.
        let value = if fill - 2 > 255 { fill.min(200) } else { fill - 2 };
        octets.extend([43, value as u8]);
        octets.resize(octets.len() + value, 7);
        fill -= value + 2;
    }
    octets.extend(agent);
    octets.push(255);
    octets.resize(octets.len() + slack.saturating_sub(agent.len()), 0);
    octets
}

/// Length of the message and zeros behind END: none, a few, just enough, more than enough.
fn shapes() -> impl Iterator<Item = (usize, usize)> {
    let shapes = (SHORTEST..=LONGEST).flat_map(|length| {
        [0, 1, 13, AGENT.len() - 1, AGENT.len(), AGENT.len() + 1, 60].map(|slack| (length, slack))
    });
    // What is left must be enough for an option that fills.
    shapes.filter(|(length, slack)| length - slack >= 240 + 3 + 1 + 2)
}

/// Every frame at the server, in order.
fn captured(mode: Mode) -> Vec<Vec<u8>> {
    let network = Direct::new(&format!("lengths-{mode:?}").to_lowercase(), 1).unwrap();
    network.hosts[0].address(EDGE, &format!("{SERVER}/24")).unwrap();
    let relay = format!(
        "[[server_group]]\nname = \"core\"\nservers = [\"{SERVER}\"]\n\n[[interface]]\nname = \"{EDGE}\"\n\
         server_group = \"core\"\n[interface.option82]\ncircuit_id = \"a circuit-id of 25 octets\"\n"
    );
    let daemon = Daemon::start(&network.relay, mode, &relay).unwrap();
    let capture = Capture::incoming(&network.hosts[0], EDGE).unwrap();
    let sender = PacketSocket::open(&network.client, EDGE, Deliver::Nothing).unwrap();
    let mac = network.client_mac;
    let mut expected = Vec::new();
    for (length, slack) in shapes() {
        let empty = Bootp::new(BOOTREQUEST, None, mac);
        let payload = discover(mac, length, slack, &[]);
        assert_eq!(payload.len(), length, "the message is as long as it is to be");
        sender.send(&Datagram { payload, ..Datagram::from_client(mac, &empty) }.frame()).unwrap();
        let mut payload = discover(mac, length, slack, AGENT);
        payload[3] = 1;
        payload[24..28].copy_from_slice(&RELAY.octets());
        expected.push(payload);
        // A veth's ring is short: never more than a few frames are under way.
        if expected.len() % 64 == 0 {
            wait(&capture, expected.len(), mode);
        }
    }
    wait(&capture, expected.len(), mode);
    let packets = capture.dhcp();
    assert_eq!(packets.len(), expected.len(), "{mode:?}");
    for ((_, packet), expected) in packets.iter().zip(&expected) {
        assert_eq!(packet.payload, *expected, "{mode:?}: {packet}");
        assert!(packet.ip.header_checksum_right, "{mode:?}: {packet}");
        assert_eq!(packet.udp.checksum, relay_tests::lab::frame::Checksum::Right, "{mode:?}: {packet}");
    }
    let stats = daemon.stats().unwrap();
    let count = stats.interfaces[0].requests["discover"];
    let number = expected.len() as u64;
    let right = if mode.is_fast() { (number, 0) } else { (0, number) };
    assert_eq!((count.fast, count.slow), right, "{mode:?}: {stats:?}");
    packets.into_iter().map(|(_, packet)| packet.octets).collect()
}

fn wait(capture: &Capture, number: usize, mode: Mode) {
    capture
        .wait_for(&format!("{mode:?}: {number} requests"), DEADLINE, |frames| {
            (frames.iter().filter(|frame| frame.bytes[12..14] == [8, 0]).count() >= number).then_some(())
        })
        .unwrap_or_else(|error| panic!("{error:#}"));
}

#[test]
fn frames_of_every_length_leave_with_option82_as_with_xdp_off() {
    let off = captured(Mode::Off);
    for mode in [Mode::Generic, Mode::Native] {
        let frames = captured(mode);
        let differs = frames.iter().zip(&off).position(|(is, should)| is != should);
        assert_eq!(differs, None, "{mode:?}: a frame differs");
        assert_eq!(frames.len(), off.len(), "{mode:?}");
    }
}
