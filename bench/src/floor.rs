//! The whole relay beside the bare kernel fan-out of as many copies, with live frames: real redirects into a veth,
//! counted behind it.
//!
//! The relay changes the frame and the kernel puts back only its position, so the relay's frames are written anew before
//! it runs. What that costs is measured on the fan-out, with and without it, and taken off the relay's figure. Time is
//! the CPU time of the feeding thread, in which the sink's softirq runs too, and of ksoftirqd, which may take it over.

mod hop;

use anyhow::{Context as _, Result, bail, ensure};
use aya::{
    programs::{ProgramFd, XdpMode},
    sys::{Stats, enable_stats},
};
use relay_tests::subject::Mode;

use crate::{
    figures::{Samples, rate, table},
    goals::{Goal, goals},
    ours::{Ours, Programs, Settings},
    rig::{CLIENT_PORT, Rig, egress, pin},
    tools::{BATCH, Busy, Tools},
};

/// Frames that a veth has room for; the batch must not make more copies.
const VETH_RING: u32 = 256;
/// Copies of one measurement.
const COPIES: u32 = 65_536;
const REPEATS: usize = 21;
const ATTEMPTS: usize = 20;
const CPU: usize = 1;

/// Servers, and the largest ratio that was asked for.
const GOALS: [(u32, f64); 4] = [(1, 2.5), (2, 1.6), (4, 1.3), (8, 1.15)];

/// What was found for a number of servers.
pub(crate) struct Row {
    pub(crate) servers: u32,
    goal: f64,
    floor: Samples,
    program: Samples,
    /// Nanoseconds a request.
    pub(crate) relay: Samples,
    egress: f64,
}

impl Row {
    fn times(&self) -> f64 {
        self.relay.median() / self.floor.median()
    }
}

const WHY: &str = "the floor looks at nothing: a frame goes out as it came. With few servers the cost of a request (above) is what weighs, with \
    many that each copy goes through an egress program: one that does nothing takes most of what the goal leaves, or more than \
    that (column floor with an empty egress program)";

/// # Errors
/// The laboratory or the relay does not come up, or a copy does not arrive.
pub(crate) fn run() -> Result<String> {
    let (with, without) = (measure(true)?, measure(false)?);
    let aims: Vec<Goal> = with
        .iter()
        .map(|row| {
            let what = format!("relay over floor with option 82, {} servers", row.servers);
            Goal::at_most(what, (row.goal, row.times()), "").because(WHY)
        })
        .collect();
    Ok(format!(
        "#### Option 82 inserted\n\n{}\n#### Without option 82\n\n{}\n#### Another CPU\n\n{}{}",
        text(&with),
        text(&without),
        hop::text()?,
        goals(&aims)
    ))
}

fn text(rows: &[Row]) -> String {
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            vec![
                row.servers.to_string(),
                format!("**{:.2}**", row.times()),
                row.goal.to_string(),
                row.floor.to_string(),
                row.program.to_string(),
                row.relay.to_string(),
                format!("{:.1}", row.relay.median() - row.floor.median()),
                format!("{:.1}", row.egress),
                rate(f64::from(row.servers) * 1e9 / row.relay.median()),
            ]
        })
        .collect();
    let head = [
        "servers",
        "relay / floor",
        "goal",
        "floor, ns a request",
        "floor with an empty egress program",
        "relay, ns a request",
        "relay − floor",
        "egress program, ns a copy",
        "copies/s of one core",
    ];
    table(&head, &cells)
}

/// The relay and the floor, for each number of servers.
pub(crate) fn measure(option82: bool) -> Result<Vec<Row>> {
    GOALS.iter().map(|&(servers, goal)| one(servers, goal, option82)).collect()
}

fn one(servers: u32, goal: f64, option82: bool) -> Result<Row> {
    let rig = Rig::new("floor", servers as usize, 1)?;
    let settings = Settings { option82, ..Settings::new(Mode::Native) };
    let relay = Ours::start(&rig.relay, CLIENT_PORT, &rig.servers, &settings)?;
    let programs = Programs::of(&rig.relay, CLIENT_PORT)?;
    let mut tools = Tools::load(servers)?;
    let port = rig.hosts[0].ifindex("eth0")?;
    rig.hosts[0].enter(|| tools.attach("sink", port, XdpMode::Driver))??;
    let bench = Bench {
        frame: rig.discover(),
        device: rig.relay.ifindex(CLIENT_PORT)?,
        servers,
        floor: if servers == 1 { "floor_one" } else { "floor_all" },
    };
    let out = rig.relay.ifindex(&egress(0))?;
    let found = rig.relay.enter(|| {
        pin(CPU)?;
        bench.measure(&mut tools, &programs, out)
    })??;
    drop(relay);
    let Found { floor, program, relay, egress } = found;
    Ok(Row { servers, goal, floor, program, relay, egress })
}

struct Bench {
    frame: Vec<u8>,
    device: u32,
    servers: u32,
    floor: &'static str,
}

#[derive(Default)]
struct Found {
    floor: Samples,
    program: Samples,
    relay: Samples,
    egress: f64,
}

impl Bench {
    fn measure(&self, tools: &mut Tools, programs: &Programs, out: u32) -> Result<Found> {
        let mut found = Found::default();
        tools.set_frame(&self.frame)?;
        let floor = tools.program(self.floor)?;
        for repeat in 0..=REPEATS {
            tools.set_floor(&[out], true)?;
            let program = self.once(tools, self.floor)?;
            tools.set_floor(&[out], false)?;
            let bare = self.once(tools, self.floor)?;
            let fed = self.through(tools, &floor)?;
            let relay = self.through(tools, &programs.ingress)?;
            // The first round warms up.
            if repeat != 0 {
                found.floor.push(bare);
                found.program.push(program);
                found.relay.push(relay - (fed - bare));
            }
        }
        found.egress = self.egress(tools, programs, out)?;
        Ok(found)
    }

    fn through(&self, tools: &mut Tools, program: &ProgramFd) -> Result<f64> {
        tools.set_next(program)?;
        self.once(tools, "again_live")
    }

    /// Nanoseconds a frame, all copies having arrived. On a busy machine a batch may be made before the last one has
    /// left the veth's ring; such a run is not counted.
    fn once(&self, tools: &Tools, program: &str) -> Result<f64> {
        for _ in 0..ATTEMPTS {
            if let Some(nanoseconds) = self.attempt(tools, program)? {
                return Ok(nanoseconds);
            }
        }
        bail!("{program}: copies are lost in each of {ATTEMPTS} runs")
    }

    fn attempt(&self, tools: &Tools, program: &str) -> Result<Option<f64>> {
        let frames = COPIES / self.servers;
        let seen = tools.seen()?;
        let busy = Busy::now(CPU)?;
        tools.live_run(program, &self.frame, self.device, frames, BATCH.min(VETH_RING / self.servers))?;
        let spent = Busy::now(CPU)?.since(&busy);
        let arrived = tools.seen()? - seen;
        let sent = u64::from(frames) * u64::from(self.servers);
        ensure!(arrived <= sent, "{program}: {arrived} of {sent} copies arrived");
        let whole = sent - arrived <= sent / 1000;
        Ok(whole.then_some(spent.as_nanos() as f64 / f64::from(frames)))
    }

    /// The egress program alone, by the kernel's own clock around every program; the same around an empty one is taken
    /// off. The clock slows everything down, so this is a run of its own.
    fn egress(&self, tools: &mut Tools, programs: &Programs, out: u32) -> Result<f64> {
        let _clock = enable_stats(Stats::RunTime)?;
        let empty = tools.program_id("floor_copy")?;
        tools.set_floor(&[out], true)?;
        let average = |tools: &mut Tools, id: u32, next: &ProgramFd| -> Result<f64> {
            let before = run_time(id)?;
            self.through(tools, next)?;
            let after = run_time(id)?;
            Ok((after.0 - before.0) / (after.1 - before.1))
        };
        let floor = tools.program(self.floor)?;
        let mut samples = Samples::default();
        for _ in 0..REPEATS {
            let nothing = average(tools, empty, &floor)?;
            samples.push(average(tools, programs.egress, &programs.ingress)? - nothing);
        }
        Ok(samples.median())
    }
}

/// Nanoseconds and runs of a program since statistics were turned on.
fn run_time(id: u32) -> Result<(f64, f64)> {
    let output = std::process::Command::new("bpftool")
        .args(["--json", "prog", "show", "id", &id.to_string()])
        .output()
        .context("bpftool")?;
    let program: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    ensure!(program["id"].is_u64(), "program {id}: {program}");
    // Left out before the first run.
    let number = |key: &str| program[key].as_f64().unwrap_or_default();
    Ok((number("run_time_ns"), number("run_cnt")))
}
