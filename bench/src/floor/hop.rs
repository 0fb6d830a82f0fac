//! What it costs to hand a frame to another CPU by `cpumap`, which a relay could do where one queue of a network card gets all
//! frames: the way there alone, with a program at its end that counts and drops.

use std::{path::Path, time::Duration};

use anyhow::{Context as _, Result, ensure};

use super::CPU;
use crate::{
    figures::{Samples, table},
    load::settled,
    rig::{CLIENT_PORT, Rig, pin},
    tools::{BATCH, Busy, Tools, schedstat, task},
};

/// Where frames are handed to.
const OTHER: u32 = 0;
/// Frames of one run: fewer than wait for the other CPU at the most, so that none is lost.
const FRAMES: u32 = 8_192;
const QUEUE: u32 = 16_384;
const REPEATS: usize = 41;

/// # Errors
/// The laboratory does not come up, or frames do not arrive.
pub(super) fn text() -> Result<String> {
    let rig = Rig::new("hop", 1, 1)?;
    let mut tools = Tools::load(1)?;
    let (frame, device) = (rig.discover(), rig.relay.ifindex(CLIENT_PORT)?);
    let [here, there] = rig.relay.enter(|| -> Result<[Samples; 2]> {
        pin(CPU)?;
        tools.set_hop(OTHER, QUEUE)?;
        let wanted = format!("cpumap/{OTHER}/");
        let task = task(|name| name.starts_with(&wanted)).with_context(|| format!("there is no {wanted}"))?;
        let [mut here, mut there] = [Samples::default(), Samples::default()];
        for repeat in 0..=REPEATS {
            let (dropped, _) = run(&tools, "discard", &frame, device, &task)?;
            let (handed, taken) = run(&tools, "hop", &frame, device, &task)?;
            // The first round warms up.
            if repeat != 0 {
                here.push(handed - dropped);
                there.push(taken);
            }
        }
        Ok([here, there])
    })??;
    let row = vec!["hop".to_owned(), here.to_string(), there.to_string()];
    Ok(table(
        &["by cpumap", "ns a frame on the CPU that has it, above dropping it", "ns on the other CPU"],
        &[row],
    ))
}

/// Nanoseconds a frame of this CPU, and of the kernel's thread on the other.
fn run(tools: &Tools, program: &str, frame: &[u8], device: u32, task: &Path) -> Result<(f64, f64)> {
    let (seen, there, here) = (tools.seen()?, schedstat(task)?, Busy::now(CPU)?);
    tools.live_run(program, frame, device, FRAMES, BATCH)?;
    let here = Busy::now(CPU)?.since(&here);
    let arrives = u64::from(if program == "hop" { FRAMES } else { 0 });
    let arrived = settled(tools)? - seen;
    ensure!(arrived == arrives, "{program}: {arrived} of {arrives} frames arrived");
    let there = schedstat(task)?.saturating_sub(there);
    let each = |time: Duration| time.as_nanos() as f64 / f64::from(FRAMES);
    Ok((each(here), each(there)))
}
