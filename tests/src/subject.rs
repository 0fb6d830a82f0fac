//! The relay under test, as a user starts it: the built binary with a configuration file.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use relay_user::control::{self, Command as Question, model::Stats};

use crate::lab::relay::{Ports, Relay};
use crate::lab::{Namespace, Proc};

/// How long start-up may take on a busy machine, its self-tests included.
const DEADLINE: Duration = Duration::from_secs(60);

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

    fn settings(self) -> &'static str {
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
        let directory = tempfile::Builder::new().prefix("xdp-dhcrelay-").tempdir()?;
        let bpffs = tempfile::Builder::new()
            .prefix("xdp-dhcrelay-test-")
            .tempdir_in("/sys/fs/bpf")
            .context("a directory on the BPF filesystem (mount -t bpf bpf /sys/fs/bpf)")?;
        let socket = directory.path().join("control.sock");
        let servers: Vec<String> = servers.iter().map(|server| format!("\"{server}\"")).collect();
        let text = format!(
            "[relay]\n{}\nstate_dir = \"{state}\"\nbpffs_dir = \"{bpffs}\"\ncontrol_socket = \"{socket}\"\n\n\
             [[server_group]]\nname = \"core\"\nservers = [{servers}]\n\n\
             [[interface]]\nname = \"{client}\"\nserver_group = \"core\"\n",
            self.mode.settings(),
            state = directory.path().display(),
            bpffs = bpffs.path().display(),
            socket = socket.display(),
            servers = servers.join(", "),
        );
        let file = directory.path().join("xdp-dhcrelay.toml");
        std::fs::write(&file, text)?;
        let mut command = Command::new(binary()?);
        command.arg("run").arg("--config").arg(&file);
        let mut process = host.spawn(command)?;
        process.keep(directory);
        process.keep(bpffs);
        process.wait_for_line("ready", DEADLINE)?;
        Ok((process, socket))
    }
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

/// The binary that cargo built beside this program: tests lie in `deps`, one folder deeper.
pub(crate) fn binary() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    let found = program.ancestors().skip(1).take(2).map(|directory| directory.join("xdp-dhcrelay"));
    found.into_iter().find(|binary| binary.is_file()).with_context(|| {
        format!("there is no xdp-dhcrelay near {}: run cargo build -p relay-user", program.display())
    })
}
