//! Which servers get a request when clients know all of them by the relay's address (RFC 5107): the one whose lease it is,
//! and all of them again whenever that one does not answer or nobody can know. In every mode.

#![allow(clippy::unwrap_used, reason = "a test panics; clippy exempts only the functions marked #[test]")]

use std::net::Ipv4Addr;
use std::time::Duration;

use nix::sys::signal::Signal;
use relay_tests::lab::build::{BOOTREPLY, BOOTREQUEST, Bootp, Datagram};
use relay_tests::lab::capture::Capture;
use relay_tests::lab::direct::{Direct, EDGE, RELAY};
use relay_tests::lab::packet::{Deliver, PacketSocket};
use relay_tests::lab::wait;
use relay_tests::subject::Mode;
use relay_tests::vm::daemon::Daemon;
use relay_user::control::model::Count;

const DEADLINE: Duration = Duration::from_secs(20);
const SERVERS: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 0, 41, 10), Ipv4Addr::new(10, 0, 42, 10)];
const CLIENT: Ipv4Addr = Ipv4Addr::new(192, 168, 60, 100);
const OFFER: u8 = 2;
const REQUEST: u8 = 3;
const ACK: u8 = 5;

struct Stage {
    network: Direct,
    daemon: Daemon,
    servers: Vec<Capture>,
    client: Capture,
    xid: u32,
}

impl Stage {
    fn new(title: &str, mode: Mode, affinity: &str) -> Self {
        let network = Direct::new(&format!("affinity-{title}-{mode:?}").to_lowercase(), 2).unwrap();
        for (host, address) in network.hosts.iter().zip(SERVERS) {
            host.address(EDGE, &format!("{address}/24")).unwrap();
        }
        let [first, second] = SERVERS;
        let daemon = Daemon::start(
            &network.relay,
            mode,
            &format!(
                "[[server_group]]\nname = \"core\"\naffinity = \"{affinity}\"\nservers = [\"{first}\", \"{second}\"]\n\
                 [[interface]]\nname = \"{EDGE}\"\nserver_group = \"core\"\n\
                 [interface.option82]\nserver_id_override = true\n"
            ),
        )
        .unwrap();
        let servers =
            network.hosts.iter().map(|host| Capture::incoming(host, EDGE).unwrap()).collect::<Vec<_>>();
        let client = Capture::incoming(&network.client, EDGE).unwrap();
        Self { network, daemon, servers, client, xid: 0x5eed_0000 }
    }

    fn message(&self, op: u8, kind: u8) -> Bootp {
        Bootp { xid: self.xid, ..Bootp::new(op, Some(kind), self.network.client_mac) }
    }

    fn request(&self) -> Bootp {
        self.message(BOOTREQUEST, REQUEST)
    }

    /// What a client sends that has chosen an offer.
    fn selecting(&self) -> Bootp {
        self.request().option(50, &CLIENT.octets()).option(54, &RELAY.octets())
    }

    /// What it sends to extend its lease.
    fn renewing(&self) -> Bootp {
        Bootp { ciaddr: CLIENT, ..self.request() }
    }

    /// A reply of server `index`, which the client has when this returns.
    fn answers(&self, index: usize, kind: u8) {
        let reply = Bootp {
            yiaddr: CLIENT,
            giaddr: RELAY,
            flags: 0x8000,
            // Which reply it is, for the capture: servers may leave anything here.
            siaddr: Ipv4Addr::from(u32::from(kind) << 8 | index as u32),
            ..self.message(BOOTREPLY, kind)
        }
        .option(54, &RELAY.octets())
        .option(51, &[0, 0, 14, 16]);
        let before = self.client.dhcp().len();
        self.network.server_sends(index, SERVERS[index], &reply).unwrap();
        let xid = self.xid;
        self.client
            .wait_for_dhcp("the reply", before, DEADLINE, |_, packet| {
                packet.bootp().is_ok_and(|bootp| bootp.xid() == xid && bootp.siaddr() == reply.siaddr)
            })
            .unwrap();
    }

    /// Which servers get a message: those that have it when a later message, which goes to all, has come.
    fn reached(&mut self, send: impl FnOnce(&Direct)) -> Vec<usize> {
        let marks: Vec<usize> = self.servers.iter().map(|capture| capture.dhcp().len()).collect();
        send(&self.network);
        let own = self.xid;
        // Another client's, whose dialogue has nothing to do with this one's.
        let last = Bootp { xid: !own, ..Bootp::new(BOOTREQUEST, Some(1), [2, 0, 0, 0, 0x77, 1]) };
        self.network.client_sends(&last).unwrap();
        let mut reached = Vec::new();
        for (index, (capture, mark)) in self.servers.iter().zip(marks).enumerate() {
            let is = |packet: &relay_tests::lab::frame::Packet, xid| {
                packet.bootp().is_ok_and(|bootp| bootp.xid() == xid)
            };
            capture
                .wait_for_dhcp("the message to all", mark, DEADLINE, |_, packet| is(packet, !own))
                .unwrap();
            let copies = capture.dhcp().iter().skip(mark).filter(|(_, packet)| is(packet, own)).count();
            assert!(copies <= 1, "server {index} got {copies} copies");
            if copies == 1 {
                reached.push(index);
            }
        }
        self.xid += 1;
        reached
    }

    fn broadcast_reaches(&mut self, message: &Bootp) -> Vec<usize> {
        self.reached(|network| network.client_sends(message).unwrap())
    }

    /// Sent to the relay's address, as a client does that takes it for its server.
    fn unicast_reaches(&mut self, message: &Bootp) -> Vec<usize> {
        let mac = self.network.relay.mac(EDGE).unwrap();
        self.reached(|network| {
            let socket = PacketSocket::open(&network.client, EDGE, Deliver::Nothing).unwrap();
            let datagram = Datagram {
                destination_mac: mac,
                source: CLIENT,
                destination: RELAY,
                ..Datagram::from_client(network.client_mac, message)
            };
            socket.send(&datagram.frame()).unwrap();
        })
    }

    /// A client that has its lease from server `index`.
    fn bound_to(&mut self, index: usize) {
        self.answers(index, OFFER);
        let request = self.selecting();
        assert_eq!(self.broadcast_reaches(&request), [index]);
        self.xid -= 1;
        self.answers(index, ACK);
        self.xid += 1;
    }

    fn to_holder(&self) -> Count {
        self.daemon.stats().unwrap().interfaces[0].to_holder
    }
}

fn in_every_mode(title: &str, test: impl Fn(&mut Stage, Mode)) {
    for mode in Mode::ALL {
        test(&mut Stage::new(title, mode, "auto"), mode);
    }
}

#[test]
fn a_client_that_has_chosen_reaches_the_server_of_the_offer_alone_and_all_when_it_asks_again() {
    in_every_mode("select", |stage, mode| {
        stage.answers(0, OFFER);
        let request = stage.selecting();
        assert_eq!(stage.broadcast_reaches(&request), [0], "{mode:?}");
        stage.xid -= 1;
        assert_eq!(stage.broadcast_reaches(&request), [0, 1], "{mode:?}: nobody has answered");
        let count = stage.to_holder();
        assert_eq!(if mode.is_fast() { (count.fast, count.slow) } else { (count.slow, count.fast) }, (1, 0));
    });
}

#[test]
fn a_renewal_reaches_the_server_of_the_lease_alone_until_it_does_not_answer() {
    in_every_mode("renew", |stage, mode| {
        stage.bound_to(1);
        let renewal = stage.renewing();
        assert_eq!(stage.unicast_reaches(&renewal), [1], "{mode:?}");
        let again = stage.renewing();
        assert_eq!(stage.unicast_reaches(&again), [0, 1], "{mode:?}: the first was not answered");
        // The other one takes over: from now on it is the one.
        stage.answers(0, ACK);
        let next = stage.renewing();
        assert_eq!(stage.unicast_reaches(&next), [0], "{mode:?}");
    });
}

#[test]
fn a_renewal_reaches_the_server_of_the_lease_alone_after_a_restart_of_the_relay() {
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        in_every_mode("again", |stage, mode| {
            stage.bound_to(1);
            let what = format!("{mode:?}, {signal}");
            let clients = |stage: &Stage| stage.daemon.stats().unwrap().clients;
            wait::until("the lease is stored", DEADLINE, || Ok((clients(stage).stored > 0).then_some(())))
                .unwrap_or_else(|error| panic!("{what}: {error:#}: {:?}", clients(stage)));
            stage.daemon.restart(signal).unwrap();
            wait::until("the lease is known again", DEADLINE, || {
                Ok((clients(stage).bound == 1).then_some(()))
            })
            .unwrap();
            let other = Bootp { ciaddr: Ipv4Addr::new(192, 168, 60, 101), ..stage.renewing() };
            assert_eq!(stage.unicast_reaches(&other), [0, 1], "{what}: nobody's lease");
            let renewal = stage.renewing();
            assert_eq!(stage.unicast_reaches(&renewal), [1], "{what}");
            let again = stage.renewing();
            assert_eq!(stage.unicast_reaches(&again), [0, 1], "{what}: the first was not answered");
        });
    }
}

#[test]
fn whatever_is_not_sure_reaches_every_server() {
    in_every_mode("unsure", |stage, mode| {
        stage.bound_to(0);
        let rebinding = stage.renewing();
        assert_eq!(stage.broadcast_reaches(&rebinding), [0, 1], "{mode:?}: rebinding");
        let late = Bootp { secs: 4, ..stage.renewing() };
        assert_eq!(stage.unicast_reaches(&late), [0, 1], "{mode:?}: it has been trying");
        let rebooting = stage.request().option(50, &CLIENT.octets());
        assert_eq!(stage.broadcast_reaches(&rebooting), [0, 1], "{mode:?}: rebooting");
        let other = Ipv4Addr::new(192, 168, 60, 101);
        let unknown = stage.request().option(50, &other.octets()).option(54, &RELAY.octets());
        assert_eq!(stage.broadcast_reaches(&unknown), [0, 1], "{mode:?}: nobody offered that");
        let old = stage.selecting();
        assert_eq!(stage.broadcast_reaches(&old), [0, 1], "{mode:?}: the offer was for another dialogue");
        stage.answers(0, OFFER);
        stage.answers(1, OFFER);
        let both = stage.selecting();
        assert_eq!(stage.broadcast_reaches(&both), [0, 1], "{mode:?}: two servers offered it");
        let release = Bootp { ciaddr: CLIENT, ..stage.message(BOOTREQUEST, 7) };
        assert_eq!(stage.unicast_reaches(&release), [0, 1], "{mode:?}: a release is not repeated");
    });
}

#[test]
fn without_affinity_every_request_reaches_every_server() {
    for mode in Mode::ALL {
        let mut stage = Stage::new("none", mode, "off");
        stage.answers(0, OFFER);
        let request = stage.selecting();
        assert_eq!(stage.broadcast_reaches(&request), [0, 1], "{mode:?}");
        assert!(stage.to_holder().is_zero());
    }
}
