//! Requests that are refused: nothing of them leaves, and each is counted under its reason and no other.

use relay_tests::lab::build::{BOOTREQUEST, Bootp, Datagram};
use relay_tests::lab::direct::{Direct, EDGE, RELAY, send};
use relay_tests::lab::{Capture, Proc};
use relay_tests::subject::{Mode, XdpDhcrelay, stats};

use super::{DEADLINE, LOWER, LOWER_GIADDR, SERVER, has, reasons};

const REFUSED: u32 = 0xbad0_0000;
const MARKER: u32 = 0x600d_0000;

/// A client's DISCOVER that is relayed, and is then spoilt.
fn good(client: [u8; 6]) -> Bootp {
    Bootp::new(BOOTREQUEST, Some(1), client).option(61, &[1, 2, 3, 4, 5, 6, 7]).option(12, b"name")
}

/// Name of the case, the octets of the message, and the reason it is refused for.
fn cases(client: [u8; 6]) -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let spoilt = |change: fn(&mut Bootp)| {
        let mut message = good(client);
        change(&mut message);
        message.bytes()
    };
    // Without padding, the message ends with what stands last in it.
    let ending = |octets: &[u8]| {
        let mut message = good(client);
        message.padded_to = 0;
        let mut bytes = message.bytes();
        bytes.pop();
        bytes.extend(octets);
        bytes
    };
    vec![
        ("our giaddr", spoilt(|message| message.giaddr = RELAY), "own_giaddr"),
        (
            "our address to the servers",
            spoilt(|message| message.giaddr = [10, 0, 41, 1].into()),
            "own_giaddr",
        ),
        ("hops at the limit", spoilt(|message| message.hops = 16), "hop_limit"),
        ("hops 255", spoilt(|message| message.hops = 255), "hop_limit"),
        (
            "hops at the limit, another relay's giaddr",
            spoilt(|message| {
                message.hops = 16;
                message.giaddr = LOWER_GIADDR;
            }),
            "hop_limit",
        ),
        ("op 3", spoilt(|message| message.op = 3), "bad_op"),
        ("op 0", spoilt(|message| message.op = 0), "bad_op"),
        ("hlen 17", spoilt(|message| message.hlen = 17), "bad_hlen"),
        ("an option runs past the end", ending(&[55, 20, 1, 3, 6]), "malformed_options"),
        ("an option without a length", ending(&[55]), "malformed_options"),
        ("message type of two octets", ending(&[53, 2, 1, 1, 255]), "malformed_options"),
        ("one octet short of a BOOTP message", good(client).bytes()[..235].to_vec(), "truncated"),
    ]
}

struct Scene {
    mode: Mode,
    network: Direct,
    at_client: Capture,
    at_server: Capture,
    socket: std::path::PathBuf,
    _relay: Proc,
}

impl Scene {
    fn new(title: &str, mode: Mode) -> Self {
        let network = Direct::new(&format!("{title}-{mode:?}").to_lowercase(), 1).unwrap();
        network.hosts[0].address(EDGE, &format!("{SERVER}/24")).unwrap();
        let (relay, socket) = XdpDhcrelay::new(mode).start_on(&network.relay, EDGE, &[SERVER]).unwrap();
        let at_client = Capture::incoming(&network.client, EDGE).unwrap();
        let at_server = Capture::incoming(&network.hosts[0], EDGE).unwrap();
        Self { mode, network, at_client, at_server, socket, _relay: relay }
    }

    /// The same message as a client sends it, and as a relay below ours does.
    fn ways(&self, payload: &[u8]) -> [(&'static str, Vec<u8>); 2] {
        let mac = self.network.client_mac;
        let message = good(mac);
        let mut broadcast = Datagram::from_client(mac, &message);
        broadcast.payload = payload.to_vec();
        let relay = self.network.relay.mac(EDGE).unwrap();
        let mut unicast = Datagram::between((mac, LOWER), (relay, RELAY), &message);
        unicast.payload = payload.to_vec();
        [("broadcast", broadcast.frame()), ("unicast", unicast.frame())]
    }

    /// Sends a request that is relayed, and waits for it: what was sent before has been decided then.
    fn mark(&self, xid: u32) {
        let mut message = Bootp::new(BOOTREQUEST, None, self.network.client_mac);
        message.xid = xid;
        self.network.client_sends(&message).unwrap();
        self.at_server
            .wait_for_dhcp(&format!("{:?}: marker {xid:x}", self.mode), 0, DEADLINE, |_, packet| {
                has(packet, xid)
            })
            .unwrap_or_else(|error| panic!("{error:#}"));
    }
}

#[test]
fn what_is_refused_goes_nowhere_and_is_counted_under_its_reason() {
    for mode in Mode::ALL {
        let scene = Scene::new("refused", mode);
        let mut expected = std::collections::BTreeMap::new();
        let mut number = 0;
        for (case, mut payload, reason) in cases(scene.network.client_mac) {
            payload[4..8].copy_from_slice(&(REFUSED + number).to_be_bytes());
            for (way, frame) in scene.ways(&payload) {
                send(&scene.network.client, &frame).unwrap();
                number += 1;
                scene.mark(MARKER + number);
                *expected.entry((1, reason.to_owned())).or_insert(0) += 1;
                let counted = stats(&scene.socket).unwrap();
                assert_eq!(reasons(&counted, mode), expected, "{mode:?}: {case}, {way}");
            }
        }
        // Nothing but the markers has reached the server, and nothing at all the client.
        let at_server = scene.at_server.dhcp();
        assert_eq!(at_server.len(), number as usize, "{mode:?}:\n{}", scene.at_server.summary());
        assert!(
            at_server
                .iter()
                .all(|(_, packet)| packet.bootp().is_ok_and(|bootp| bootp.xid() >> 16 == MARKER >> 16)),
            "{mode:?}:\n{}",
            scene.at_server.summary()
        );
        let at_client = scene.at_client.frames();
        let answered = at_client.iter().find(|frame| frame.bytes[12..14] != [0x08, 0x06]);
        assert!(answered.is_none(), "{mode:?}: {answered:?}");
        let counted = stats(&scene.socket).unwrap();
        let copies = counted.copies.fast + counted.copies.slow;
        assert_eq!(copies, u64::from(number), "{mode:?}: copies of the markers alone: {counted:?}");
    }
}

#[test]
fn of_another_relays_request_only_hops_change() {
    for mode in Mode::ALL {
        let scene = Scene::new("foreign", mode);
        let mut number = 0;
        for hops in [0, 1, 15] {
            for options in [vec![], vec![(82, vec![1, 2, 7, 7])], vec![(43, vec![9; 33])]] {
                let mut message = good(scene.network.client_mac);
                message.hops = hops;
                message.giaddr = LOWER_GIADDR;
                message.options.extend(options);
                message.padded_to = 300 + usize::from(hops);
                for way in 0..2 {
                    number += 1;
                    message.xid = MARKER + number;
                    let (name, frame) = &scene.ways(&message.bytes())[way];
                    send(&scene.network.client, frame).unwrap();
                    let what = format!("{mode:?}: {message:?}, {name}");
                    let packet = scene
                        .at_server
                        .wait_for_dhcp(&what, 0, DEADLINE, |_, packet| has(packet, message.xid))
                        .unwrap_or_else(|error| panic!("{error:#}"));
                    let mut expected = message.bytes();
                    expected[3] = hops + 1;
                    assert_eq!(packet.payload, expected, "{what}");
                    assert_eq!((packet.ip.source, packet.ip.destination), (RELAY, SERVER), "{what}");
                    assert_eq!((packet.ip.ttl, packet.ip.tos), (64, 48 << 2), "{what}");
                    assert!(packet.ip.header_checksum_right, "{what}: {packet}");
                    assert_eq!(
                        packet.udp.checksum,
                        relay_tests::lab::frame::Checksum::Right,
                        "{what}: {packet}"
                    );
                }
            }
        }
        let counted = stats(&scene.socket).unwrap();
        assert!(reasons(&counted, mode).is_empty(), "{mode:?}: {counted:?}");
        let relayed = counted.interfaces[0].requests["discover"];
        let right = if mode.is_fast() { relayed.fast } else { relayed.slow };
        assert_eq!(
            (right, relayed.fast + relayed.slow),
            (u64::from(number), u64::from(number)),
            "{counted:?}"
        );
    }
}
