//! One round of questions to the daemon: three of those that the control socket knows, each asked once.
//!
//! `leases` is not among them: a row for each client would cost the daemon more than everything else together.

use std::{
    path::Path,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use relay_user::control::{
    self, Command, ControlError,
    leases::Servers,
    model::{Count, Stats, Status},
};

/// What the daemon has answered.
#[derive(Clone, Debug)]
pub(super) struct Round {
    /// When it was asked for its counters. It reads them at once, and then takes its time to write them down.
    pub(super) at: Instant,
    /// The same by the wall clock, in milliseconds since 1970-01-01 UTC.
    pub(super) unix_milliseconds: u64,
    pub(super) status: Status,
    /// Without the counters that are zero: with thousands of interfaces, nearly all of them are.
    pub(super) stats: Stats,
    pub(super) servers: Servers,
}

impl Round {
    /// Asks the daemon on the socket at `path`.
    ///
    /// # Errors
    /// Those of [`control::ask`].
    pub(super) fn ask(path: &Path) -> Result<Self, ControlError> {
        let status = control::ask(path, Command::Status)?;
        let at = Instant::now();
        let unix_milliseconds = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
        let stats = control::ask(path, Command::Stats)?;
        let servers = control::ask(path, Command::Servers)?;
        Ok(Self { at, unix_milliseconds, status, stats: without_zeros(stats), servers })
    }

    /// Which daemon it is: its process, and when it was started.
    pub(super) fn daemon(&self) -> (u32, u64) {
        (self.status.pid, self.status.started_unix)
    }
}

/// The same counters, but for those that are zero.
pub(super) fn without_zeros(mut stats: Stats) -> Stats {
    let is_counted = |_: &String, count: &mut Count| !count.is_zero();
    for interface in &mut stats.interfaces {
        for counts in [&mut interface.requests, &mut interface.replies, &mut interface.reasons] {
            counts.retain(is_counted);
        }
    }
    stats.unattributed.retain(is_counted);
    stats
}
