//! The daemon with any configuration: the test writes the groups and interfaces, the places of its files are filled in.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use relay_user::control::model::Stats;
use tempfile::TempDir;

use crate::lab::{Namespace, Proc};
use crate::subject::{Mode, binary, stats};

/// How long start-up may take under emulation, its self-tests included.
const DEADLINE: Duration = Duration::from_secs(120);

/// A daemon that relays.
pub struct Daemon {
    process: Proc,
    host: Namespace,
    file: PathBuf,
    socket: PathBuf,
    /// What it stores and pins outlives the process: the next one finds it.
    _places: [TempDir; 2],
}

impl Daemon {
    /// Starts it in a mode, and returns when it is ready.
    pub fn start(host: &Namespace, mode: Mode, rest: &str) -> Result<Self> {
        let settings = match mode {
            Mode::Off => "fast_path = \"off\"",
            Mode::Generic => "fast_path = \"require\"\nxdp_mode = \"generic\"",
            Mode::Native => "fast_path = \"require\"\nxdp_mode = \"native\"",
        };
        Self::with(host, settings, rest)
    }

    /// Starts it with lines for the table `relay`, and with `rest` behind it.
    pub fn with(host: &Namespace, relay: &str, rest: &str) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("xdp-dhcrelay-").tempdir()?;
        let bpffs = tempfile::Builder::new()
            .prefix("xdp-dhcrelay-test-")
            .tempdir_in("/sys/fs/bpf")
            .context("a directory on the BPF filesystem (mount -t bpf bpf /sys/fs/bpf)")?;
        let socket = directory.path().join("control.sock");
        let place = |path: &Path| toml::Value::String(path.display().to_string());
        let mut text = format!("[relay]\n{relay}\n");
        for (key, path) in
            [("state_dir", directory.path()), ("bpffs_dir", bpffs.path()), ("control_socket", &socket)]
        {
            writeln!(text, "{key} = {}", place(path))?;
        }
        text.push_str(rest);
        let file = directory.path().join("xdp-dhcrelay.toml");
        std::fs::write(&file, text)?;
        let process = run(host, &file)?;
        Ok(Self { process, host: host.clone(), file, socket, _places: [directory, bpffs] })
    }

    /// Ends it by a signal, and starts it again with the same file.
    pub fn restart(&mut self, signal: Signal) -> Result<()> {
        self.process.signal(signal)?;
        self.process.wait(DEADLINE)?;
        self.process = run(&self.host, &self.file)?;
        Ok(())
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
}

fn run(host: &Namespace, file: &Path) -> Result<Proc> {
    let mut command = Command::new(binary()?);
    command.arg("run").arg("--config").arg(file);
    let process = host.spawn(command)?;
    process.wait_for_line("ready", DEADLINE)?;
    Ok(process)
}
