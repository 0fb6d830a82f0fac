//! Nanoseconds per frame of the ingress program, by `BPF_PROG_TEST_RUN` over the program of a running daemon.
//!
//! The program changes the frame, and the kernel restores nothing between the repeats of a test run; with one repeat
//! the clock costs more than the program. So a wrapper of ours is repeated: it puts octets and both ends of the frame
//! back and goes on by tail call, once into the relay and once into an empty program, in turn. The difference is what the
//! relay adds. CPU time of the thread is taken, which leaves out what other programs on the machine take.
//!
//! Frames that are passed or dropped stay as they are: for these the program is measured without restoring as well. The
//! two figures agree when restoring (octets just written are read) does not slow the program down.

mod cases;
mod option82;

use std::{collections::BTreeMap, thread, time::Duration};

use anyhow::{Context as _, Result, ensure};
use aya::programs::ProgramFd;
use relay_tests::subject::Mode;

use crate::{
    figures::{Samples, table},
    goals::{Goal, goals},
    ours::{Ours, Programs, Settings},
    rig::{CLIENT_PORT, Rig, pin},
    tools::{Action, Tools},
};
use cases::{CASES, Case, GROUPS};

/// Frames of one measurement that are relayed: fewer, with those in advance, than a CPU's ring of DISCOVERs holds. A record that
/// finds its ring full costs less than one that is written.
const FRAMES: u32 = 5_000;
/// Frames of one measurement of which nothing becomes, or a record in the ring of other messages.
const NOT_RELAYED: u32 = 20_000;
/// Frames in advance, for caches that were somebody else's during a pause.
const IN_ADVANCE: u32 = 1_000;
/// Frames that the program is fed for one measurement of what is relayed.
pub(crate) const FED: u32 = FRAMES + IN_ADVANCE;
/// How long the daemon is given to read what the last measurement has written.
const READING: Duration = Duration::from_millis(25);
/// Measurements of a case.
pub(crate) const REPEATS: usize = 31;
/// What [`option82`] goes by when only some frames are asked for.
const OPTION82: &str = "option 82 alone";
const WITH_OPTION82: &str = "request: DISCOVER of dhclient, 1 server, option 82 inserted";

/// # Errors
/// The laboratory or the relay does not come up, or a frame meets another verdict than the case says.
pub(crate) fn run(only: &str) -> Result<String> {
    let (mut rows, mut found) = (Vec::new(), BTreeMap::new());
    for group in GROUPS {
        let cases: Vec<&Case> =
            CASES.iter().filter(|case| case.belongs_to(group) && case.title(group).contains(only)).collect();
        if cases.is_empty() {
            continue;
        }
        let rig = Rig::new("cost", group.servers, 1)?;
        let settings = Settings { option82: group.option82, ..Settings::new(Mode::Native) };
        let relay = Ours::start(&rig.relay, CLIENT_PORT, &rig.servers, &settings)?;
        let programs = Programs::of(&rig.relay, CLIENT_PORT)?;
        let mut tools = Tools::load(1)?;
        let prepared: Vec<Prepared> =
            cases.iter().map(|case| Prepared::new(&rig, case)).collect::<Result<_>>()?;
        let measured = rig
            .relay
            .enter(|| pin(1).and_then(|()| measure(&mut tools, &programs.ingress, &prepared, REPEATS)))??;
        for (case, samples) in cases.iter().zip(measured) {
            let direct = match &samples.direct {
                Some(samples) => samples.to_string(),
                None => String::new(),
            };
            found.insert(case.title(group), samples.again.median());
            let again = samples.again.to_string();
            rows.push(vec![case.title(group), format!("{:?}", case.verdict), again, direct]);
        }
        drop(relay);
    }
    let mut text = String::new();
    if !rows.is_empty() {
        text = table(&["frame", "verdict", "ns (quartiles)", "ns without restoring"], &rows) + "\n";
    }
    let mut aims = frames(&found);
    if OPTION82.contains(only) {
        let (table, differences) = option82::run()?;
        text += &table;
        aims.extend(differences);
    }
    if only.is_empty() {
        text += &goals(&aims);
    }
    Ok(text)
}

/// What was aimed at for single frames.
fn frames(found: &BTreeMap<String, f64>) -> Vec<Goal> {
    let of = |name: &str| found.get(name).copied().unwrap_or(f64::NAN);
    let passes = ["pass: TCP", "pass: UDP, another port", "pass: ARP"];
    let parts = "the record for the client table takes some 70 ns, of which the clock has 20 and memory that another processor has just \
        read 25; the checks with the checksum take 60, rewrite and redirect 40 (docs/fast-path.md). Where eleven kinds of frames take \
        turns, as with one server and no option 82, a record costs up to 100 ns more, because the rings have left the nearer caches: \
        alone, that request takes as long as the others. The goal comes from a relay that writes no record, counts no hops, has no \
        policy and sends to no device";
    vec![
        Goal::at_most("a request with option 82, one server", (100.0, of(WITH_OPTION82)), "ns")
            .because(parts),
        Goal::at_most("the same, 10 GbE on one core", (293.0, of(WITH_OPTION82)), "ns").because(parts),
        Goal::at_most("a reply, option 82 removed", (100.0, of("reply: OFFER, option 82 removed")), "ns")
            .because(parts),
        Goal::at_most(
            "the dearest frame that is not DHCP",
            (15.0, passes.map(of).into_iter().fold(0.0, f64::max)),
            "ns",
        )
        .because("a UDP header has to be read to know that the port is another"),
    ]
}

/// Frames of one length that are fed in turn, the device they come in on, and what becomes of each.
pub(crate) struct Prepared {
    pub(crate) frames: Vec<Vec<u8>>,
    pub(crate) device: u32,
    pub(crate) verdict: Action,
}

impl Prepared {
    fn new(rig: &Rig, case: &Case) -> Result<Self> {
        let (frame, port) = (case.frame)(rig)?;
        Ok(Self { frames: vec![frame], device: rig.relay.ifindex(port)?, verdict: case.verdict })
    }
}

/// Nanoseconds of a case above those of the empty program.
#[derive(Clone, Default)]
pub(crate) struct Found {
    pub(crate) again: Samples,
    direct: Option<Samples>,
}

/// All cases in turn, and again, so that a change of the machine's speed meets all of them alike.
pub(crate) fn measure(
    tools: &mut Tools,
    relay: &ProgramFd,
    cases: &[Prepared],
    repeats: usize,
) -> Result<Vec<Found>> {
    let empty = tools.program("empty")?;
    let mut found = vec![Found::default(); cases.len()];
    for repeat in 0..=repeats {
        for (case, found) in cases.iter().zip(&mut found) {
            tools.set_frames(&case.frames)?;
            let again = above_empty(tools, "again", relay, &empty, case)?;
            let unchanged = matches!(case.verdict, Action::Pass | Action::Drop);
            let direct =
                if unchanged { Some(above_empty(tools, "direct", relay, &empty, case)?) } else { None };
            // The first round warms up.
            if repeat != 0 {
                found.again.push(again);
                if let Some(direct) = direct {
                    found.direct.get_or_insert_default().push(direct);
                }
            }
        }
    }
    Ok(found)
}

/// Nanoseconds a frame that the relay takes through a wrapper, less those of the empty program.
pub(crate) fn above_empty(
    tools: &mut Tools,
    wrapper: &str,
    relay: &ProgramFd,
    empty: &ProgramFd,
    case: &Prepared,
) -> Result<f64> {
    tools.set_next(relay)?;
    let frame = case.frames.first().context("a case without a frame")?;
    let frames = if case.verdict == Action::Redirect { FRAMES } else { NOT_RELAYED };
    thread::sleep(READING);
    tools.test_run(wrapper, frame, case.device, IN_ADVANCE)?;
    let (verdict, with) = tools.test_run(wrapper, frame, case.device, frames)?;
    ensure!(verdict == case.verdict, "{verdict:?} instead of {:?}", case.verdict);
    tools.set_next(empty)?;
    tools.test_run(wrapper, frame, case.device, IN_ADVANCE)?;
    let (_, without) = tools.test_run(wrapper, frame, case.device, frames)?;
    Ok((with.as_nanos() as f64 - without.as_nanos() as f64) / f64::from(frames))
}
