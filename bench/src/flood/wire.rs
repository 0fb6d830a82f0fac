//! Frames put on the wire faster than any socket does: a program of this benchmark makes them in the kernel.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::{
    rig::pin,
    tools::{BATCH, Tools},
};

/// Frames of one system call: at a million a second a quarter of one. Around each call the kernel patches its XDP dispatcher and
/// waits for all CPUs, tens of milliseconds on a busy machine, in which nothing is sent.
const RUN: u32 = 262_144;

/// What was sent, and how long it took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    pub(crate) frames: u64,
    pub(crate) took: Duration,
}

impl Sent {
    /// Frames a second.
    pub(crate) fn rate(&self) -> f64 {
        self.frames as f64 / self.took.as_secs_f64()
    }
}

/// Sends by `program` on one CPU, `rate` frames a second if it can, as long as `goes_on` says of the time since the beginning.
pub(crate) fn offer(
    tools: &Tools,
    (program, frame, device): (&str, &[u8], u32),
    (cpu, rate): (usize, f64),
    goes_on: impl Fn(Duration) -> bool,
) -> Result<Sent> {
    pin(cpu)?;
    let began = Instant::now();
    let mut frames = 0u64;
    while goes_on(began.elapsed()) {
        if frames as f64 > rate * began.elapsed().as_secs_f64() {
            std::hint::spin_loop();
            continue;
        }
        tools.live_run(program, frame, device, RUN, BATCH)?;
        frames += u64::from(RUN);
    }
    ensure!(frames != 0, "nothing was sent");
    Ok(Sent { frames, took: began.elapsed() })
}
