//! A daemon with the fast path, started as a process in a [`Machine`], and what it says.

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::TempDir;

use crate::machine::Machine;

/// For whatever a daemon may do on a busy machine; a test that needs it has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// A configuration for the small machine, with directories of its own.
pub(crate) struct Setup {
    place: TempDir,
    /// `relay.bpffs_dir`.
    pub(crate) pins: PathBuf,
}

impl Setup {
    pub(crate) fn new() -> Self {
        let place = tempfile::Builder::new().prefix("xdp-dhcrelay-cli-").tempdir().expect("a directory");
        let name = place.path().file_name().expect("it has a name").to_owned();
        Self { place, pins: Path::new("/sys/fs/bpf").join(name) }
    }

    pub(crate) fn path(&self) -> &Path {
        self.place.path()
    }

    /// Writes the file: `relay` holds lines of that table, `port` is the client-facing device.
    pub(crate) fn file(&self, relay: &str, port: &str) -> PathBuf {
        self.file_with_pins(relay, port, &self.pins)
    }

    pub(crate) fn file_with_pins(&self, relay: &str, port: &str, pins: &Path) -> PathBuf {
        let file = self.path().join("relay.toml");
        let text = format!(
            "[relay]\n{relay}\nstate_dir = {state:?}\nbpffs_dir = {pins:?}\ncontrol_socket = {socket:?}\n\
             [[server_group]]\nname = \"core\"\nservers = [\"10.0.41.10\"]\n\
             [[interface]]\nname = \"{port}\"\nserver_group = \"core\"\n",
            state = self.path().join("state"),
            socket = self.path().join("run/control.sock"),
        );
        std::fs::write(&file, text).expect("written");
        file
    }
}

impl Drop for Setup {
    fn drop(&mut self) {
        // Only a daemon that was killed leaves something.
        for entry in std::fs::read_dir(&self.pins).into_iter().flatten().flatten() {
            let _ = std::fs::remove_file(entry.path());
        }
        let _ = std::fs::remove_dir(&self.pins);
    }
}

/// A running daemon. Dropping it kills it.
pub(crate) struct Daemon {
    child: Child,
    lines: Receiver<String>,
    said: String,
}

impl Daemon {
    pub(crate) fn start(machine: &Machine, file: &Path) -> Self {
        Self::spawn(machine.binary().args(["run", "--config"]).arg(file))
    }

    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().expect("started");
        let stderr = BufReader::new(child.stderr.take().expect("piped"));
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, lines, said: String::new() }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the log line `ready`; gives all that was logged.
    pub(crate) fn ready(&mut self) -> &str {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    self.said.push_str(&line);
                    self.said.push('\n');
                    if line.contains(" ready") {
                        return &self.said;
                    }
                }
                Err(error) => panic!("not ready ({error}):\n{}", self.said),
            }
        }
    }

    /// Waits until it ends by itself; gives its exit code and all that was logged.
    pub(crate) fn ends(mut self) -> (Option<i32>, String) {
        let status = self.wait();
        (status.code(), std::mem::take(&mut self.said))
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn terminate(mut self) {
        self.signal(Signal::SIGTERM);
        let status = self.wait();
        assert_eq!(status.code(), Some(0), "{}", self.said);
    }

    /// Ends it without its doing.
    pub(crate) fn kill(mut self) {
        self.signal(Signal::SIGKILL);
        self.wait();
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).expect("it is there");
    }

    fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    self.said.push_str(&line);
                    self.said.push('\n');
                }
                Err(RecvTimeoutError::Disconnected) => return self.child.wait().expect("its own child"),
                Err(RecvTimeoutError::Timeout) => panic!("it goes on:\n{}", self.said),
            }
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a message says to type: the first words between backquotes.
pub(crate) fn remedy(said: &str) -> &str {
    let (_, rest) = said.split_once('`').unwrap_or_else(|| panic!("no command in:\n{said}"));
    rest.split_once('`').expect("a second backquote").0
}
