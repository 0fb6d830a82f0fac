//! What is none of the relay's business passes it byte for byte: seen on its port behind XDP, and at the far side where
//! the host routes it.

use relay_tests::lab::Capture;
use relay_tests::lab::build::{BOOTREPLY, BOOTREQUEST, Bootp, Datagram, fragments, with_ip_options};
use relay_tests::lab::compare::routed;
use relay_tests::lab::direct::{Direct, EDGE, send, upstream};
use relay_tests::subject::{Mode, XdpDhcrelay, stats};

use super::{DEADLINE, LOWER, LOWER_GIADDR, SERVER, reasons};

const LEASED: std::net::Ipv4Addr = std::net::Ipv4Addr::new(192, 168, 60, 100);
const SOMEBODY: [u8; 6] = [2, 0, 0, 0, 0xee, 0xee];

/// A frame, whether the host routes it on, and what it is counted under if it is DHCP.
struct Case {
    name: &'static str,
    frame: Vec<u8>,
    routed: bool,
    counted: Option<&'static str>,
}

fn case(name: &'static str, frame: Vec<u8>, routed: bool, counted: Option<&'static str>) -> Case {
    Case { name, frame, routed, counted }
}

fn from_client(client: [u8; 6], relay: [u8; 6]) -> Vec<Case> {
    let message = |kind: u8| {
        let mut message = Bootp::new(BOOTREQUEST, Some(kind), client).option(61, &[1; 30]);
        message.ciaddr = LEASED;
        message
    };
    let unicast = |kind: u8| Datagram {
        destination_mac: relay,
        source: LEASED,
        destination: SERVER,
        ..Datagram::from_client(client, &message(kind))
    };
    let mut truncated = unicast(3);
    truncated.payload.truncate(260);
    let dns =
        Datagram { source_port: 5353, destination_port: 53, payload: b"not DHCP".to_vec(), ..unicast(3) };
    let mut for_somebody = Datagram::from_client(client, &message(1));
    for_somebody.destination_mac = SOMEBODY;
    let mut tagged = Datagram::from_client(client, &message(1));
    tagged.tags = vec![(0x8100, 7)];
    let mut to_clients = Datagram::from_client(client, &message(1));
    (to_clients.source_port, to_clients.destination_port) = (67, 68);
    let [first, second] = fragments(&unicast(3).frame(), 160);
    let ethertype =
        |ethertype: [u8; 2], rest: &[u8]| [&[0xff; 6], &client[..], &ethertype[..], rest].concat();
    vec![
        case("renewal", unicast(3).frame(), true, Some("transit")),
        case("release", unicast(7).frame(), true, Some("transit")),
        case("renewal with truncated options", truncated.frame(), true, Some("transit")),
        case("renewal with IP options", with_ip_options(&unicast(3).frame()), true, Some("transit")),
        case("renewal, first fragment", first, true, Some("transit")),
        case("renewal, last fragment", second, true, None),
        case("DNS", dns.frame(), true, None),
        case("DHCP for another host", for_somebody.frame(), false, Some("other_host")),
        case("DHCP in a VLAN without an interface", tagged.frame(), false, Some("no_interface")),
        case("a server's broadcast to clients", to_clients.frame(), false, None),
        case("LLDP", ethertype([0x88, 0xcc], &[2, 7, 4, 2, 0, 0, 0, 0, 1, 0, 0]), false, None),
        case("IPv6", ethertype([0x86, 0xdd], &[0x60; 60]), false, None),
        case("spanning tree (802.3)", ethertype([0, 38], &[0x42; 38]), false, None),
        case("IPv4, cut off", ethertype([0x08, 0], &[0x45, 0, 1]), false, None),
    ]
}

fn from_server(server: [u8; 6], relay: [u8; 6], client: [u8; 6]) -> Vec<Case> {
    let mut message = Bootp::new(BOOTREPLY, Some(5), client);
    message.yiaddr = LEASED;
    let mut acknowledgement = Datagram::between((server, SERVER), (relay, LEASED), &message);
    acknowledgement.destination_port = 68;
    message.giaddr = LOWER_GIADDR;
    let for_lower_relay = Datagram::between((server, SERVER), (relay, LOWER_GIADDR), &message);
    let dns = Datagram { source_port: 53, destination_port: 5353, ..acknowledgement.clone() };
    vec![
        case("acknowledgement of a renewal", acknowledgement.frame(), true, None),
        case("reply for a relay below", for_lower_relay.frame(), true, Some("transit")),
        case("DNS answer", dns.frame(), true, None),
    ]
}

#[test]
fn what_is_not_the_relays_passes_byte_for_byte() {
    for mode in Mode::ALL {
        let network = Direct::new(&format!("untouched-{mode:?}").to_lowercase(), 1).unwrap();
        let (client, server) = (network.client_mac, network.hosts[0].mac(EDGE).unwrap());
        let (edge, upstream_mac) =
            (network.relay.mac(EDGE).unwrap(), network.relay.mac(&upstream(0)).unwrap());
        // Neither end has an address, so that none of them answers what it is sent.
        for (address, mac, device) in [
            (SERVER, server, upstream(0)),
            (LEASED, client, EDGE.to_owned()),
            (LOWER, client, EDGE.to_owned()),
        ] {
            let mac = mac.map(|octet| format!("{octet:02x}")).join(":");
            network.relay.run(&format!("ip neigh add {address} lladdr {mac} dev {device}")).unwrap();
        }
        network.relay.route(&format!("192.168.70.0/24 via {LOWER}")).unwrap();
        network.relay.forwarding(true).unwrap();
        let (_relay, socket) = XdpDhcrelay::new(mode).start_on(&network.relay, EDGE, &[SERVER]).unwrap();

        let mut expected = std::collections::BTreeMap::new();
        let directions = [
            (
                &network.client,
                EDGE.to_owned(),
                from_client(client, edge),
                &network.hosts[0],
                (upstream_mac, server),
            ),
            (
                &network.hosts[0],
                upstream(0),
                from_server(server, upstream_mac, client),
                &network.client,
                (edge, client),
            ),
        ];
        for (sender, port, cases, far, (router, next)) in directions {
            let at_port = Capture::incoming(&network.relay, &port).unwrap();
            let at_far = Capture::incoming(far, EDGE).unwrap();
            let mut goes_on = Vec::new();
            for Case { name, frame, routed: is_routed, counted } in &cases {
                send(sender, frame).unwrap();
                at_port
                    .wait_for(&format!("{mode:?}: {name} behind XDP"), DEADLINE, |frames| {
                        frames.iter().any(|seen| seen.bytes == *frame).then_some(())
                    })
                    .unwrap_or_else(|error| panic!("{error:#}"));
                if *is_routed {
                    goes_on.push(routed(frame, router, next));
                    at_far
                        .wait_for(&format!("{mode:?}: {name} on the far side"), DEADLINE, |frames| {
                            (frames.len() >= goes_on.len()).then_some(())
                        })
                        .unwrap_or_else(|error| panic!("{error:#}"));
                }
                if let Some(reason) = counted {
                    *expected.entry((0, (*reason).to_owned())).or_insert(0) += 1;
                }
            }
            let bytes = |capture: &Capture| -> Vec<Vec<u8>> {
                capture.frames().into_iter().map(|frame| frame.bytes).collect()
            };
            let sent: Vec<Vec<u8>> = cases.iter().map(|case| case.frame.clone()).collect();
            assert_eq!(bytes(&at_port), sent, "{mode:?}: at {port}\n{}", at_port.summary());
            assert_eq!(bytes(&at_far), goes_on, "{mode:?}: beyond {port}\n{}", at_far.summary());
        }
        // The slow path counts what it has been shown, a moment after the capture has.
        let all: u64 = expected.values().sum();
        let counted = relay_tests::lab::wait::until("everything has been counted", DEADLINE, || {
            let counted = stats(&socket)?;
            Ok((reasons(&counted, mode).values().sum::<u64>() >= all).then_some(counted))
        })
        .unwrap_or_else(|error| panic!("{mode:?}: {error:#}: {:?}", stats(&socket)));
        assert_eq!(reasons(&counted, mode), expected, "{mode:?}");
        assert!(counted.copies.is_zero(), "{mode:?}: {counted:?}");
    }
}
