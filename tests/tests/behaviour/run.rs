//! Puts a row on the wire and compares everything that comes out of the relay with what the row says: whole frames on all
//! wires, and every counter that moved.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use relay_tests::lab::build::{BOOTREPLY, BOOTREQUEST, Bootp, joined};
use relay_tests::lab::frame::Frame;
use relay_tests::lab::wait;
use relay_tests::subject::Mode;
use relay_user::control::model::Stats;

use super::case::{AT_CLIENT, Case, Path, Place, broadcast, from_server, to_client, to_server};
use super::network::{ALL, CLIENT, Network, PLAIN, S1};

const DEADLINE: Duration = Duration::from_secs(5);

/// By interface and name: what the fast path counted, what the slow path did.
type Counts = BTreeMap<(u32, String), (u64, u64)>;

/// Runs rows one after another on one network.
pub(crate) struct Runner {
    network: Network,
    /// The counters before the next row.
    before: Counts,
    /// How many frames of each capture have been looked at.
    seen: [usize; 3],
    markers: u32,
    failures: Vec<String>,
}

impl Runner {
    pub(crate) fn new(mode: Mode) -> Self {
        let network = Network::new(mode).unwrap_or_else(|error| panic!("{mode:?}: {error:#}"));
        let before = counts(&network.relay.stats().unwrap());
        Self { network, before, seen: [0; 3], markers: 0, failures: Vec::new() }
    }

    /// Runs a row.
    pub(crate) fn run(&mut self, case: &Case) {
        let mode = self.network.mode;
        for (place, frame) in &case.sent {
            self.send(*place, frame);
        }
        let mut expected: [Vec<Vec<u8>>; 3] = Default::default();
        for (place, frame) in &case.arrives {
            expected[*place].push(frame.clone());
        }
        let outcomes = outcomes(case, mode);
        // What is refused shows in the counters alone; what is relayed is there by then.
        let reached = wait::until("frames and counters", DEADLINE, || {
            let now = counts(&self.network.relay.stats()?);
            let delta = difference(&now, &self.before);
            let arrived = (0..3).all(|place| packets(&self.fresh(place)).len() >= expected[place].len());
            Ok((arrived && outcomes.iter().any(|counted| covers(&delta, counted))).then_some(()))
        });
        self.mark(&mut expected);
        let now = counts(&self.network.relay.stats().unwrap());
        let mut delta = difference(&now, &self.before);
        take_markers(&mut delta, mode);
        let mut wrong = Vec::new();
        if let Err(error) = reached {
            wrong.push(format!("{error:#}"));
        }
        if !outcomes.contains(&delta) {
            wrong.push(format!("counted {delta:?}\n  expected {outcomes:?}"));
        }
        for (place, expected) in expected.iter().enumerate() {
            let new = self.fresh(place);
            self.seen[place] += new.len();
            let arrived = packets(&new);
            if arrived != *expected {
                let place = ["the client", "host 0", "host 1"][place];
                wrong.push(format!("at {place}: {}", differ(&arrived, expected)));
            }
        }
        self.before = now;
        if !wrong.is_empty() {
            self.failures.push(format!("{mode:?}: {}\n  {}", case.name, wrong.join("\n  ")));
        }
    }

    /// What was wrong with all rows so far.
    pub(crate) fn verdict(&self) -> Result<(), String> {
        if self.failures.is_empty() { Ok(()) } else { Err(self.failures.join("\n")) }
    }

    pub(crate) fn send(&self, from: Place, frame: &[u8]) {
        let socket = if from == AT_CLIENT { &self.network.client } else { &self.network.hosts[from - 1] };
        socket.send(frame).unwrap();
    }

    /// Sends a request and a reply that are relayed for certain, adds them to what is expected, and waits for them: what
    /// the relay makes of what was sent before has arrived by then.
    fn mark(&mut self, expected: &mut [Vec<Vec<u8>>; 3]) {
        self.markers += 1;
        let mut request = Bootp::new(BOOTREQUEST, None, CLIENT);
        request.xid = 0x4d00_0000 + self.markers;
        self.send(AT_CLIENT, &broadcast(&ALL, request.bytes()));
        request.hops = 1;
        request.giaddr = ALL.address;
        for server in ALL.servers {
            expected[server.host + 1].push(to_server(&ALL, server, request.bytes()));
        }
        let mut reply = Bootp::new(BOOTREPLY, None, CLIENT);
        reply.xid = request.xid;
        (reply.giaddr, reply.flags) = (PLAIN.address, 0x8000);
        self.send(S1.host + 1, &from_server(&S1, PLAIN.address, reply.bytes()));
        let everybody = ([0xff; 6], Ipv4Addr::BROADCAST);
        expected[AT_CLIENT].push(to_client(&PLAIN, &reply.bytes(), everybody));
        let xid = request.xid.to_be_bytes();
        for (place, number) in [(0, 1), (1, 2), (2, 1)] {
            wait::until("the marker has come through", DEADLINE, || {
                let frames = self.fresh(place);
                let marked = frames.iter().filter(|frame| frame.bytes.windows(4).any(|octets| octets == xid));
                Ok((marked.count() >= number).then_some(()))
            })
            .unwrap_or_else(|error| panic!("{:?}: {error:#}", self.network.mode));
        }
    }

    /// The frames at a place since the last row.
    fn fresh(&self, place: Place) -> Vec<Frame> {
        self.network.captures[place].since(self.seen[place])
    }
}

/// The frames without ARP, fragments put together.
fn packets(frames: &[Frame]) -> Vec<Vec<u8>> {
    let mut packets: Vec<Vec<u8>> = Vec::new();
    let mut parts: Vec<u8> = Vec::new();
    for frame in frames.iter().map(|frame| &frame.bytes).filter(|frame| frame[12..14] != [0x08, 0x06]) {
        let is_ip = frame[12..14] == [0x08, 0];
        let fragment = if is_ip { u16::from_be_bytes([frame[20], frame[21]]) & 0x3fff } else { 0 };
        if fragment == 0 {
            packets.push(frame.clone());
            continue;
        }
        parts.extend(if parts.is_empty() { &frame[..] } else { &frame[34..] });
        if fragment & 0x2000 == 0 {
            packets.push(joined(std::mem::take(&mut parts)));
        }
    }
    packets
}

/// The markers are BOOTP on two interfaces: one request with three copies, one reply.
fn take_markers(delta: &mut Counts, mode: Mode) {
    for (key, number) in [
        ((ALL.index, "bootp".to_owned()), 1),
        ((0, "copies".to_owned()), ALL.servers.len() as u64),
        ((PLAIN.index, "reply bootp".to_owned()), 1),
    ] {
        let count = delta.entry(key.clone()).or_default();
        let count = if mode.is_fast() { &mut count.0 } else { &mut count.1 };
        *count = count.wrapping_sub(number);
        if delta[&key] == (0, 0) {
            delta.remove(&key);
        }
    }
}

/// What may be counted. A reply that becomes longer needs room behind the frame: on a veth in native mode it depends on
/// the length and on the kernel whether there is any, and without it the slow path relays.
fn outcomes(case: &Case, mode: Mode) -> Vec<Counts> {
    let mut outcomes = vec![expected_counts(case, mode)];
    let (from, frame) = &case.sent[0];
    let longer = case.arrives.first().is_some_and(|(_, arrives)| untagged(arrives) > untagged(frame));
    if mode == Mode::Native && *from != AT_CLIENT && longer && !case.slow {
        outcomes.push(expected_counts(&case.clone().slow("no_room"), mode));
    }
    outcomes
}

/// The length of a frame without its tags.
fn untagged(frame: &[u8]) -> usize {
    match frame[12..14] {
        [0x88, 0xa8] => frame.len() - 8,
        [0x81, 0] => frame.len() - 4,
        _ => frame.len(),
    }
}

fn expected_counts(case: &Case, mode: Mode) -> Counts {
    let mut expected = Counts::new();
    for (index, name, path) in &case.counts {
        let fast = match path {
            Path::Fast if !mode.is_fast() => continue,
            Path::Fast => true,
            Path::Deciding => mode.is_fast() && !case.slow,
        };
        let count = expected.entry((*index, (*name).to_owned())).or_default();
        *(if fast { &mut count.0 } else { &mut count.1 }) += 1;
    }
    expected
}

fn covers(delta: &Counts, expected: &Counts) -> bool {
    expected.iter().all(|(key, (fast, slow))| {
        delta.get(key).is_some_and(|(more_fast, more_slow)| more_fast >= fast && more_slow >= slow)
    })
}

fn counts(stats: &Stats) -> Counts {
    let mut counts = Counts::new();
    let mut add = |index: u32, name: String, count: relay_user::control::model::Count| {
        counts.insert((index, name), (count.fast, count.slow));
    };
    for interface in &stats.interfaces {
        for (name, count) in interface.requests.iter().chain(&interface.reasons) {
            add(interface.index, name.clone(), *count);
        }
        for (name, count) in &interface.replies {
            add(interface.index, format!("reply {name}"), *count);
        }
        add(interface.index, "option82_left_out".to_owned(), interface.option82_left_out);
        add(interface.index, "swapped_secs".to_owned(), interface.swapped_secs);
    }
    for (name, count) in &stats.unattributed {
        add(0, name.clone(), *count);
    }
    add(0, "copies".to_owned(), stats.copies);
    counts.insert((0, "send_errors".to_owned()), (0, stats.send_errors));
    counts
}

fn difference(now: &Counts, before: &Counts) -> Counts {
    let delta = now.iter().map(|(key, (fast, slow))| {
        let (old_fast, old_slow) = before.get(key).copied().unwrap_or_default();
        (key.clone(), (fast - old_fast, slow - old_slow))
    });
    delta.filter(|(_, count)| *count != (0, 0)).collect()
}

/// Where two lists of frames begin to differ.
fn differ(arrived: &[Vec<u8>], expected: &[Vec<u8>]) -> String {
    let hex = |octets: &[u8]| octets.iter().map(|octet| format!("{octet:02x}")).collect::<String>();
    for (number, (is, should)) in arrived.iter().zip(expected).enumerate() {
        if is != should {
            let at = is.iter().zip(should).position(|(a, b)| a != b).unwrap_or(is.len().min(should.len()));
            return format!(
                "frame {number} of {} ({} octets, expected {}) differs from octet {at} on\n    is       {}\n    expected {}",
                arrived.len(),
                is.len(),
                should.len(),
                hex(is),
                hex(should)
            );
        }
    }
    let odd = arrived.iter().chain(expected).nth(arrived.len().min(expected.len()));
    format!(
        "{} frames, expected {}: {}",
        arrived.len(),
        expected.len(),
        odd.map_or(String::new(), |odd| hex(odd))
    )
}

/// Sends a request `times` times as fast as it goes, and returns how many arrived at S1 and what was counted.
pub(crate) fn burst(
    runner: &mut Runner,
    frame: &[u8],
    times: u64,
    name: (u32, &str, &str),
) -> (u64, u64, Duration) {
    let start = Instant::now();
    for _ in 0..times {
        runner.send(AT_CLIENT, frame);
    }
    let (index, passed, dropped) = name;
    let of = |counts: &Counts, name: &str| {
        let (fast, slow) = counts.get(&(index, name.to_owned())).copied().unwrap_or_default();
        fast + slow
    };
    let (passed, dropped) = wait::until("all have been counted", DEADLINE, || {
        let now = counts(&runner.network.relay.stats()?);
        let delta = difference(&now, &runner.before);
        let outcome = (of(&delta, passed), of(&delta, dropped));
        Ok((outcome.0 + outcome.1 >= times).then_some(outcome))
    })
    .unwrap_or_else(|error| panic!("{:?}: {error:#}", runner.network.mode));
    let took = start.elapsed();
    runner.before = counts(&runner.network.relay.stats().unwrap());
    let mut expected: [Vec<Vec<u8>>; 3] = Default::default();
    runner.mark(&mut expected);
    let arrived = packets(&runner.fresh(S1.host + 1)).len() - expected[S1.host + 1].len();
    assert_eq!(arrived as u64, passed, "{:?}: what arrived is what was counted", runner.network.mode);
    runner.before = counts(&runner.network.relay.stats().unwrap());
    for place in 0..3 {
        runner.seen[place] += runner.fresh(place).len();
    }
    (passed, dropped, took)
}
