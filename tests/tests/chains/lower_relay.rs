//! A real relay below ours: ISC dhcrelay with a client behind it, and ISC dhcpd behind ours. Requests go through both
//! relays; replies are for the lower relay, and unicasts for the server: both only pass through ours.

use relay_tests::lab::build::{BOOTREPLY, BOOTREQUEST, Bootp, Datagram};
use relay_tests::lab::compare::routed;
use relay_tests::lab::direct::{Direct, EDGE, RELAY, send, upstream};
use relay_tests::lab::frame::{Checksum, Direction, Packet};
use relay_tests::lab::relay::{Ports, Relay as _};
use relay_tests::lab::scenario::{ClientKind, Step};
use relay_tests::lab::{Capture, wait};
use relay_tests::peers::{Dhcpd, Dhcrelay};
use relay_tests::subject::{Mode, XdpDhcrelay, stats};

use super::{DEADLINE, LOWER, LOWER_GIADDR, SERVER, has, reasons};

const LAST: u32 = 0x1a57_0000;

const CONFIGURATION: &str = "\
authoritative;
ddns-update-style none;
ping-check false;
default-lease-time 120;
max-lease-time 120;
subnet 10.0.41.0 netmask 255.255.255.0 { }
subnet 192.168.70.0 netmask 255.255.255.0 {
    option subnet-mask 255.255.255.0;
    option routers 192.168.70.1;
    range 192.168.70.100 192.168.70.119;
}
";

fn packets(capture: &Capture, direction: Direction, wanted: impl Fn(&Packet) -> bool) -> Vec<Packet> {
    let all = capture.dhcp().into_iter();
    all.filter(|(way, packet)| *way == direction && wanted(packet)).map(|(_, packet)| packet).collect()
}

fn is_for_lower(packet: &Packet) -> bool {
    packet.bootp().is_ok_and(|bootp| bootp.giaddr() == LOWER_GIADDR)
}

fn is_reply(packet: &Packet) -> bool {
    packet.bootp().is_ok_and(|bootp| bootp.op() == BOOTREPLY)
}

#[test]
fn a_client_behind_dhcrelay_behind_ours_has_its_whole_life() {
    for mode in Mode::ALL {
        let network = Direct::new(&format!("chain-{mode:?}").to_lowercase(), 1).unwrap();
        let (lower, server) = (&network.client, &network.hosts[0]);
        let leaf = network.lab().host("leaf").unwrap();
        network.lab().link(&leaf, EDGE, lower, "eth1").unwrap();
        leaf.offload(EDGE, "tx", false).unwrap();
        lower.address(EDGE, &format!("{LOWER}/24")).unwrap();
        lower.address("eth1", &format!("{LOWER_GIADDR}/24")).unwrap();
        lower.route(&format!("default via {RELAY}")).unwrap();
        server.address(EDGE, &format!("{SERVER}/24")).unwrap();
        server.route("192.168.0.0/16 via 10.0.41.1").unwrap();
        network.relay.route(&format!("192.168.70.0/24 via {LOWER}")).unwrap();
        for router in [lower, &network.relay] {
            router.forwarding(true).unwrap();
        }
        let _server = Dhcpd::start(server, EDGE, CONFIGURATION).unwrap();
        let ports = Ports { client: "eth1", servers: &[EDGE] };
        let _lower_relay = Dhcrelay.start(lower, &ports, &[RELAY]).unwrap();
        let (_relay, socket) = XdpDhcrelay::new(mode).start_on(&network.relay, EDGE, &[SERVER]).unwrap();
        let at_lower = Capture::start(lower, EDGE).unwrap();
        let at_server = Capture::start(server, EDGE).unwrap();

        let client = ClientKind::Udhcpc.start(&leaf, EDGE).unwrap();
        client.bound().unwrap();
        client.renew().unwrap();
        client.release().unwrap();
        let mut last = Bootp::new(BOOTREQUEST, None, leaf.mac(EDGE).unwrap());
        last.xid = LAST;
        send(&leaf, &Datagram::from_client(leaf.mac(EDGE).unwrap(), &last).frame()).unwrap();
        at_server
            .wait_for_dhcp("the last request", 0, DEADLINE, |_, packet| has(packet, LAST))
            .unwrap_or_else(|error| panic!("{mode:?}: {error:#}"));

        // Requests: one more hop, the lower relay's giaddr kept, nothing else.
        let sent = packets(&at_lower, Direction::Outgoing, |packet| packet.ip.destination == RELAY);
        let arrived = packets(&at_server, Direction::Incoming, is_for_lower);
        assert!(sent.iter().any(|packet| Step::of(packet) == Some(Step::Discover)), "{}", at_lower.summary());
        assert!(sent.iter().any(|packet| Step::of(packet) == Some(Step::Select)), "{}", at_lower.summary());
        assert_eq!(sent.len(), arrived.len(), "{mode:?}:\n{}\n{}", at_lower.summary(), at_server.summary());
        for (below, above) in sent.iter().zip(&arrived) {
            let bootp = below.bootp().unwrap();
            assert_eq!((bootp.giaddr(), bootp.hops()), (LOWER_GIADDR, 1), "{below}");
            let mut expected = below.payload.clone();
            expected[3] += 1;
            assert_eq!(above.payload, expected, "{mode:?}: {below} became {above}");
            assert_eq!((above.ip.source, above.ip.ttl, above.ip.tos), (RELAY, 64, 48 << 2), "{above}");
            assert!(above.ip.header_checksum_right && above.udp.checksum == Checksum::Right, "{above}");
        }

        // Unicasts of the client pass as routed, byte for byte.
        let relay = &network.relay;
        let to_server = (relay.mac(&upstream(0)).unwrap(), server.mac(EDGE).unwrap());
        let direct = |packet: &Packet| packet.ip.destination == SERVER && !is_for_lower(packet);
        let sent = packets(&at_lower, Direction::Outgoing, direct);
        let arrived = packets(&at_server, Direction::Incoming, direct);
        for step in [Step::Renew, Step::Release] {
            assert!(arrived.iter().any(|packet| Step::of(packet) == Some(step)), "{}", at_server.summary());
        }
        as_routed(&sent, &arrived, to_server, mode);

        // So do the replies, to the lower relay and to the client.
        let from_server = packets(&at_server, Direction::Outgoing, is_reply);
        assert!(from_server.iter().any(is_for_lower), "{}", at_server.summary());
        wait::until("the replies are at the lower relay", DEADLINE, || {
            let arrived = packets(&at_lower, Direction::Incoming, is_reply).len();
            Ok((arrived >= packets(&at_server, Direction::Outgoing, is_reply).len()).then_some(()))
        })
        .unwrap();
        let from_server = packets(&at_server, Direction::Outgoing, is_reply);
        let arrived = packets(&at_lower, Direction::Incoming, is_reply);
        as_routed(&from_server, &arrived, (relay.mac(EDGE).unwrap(), lower.mac(EDGE).unwrap()), mode);

        let counted = stats(&socket).unwrap();
        for message in ["discover", "request"] {
            let count = counted.interfaces[0].requests[message];
            let (right, wrong) =
                if mode.is_fast() { (count.fast, count.slow) } else { (count.slow, count.fast) };
            assert!(right > 0 && wrong == 0, "{mode:?}: {message}: {counted:?}");
        }
        let passed: Vec<_> = reasons(&counted, mode).into_keys().collect();
        assert_eq!(passed, [(0, "transit".to_owned())], "{mode:?}: {counted:?}");
    }
}

fn as_routed(sent: &[Packet], arrived: &[Packet], (router, next): ([u8; 6], [u8; 6]), mode: Mode) {
    let expected: Vec<Vec<u8>> = sent.iter().map(|packet| routed(&packet.octets, router, next)).collect();
    let arrived: Vec<Vec<u8>> = arrived.iter().map(|packet| packet.octets.clone()).collect();
    assert_eq!(arrived, expected, "{mode:?}: sent {sent:?}");
}
