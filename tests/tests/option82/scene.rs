//! One relay with two client ports and one server, and everything that was on their wires.
//!
//! ```text
//!  c0 eth0 ─── eth0 192.168.60.2  relay  eth2 10.0.41.1 ─── eth0 10.0.41.10  server
//!  c1 eth0 ─── eth1 192.168.61.2         lo   10.255.0.1
//! ```

use std::collections::BTreeSet;
use std::fmt;
use std::net::Ipv4Addr;
use std::time::Duration;

use relay_tests::lab::build::{BOOTREQUEST, Bootp, Datagram};
use relay_tests::lab::compare::without_what_differs;
use relay_tests::lab::frame::{Direction, Packet};
use relay_tests::lab::packet::{Deliver, PacketSocket};
use relay_tests::lab::scenario::Step;
use relay_tests::lab::{Capture, Lab, Namespace, Proc, wait};
use relay_tests::peers::{Dhcpd, Kea};
use relay_tests::subject::Mode;
use relay_tests::vm::daemon::Daemon;

use super::servers::{isc, kea};

pub(crate) const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 41, 10);
/// The relay's address on each client port.
pub(crate) const ADDRESSES: [Ipv4Addr; 2] = [Ipv4Addr::new(192, 168, 60, 2), Ipv4Addr::new(192, 168, 61, 2)];
/// On the loopback device; the two client ports may share it.
pub(crate) const GIADDR: Ipv4Addr = Ipv4Addr::new(10, 255, 0, 1);
/// The laboratory counts Ethernet addresses in the order in which links are made: relay first.
pub(crate) const RELAY_MACS: [&str; 2] = ["02:00:00:00:00:01", "02:00:00:00:00:03"];

const DEADLINE: Duration = Duration::from_secs(20);
/// The transaction of the requests that come last.
const LAST: u32 = 0x1a57_0000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ServerKind {
    Isc,
    Kea,
}

/// A client's host and what was on its wire.
pub(crate) struct ClientHost {
    pub(crate) host: Namespace,
    mac: [u8; 6],
    capture: Capture,
}

/// The server program.
enum Server {
    Isc(Dhcpd),
    Kea(Kea),
}

/// The network with everything running but the clients.
pub(crate) struct Scene {
    mode: Mode,
    kind: ServerKind,
    pub(crate) clients: Vec<ClientHost>,
    relay: Namespace,
    capture: Capture,
    server: Server,
    daemon: Daemon,
    _server_host: Namespace,
    _lab: Lab,
}

impl Scene {
    /// Makes it; `option82` are the keys of both interfaces, `giaddr` is what they share.
    pub(crate) fn new(
        title: &str,
        mode: Mode,
        kind: ServerKind,
        giaddr: Option<Ipv4Addr>,
        option82: &str,
    ) -> Self {
        let lab = Lab::new(&format!("{title}-{mode:?}").to_lowercase()).unwrap();
        let (relay, server_host) = (lab.host("r").unwrap(), lab.host("s").unwrap());
        let mut clients = Vec::new();
        let mut interfaces = String::new();
        for (port, address) in ADDRESSES.iter().enumerate() {
            let host = lab.host(&format!("c{port}")).unwrap();
            let device = format!("eth{port}");
            lab.link(&relay, &device, &host, "eth0").unwrap();
            host.offload("eth0", "tx", false).unwrap();
            relay.address(&device, &format!("{address}/24")).unwrap();
            let giaddr = giaddr.map(|giaddr| format!("giaddr = \"{giaddr}\"\n")).unwrap_or_default();
            interfaces += &format!(
                "[[interface]]\nname = \"{device}\"\nserver_group = \"core\"\n{giaddr}\
                 [interface.option82]\n{option82}\n"
            );
            let (mac, capture) = (host.mac("eth0").unwrap(), Capture::start(&host, "eth0").unwrap());
            clients.push(ClientHost { host, mac, capture });
        }
        lab.link(&relay, "eth2", &server_host, "eth0").unwrap();
        // A frame of a server elsewhere has complete checksums, as a client's has.
        server_host.offload("eth0", "tx", false).unwrap();
        relay.address("eth2", "10.0.41.1/24").unwrap();
        relay.address("lo", &format!("{GIADDR}/32")).unwrap();
        server_host.address("eth0", &format!("{SERVER}/24")).unwrap();
        server_host.route("default via 10.0.41.1").unwrap();
        let server = match kind {
            ServerKind::Isc => Server::Isc(Dhcpd::start(&server_host, "eth0", &isc()).unwrap()),
            ServerKind::Kea => Server::Kea(Kea::start(&server_host, "eth0", kea()).unwrap()),
        };
        let group = format!("[[server_group]]\nname = \"core\"\nservers = [\"{SERVER}\"]\n\n");
        let daemon = Daemon::start(&relay, mode, &[group, interfaces].concat()).unwrap();
        let capture = Capture::start(&server_host, "eth0").unwrap();
        Self { mode, kind, clients, relay, capture, server, daemon, _server_host: server_host, _lab: lab }
    }

    /// The relay's host also routes: without server identifier override clients renew with the server itself.
    pub(crate) fn routed(&self) {
        self.relay.forwarding(true).unwrap();
    }

    fn log(&self) -> Vec<String> {
        let process: &Proc = match &self.server {
            Server::Isc(server) => server.process(),
            Server::Kea(server) => server.process(),
        };
        process.lines()
    }

    /// Waits until a last request from each port has been at the server: what was sent before it has been, too.
    pub(crate) fn finish(&self) {
        for (port, client) in (0u32..).zip(&self.clients) {
            let mut message = Bootp::new(BOOTREQUEST, None, client.mac);
            message.xid = LAST + port;
            let sender = PacketSocket::open(&client.host, "eth0", Deliver::Nothing).unwrap();
            sender.send(&Datagram::from_client(client.mac, &message).frame()).unwrap();
            self.capture
                .wait_for_dhcp("the last request", 0, DEADLINE, |_, packet| {
                    packet.bootp().is_ok_and(|bootp| bootp.xid() == message.xid)
                })
                .unwrap_or_else(|error| panic!("{:?}: {error:#}", self.mode));
        }
        // Every reply has come to its client.
        wait::until("the replies are at the clients", DEADLINE, || {
            let sent = self
                .at_server()
                .into_iter()
                .filter(|(way, packet)| *way == Direction::Outgoing && Step::of(packet).is_some());
            let arrived: usize = (0..self.clients.len())
                .map(|port| {
                    self.at_client(port).iter().filter(|(way, _)| *way == Direction::Incoming).count()
                })
                .sum();
            Ok((arrived >= sent.count()).then_some(()))
        })
        .unwrap_or_else(|error| panic!("{:?}: {error:#}\n{self}", self.mode));
    }

    fn at_server(&self) -> Vec<(Direction, Packet)> {
        let packets = self.capture.dhcp().into_iter();
        packets
            .filter(|(_, packet)| packet.bootp().is_ok_and(|bootp| bootp.xid() >> 16 != LAST >> 16))
            .collect()
    }

    /// The DHCP frames on the wire of a client.
    pub(crate) fn at_client(&self, port: usize) -> Vec<(Direction, Packet)> {
        let packets = self.clients[port].capture.dhcp().into_iter();
        packets
            .filter(|(_, packet)| packet.bootp().is_ok_and(|bootp| bootp.xid() >> 16 != LAST >> 16))
            .collect()
    }

    /// What the relay has sent to the server.
    fn relayed(&self) -> Vec<Packet> {
        let incoming = self.at_server().into_iter().filter(|(way, packet)| {
            *way == Direction::Incoming && packet.bootp().is_ok_and(|bootp| !bootp.giaddr().is_unspecified())
        });
        incoming.map(|(_, packet)| packet).collect()
    }

    /// What the relay has sent to the server of one step of one client.
    pub(crate) fn at_server_of(&self, step: Step, port: usize) -> Vec<Packet> {
        let mac = self.clients[port].mac;
        let all = self.relayed().into_iter();
        let of_client = all.filter(|packet| packet.bootp().is_ok_and(|bootp| bootp.chaddr() == mac));
        of_client.filter(|packet| Step::of(packet) == Some(step)).collect()
    }

    /// All requests at the server and all offers at the clients that come from the relay, without what differs from run
    /// to run.
    pub(crate) fn sent_by_the_relay(&self) -> BTreeSet<Vec<u8>> {
        let offers = (0..self.clients.len())
            .flat_map(|port| self.at_client(port))
            .filter(|(way, packet)| *way == Direction::Incoming && Step::of(packet) == Some(Step::Offer));
        let all = self.relayed().into_iter().chain(offers.map(|(_, packet)| packet));
        all.map(|packet| without_what_differs(&packet).unwrap_or_else(|error| panic!("{error:#}"))).collect()
    }

    /// No client is sent a frame of another one.
    pub(crate) fn nothing_of_another_client(&self) {
        for (port, client) in self.clients.iter().enumerate() {
            for (_, packet) in self.at_client(port) {
                let chaddr = packet.bootp().unwrap().chaddr();
                assert_eq!(chaddr, client.mac, "{:?}: client {port} saw {packet}\n{self}", self.mode);
            }
        }
    }

    /// No client is sent option 82, nor the octets of ours anywhere in a frame.
    pub(crate) fn nothing_of_option82_at_clients(&self) {
        for (port, client) in self.clients.iter().enumerate() {
            let circuit = format!("eth{port}.0").into_bytes();
            for frame in client.capture.frames() {
                let found = frame.bytes.windows(circuit.len()).any(|octets| octets == circuit);
                assert!(!found, "{:?}: the circuit-id in {frame}", self.mode);
            }
            for (way, packet) in self.at_client(port) {
                assert_eq!(packet.bootp().unwrap().option(82), None, "{:?}: {packet}", self.mode);
                if way == Direction::Incoming && !packet.bootp().unwrap().giaddr().is_unspecified() {
                    assert!(packet.payload.len() >= 300, "{:?}: {packet}", self.mode);
                }
            }
        }
    }

    /// The option in every relayed request, by client port; behind it there is END and then zeros.
    pub(crate) fn option82_is_last_and_is(&self, expected: &dyn Fn(usize) -> Vec<u8>) {
        let relayed = self.relayed();
        assert!(relayed.len() >= 4, "{:?}: DISCOVER and REQUEST of two clients\n{self}", self.mode);
        for packet in relayed {
            let bootp = packet.bootp().unwrap();
            let port = self.clients.iter().position(|client| client.mac == bootp.chaddr()).unwrap();
            let options = bootp.options();
            assert_eq!(options.last(), Some(&(82, expected(port))), "{:?}: {packet}", self.mode);
            let length: usize = 240 + options.iter().map(|(_, value)| value.len() + 2).sum::<usize>();
            assert_eq!(packet.payload[length], 255, "{:?}: END is behind it: {packet}", self.mode);
            assert!(
                packet.payload[length + 1..].iter().all(|octet| *octet == 0),
                "{:?}: {packet}",
                self.mode
            );
        }
    }

    /// The server sent the option back: that clients did not see it is the relay's doing.
    pub(crate) fn replies_had_option82(&self) {
        let mut replies = 0;
        for (way, packet) in self.at_server() {
            let bootp = packet.bootp().unwrap();
            if way == Direction::Outgoing && !bootp.giaddr().is_unspecified() {
                assert!(bootp.option(82).is_some(), "{:?}: {packet}", self.mode);
                replies += 1;
            }
        }
        assert!(replies >= 4, "{:?}: OFFER and ACK to two clients\n{self}", self.mode);
    }

    /// Everything went by the path of the mode, and by no other.
    pub(crate) fn the_right_path_relayed(&self) {
        let stats = self.daemon.stats().unwrap();
        for interface in &stats.interfaces {
            for (messages, names) in
                [(&interface.requests, ["discover", "request"]), (&interface.replies, ["offer", "ack"])]
            {
                for name in names {
                    let count = messages[name];
                    let (right, wrong) =
                        if self.mode.is_fast() { (count.fast, count.slow) } else { (count.slow, count.fast) };
                    assert!(right > 0 && wrong == 0, "{:?}: {name}: {stats:?}", self.mode);
                }
            }
            assert!(interface.option82_left_out.is_zero(), "{:?}: {stats:?}", self.mode);
        }
        assert_eq!(stats.send_errors, 0, "{:?}: {stats:?}", self.mode);
    }

    /// The server says so itself.
    pub(crate) fn server_saw_circuit_ids(&self) {
        let log = self.log();
        for (port, remote) in RELAY_MACS.iter().enumerate() {
            let circuit = format!("eth{port}.0");
            let wanted = match self.kind {
                ServerKind::Isc => format!("agent {circuit} {remote}"),
                ServerKind::Kea => format!("on-{circuit}"),
            };
            let found = log.iter().any(|line| line.contains(&wanted));
            assert!(found, "{:?}: no {wanted:?} in the server's log:\n{}", self.mode, log.join("\n"));
        }
    }
}

impl fmt::Display for Scene {
    /// What was on the wires, for the message of a failed assertion.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "at the server:\n{}", self.capture.summary())?;
        for (port, client) in self.clients.iter().enumerate() {
            writeln!(formatter, "at client {port}:\n{}", client.capture.summary())?;
        }
        Ok(())
    }
}
