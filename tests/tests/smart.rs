//! Smart relay with a real server: two subnets on one link, of which the first has nothing to give. A client whose DISCOVERs
//! stay without an answer gets its lease from the second, with XDP off, generic and native; what the server sees is the same.

#![allow(clippy::unwrap_used, reason = "a test panics; clippy exempts only the functions marked #[test]")]

use std::net::Ipv4Addr;
use std::time::Duration;

use relay_tests::lab::frame::Direction;
use relay_tests::lab::{Capture, Lab, Namespace};
use relay_tests::peers::{Client, Dhcpd, Udhcpc};
use relay_tests::subject::Mode;
use relay_tests::vm::daemon::Daemon;

const DEADLINE: Duration = Duration::from_secs(20);
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 41, 10);
const FIRST: Ipv4Addr = Ipv4Addr::new(192, 168, 60, 2);
const SECOND: Ipv4Addr = Ipv4Addr::new(192, 168, 61, 2);
const LOOPBACK: Ipv4Addr = Ipv4Addr::new(10, 255, 0, 1);
const DISCOVER: u8 = 1;
const REQUEST: u8 = 3;

const DHCPD: &str = "authoritative;\nddns-update-style none;\nping-check false;\ndefault-lease-time 120;\n\
    subnet 10.0.41.0 netmask 255.255.255.0 { }\nsubnet 10.255.0.0 netmask 255.255.255.0 { }\n\
    subnet 192.168.60.0 netmask 255.255.255.0 { }\n\
    subnet 192.168.61.0 netmask 255.255.255.0 { range 192.168.61.100 192.168.61.119; }\n";

/// A request as the server gets it: message type, giaddr, IPv4 source, link selection.
type Seen = (u8, Ipv4Addr, Ipv4Addr, Option<Ipv4Addr>);

struct Stage {
    mode: Mode,
    client: Namespace,
    at_client: Capture,
    at_server: Capture,
    daemon: Daemon,
    _server: Dhcpd,
    _hosts: [Namespace; 2],
    _lab: Lab,
}

impl Stage {
    fn new(title: &str, mode: Mode, keys: &str) -> Self {
        let lab = Lab::new(&format!("smart-{title}-{mode:?}").to_lowercase()).unwrap();
        let (client, relay, server) =
            (lab.host("c").unwrap(), lab.host("r").unwrap(), lab.host("s").unwrap());
        lab.link(&client, "eth0", &relay, "eth0").unwrap();
        lab.link(&relay, "eth1", &server, "eth0").unwrap();
        for host in [&client, &server] {
            host.offload("eth0", "tx", false).unwrap();
        }
        for address in [FIRST, SECOND] {
            relay.address("eth0", &format!("{address}/24")).unwrap();
        }
        // Another address of the first subnet has no turn of its own.
        relay.address("eth0", "192.168.60.3/24").unwrap();
        relay.address("lo", &format!("{LOOPBACK}/32")).unwrap();
        relay.address("eth1", "10.0.41.1/24").unwrap();
        server.address("eth0", &format!("{SERVER}/24")).unwrap();
        server.route("default via 10.0.41.1").unwrap();
        let dhcpd = Dhcpd::start(&server, "eth0", DHCPD).unwrap();
        let daemon = Daemon::start(
            &relay,
            mode,
            &format!(
                "[[server_group]]\nname = \"core\"\nservers = [\"{SERVER}\"]\n\
                 [[interface]]\nname = \"eth0\"\nserver_group = \"core\"\nsmart_relay = 2\n{keys}"
            ),
        )
        .unwrap();
        let at_client = Capture::incoming(&client, "eth0").unwrap();
        let at_server = Capture::incoming(&server, "eth0").unwrap();
        Self {
            mode,
            client,
            at_client,
            at_server,
            daemon,
            _server: dhcpd,
            _hosts: [relay, server],
            _lab: lab,
        }
    }

    /// What the server has seen from request number `from` on, up to the first REQUEST.
    fn dialogue(&self, from: usize) -> Vec<Seen> {
        self.at_server
            .wait_for_dhcp("a REQUEST", from, DEADLINE, |_, packet| {
                packet.bootp().is_ok_and(|bootp| bootp.option(53) == Some(vec![REQUEST]))
            })
            .unwrap();
        let mut seen = Vec::new();
        for (direction, packet) in self.at_server.dhcp().into_iter().skip(from) {
            let bootp = packet.bootp().unwrap();
            if direction != Direction::Incoming || bootp.op() != 1 {
                continue;
            }
            let kind = bootp.option(53).unwrap()[0];
            seen.push((
                kind,
                bootp.giaddr(),
                packet.ip.source,
                bootp.option(82).and_then(|octets| link(&octets)),
            ));
            if kind == REQUEST {
                break;
            }
        }
        seen
    }

    /// A client that gets its address anew; what the server sees of it.
    fn lease(&self) -> Vec<Seen> {
        let from = self.at_server.dhcp().len();
        let client = Udhcpc::start(&self.client, "eth0").unwrap();
        let address = client.bound().unwrap();
        assert_eq!(address.octets()[..3], SECOND.octets()[..3], "{:?}: {address}", self.mode);
        let seen = self.dialogue(from);
        drop(client);
        self.client.run("ip addr flush dev eth0").unwrap();
        seen
    }

    /// Replies come to the client from the address that its requests went out with, and everything is counted for the one
    /// interface that is configured, by the path that is meant to do it.
    fn right_otherwise(&self) {
        let sources: Vec<Ipv4Addr> =
            self.at_client.dhcp().iter().map(|(_, packet)| packet.ip.source).collect();
        assert!(!sources.is_empty() && sources.iter().all(|&source| source == SECOND), "{sources:?}");
        let stats = self.daemon.stats().unwrap();
        assert_eq!(stats.interfaces.len(), 1, "{:?}", self.mode);
        let discovers = stats.interfaces[0].requests["discover"];
        let (own, other) = match self.mode.is_fast() {
            true => (discovers.fast, discovers.slow),
            false => (discovers.slow, discovers.fast),
        };
        assert_eq!((own, other), (6, 0), "{:?}", self.mode);
    }
}

/// The value of sub-option 5.
fn link(mut octets: &[u8]) -> Option<Ipv4Addr> {
    while let [code, len, rest @ ..] = octets {
        let (value, rest) = rest.split_at_checked(usize::from(*len))?;
        if *code == 5 {
            return Some(Ipv4Addr::from(*value.first_chunk::<4>()?));
        }
        octets = rest;
    }
    None
}

#[test]
fn a_client_of_a_subnet_with_nothing_to_give_gets_its_lease_from_the_next_one() {
    for mode in Mode::ALL {
        let stage = Stage::new("plain", mode, "");
        let with = |kind, address| (kind, address, address, None);
        let expected =
            [with(DISCOVER, FIRST), with(DISCOVER, FIRST), with(DISCOVER, SECOND), with(REQUEST, SECOND)];
        assert_eq!(stage.lease(), expected, "{mode:?}");
        assert_eq!(stage.lease(), expected, "{mode:?}: the next search begins with the first address");
        stage.right_otherwise();
    }
}

#[test]
fn behind_a_loopback_giaddr_link_selection_names_the_next_subnet() {
    for mode in Mode::ALL {
        let keys = format!(
            "giaddr = \"{LOOPBACK}\"\n[interface.option82]\ncircuit_id = \"c\"\nserver_id_override = true\n"
        );
        let stage = Stage::new("link", mode, &keys);
        let with = |kind, address| (kind, LOOPBACK, LOOPBACK, Some(address));
        let expected =
            [with(DISCOVER, FIRST), with(DISCOVER, FIRST), with(DISCOVER, SECOND), with(REQUEST, SECOND)];
        assert_eq!(stage.lease(), expected, "{mode:?}");
        assert_eq!(stage.lease(), expected, "{mode:?}: the next search begins with the first address");
        stage.right_otherwise();
    }
}
