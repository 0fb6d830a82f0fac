//! A place for the daemon that outlives it: its configuration, state and sockets stay while it is ended, killed and started
//! again.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use relay_user::control::leases::{Filter, Leases, Servers};
use relay_user::control::model::{Stats, Status};
use relay_user::control::{self, Command as Verb, Question};
use tempfile::TempDir;

use crate::lab::{Namespace, Proc};
use crate::subject::{Mode, binary, stats, status};

/// How long start-up and end may take on a busy machine, or under emulation.
const DEADLINE: Duration = Duration::from_secs(120);

/// Where a daemon lives.
pub struct Site {
    host: Namespace,
    directory: TempDir,
    bpffs: TempDir,
    state: PathBuf,
}

impl Site {
    /// One for daemons that run on `host`, without any state yet.
    pub fn new(host: &Namespace) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("xdp-dhcrelay-").tempdir()?;
        let bpffs = tempfile::Builder::new()
            .prefix("xdp-dhcrelay-test-")
            .tempdir_in("/sys/fs/bpf")
            .context("a directory on the BPF filesystem (mount -t bpf bpf /sys/fs/bpf)")?;
        let state = directory.path().join("state");
        Ok(Self { host: host.clone(), directory, bpffs, state })
    }

    /// The directory with the stored leases.
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// Writes the configuration: lines for the table `relay`, and `rest` behind it.
    pub fn configure(&self, mode: Mode, relay: &str, rest: &str) -> Result<()> {
        let place = |path: &Path| toml::Value::String(path.display().to_string());
        let mut text = format!("[relay]\n{}\n{relay}\n", mode.settings());
        for (key, path) in [
            ("state_dir", self.state()),
            ("bpffs_dir", self.bpffs.path()),
            ("control_socket", &self.socket()),
        ] {
            writeln!(text, "{key} = {}", place(path))?;
        }
        text.push_str(rest);
        Ok(std::fs::write(self.configuration(), text)?)
    }

    /// Starts a daemon, and returns when it is ready.
    pub fn start(&self) -> Result<Proc> {
        self.start_with(|_| {})
    }

    /// The same with something changed about how it is started.
    pub fn start_with(&self, change: impl FnOnce(&mut Command)) -> Result<Proc> {
        let mut command = Command::new(binary()?);
        change(&mut command);
        command.arg("run").arg("--config").arg(self.configuration());
        let process = self.host.spawn(command)?;
        process.wait_for_line("ready", DEADLINE)?;
        Ok(process)
    }

    /// Starts a daemon that says `said` and ends by itself: that line, and its exit code.
    pub fn ends_by_itself(&self, said: &str) -> Result<(String, Option<i32>)> {
        let mut command = Command::new(binary()?);
        command.arg("run").arg("--config").arg(self.configuration());
        let mut process = self.host.spawn(command)?;
        let line = process.wait_for_line(said, DEADLINE)?;
        Ok((line, process.wait(DEADLINE)?.code()))
    }

    /// Ends a daemon at once, as a fault would.
    pub fn kill(&self, mut process: Proc) -> Result<()> {
        process.signal(Signal::SIGKILL)?;
        process.wait(DEADLINE).map(drop)
    }

    /// What the command line prints for these arguments.
    pub fn prints(&self, arguments: &[&str]) -> Result<String> {
        let output = self.outcome(arguments)?;
        anyhow::ensure!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8(output.stdout)?)
    }

    /// What the command line makes of these arguments.
    pub fn outcome(&self, arguments: &[&str]) -> Result<Output> {
        Ok(self.command(arguments)?.output()?)
    }

    /// The command line with these arguments, to be run in another way.
    pub fn command(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(binary()?);
        command.args(arguments).arg("--socket").arg(self.socket());
        Ok(command)
    }

    /// Where maps are pinned.
    pub fn pins(&self) -> &Path {
        self.bpffs.path()
    }

    /// Clients in the table.
    pub fn leases(&self, filter: Filter) -> Result<Leases> {
        Ok(control::ask(&self.socket(), Question { command: Verb::Leases, filter })?)
    }

    /// What the watch says.
    pub fn servers(&self) -> Result<Servers> {
        Ok(control::ask(&self.socket(), Verb::Servers)?)
    }

    /// The counters.
    pub fn stats(&self) -> Result<Stats> {
        stats(&self.socket())
    }

    /// How it stands.
    pub fn status(&self) -> Result<Status> {
        status(&self.socket())
    }

    /// The control socket.
    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("control.sock")
    }

    fn configuration(&self) -> PathBuf {
        self.directory.path().join("xdp-dhcrelay.toml")
    }
}
