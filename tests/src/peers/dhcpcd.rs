//! dhcpcd. It keeps its state under /run and /var/lib at fixed places, so it runs in a mount namespace of its own with
//! a temporary directory in their place. SIGUSR1 renews, SIGALRM releases and ends it.

use std::process::Command;

use anyhow::Result;
use nix::sys::signal::Signal;

use crate::lab::Namespace;

use super::DEADLINE;
use super::client::{Client, Running};
use super::install::peers;

/// `noarp`: no five seconds of address probing. `nodelay`: no random wait before the first DISCOVER.
const CONFIGURATION: &str = "\
ipv4only
noarp
nodelay
noipv4ll
option subnet_mask, routers, broadcast_address
";

/// The running client.
pub struct Dhcpcd(Running);

impl Dhcpcd {
    /// Starts it on `interface`.
    pub fn start(host: &Namespace, interface: &str) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let path = |name: &str| directory.path().join(name);
        for name in ["run", "lib"] {
            std::fs::create_dir(path(name))?;
        }
        std::fs::write(path("dhcpcd.conf"), CONFIGURATION)?;

        let program = peers()?.command("dhcpcd")?;
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "sh", "-c"]);
        command.arg(r#"mount --bind "$0" /run && mount --bind "$1" /var/lib && shift && exec "$@""#);
        command.arg(path("run")).arg(path("lib")).arg(program.get_program());
        command.args(["--nobackground", "--debug", "--script", "/bin/true", "--config"]);
        command.arg(path("dhcpcd.conf")).arg(interface);
        for (key, value) in program.get_envs() {
            command.env(key, value.unwrap_or_default());
        }
        let mut running = Running::start(host, interface, command)?;
        running.process.keep(directory);
        Ok(Self(running))
    }
}

impl Client for Dhcpcd {
    fn name(&self) -> &'static str {
        "dhcpcd"
    }

    fn running(&self) -> &Running {
        &self.0
    }

    fn renew(&self) -> Result<()> {
        self.0.signal_until(Signal::SIGUSR1, "leased ")
    }

    fn release(mut self: Box<Self>) -> Result<()> {
        self.0.process.signal(Signal::SIGALRM)?;
        self.0.process.wait(DEADLINE).map(drop)
    }
}
