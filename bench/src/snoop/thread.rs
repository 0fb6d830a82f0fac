//! The daemon's thread of the client table, seen from outside: what CPU time it has had, and whether it has nothing to do.

use std::{
    fs,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::tools::schedstat;

/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(5);
/// Looks in a row at which it slept, until it is taken to have nothing more to do.
const LOOKS: usize = 3;
/// How long it may take at most.
const PATIENCE: Duration = Duration::from_secs(120);

/// The thread.
pub(crate) struct Clients {
    process: Pid,
    task: PathBuf,
}

impl Clients {
    /// Of a running daemon.
    pub(crate) fn of(process: u32) -> Result<Self> {
        for task in fs::read_dir(format!("/proc/{process}/task"))? {
            let task = task?.path();
            if fs::read_to_string(task.join("comm"))?.trim_end() == "clients" {
                return Ok(Self { process: Pid::from_raw(i32::try_from(process)?), task });
            }
        }
        anyhow::bail!("process {process} has no thread of the client table")
    }

    /// CPU time so far.
    pub(crate) fn worked(&self) -> Result<Duration> {
        schedstat(&self.task)
    }

    /// Stops the whole daemon while `work` is done, so that what it finds afterwards is there all at once.
    pub(crate) fn stopped<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        kill(self.process, Signal::SIGSTOP)?;
        let done = work();
        kill(self.process, Signal::SIGCONT)?;
        done
    }

    /// Waits until it sleeps.
    pub(crate) fn until_idle(&self) -> Result<()> {
        let begin = Instant::now();
        let mut asleep = 0;
        let mut last = Duration::ZERO;
        while asleep < LOOKS {
            ensure!(begin.elapsed() < PATIENCE, "the client table does not come to rest");
            thread::sleep(LOOK);
            let stat = fs::read_to_string(self.task.join("stat"))?;
            let state = stat.rsplit(") ").next().and_then(|rest| rest.chars().next());
            let worked = self.worked()?;
            // It wakes for the store four times a second, which is no work to speak of.
            let idle = state == Some('S') && worked.saturating_sub(last) < Duration::from_micros(200);
            asleep = if idle { asleep + 1 } else { 0 };
            last = worked;
        }
        Ok(())
    }
}
