//! Waiting for a state of the kernel that sends no event a test could block on. What does have an event (a line of
//! output, a frame, an exit) is waited for with condition variables elsewhere.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

const BETWEEN_PROBES: Duration = Duration::from_millis(5);

/// Asks `probe` until it has an answer; an error of `probe` ends the waiting at once.
///
/// # Errors
/// The probe's own, or one naming `what` when `deadline` has passed.
pub fn until<T>(what: &str, deadline: Duration, mut probe: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let end = Instant::now() + deadline;
    loop {
        if let Some(answer) = probe()? {
            return Ok(answer);
        }
        if Instant::now() >= end {
            bail!("{what}: not within {deadline:?}");
        }
        thread::sleep(BETWEEN_PROBES);
    }
}
