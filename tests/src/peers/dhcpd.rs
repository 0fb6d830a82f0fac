//! ISC dhcpd, with its configuration, leases and process id in a temporary directory.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;
use tempfile::TempDir;

use crate::lab::{Namespace, Proc};

use super::DEADLINE;
use super::install::peers;

/// A running server.
pub struct Dhcpd {
    process: Proc,
    directory: TempDir,
}

impl Dhcpd {
    /// Starts a server that listens on `interface`, and returns when it does.
    pub fn start(host: &Namespace, interface: &str, configuration: &str) -> Result<Self> {
        Self::start_with_leases(host, interface, configuration, "")
    }

    /// As [`Dhcpd::start`], with what the leases file holds at the start.
    pub fn start_with_leases(
        host: &Namespace,
        interface: &str,
        configuration: &str,
        leases: &str,
    ) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let path = |name: &str| directory.path().join(name);
        fs::write(path("dhcpd.conf"), configuration)?;
        fs::write(path("leases"), leases)?;
        let mut command = peers()?.command("dhcpd")?;
        command.args(["-4", "-f", "-d", "-cf"]).arg(path("dhcpd.conf"));
        command.arg("-lf").arg(path("leases")).arg("-pf").arg(path("pid")).arg(interface);
        let process = host.spawn(command)?;
        process.wait_for_line("Server starting service", DEADLINE)?;
        Ok(Self { process, directory })
    }

    /// The running program, for its log.
    pub fn process(&self) -> &Proc {
        &self.process
    }

    /// The lease file: text of dhcpd.leases(5), appended to while it runs.
    pub fn leases(&self) -> Result<String> {
        Ok(fs::read_to_string(self.leases_file())?)
    }

    /// Where the lease file is.
    pub fn leases_file(&self) -> PathBuf {
        self.directory.path().join("leases")
    }
}
