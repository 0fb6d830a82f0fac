//! Servers that come, go and move while the relay runs, in every mode: nobody waits for a dead one, and a server is
//! followed to its new Ethernet address and to another port without a lost dialogue.

#![allow(clippy::unwrap_used, reason = "a test panics; clippy exempts only the functions marked #[test]")]

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use relay_tests::lab::build::{BOOTREPLY, BOOTREQUEST, Bootp};
use relay_tests::lab::direct::{Direct, EDGE, RELAY, upstream};
use relay_tests::lab::frame::{Checksum, Packet};
use relay_tests::lab::{Capture, Proc, wait};
use relay_tests::subject::{Mode, XdpDhcrelay, stats};
use relay_user::control::{
    self, Command,
    model::{Count, ServerPath, ServerStatus, Stats, Status},
};

const DEADLINE: Duration = Duration::from_secs(20);
const LIVE: Ipv4Addr = Ipv4Addr::new(10, 0, 41, 10);
const DEAD: Ipv4Addr = Ipv4Addr::new(10, 0, 41, 11);
/// Behind a gateway on either port.
const ROUTED: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 10);
const LEASED: Ipv4Addr = Ipv4Addr::new(192, 168, 60, 100);

const DISCOVER: u8 = 1;
const OFFER: u8 = 2;
const REQUEST: u8 = 3;
const ACK: u8 = 5;

/// A relay at work between a client and hosts.
struct Scene {
    mode: Mode,
    network: Direct,
    socket: PathBuf,
    at_client: Capture,
    at_hosts: Vec<Capture>,
    relay: Proc,
}

impl Scene {
    fn new(title: &str, mode: Mode, ports: usize, servers: &[Ipv4Addr], prepare: impl Fn(&Direct)) -> Self {
        let network = Direct::new(&format!("{title}-{mode:?}").to_lowercase(), ports).unwrap();
        prepare(&network);
        let (relay, socket) = XdpDhcrelay::new(mode).start_on(&network.relay, EDGE, servers).unwrap();
        let at_client = Capture::incoming(&network.client, EDGE).unwrap();
        let at_hosts = network.hosts.iter().map(|host| Capture::incoming(host, EDGE).unwrap()).collect();
        Self { mode, network, socket, at_client, at_hosts, relay }
    }

    fn request(&self, kind: u8, xid: u32) -> Bootp {
        let mut message = Bootp::new(BOOTREQUEST, Some(kind), self.network.client_mac);
        message.xid = xid;
        message
    }

    fn client_sends(&self, kind: u8, xid: u32) {
        self.network.client_sends(&self.request(kind, xid)).unwrap();
    }

    fn server_sends(&self, port: usize, server: Ipv4Addr, kind: u8, xid: u32) {
        let mut message = Bootp::new(BOOTREPLY, Some(kind), self.network.client_mac);
        message.xid = xid;
        message.yiaddr = LEASED;
        message.giaddr = RELAY;
        self.network.server_sends(port, server, &message).unwrap();
    }

    /// Waits for the copy of a message at a server behind `port`, and finds it right.
    fn arrives(&self, port: usize, server: Ipv4Addr, kind: u8, xid: u32) -> Packet {
        let what = format!("{:?}: message {xid:x} for {server}", self.mode);
        let packet = self.at_hosts[port]
            .wait_for_dhcp(&what, 0, DEADLINE, |_, packet| {
                packet.ip.destination == server && has(packet, xid)
            })
            .unwrap_or_else(|error| {
                panic!("{error:#}\n{:?}\n{}", self.stats(), self.relay.lines().join("\n"))
            });
        let mut expected = self.request(kind, xid).bytes();
        expected[3] = 1;
        expected[24..28].copy_from_slice(&RELAY.octets());
        assert_eq!(packet.payload, expected, "{what}: {packet}");
        assert_eq!(
            (packet.ip.source, packet.udp.source, packet.udp.destination),
            (RELAY, 67, 67),
            "{packet}"
        );
        assert_eq!((packet.ip.ttl, packet.ip.tos), (64, 48 << 2), "{packet}");
        assert!(packet.ip.header_checksum_right && packet.udp.checksum != Checksum::Wrong, "{packet}");
        packet
    }

    fn arrives_at_client(&self, xid: u32) {
        let what = format!("{:?}: the reply {xid:x}", self.mode);
        let packet =
            self.at_client.wait_for_dhcp(&what, 0, DEADLINE, |_, packet| has(packet, xid)).unwrap_or_else(
                |error| panic!("{error:#}\n{:?}\n{}", self.stats(), self.relay.lines().join("\n")),
            );
        assert_eq!((packet.ip.source, packet.ip.destination), (RELAY, LEASED), "{packet}");
    }

    fn stats(&self) -> Stats {
        stats(&self.socket).unwrap()
    }

    /// Waits until the relay says of a server what is wanted.
    fn until_server(&self, server: Ipv4Addr, what: &str, wanted: impl Fn(&ServerStatus) -> bool) {
        let mut last = None;
        let waited = wait::until(&format!("{:?}: {server} {what}", self.mode), DEADLINE, || {
            let status: Status = serde_json::from_value(control::ask(&self.socket, Command::Status)?)?;
            last = status.groups[0].servers.iter().find(|found| found.address == server).cloned();
            Ok(last.as_ref().is_some_and(&wanted).then_some(()))
        });
        waited.unwrap_or_else(|error| panic!("{error:#}: {last:?}\n{}", self.relay.lines().join("\n")));
    }

    /// Waits until a server has a next hop: with XDP, it is on the fast path then.
    fn until_found(&self, server: Ipv4Addr) {
        let path = if self.mode.is_fast() { ServerPath::Fast } else { ServerPath::Slow };
        self.until_server(server, "has a next hop", |found| found.path == path && found.mac.is_some());
    }

    /// Waits until a server is known to have none.
    fn until_not_found(&self, server: Ipv4Addr) {
        self.until_server(server, "has no next hop", |found| {
            found.path == ServerPath::Slow && found.mac.is_none() && found.reason.is_some()
        });
    }

    /// The count of the path that this mode has relay.
    fn by_path(&self, count: Count) -> u64 {
        let (right, wrong) =
            if self.mode.is_fast() { (count.fast, count.slow) } else { (count.slow, count.fast) };
        assert_eq!(wrong, 0, "{:?}: by the other path: {:?}", self.mode, self.stats());
        right
    }
}

fn has(packet: &Packet, xid: u32) -> bool {
    packet.bootp().is_ok_and(|bootp| bootp.xid() == xid)
}

/// The first host has both addresses and answers ARP for the first alone.
fn one_of_two_is_dead(network: &Direct) {
    network.hosts[0].address(EDGE, &format!("{LIVE}/24")).unwrap();
}

/// The host has its address but answers nobody who asks for it, and the kernel of the relay keeps asking.
fn silent(network: &Direct) {
    network.hosts[0].sysctl("net/ipv4/conf/eth0/arp_ignore", "8").unwrap();
    network.hosts[0].address(EDGE, &format!("{LIVE}/24")).unwrap();
    // By default it gives up after three seconds, and drops what waits, to begin anew two seconds later.
    network.relay.sysctl("net/ipv4/neigh/eth1/mcast_solicit", "10000").unwrap();
    network.relay.sysctl("net/ipv4/neigh/eth1/retrans_time_ms", "50").unwrap();
}

#[test]
fn a_server_without_a_next_hop_is_served_by_the_slow_path_and_moves_to_the_fast_path_with_one() {
    for mode in Mode::ALL {
        let scene = Scene::new("silent", mode, 1, &[LIVE], silent);
        scene.until_not_found(LIVE);
        scene.client_sends(DISCOVER, 1);
        wait::until("the message is with the kernel", DEADLINE, || {
            Ok((scene.stats().copies.slow == 1).then_some(()))
        })
        .unwrap();
        assert!(scene.at_hosts[0].dhcp().is_empty(), "{mode:?}: nobody knows yet where the server is");

        scene.network.hosts[0].sysctl("net/ipv4/conf/eth0/arp_ignore", "0").unwrap();
        scene.arrives(0, LIVE, DISCOVER, 1);
        // As soon as it has the message, a server may answer.
        scene.server_sends(0, LIVE, OFFER, 1);
        scene.arrives_at_client(1);

        scene.until_found(LIVE);
        let before = scene.stats();
        assert_eq!(
            before.interfaces[0].requests["discover"],
            Count { fast: 0, slow: 1 },
            "{mode:?}: {before:?}"
        );
        scene.client_sends(REQUEST, 2);
        scene.arrives(0, LIVE, REQUEST, 2);
        let after = scene.stats();
        assert_eq!(scene.by_path(after.interfaces[0].requests["request"]), 1, "{mode:?}: {after:?}");
        let copies = if mode.is_fast() { (1, 1) } else { (0, 2) };
        assert_eq!((after.copies.fast, after.copies.slow), copies, "{mode:?}: {after:?}");
        assert_eq!(after.send_errors, 0, "{mode:?}: {after:?}");
    }
}

#[test]
fn a_reply_of_a_server_that_does_not_answer_arp_is_relayed() {
    for mode in Mode::ALL {
        let scene = Scene::new("no-arp", mode, 1, &[LIVE], silent);
        scene.until_not_found(LIVE);
        scene.server_sends(0, LIVE, OFFER, 7);
        scene.arrives_at_client(7);
        let counted = scene.stats();
        assert_eq!(scene.by_path(counted.interfaces[0].replies["offer"]), 1, "{mode:?}: {counted:?}");
    }
}

#[test]
fn a_dead_server_delays_nobody_and_moves_to_the_fast_path_when_it_comes() {
    const MESSAGES: u32 = 100;
    for mode in Mode::ALL {
        let scene = Scene::new("late", mode, 1, &[LIVE, DEAD], one_of_two_is_dead);
        scene.until_found(LIVE);
        scene.until_not_found(DEAD);
        for xid in 1..=MESSAGES {
            scene.client_sends(DISCOVER, xid);
        }
        for xid in 1..=MESSAGES {
            scene.arrives(0, LIVE, DISCOVER, xid);
        }
        // They have all arrived, and the other server is as dead as it was.
        scene.until_not_found(DEAD);
        let counted = scene.stats();
        assert_eq!(
            scene.by_path(counted.interfaces[0].requests["discover"]),
            u64::from(MESSAGES),
            "{counted:?}"
        );
        if mode.is_fast() {
            assert_eq!(
                counted.copies.fast,
                u64::from(MESSAGES),
                "{mode:?}: those of the live one: {counted:?}"
            );
            wait::until("the dead server's copies are with the daemon", DEADLINE, || {
                Ok((scene.stats().punts == u64::from(MESSAGES)).then_some(()))
            })
            .unwrap();
        }

        // Found by the kernel's next probe, without any message for it.
        scene.network.hosts[0].address(EDGE, &format!("{DEAD}/24")).unwrap();
        scene.until_found(DEAD);
        let before = scene.stats();
        scene.client_sends(DISCOVER, 0x300);
        scene.arrives(0, LIVE, DISCOVER, 0x300);
        scene.arrives(0, DEAD, DISCOVER, 0x300);
        let after = scene.stats();
        let (fast, slow) = (after.copies.fast - before.copies.fast, after.copies.slow - before.copies.slow);
        assert_eq!((fast, slow), if mode.is_fast() { (2, 0) } else { (0, 2) }, "{mode:?}: {after:?}");
        assert_eq!((after.send_errors, after.punts_lost), (0, 0), "{mode:?}: {after:?}");
    }
}

#[test]
fn a_server_that_changes_its_ethernet_address_is_followed_in_the_middle_of_a_dialogue() {
    const NEW: [u8; 6] = [2, 0, 0, 0, 0x0a, 0x0b];
    for mode in Mode::ALL {
        let scene = Scene::new("new-mac", mode, 1, &[LIVE], one_of_two_is_dead);
        let host = &scene.network.hosts[0];
        let old = host.mac(EDGE).unwrap();
        scene.until_found(LIVE);
        scene.client_sends(DISCOVER, 1);
        assert_eq!(scene.arrives(0, LIVE, DISCOVER, 1).ethernet.destination, old);
        scene.server_sends(0, LIVE, OFFER, 1);
        scene.arrives_at_client(1);

        // Another network card, which the host announces as any does (gratuitous ARP).
        host.sysctl("net/ipv4/conf/eth0/arp_notify", "1").unwrap();
        host.run("ip link set eth0 address 02:00:00:00:0a:0b").unwrap();
        scene.until_server(LIVE, "has its new address", |found| {
            found.mac.as_deref() == Some("02:00:00:00:0a:0b")
        });
        scene.client_sends(REQUEST, 2);
        assert_eq!(scene.arrives(0, LIVE, REQUEST, 2).ethernet.destination, NEW);
        scene.server_sends(0, LIVE, ACK, 2);
        scene.arrives_at_client(2);
        let counted = scene.stats();
        assert_eq!(scene.by_path(counted.copies), 2, "{mode:?}: {counted:?}");
    }
}

#[test]
fn a_server_whose_route_moves_to_another_port_is_followed_in_the_middle_of_a_dialogue() {
    const BURST: u32 = 200;
    for mode in Mode::ALL {
        let scene = Scene::new("moved", mode, 2, &[ROUTED], |network| {
            for (host, gateway) in network.hosts.iter().zip(["10.0.41.10", "10.0.42.10"]) {
                host.address(EDGE, &format!("{gateway}/24")).unwrap();
            }
            network.relay.route(&format!("{ROUTED} via 10.0.41.10")).unwrap();
        });
        scene.until_found(ROUTED);
        scene.client_sends(DISCOVER, 1);
        scene.arrives(0, ROUTED, DISCOVER, 1);
        scene.server_sends(0, ROUTED, OFFER, 1);
        scene.arrives_at_client(1);

        // Others keep asking while it moves.
        for xid in 0..BURST {
            if xid == BURST / 4 {
                scene.network.relay.run(&format!("ip route replace {ROUTED} via 10.0.42.10")).unwrap();
            }
            scene.client_sends(DISCOVER, 0x1000 + xid);
        }
        let device = upstream(1);
        scene.until_server(ROUTED, "is behind the other port", |found| {
            found.device.as_ref() == Some(&device) && found.mac.is_some()
        });
        scene.client_sends(REQUEST, 2);
        scene.arrives(1, ROUTED, REQUEST, 2);
        scene.server_sends(1, ROUTED, ACK, 2);
        scene.arrives_at_client(2);

        // Every message of the burst has come out of one of the two ports, once.
        let copies = |xid| {
            let everywhere = scene.at_hosts.iter().flat_map(Capture::dhcp);
            everywhere.filter(|(_, packet)| has(packet, xid)).count()
        };
        wait::until("the burst is at the servers", DEADLINE, || {
            Ok((0..BURST).all(|xid| copies(0x1000 + xid) > 0).then_some(()))
        })
        .unwrap_or_else(|error| panic!("{mode:?}: {error:#}: {:?}", scene.stats()));
        assert!((0..BURST).all(|xid| copies(0x1000 + xid) == 1), "{mode:?}: {:?}", scene.stats());
        let counted = scene.stats();
        assert_eq!(scene.by_path(counted.interfaces[0].replies["offer"]), 1, "{mode:?}: {counted:?}");
        assert_eq!(scene.by_path(counted.interfaces[0].replies["ack"]), 1, "{mode:?}: {counted:?}");
        assert_eq!(counted.send_errors, 0, "{mode:?}: {counted:?}");
    }
}
