//! The daemon with any configuration: the test writes the groups and interfaces, the places of its files are filled in.

use std::path::{Path, PathBuf};

use anyhow::Result;
use nix::sys::signal::Signal;
use relay_user::control::model::{Stats, Status};
use tempfile::TempDir;

use crate::lab::{Namespace, Proc};
use crate::subject::{DEADLINE, Files, Mode, run, stats, status};

/// A daemon that relays.
pub struct Daemon {
    process: Proc,
    host: Namespace,
    file: PathBuf,
    socket: PathBuf,
    /// What it stores and pins outlives the process: the next one finds it.
    places: [TempDir; 2],
}

impl Daemon {
    /// Starts it in a mode, and returns when it is ready.
    pub fn start(host: &Namespace, mode: Mode, rest: &str) -> Result<Self> {
        Self::with(host, mode.settings(), rest)
    }

    /// Starts it with lines for the table `relay`, and with `rest` behind it.
    pub fn with(host: &Namespace, relay: &str, rest: &str) -> Result<Self> {
        let Files { directory, bpffs, file, socket } = Files::write(relay, rest)?;
        let process = run(host, &file)?;
        Ok(Self { process, host: host.clone(), file, socket, places: [directory, bpffs] })
    }

    /// Ends it by a signal, and starts it again with the same file.
    pub fn restart(&mut self, signal: Signal) -> Result<()> {
        self.restart_after(signal, || Ok(()))
    }

    /// As [`Self::restart`], with something done in between.
    pub fn restart_after(&mut self, signal: Signal, between: impl FnOnce() -> Result<()>) -> Result<()> {
        self.process.signal(signal)?;
        self.process.wait(DEADLINE)?;
        between()?;
        self.process = run(&self.host, &self.file)?;
        Ok(())
    }

    /// Where it stores leases.
    pub fn state(&self) -> &Path {
        self.places[0].path()
    }

    /// Where it answers questions.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// The program, for its log.
    pub fn process(&self) -> &Proc {
        &self.process
    }

    /// Its counters.
    pub fn stats(&self) -> Result<Stats> {
        stats(&self.socket)
    }

    /// How it stands.
    pub fn status(&self) -> Result<Status> {
        status(&self.socket)
    }
}
