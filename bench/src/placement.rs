//! Which work runs on which CPU. A packet over veth is received in softirq on the CPU that sent it, unless the device's
//! NAPI has a thread of its own.

use std::{collections::BTreeSet, fs, path::Path, process::Command, time::Duration};

use anyhow::{Context as _, Result, ensure};
use nix::{
    sched::{CpuSet, sched_setaffinity},
    unistd::Pid,
};

use crate::{
    contestant::Running,
    rig::{CLIENT_PORT, Rig, pin_process},
    tools::schedstat,
};

/// Where the relay runs; the generator is always on [`GENERATOR`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placement {
    /// On the generator's CPU.
    Shared,
    /// On a CPU of its own, with the receiving NAPI as a thread there.
    Own,
}

pub(crate) const GENERATOR: usize = 0;
const RELAY: usize = 1;

impl Placement {
    pub(crate) const ALL: [Self; 2] = [Self::Shared, Self::Own];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Shared => "generator and relay share one CPU",
            Self::Own => "relay on a CPU of its own, threaded NAPI",
        }
    }

    /// Puts the relay where it belongs. Call it after the start: a device gets its NAPI with its XDP program.
    pub(crate) fn place(self, rig: &Rig, running: &Running) -> Result<Placed> {
        let cpu = match self {
            Self::Shared => GENERATOR,
            Self::Own => RELAY,
        };
        if let Some(pid) = running.pid() {
            pin_process(pid, cpu)?;
        }
        let mut threads = Vec::new();
        if self == Self::Own {
            let before = napi_threads()?;
            let mut command = Command::new("ip");
            let file = format!("/sys/class/net/{CLIENT_PORT}/threaded");
            command.args(["netns", "exec", rig.relay.kernel_name(), "sh", "-c", &format!("echo 1 > {file}")]);
            let output = command.output().context("ip netns exec")?;
            ensure!(output.status.success(), "{file}: {}", String::from_utf8_lossy(&output.stderr));
            threads = napi_threads()?.difference(&before).copied().collect();
            ensure!(!threads.is_empty(), "{CLIENT_PORT} has no NAPI thread");
            let mut set = CpuSet::new();
            set.set(cpu)?;
            for thread in &threads {
                sched_setaffinity(Pid::from_raw(*thread), &set)?;
                // It shares the CPU with a relay that has inherited this.
                raise(*thread)?;
            }
        }
        Ok(Placed { process: running.pid(), napi: threads })
    }
}

/// Gives a process or thread the highest priority that is not real time.
pub(crate) fn raise(id: i32) -> Result<()> {
    let raised = Command::new("renice").args(["-n", "-20", "-p", &id.to_string()]).output()?;
    ensure!(raised.status.success(), "renice: {}", String::from_utf8_lossy(&raised.stderr));
    Ok(())
}

/// What relays, as far as it has a CPU clock of its own.
pub(crate) struct Placed {
    process: Option<u32>,
    napi: Vec<i32>,
}

impl Placed {
    /// CPU time of the relay's threads and of the NAPI threads.
    pub(crate) fn cpu_time(&self) -> Result<Duration> {
        let mut total = Duration::ZERO;
        if let Some(process) = self.process {
            for task in fs::read_dir(format!("/proc/{process}/task"))? {
                total += schedstat(&task?.path())?;
            }
        }
        for thread in &self.napi {
            total += schedstat(Path::new(&format!("/proc/{thread}")))?;
        }
        Ok(total)
    }
}

fn napi_threads() -> Result<BTreeSet<i32>> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
        if name.starts_with(&format!("napi/{CLIENT_PORT}")) {
            found.extend(entry.file_name().to_string_lossy().parse::<i32>());
        }
    }
    Ok(found)
}
