//! What the client table of a running relay does not believe, what it has no room for, and what it does when its file is
//! of no use: it counts and says so, and relaying goes on.

#![allow(clippy::unwrap_used, reason = "a test panics; clippy exempts only the functions marked #[test]")]

use std::net::Ipv4Addr;
use std::time::Duration;

use nix::sys::signal::Signal;
use relay_tests::lab::build::{BOOTREQUEST, Bootp};
use relay_tests::lab::direct::{Direct, EDGE, send, upstream};
use relay_tests::lab::{Capture, wait};
use relay_tests::scripted::{SERVER, Script, address, lease_time};
use relay_tests::subject::Mode;
use relay_tests::vm::daemon::Daemon;
use relay_user::control::leases::{ClientStats, Filter, LeaseRow, Leases};
use relay_user::control::{self, Command, Question};

const DEADLINE: Duration = Duration::from_secs(60);
const RELEASE: u8 = 7;
const CLIENT: u16 = 1;

/// Clients at eth0, the server behind eth1, other clients at eth2.
struct Scene {
    network: Direct,
    script: Script,
    daemon: Daemon,
}

impl Scene {
    fn new(title: &str, mode: Mode, interface: &str) -> Self {
        let network = Direct::new(&format!("{title}-{mode:?}").to_lowercase(), 2).unwrap();
        let script = Script::new(&network).unwrap();
        let daemon = Daemon::start(
            &network.relay,
            mode,
            &format!(
                "[[server_group]]\nname = \"core\"\nservers = [\"{SERVER}\"]\n\
                 [[upstream]]\nname = \"{}\"\n\
                 [[interface]]\nname = \"{EDGE}\"\nserver_group = \"core\"\n{interface}\
                 [[interface]]\nname = \"{}\"\nserver_group = \"core\"\n",
                upstream(0),
                upstream(1)
            ),
        )
        .unwrap();
        Self { network, script, daemon }
    }

    fn clients(&self) -> ClientStats {
        self.daemon.stats().unwrap().clients
    }

    fn until(&self, what: &str, is_so: impl Fn(&ClientStats) -> bool) {
        wait::until(what, DEADLINE, || Ok(is_so(&self.clients()).then_some(())))
            .unwrap_or_else(|error| panic!("{error:#}: {:?}", self.clients()));
    }

    fn bind(&self, client: u16, bound: u64) {
        self.script.bind(client).unwrap();
        self.until("the client is bound", |clients| clients.bound == bound);
    }

    fn lease(&self) -> Option<LeaseRow> {
        let filter = Filter { address: Some(address(CLIENT)), ..Filter::default() };
        let question = Question { command: Command::Leases, filter };
        let leases: Leases = control::ask(self.daemon.socket(), question).unwrap();
        leases.leases.into_iter().next()
    }
}

fn liars_change_nothing(mode: Mode) {
    let scene = Scene::new("liars", mode, "");
    let Scene { network, script, .. } = &scene;
    scene.bind(CLIENT, 1);
    // It waits for an answer, so that an ACK would count.
    script.asks(CLIENT, 1).unwrap();
    scene.until("the table has heard of the renewal", |clients| clients.messages == 3);

    let release = Bootp { ciaddr: address(CLIENT), ..script.message(BOOTREQUEST, RELEASE, CLIENT, 2) };
    let stranger = Ipv4Addr::new(10, 0, 41, 66);
    let elsewhere = network.relay.mac(&upstream(1)).unwrap();
    let from_elsewhere = |mut datagram: relay_tests::lab::build::Datagram| {
        datagram.destination_mac = elsewhere;
        send(&network.hosts[1], &datagram.frame()).unwrap();
    };
    // The client's own words from another port; the server's from where clients are.
    from_elsewhere(script.unicast(CLIENT, &release, SERVER));
    from_elsewhere(script.answer(CLIENT, &script.ack(CLIENT, 1), SERVER));
    // Somebody beside the server, and to somebody who is none.
    script.server_sends(&script.answer(CLIENT, &script.ack(CLIENT, 1), stranger)).unwrap();
    script.client_sends(&script.unicast(CLIENT, &release, stranger)).unwrap();
    scene.until("four lies are counted", |clients| clients.suspicious == 4);

    let clients = scene.clients();
    let of = |reason: &str| clients.ignored[reason];
    assert_eq!((of("other_port"), of("not_a_server")), (2, 2), "{mode:?}: {clients:?}");
    let lease = scene.lease().unwrap();
    assert_eq!((lease.state.as_str(), lease.lease_seconds), ("renewing", Some(lease_time(0))), "{mode:?}");

    // The same words from where they may come from.
    script.answers(CLIENT, 1).unwrap();
    scene.until("the answer is heard", |_| {
        scene.lease().is_some_and(|lease| lease.lease_seconds == Some(lease_time(1)))
    });
    script.client_sends(&script.unicast(CLIENT, &release, SERVER)).unwrap();
    scene.until("the release is heard", |clients| clients.bound == 0);
    assert_eq!(scene.clients().suspicious, 4);
}

#[test]
fn liars_change_nothing_without_xdp() {
    liars_change_nothing(Mode::Off);
}

#[test]
fn liars_change_nothing_in_generic_mode() {
    liars_change_nothing(Mode::Generic);
}

#[test]
fn liars_change_nothing_in_native_mode() {
    liars_change_nothing(Mode::Native);
}

#[test]
fn a_client_that_there_is_no_room_for_is_relayed_and_counted() {
    for mode in Mode::ALL {
        let scene = Scene::new("room", mode, "clients_max = 2\n");
        let at_server = Capture::incoming(&scene.network.hosts[0], EDGE).unwrap();
        scene.bind(1, 1);
        scene.bind(2, 2);
        scene.script.bind(3).unwrap();
        scene.until("there is no room for the third", |clients| clients.limit_reached == 1);
        let xid = 3;
        at_server
            .wait_for_dhcp("its request", 0, DEADLINE, |_, packet| {
                packet.bootp().is_ok_and(|bootp| bootp.xid() == xid)
            })
            .unwrap();
        // Those that are in the table go on.
        scene.script.asks(1, 1).unwrap();
        // Before the answer: question and answer come in at two ports, and a server is never as quick as this one.
        scene.until("the table has heard of the renewal", |clients| clients.messages == 7);
        scene.script.answers(1, 1).unwrap();
        scene.until("the first renews", |_| {
            scene.lease().is_some_and(|lease| lease.lease_seconds == Some(lease_time(1)))
        });
        assert_eq!(scene.clients().clients, 2, "{mode:?}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_set_aside_and_named() {
    let mut scene = Scene::new("corrupt", Mode::Native, "");
    scene.bind(CLIENT, 1);
    scene.until("the lease is stored", |clients| clients.stored > 0);
    let file = scene.daemon.state().join("leases.redb");
    scene.daemon.restart_after(Signal::SIGKILL, || Ok(std::fs::write(&file, "no leases")?)).unwrap();
    let line = scene.daemon.process().wait_for_line("could not be read", DEADLINE).unwrap();
    let names = std::fs::read_dir(scene.daemon.state()).unwrap().map(|entry| entry.unwrap().path());
    let aside: Vec<_> = names.filter(|name| line.contains(&format!("{}", name.display()))).collect();
    let aside = aside.iter().find(|name| **name != file).expect("a file that the log names");
    assert_eq!(std::fs::read_to_string(aside).unwrap(), "no leases");
    // The next lease goes into a new one.
    scene.bind(CLIENT, 1);
    scene.until("the lease is stored again", |clients| clients.stored > 0);
}

#[test]
fn a_directory_that_cannot_be_written_is_told_relaying_goes_on_and_everything_is_stored_when_it_can() {
    let mut scene = Scene::new("unwritable", Mode::Native, "");
    let state = scene.daemon.state().to_owned();
    let file = state.join("leases.redb");
    // A directory in the place of the file: not even root can write to it.
    scene
        .daemon
        .restart_after(Signal::SIGTERM, || {
            std::fs::remove_file(&file)?;
            Ok(std::fs::create_dir(&file)?)
        })
        .unwrap();
    scene.until("it is told", |clients| clients.store_error.is_some());
    scene.bind(CLIENT, 1);
    assert_eq!(scene.clients().stored, 0);
    std::fs::remove_dir(&file).unwrap();
    scene.until("the lease is stored", |clients| clients.stored > 0 && clients.store_error.is_none());
    scene.daemon.restart(Signal::SIGTERM).unwrap();
    scene.until("the lease is known again", |clients| clients.bound == 1);
}
