//! busybox udhcpc, the client of most small devices: SIGUSR1 renews, SIGUSR2 releases.

use anyhow::Result;
use nix::sys::signal::Signal;

use crate::lab::Namespace;

use super::client::{Client, Running, script};
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
pub struct Udhcpc(Running);

impl Udhcpc {
    /// Starts it on `interface`; it tries again every second.
    pub fn start(host: &Namespace, interface: &str) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let script = script(directory.path(), SCRIPT)?;
        let mut command = peers()?.command("busybox")?;
        command.args(["udhcpc", "-f", "-i", interface, "-t", "10", "-T", "1", "-A", "1", "-s"]).arg(script);
        let mut running = Running::start(host, interface, command)?;
        running.process.keep(directory);
        Ok(Self(running))
    }
}

impl Client for Udhcpc {
    fn name(&self) -> &'static str {
        "udhcpc"
    }

    fn running(&self) -> &Running {
        &self.0
    }

    fn renew(&self) -> Result<()> {
        self.0.signal_until(Signal::SIGUSR1, "script: renew ")
    }

    fn release(self: Box<Self>) -> Result<()> {
        self.0.signal_until(Signal::SIGUSR2, "script: deconfig")?;
        self.0.process.stop().map(drop)
    }
}
