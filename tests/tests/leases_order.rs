//! The client table sees messages in the order in which they arrived, also when the daemon finds them all at once at several
//! ports: a question before its answer, whichever port is read first. In every mode.

#![allow(clippy::unwrap_used, reason = "a test panics; clippy exempts only the functions marked #[test]")]

use std::fs;
use std::net::Ipv4Addr;
use std::time::Duration;

use nix::sys::signal::Signal;
use relay_tests::lab::build::{BOOTREQUEST, Bootp, Datagram};
use relay_tests::lab::direct::{Direct, EDGE, send, upstream};
use relay_tests::lab::wait;
use relay_tests::scripted::{SERVER, Script, address, lease_time, mac};
use relay_tests::subject::Mode;
use relay_tests::vm::daemon::Daemon;
use relay_user::control::leases::{Filter, LeaseRow, Leases};
use relay_user::control::{self, Command, Question};

const DEADLINE: Duration = Duration::from_secs(30);
const REQUEST: u8 = 3;
const RELEASE: u8 = 7;
/// The relay's address on the subnet of the clients behind eth2.
const LATER: Ipv4Addr = Ipv4Addr::new(10, 0, 42, 1);

/// Clients at eth0, the server behind eth1, and other clients at eth2: ports on either side of the server's.
struct Scene {
    network: Direct,
    script: Script,
    daemon: Daemon,
}

impl Scene {
    fn new(title: &str, mode: Mode) -> Self {
        let network = Direct::new(&format!("order-{title}-{mode:?}").to_lowercase(), 2).unwrap();
        let script = Script::new(&network).unwrap();
        let daemon = Daemon::start(
            &network.relay,
            mode,
            &format!(
                "[[server_group]]\nname = \"core\"\nservers = [\"{SERVER}\"]\n\
                 [[interface]]\nname = \"{EDGE}\"\nserver_group = \"core\"\n\
                 [[interface]]\nname = \"{}\"\nserver_group = \"core\"\n",
                upstream(1)
            ),
        )
        .unwrap();
        Self { network, script, daemon }
    }

    /// A client at eth2 sends a frame.
    fn later_sends(&self, mut datagram: Datagram, to_relay: bool) {
        if to_relay {
            datagram.destination_mac = self.network.relay.mac(&upstream(1)).unwrap();
        }
        send(&self.network.hosts[1], &datagram.frame()).unwrap();
    }

    /// A client at eth2 gets its lease through the relay.
    fn bind_later(&self, client: u16) {
        let request = self
            .script
            .message(BOOTREQUEST, REQUEST, client, 0)
            .option(54, &SERVER.octets())
            .option(50, &address(client).octets());
        self.later_sends(Datagram::from_client(mac(client), &request), false);
        let ack = Bootp { giaddr: LATER, ..self.script.ack(client, 0) };
        let server = (self.network.hosts[0].mac(EDGE).unwrap(), SERVER);
        let relay = (self.network.relay.mac(&upstream(0)).unwrap(), LATER);
        self.script.server_sends(&Datagram::between(server, relay, &ack)).unwrap();
    }

    fn lease(&self, client: u16) -> Option<LeaseRow> {
        let filter = Filter { address: Some(address(client)), ..Filter::default() };
        let question = Question { command: Command::Leases, filter };
        let leases: Leases = control::ask(self.daemon.socket(), question).unwrap();
        leases.leases.into_iter().next()
    }

    fn until(&self, what: &str, client: u16, wanted: impl Fn(&LeaseRow) -> bool) {
        let mut last = None;
        wait::until(what, DEADLINE, || {
            last = self.lease(client);
            Ok(last.as_ref().is_some_and(&wanted).then_some(()))
        })
        .unwrap_or_else(|error| panic!("{error:#}: {last:?}\n{:?}", self.daemon.stats()));
    }

    fn handled(&self) -> u64 {
        self.daemon.stats().unwrap().clients.messages
    }

    /// What `send` puts on the wires lies in the ports' queues before any of it is read: `messages` of them.
    fn at_once(&self, messages: u64, send: impl FnOnce()) {
        let before = self.handled();
        let process = self.daemon.process();
        process.signal(Signal::SIGSTOP).unwrap();
        wait::until("every thread of the daemon has stopped", DEADLINE, || {
            let tasks = fs::read_dir(format!("/proc/{}/task", process.pid()))?;
            for task in tasks {
                let stat = fs::read_to_string(task?.path().join("stat"))?;
                let state = stat.rsplit(") ").next().and_then(|rest| rest.chars().next());
                if state != Some('T') {
                    return Ok(None);
                }
            }
            Ok(Some(()))
        })
        .unwrap();
        send();
        process.signal(Signal::SIGCONT).unwrap();
        wait::until("the table has seen them", DEADLINE, || {
            Ok((self.handled() >= before + messages).then_some(()))
        })
        .unwrap();
    }
}

#[test]
fn an_answer_is_not_read_before_its_question_whose_port_comes_later() {
    for mode in Mode::ALL {
        let scene = Scene::new("answer", mode);
        scene.bind_later(1);
        scene.until("a lease", 1, |lease| lease.state == "bound");
        for round in 1..=5 {
            scene.at_once(2, || {
                let request =
                    Bootp { ciaddr: address(1), ..scene.script.message(BOOTREQUEST, REQUEST, 1, round) };
                scene.later_sends(scene.script.unicast(1, &request, SERVER), true);
                scene.script.answers(1, round).unwrap();
            });
            let lease = scene.lease(1).unwrap();
            assert_eq!(
                (lease.state.as_str(), lease.lease_seconds),
                ("bound", Some(lease_time(round))),
                "{mode:?}, round {round}"
            );
        }
    }
}

#[test]
fn a_release_behind_an_answer_ends_the_lease_although_its_port_comes_first() {
    for mode in Mode::ALL {
        let scene = Scene::new("release", mode);
        for client in 1..=5 {
            scene.script.bind(client).unwrap();
            scene.until("a lease", client, |lease| lease.state == "bound");
            scene.script.asks(client, 1).unwrap();
            scene.until("it renews", client, |lease| lease.state == "renewing");
            scene.at_once(2, || {
                scene.script.answers(client, 1).unwrap();
                let message = scene.script.message(BOOTREQUEST, RELEASE, client, 2);
                let release = Bootp { ciaddr: address(client), ..message };
                scene.script.client_sends(&scene.script.unicast(client, &release, SERVER)).unwrap();
            });
            let lease = scene.lease(client).unwrap();
            assert_eq!(
                (lease.state.as_str(), lease.lease_seconds),
                ("released", Some(lease_time(1))),
                "{mode:?}, client {client}"
            );
        }
    }
}
