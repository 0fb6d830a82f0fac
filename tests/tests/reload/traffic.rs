//! Reloads amid traffic. Every message has a number of its own, is waited for where it comes out, and is counted there.

use std::collections::BTreeMap;
use std::os::fd::AsFd as _;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use relay_tests::churn::server;
use relay_tests::lab::build::{BOOTREPLY, BOOTREQUEST, Bootp, Datagram};
use relay_tests::lab::direct::{EDGE, RELAY, upstream};
use relay_tests::lab::frame::Packet;
use relay_tests::lab::packet::{Deliver, PacketSocket};
use relay_tests::lab::wait;
use relay_tests::subject::Mode;

use super::{DEADLINE, DISCOVER, OFFER, Stage, tagged, untagged};

/// Messages that have been sent and have not come out: fewer than any queue on the way holds.
const UNDER_WAY: u32 = 64;
/// Messages between two reloads.
const BETWEEN: u32 = 300;
const ROUNDS: usize = 6;

const CLIENT: [u8; 6] = [0x02, 0, 0xc1, 0, 0, 1];

/// A message where it came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    xid: u32,
    tos: u8,
    option82: bool,
}

/// What came out at one place.
type Sink = Arc<Mutex<Vec<Seen>>>;

/// How often each message came out.
fn by_xid(sink: &Sink) -> BTreeMap<u32, Vec<Seen>> {
    let mut found: BTreeMap<u32, Vec<Seen>> = BTreeMap::new();
    for &seen in sink.lock().unwrap().iter() {
        found.entry(seen.xid).or_default().push(seen);
    }
    found
}

/// A client that sends, and those who listen, each a thread.
struct Traffic {
    servers: [Sink; 3],
    offers: Sink,
    /// Of the last message.
    number: Arc<AtomicU32>,
    sends: Arc<AtomicBool>,
    listens: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.sends.store(false, Ordering::Relaxed);
        self.listens.store(false, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let ended = thread.join();
            if !std::thread::panicking() {
                ended.unwrap();
            }
        }
    }
}

impl Traffic {
    /// Listens everywhere. With `answer`, the first server answers every message with an OFFER.
    fn listen(stage: &Stage, answer: bool) -> Self {
        let on = || Arc::new(AtomicBool::new(true));
        let mut traffic = Self {
            servers: Default::default(),
            offers: Sink::default(),
            number: Arc::default(),
            sends: on(),
            listens: on(),
            threads: Vec::new(),
        };
        for number in 0..traffic.servers.len() {
            let host = &stage.network.hosts[number];
            host.address(EDGE, &format!("{}/24", server(number))).unwrap();
            let from = (host.mac(EDGE).unwrap(), server(number));
            let to = (stage.network.relay.mac(&upstream(number)).unwrap(), RELAY);
            let reply = move |socket: &PacketSocket, xid: u32| {
                if answer && number == 0 {
                    let offer = Bootp {
                        xid,
                        yiaddr: [192, 168, 60, 100].into(),
                        giaddr: RELAY,
                        ..Bootp::new(BOOTREPLY, Some(OFFER), CLIENT)
                    };
                    let offer = offer.option(54, &from.1.octets());
                    socket.send(&Datagram::between(from, to, &offer).frame()).unwrap();
                }
            };
            let (socket, sink) = (open(host, Deliver::Incoming), Arc::clone(&traffic.servers[number]));
            traffic.spawn_listener(socket, sink, DISCOVER, reply);
        }
        let (socket, sink) = (open(stage.client(), Deliver::Incoming), Arc::clone(&traffic.offers));
        traffic.spawn_listener(socket, sink, OFFER, |_, _| {});
        traffic
    }

    fn spawn_listener(
        &mut self,
        socket: PacketSocket,
        sink: Sink,
        kind: u8,
        then: impl Fn(&PacketSocket, u32) + Send + 'static,
    ) {
        let listens = Arc::clone(&self.listens);
        self.threads.push(std::thread::spawn(move || {
            while listens.load(Ordering::Relaxed) {
                let Some(packet) = next(&socket) else { continue };
                let Ok(bootp) = packet.bootp() else { continue };
                if bootp.option(53).as_deref() != Some(&[kind]) {
                    continue;
                }
                let (xid, option82) = (bootp.xid(), bootp.option(82).is_some());
                sink.lock().unwrap().push(Seen { xid, tos: packet.ip.tos, option82 });
                then(&socket, xid);
            }
        }));
    }

    /// Begins to send. A message is only sent while nearly all before it have come out at `goals`, at one of them each.
    fn send(&mut self, stage: &Stage, goals: &[&Sink]) {
        let socket = open(stage.client(), Deliver::Nothing);
        let goals: Vec<Sink> = goals.iter().map(|sink| Arc::clone(sink)).collect();
        let (number, sends) = (Arc::clone(&self.number), Arc::clone(&self.sends));
        self.threads.push(std::thread::spawn(move || {
            while sends.load(Ordering::Relaxed) {
                let arrived: usize = goals.iter().map(|sink| sink.lock().unwrap().len()).sum();
                let xid = number.load(Ordering::SeqCst) + 1;
                if xid > arrived as u32 + UNDER_WAY {
                    std::thread::yield_now();
                    continue;
                }
                let message = Bootp { xid, ..Bootp::new(BOOTREQUEST, Some(DISCOVER), CLIENT) };
                // Before it is sent: one with a higher number than this is sent later than somebody reads it.
                number.store(xid, Ordering::SeqCst);
                socket.send(&Datagram::from_client(CLIENT, &message).frame()).unwrap();
            }
        }));
    }

    fn sent(&self) -> u32 {
        self.number.load(Ordering::SeqCst)
    }

    /// Waits until so many more have been sent.
    fn goes_on(&self, stage: &Stage) {
        let goal = self.sent() + BETWEEN;
        self.until(stage, "messages are sent", || self.sent() >= goal);
    }

    /// Sends no more, and waits until everything has come out.
    fn ends(&self, stage: &Stage, goals: &[&Sink]) {
        self.sends.store(false, Ordering::Relaxed);
        let arrived = || goals.iter().map(|sink| sink.lock().unwrap().len()).sum::<usize>();
        // The thread may be about to send one more.
        self.until(stage, "everything comes out", || arrived() == self.sent() as usize);
    }

    fn until(&self, stage: &Stage, what: &str, wanted: impl Fn() -> bool) {
        wait::until(what, DEADLINE, || Ok(wanted().then_some(()))).unwrap_or_else(|error| {
            let len = |sink: &Sink| sink.lock().unwrap().len();
            panic!(
                "{:?}: {error:#}: {} sent, {:?} at the servers, {} offers: {:?}",
                stage.mode,
                self.sent(),
                self.servers.each_ref().map(len),
                len(&self.offers),
                stage.site.stats()
            )
        });
    }
}

fn open(host: &relay_tests::lab::Namespace, deliver: Deliver) -> PacketSocket {
    PacketSocket::open(host, EDGE, deliver).unwrap()
}

fn next(socket: &PacketSocket) -> Option<Packet> {
    match socket.receive() {
        Ok(frame) => frame.packet().ok().filter(Packet::is_dhcp),
        Err(nix::Error::EAGAIN) => {
            let mut ready = [PollFd::new(socket.as_ref().as_fd(), PollFlags::POLLIN)];
            // Woken now and then, to see whether it is over.
            let _ = poll(&mut ready, PollTimeout::from(50u8));
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// The two configurations have other servers, another DSCP and option 82 or none, and the interface and its group have other
/// numbers in each.
fn every_message_is_relayed_by_one_configuration_and_once(mode: Mode) {
    let stage = Stage::new("whole", mode);
    let configure = |second: bool| {
        if second {
            let option82 = "[interface.option82]\ncircuit_id = \"second\"\n";
            stage.configure(
                "dscp = 8",
                &[("other", &[0]), ("core", &[1, 2])],
                &[tagged(7, "other", ""), untagged("core", option82)],
            );
        } else {
            stage.configure("", &[("core", &[0])], &[untagged("core", "")]);
        }
    };
    configure(false);
    let mut traffic = Traffic::listen(&stage, false);
    let _relay = stage.start();
    let [first, second, third] = traffic.servers.each_ref().map(Arc::clone);
    let goals = [&first, &second];
    traffic.send(&stage, &goals);
    // Up to which number a message is of the configuration before, and from which on of the next.
    let mut turns = Vec::new();
    let mut counted = 0;
    for round in 0..ROUNDS {
        traffic.goes_on(&stage);
        configure(round % 2 == 0);
        // Of those that are under way, some may have arrived.
        let before = goals.iter().map(|sink| sink.lock().unwrap().len()).sum::<usize>() as u32;
        let reloaded = stage.reload();
        turns.push((before.saturating_sub(UNDER_WAY), traffic.sent()));
        assert_eq!(reloaded.changes.relay, ["dscp"], "{mode:?}: {reloaded:?}");
        assert_eq!(reloaded.changes.groups.changed, ["core"], "{mode:?}: {reloaded:?}");
        assert_eq!(reloaded.changes.interfaces.changed, [EDGE], "{mode:?}: {reloaded:?}");
        let (from, total) =
            (stage.discovers(), |count: relay_user::control::model::Count| count.fast + count.slow);
        assert!(total(from) >= counted, "{mode:?}: {from:?} after {counted}");
        traffic.goes_on(&stage);
        let to = stage.discovers();
        let by_path = if mode.is_fast() { to.fast - from.fast } else { to.slow - from.slow };
        assert!(by_path > u64::from(BETWEEN - 2 * UNDER_WAY), "{mode:?}: {from:?} {to:?}");
        counted = total(to);
    }
    traffic.ends(&stage, &goals);
    let sent = traffic.sent();
    // The last copy of the last message may still be on its way.
    traffic.until(&stage, "the third server has what the second has", || {
        third.lock().unwrap().len() == second.lock().unwrap().len()
    });
    let found = [&first, &second, &third].map(by_xid);
    let of_second = |xid: u32| {
        let turn = turns.iter().filter(|(_, after)| *after < xid).count();
        let between = turns.iter().any(|(before, after)| (*before..=*after).contains(&xid));
        (!between).then_some(turn % 2 == 1)
    };
    let (mut by_first, mut by_second) = (0, 0);
    for xid in 1..=sent {
        let copies = found.each_ref().map(|sink| sink.get(&xid).map_or(&[][..], Vec::as_slice));
        let is_second = match copies {
            [[Seen { tos: 192, option82: false, .. }], [], []] => false,
            [[], [Seen { tos: 32, option82: true, .. }], [Seen { tos: 32, option82: true, .. }]] => true,
            _ => panic!("{mode:?}: message {xid} of {sent}, turns {turns:?}: {copies:?}"),
        };
        *(if is_second { &mut by_second } else { &mut by_first }) += 1;
        if let Some(expected) = of_second(xid) {
            assert_eq!(is_second, expected, "{mode:?}: message {xid} of {sent}, turns {turns:?}");
        }
    }
    assert!(by_first > BETWEEN && by_second > BETWEEN, "{mode:?}: {by_first} {by_second}");
    let counted = stage.discovers();
    assert_eq!(counted.fast + counted.slow, u64::from(sent), "{mode:?}: {counted:?}");
    println!("{mode:?}: {sent} messages, {counted:?}, {by_first} by the first and {by_second} by the second");
}

/// The servers do not send option 82 back, and interfaces share a giaddr: a reply finds its interface by what was heard on it
/// alone.
fn every_answer_reaches_its_client(mode: Mode) {
    let stage = Stage::new("answers", mode);
    let giaddr = "giaddr = \"192.168.60.2\"\n[interface.option82]\ncircuit_id = \"{name}.{vlan}\"";
    let configure = |second: bool| {
        let (untagged, seven) = (untagged("core", giaddr), tagged(7, "core", giaddr));
        if second {
            let interfaces = [tagged(8, "core", giaddr), seven, untagged];
            stage.configure("max_hops = 9", &[("core", &[1, 0])], &interfaces);
        } else {
            stage.configure("", &[("core", &[0])], &[untagged, seven]);
        }
    };
    configure(false);
    let mut traffic = Traffic::listen(&stage, true);
    let _relay = stage.start();
    let offers = Arc::clone(&traffic.offers);
    traffic.send(&stage, &[&offers]);
    for round in 0..ROUNDS {
        traffic.goes_on(&stage);
        configure(round % 2 == 0);
        stage.reload();
        traffic.goes_on(&stage);
    }
    traffic.ends(&stage, &[&offers]);
    let found = by_xid(&offers);
    let sent = traffic.sent();
    assert!((1..=sent).all(|xid| found.get(&xid).is_some_and(|seen| seen.len() == 1)), "{mode:?}");
    let counted = stage.interface(None).replies["offer"];
    assert_eq!(counted.fast + counted.slow, u64::from(sent), "{mode:?}: {counted:?}");
    assert_eq!(counted.fast > 0, mode.is_fast(), "{mode:?}: {counted:?}");
    println!("{mode:?}: {sent} answers, {counted:?}");
}

#[test]
fn every_message_is_relayed_by_one_configuration_and_once_without_xdp() {
    every_message_is_relayed_by_one_configuration_and_once(Mode::Off);
}

#[test]
fn every_message_is_relayed_by_one_configuration_and_once_in_generic_mode() {
    every_message_is_relayed_by_one_configuration_and_once(Mode::Generic);
}

#[test]
fn every_message_is_relayed_by_one_configuration_and_once_in_native_mode() {
    every_message_is_relayed_by_one_configuration_and_once(Mode::Native);
}

#[test]
fn every_answer_reaches_its_client_without_xdp() {
    every_answer_reaches_its_client(Mode::Off);
}

#[test]
fn every_answer_reaches_its_client_in_generic_mode() {
    every_answer_reaches_its_client(Mode::Generic);
}

#[test]
fn every_answer_reaches_its_client_in_native_mode() {
    every_answer_reaches_its_client(Mode::Native);
}
