//! Sending at a rate and counting what arrives.
//!
//! Frames leave a packet socket in batches, as from a program like trafgen; each is stamped with the time it is sent.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::Result;
use nix::time::{ClockId, clock_gettime};
use relay_user::socket::FrameSender;

use crate::{
    rig::Rig,
    tools::{STAMP, STAMP_COMPLEMENT, Tools},
};

/// Frames of one system call.
const BURST: usize = 64;
/// Pauses shorter than this are spent spinning.
const SHORTEST_SLEEP: Duration = Duration::from_micros(120);
/// How long nothing may arrive before everything is taken to have arrived.
const QUIET: Duration = Duration::from_millis(60);

/// What was sent, and what came of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    pub(crate) sent: u64,
    /// Copies at all sinks.
    pub(crate) arrived: u64,
    /// Of sending.
    pub(crate) elapsed: Duration,
}

impl Outcome {
    /// Requests a second that were sent.
    pub(crate) fn offered(&self) -> f64 {
        self.sent as f64 / self.elapsed.as_secs_f64()
    }

    /// Requests that reached every server, on average.
    pub(crate) fn relayed(&self, servers: usize) -> f64 {
        self.arrived as f64 / servers as f64
    }

    /// The same of a second.
    pub(crate) fn delivered(&self, servers: usize) -> f64 {
        self.relayed(servers) / self.elapsed.as_secs_f64()
    }

    /// Share of the copies that did not arrive.
    pub(crate) fn lost(&self, servers: usize) -> f64 {
        1.0 - self.arrived as f64 / (self.sent * servers as u64).max(1) as f64
    }
}

/// How the pauses between frames are spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pause {
    /// The CPU is somebody else's in the meantime.
    Sleep,
    /// The generator has a CPU of its own.
    Spin,
}

/// A client that sends one message over and over.
pub(crate) struct Generator {
    sender: FrameSender,
    frame: Vec<u8>,
    device: u32,
    pause: Pause,
}

impl Generator {
    /// Opens the socket; call it in the client's namespace.
    pub(crate) fn open(frame: Vec<u8>, device: u32, pause: Pause) -> Result<Self> {
        Ok(Self { sender: FrameSender::open()?, frame, device, pause })
    }

    /// Sends for `time` at `rate` frames a second, as fast as can be when it is infinite, and waits for the last copy.
    pub(crate) fn offer(&self, tools: &Tools, rate: f64, time: Duration) -> Result<Outcome> {
        let before = tools.seen()?;
        let mut frames = vec![self.frame.clone(); BURST];
        let start = Instant::now();
        let mut sent = 0u64;
        loop {
            let elapsed = start.elapsed();
            if elapsed >= time {
                break;
            }
            let due = (rate * elapsed.as_secs_f64()).min(1e18) as u64;
            let burst = usize::try_from(due.saturating_sub(sent))?.min(BURST);
            if burst == 0 {
                let next = Duration::from_secs_f64((sent + 1) as f64 / rate);
                let left = next.saturating_sub(start.elapsed());
                if self.pause == Pause::Sleep || left > Duration::from_millis(2) {
                    thread::sleep(left.max(SHORTEST_SLEEP).min(time));
                } else {
                    std::hint::spin_loop();
                }
                continue;
            }
            sent += self.burst(&mut frames[..burst])?;
        }
        let elapsed = start.elapsed();
        let arrived = settled(tools)? - before;
        Ok(Outcome { sent, arrived, elapsed })
    }

    fn burst(&self, frames: &mut [Vec<u8>]) -> Result<u64> {
        let now = Duration::from(clock_gettime(ClockId::CLOCK_MONOTONIC)?).as_nanos() as u32;
        for frame in frames.iter_mut() {
            frame[STAMP..STAMP + 4].copy_from_slice(&now.to_ne_bytes());
            frame[STAMP_COMPLEMENT..STAMP_COMPLEMENT + 4].copy_from_slice(&(!now).to_ne_bytes());
        }
        let batch: Vec<(u32, &[u8])> = frames.iter().map(|frame| (self.device, frame.as_slice())).collect();
        let report = self.sender.send_batch(&batch);
        Ok((frames.len() - report.failures.len()) as u64)
    }
}

/// What the sinks have seen once nothing comes any more.
pub(crate) fn settled(tools: &Tools) -> Result<u64> {
    let mut last = tools.seen()?;
    loop {
        thread::sleep(QUIET);
        let now = tools.seen()?;
        if now == last {
            return Ok(now);
        }
        last = now;
    }
}

/// Opens the generator of a rig on the calling thread, which must be in the client's namespace.
pub(crate) fn generator(rig: &Rig, device: u32, pause: Pause) -> Result<Generator> {
    Generator::open(rig.discover(), device, pause)
}
