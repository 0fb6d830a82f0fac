//! The relay that is measured, as a user starts it: the release binary, a configuration file, the running daemon.

use std::{
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use aya::programs::{ProgramFd, loaded_programs};
use nix::sys::signal::Signal;
use relay_tests::{
    lab::{Namespace, Proc},
    subject::{Mode, stats},
};
use relay_user::control::{self, model::Reloaded};
use tempfile::TempDir;

/// How long start-up may take, self-tests and thousands of interfaces included.
const DEADLINE: Duration = Duration::from_secs(120);

/// What of the configuration is varied.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) mode: Mode,
    /// Insert option 82, with circuit-id and remote-id.
    pub(crate) option82: bool,
}

impl Settings {
    pub(crate) fn new(mode: Mode) -> Self {
        Self { mode, option82: false }
    }

    /// Server group and interface.
    fn text(&self, port: &str, servers: &[Ipv4Addr]) -> String {
        let servers: Vec<String> = servers.iter().map(|server| format!("\"{server}\"")).collect();
        let mut text = format!(
            "[[server_group]]\nname = \"core\"\nservers = [{}]\n\n\
             [[interface]]\nname = \"{port}\"\nserver_group = \"core\"\n",
            servers.join(", ")
        );
        if self.option82 {
            text += "[interface.option82]\ncircuit_id = \"{name}.{vlan}\"\nremote_id = \"{mac}\"\n";
        }
        text
    }
}

/// The section `[relay]` of a relay that keeps its files in `directory`.
fn head(mode: Mode, directory: &str, bpffs: &str) -> String {
    let mode = match mode {
        Mode::Off => "fast_path = \"off\"",
        Mode::Generic => "fast_path = \"require\"\nxdp_mode = \"generic\"",
        Mode::Native => "fast_path = \"require\"\nxdp_mode = \"native\"",
    };
    format!(
        "[relay]\n{mode}\nstate_dir = \"{directory}\"\nbpffs_dir = \"{bpffs}\"\n\
         control_socket = \"{directory}/control.sock\"\n\n"
    )
}

/// A running relay. It ends, and takes its files and pins along, with the value.
pub(crate) struct Ours {
    pub(crate) process: Proc,
    pub(crate) socket: PathBuf,
    file: PathBuf,
    /// What it stores outlives the process: the next one finds it.
    places: [TempDir; 2],
}

impl Ours {
    pub(crate) fn start(
        host: &Namespace,
        port: &str,
        servers: &[Ipv4Addr],
        settings: &Settings,
    ) -> Result<Self> {
        Self::with(host, settings.mode, &settings.text(port, servers))
    }

    /// With groups and interfaces as the configuration says.
    pub(crate) fn with(host: &Namespace, mode: Mode, configuration: &str) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("xdp-dhcrelay-bench-").tempdir()?;
        let bpffs = tempfile::Builder::new()
            .prefix("xdp-dhcrelay-bench-")
            .tempdir_in("/sys/fs/bpf")
            .context("a directory on the BPF filesystem (mount -t bpf bpf /sys/fs/bpf)")?;
        let text = head(mode, &directory.path().to_string_lossy(), &bpffs.path().to_string_lossy());
        let file = directory.path().join("xdp-dhcrelay.toml");
        std::fs::write(&file, text + configuration)?;
        let socket = directory.path().join("control.sock");
        Ok(Self { process: ready(host, &file)?, socket, file, places: [directory, bpffs] })
    }

    /// Ends it, and starts it again with what it has stored.
    pub(crate) fn again(&mut self, host: &Namespace) -> Result<()> {
        self.process.signal(Signal::SIGTERM)?;
        self.process.wait(DEADLINE)?;
        self.process = ready(host, &self.file)?;
        Ok(())
    }

    /// Seconds that it takes to go over to another configuration of the same size.
    pub(crate) fn reload(&self) -> Result<f64> {
        let text = std::fs::read_to_string(&self.file)?;
        std::fs::write(&self.file, text.replacen("[relay]\n", "[relay]\ndscp = 46\n", 1))?;
        let began = Instant::now();
        let reloaded: Reloaded = control::ask(&self.socket, control::Command::Reload)?;
        let took = began.elapsed().as_secs_f64();
        ensure!(
            reloaded.changes.relay == ["dscp"],
            "another change than the one that was made: {reloaded:?}"
        );
        Ok(took)
    }

    /// Where its maps are pinned.
    pub(crate) fn pins(&self) -> &Path {
        self.places[1].path()
    }

    /// Requests that the fast path has sent to the server of the lease alone.
    pub(crate) fn to_holder(&self) -> Result<u64> {
        Ok(stats(&self.socket)?.interfaces.iter().map(|interface| interface.to_holder.fast).sum())
    }

    /// Frames that the fast path has not relayed so far, whatever the reason.
    pub(crate) fn refused(&self) -> Result<u64> {
        let stats = stats(&self.socket)?;
        let interfaces = stats.interfaces.iter().map(|interface| &interface.reasons);
        Ok(interfaces
            .chain([&stats.unattributed])
            .flat_map(|reasons| reasons.values())
            .map(|count| count.fast)
            .sum())
    }
}

fn ready(host: &Namespace, file: &Path) -> Result<Proc> {
    let mut command = Command::new(binary()?);
    command.arg("run").arg("--config").arg(file);
    let process = host.spawn(command)?;
    process.wait_for_line("ready", DEADLINE)?;
    Ok(process)
}

/// The program on a device, and the egress program that shares its maps.
pub(crate) struct Programs {
    pub(crate) ingress: ProgramFd,
    pub(crate) egress: u32,
}

impl Programs {
    /// Finds them by the device that the relay put its program on.
    pub(crate) fn of(host: &Namespace, device: &str) -> Result<Self> {
        let text = host.run(&format!("ip -j -d link show dev {device}"))?;
        let links: serde_json::Value = serde_json::from_str(&text)?;
        let id = links[0]["xdp"]["prog"]["id"].as_u64().with_context(|| format!("no program on {device}"))?;
        let mut ingress = None;
        let mut named = Vec::new();
        for program in loaded_programs() {
            let program = program?;
            if u64::from(program.id()) == id {
                ingress = Some((program.fd()?, program.map_ids()?.unwrap_or_default()));
            } else if program.name() == b"egress" {
                named.push((program.id(), program.map_ids()?.unwrap_or_default()));
            }
        }
        let (ingress, maps) = ingress.context("the program is gone")?;
        let (egress, _) = named
            .into_iter()
            .find(|(_, others)| others.iter().any(|map| maps.contains(map)))
            .context("no egress program beside it")?;
        Ok(Self { ingress, egress })
    }
}

/// The daemon that was built together with this program.
pub(crate) fn binary() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    let binary = program.with_file_name("xdp-dhcrelay");
    anyhow::ensure!(binary.is_file(), "{} is missing: cargo build --release -p relay-user", binary.display());
    Ok(binary)
}
