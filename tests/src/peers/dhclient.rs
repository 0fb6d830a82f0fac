//! ISC dhclient. It has no command for "renew now", so the server must hand out a short T1 for a renewal to be seen;
//! releasing is a second program run that shares the lease file and ends the first.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use tempfile::TempDir;

use crate::lab::Namespace;

use super::DEADLINE;
use super::client::{Client, Running, script};
use super::install::peers;

const SCRIPT: &str = r#"#!/bin/sh
# Sets up what dhclient was given; see dhclient-script(8) for the variables.
case "$reason" in
BOUND | RENEW | REBIND | REBOOT)
    [ -n "$old_ip_address" ] && [ "$old_ip_address" != "$new_ip_address" ] && ip addr flush dev "$interface"
    ip addr replace "$new_ip_address/$new_subnet_mask" dev "$interface"
    [ -n "$new_routers" ] && ip route replace default via "${new_routers%% *}"
    ;;
EXPIRE | FAIL | RELEASE | STOP) ip addr flush dev "$interface" ;;
esac
exit 0
"#;

const CONFIGURATION: &str = "\
timeout 30;
retry 1;
initial-interval 1;
backoff-cutoff 2;
select-timeout 0;
initial-delay 0;
request subnet-mask, broadcast-address, routers, dhcp-lease-time, dhcp-renewal-time, dhcp-rebinding-time;
";

/// The running client.
pub struct Dhclient {
    running: Running,
    files: Files,
}

struct Files {
    directory: TempDir,
    script: PathBuf,
}

impl Dhclient {
    /// Starts it on `interface`; the first DISCOVER leaves at once.
    pub fn start(host: &Namespace, interface: &str) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        std::fs::write(directory.path().join("dhclient.conf"), CONFIGURATION)?;
        let script = script(directory.path(), SCRIPT)?;
        let files = Files { directory, script };
        let running = Running::start(host, interface, files.command(&["-d", interface])?)?;
        Ok(Self { running, files })
    }
}

impl Files {
    fn command(&self, arguments: &[&str]) -> Result<Command> {
        let path = |name: &str| self.directory.path().join(name);
        let mut command = peers()?.command("dhclient")?;
        command.arg("-4").arg("-cf").arg(path("dhclient.conf"));
        command.arg("-lf").arg(path("leases")).arg("-pf").arg(path("pid")).arg("-sf").arg(&self.script);
        command.args(arguments);
        Ok(command)
    }
}

impl Client for Dhclient {
    fn name(&self) -> &'static str {
        "dhclient"
    }

    fn running(&self) -> &Running {
        &self.running
    }

    /// Its script sets the address up before it logs the line that [`Client::renew`] looks for again.
    fn bound(&self) -> Result<Ipv4Addr> {
        let line = self.running.process.wait_for_line("bound to ", DEADLINE)?;
        Ok(line.split_whitespace().nth(2).unwrap_or_default().parse()?)
    }

    fn renew(&self) -> Result<()> {
        let mark = self.running.process.lines().len();
        self.running.process.wait_for_line_after(mark, "bound to ", DEADLINE).map(drop)
    }

    fn release(self: Box<Self>) -> Result<()> {
        let Running { host, interface, .. } = &self.running;
        host.output(&mut self.files.command(&["-r", interface])?).map(drop)
    }
}
