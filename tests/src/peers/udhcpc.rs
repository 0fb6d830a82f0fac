//! busybox udhcpc, the client of most small devices: SIGUSR1 renews, SIGUSR2 releases.

use anyhow::Result;
use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::lab::{Namespace, Proc};

use super::DEADLINE;
use super::client::{Client, script};
use super::install::peers;

const SCRIPT: &str = r#"#!/bin/sh
# Sets up what udhcpc was given: $ip, $mask (prefix length), $router.
case "$1" in
bound | renew)
    ip addr replace "$ip/$mask" dev "$interface"
    [ -n "$router" ] && ip route replace default via "${router%% *}"
    echo "script: $1 $ip"
    ;;
deconfig)
    ip addr flush dev "$interface"
    echo "script: deconfig"
    ;;
esac
"#;

/// The running client.
pub struct Udhcpc {
    process: Proc,
    host: Namespace,
    interface: String,
}

impl Udhcpc {
    /// Starts it on `interface`; it tries again every second.
    pub fn start(host: &Namespace, interface: &str) -> Result<Self> {
        let directory: TempDir = tempfile::tempdir()?;
        let script = script(directory.path(), SCRIPT)?;
        host.run(&format!("ip link set {interface} up"))?;
        let mut command = peers()?.command("busybox")?;
        command.args(["udhcpc", "-f", "-i", interface, "-t", "10", "-T", "1", "-A", "1", "-s"]).arg(script);
        let mut process = host.spawn(command)?;
        process.keep(directory);
        Ok(Self { process, host: host.clone(), interface: interface.to_owned() })
    }
}

impl Client for Udhcpc {
    fn name(&self) -> &'static str {
        "udhcpc"
    }

    fn process(&self) -> &Proc {
        &self.process
    }

    fn host(&self) -> &Namespace {
        &self.host
    }

    fn interface(&self) -> &str {
        &self.interface
    }

    fn renew(&self) -> Result<()> {
        let mark = self.process.lines().len();
        self.process.signal(Signal::SIGUSR1)?;
        self.process.wait_for_line_after(mark, "script: renew ", DEADLINE).map(drop)
    }

    fn release(self: Box<Self>) -> Result<()> {
        let mark = self.process.lines().len();
        self.process.signal(Signal::SIGUSR2)?;
        self.process.wait_for_line_after(mark, "script: deconfig", DEADLINE)?;
        self.process.stop().map(drop)
    }
}
