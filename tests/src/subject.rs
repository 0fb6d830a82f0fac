//! The relay under test, as a user starts it: the built binary with a configuration file.

use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use relay_user::control::{
    self, Command as Question,
    model::{Stats, Status},
};
use tempfile::TempDir;

use crate::lab::relay::{Ports, Relay};
use crate::lab::{Namespace, Proc};

/// How long start-up may take on a busy machine or under emulation, its self-tests included.
pub(crate) const DEADLINE: Duration = Duration::from_secs(180);

/// How the relay is to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Without XDP.
    Off,
    /// With XDP in the network stack.
    Generic,
    /// With XDP in the driver.
    Native,
}

impl Mode {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Off, Self::Generic, Self::Native];

    /// Whether XDP relays.
    pub fn is_fast(self) -> bool {
        self != Self::Off
    }

    /// The lines of the table `relay`.
    pub fn settings(self) -> &'static str {
        match self {
            Self::Off => "fast_path = \"off\"",
            Self::Generic => "fast_path = \"require\"\nxdp_mode = \"generic\"",
            Self::Native => "fast_path = \"require\"\nxdp_mode = \"native\"",
        }
    }
}

/// `xdp-dhcrelay run`, and what it says of itself in the end.
pub struct XdpDhcrelay {
    mode: Mode,
    sockets: Mutex<Vec<PathBuf>>,
    stats: Mutex<Vec<Stats>>,
}

impl XdpDhcrelay {
    /// A relay that runs in `mode`.
    pub fn new(mode: Mode) -> Self {
        Self { mode, sockets: Mutex::default(), stats: Mutex::default() }
    }

    /// The counters of every instance, read just before it was ended.
    pub fn stats(&self) -> Vec<Stats> {
        self.stats.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Starts it with one client interface and `servers`, and gives the path of its control socket too.
    pub fn start_on(&self, host: &Namespace, client: &str, servers: &[Ipv4Addr]) -> Result<(Proc, PathBuf)> {
        let servers: Vec<String> = servers.iter().map(|server| format!("\"{server}\"")).collect();
        let rest = format!(
            "[[server_group]]\nname = \"core\"\nservers = [{}]\n\n\
             [[interface]]\nname = \"{client}\"\nserver_group = \"core\"\n",
            servers.join(", "),
        );
        let Files { directory, bpffs, file, socket } = Files::write(self.mode.settings(), &rest)?;
        let mut process = run(host, &file)?;
        process.keep(directory);
        process.keep(bpffs);
        Ok((process, socket))
    }
}

/// What a daemon is given, and where it keeps its own.
pub(crate) struct Files {
    pub(crate) directory: TempDir,
    pub(crate) bpffs: TempDir,
    /// The configuration.
    pub(crate) file: PathBuf,
    /// Where it answers questions.
    pub(crate) socket: PathBuf,
}

impl Files {
    /// Writes a configuration with lines for the table `relay` and with `rest` behind it; the places are filled in.
    pub(crate) fn write(relay: &str, rest: &str) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("xdp-dhcrelay-").tempdir()?;
        let bpffs = tempfile::Builder::new()
            .prefix("xdp-dhcrelay-test-")
            .tempdir_in("/sys/fs/bpf")
            .context("a directory on the BPF filesystem (mount -t bpf bpf /sys/fs/bpf)")?;
        let socket = directory.path().join("control.sock");
        let mut text = format!("[relay]\n{relay}\n");
        for (key, path) in
            [("state_dir", directory.path()), ("bpffs_dir", bpffs.path()), ("control_socket", &socket)]
        {
            writeln!(text, "{key} = {}", toml::Value::String(path.display().to_string()))?;
        }
        text.push_str(rest);
        let file = directory.path().join("xdp-dhcrelay.toml");
        std::fs::write(&file, text)?;
        Ok(Self { directory, bpffs, file, socket })
    }
}

/// Starts the daemon, and returns when it is ready.
pub(crate) fn run(host: &Namespace, file: &Path) -> Result<Proc> {
    let mut command = Command::new(binary()?);
    command.arg("run").arg("--config").arg(file);
    let process = host.spawn(command)?;
    process.wait_for_line("ready", DEADLINE)?;
    Ok(process)
}

impl Relay for XdpDhcrelay {
    fn name(&self) -> &'static str {
        match self.mode {
            Mode::Off => "xdp-dhcrelay off",
            Mode::Generic => "xdp-dhcrelay generic",
            Mode::Native => "xdp-dhcrelay native",
        }
    }

    fn start(&self, host: &Namespace, ports: &Ports<'_>, servers: &[Ipv4Addr]) -> Result<Proc> {
        let (process, socket) = self.start_on(host, ports.client, servers)?;
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner).push(socket);
        Ok(process)
    }

    fn before_end(&self) -> Result<()> {
        for socket in self.sockets.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let stats = stats(&socket)?;
            self.stats.lock().unwrap_or_else(PoisonError::into_inner).push(stats);
        }
        Ok(())
    }
}

/// Asks a running relay for its counters.
pub fn stats(socket: &Path) -> Result<Stats> {
    let answer = control::ask(socket, Question::Stats)?;
    serde_json::from_value(answer).context("the answer to `stats`")
}

/// Asks a running relay how it stands.
pub fn status(socket: &Path) -> Result<Status> {
    let answer = control::ask(socket, Question::Status)?;
    serde_json::from_value(answer).context("the answer to `status`")
}

/// The binary that cargo built beside this program: tests lie in `deps`, one folder deeper.
pub(crate) fn binary() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    let found = program.ancestors().skip(1).take(2).map(|directory| directory.join("xdp-dhcrelay"));
    found.into_iter().find(|binary| binary.is_file()).with_context(|| {
        format!("there is no xdp-dhcrelay near {}: run cargo build -p relay-user", program.display())
    })
}
