//! One host of a laboratory: a named network namespace, entered with `setns` on a thread of its own.
//!
//! Only the network namespace is entered. `ip netns exec` would also mount a fresh /sys, which hides the BPF pins
//! under /sys/fs/bpf from the program it runs.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use nix::sched::{CloneFlags, setns};

use super::process::Proc;
use super::wait;

const PORT_DEADLINE: Duration = Duration::from_secs(10);

/// A network namespace; it is removed with the last clone and the last process started in it.
#[derive(Clone)]
pub struct Namespace(Arc<Inner>);

struct Inner {
    kernel_name: String,
    name: String,
}

impl Drop for Inner {
    fn drop(&mut self) {
        let removed = Command::new("ip").args(["netns", "del", &self.kernel_name]).status();
        if !removed.as_ref().is_ok_and(std::process::ExitStatus::success) {
            eprintln!("namespace {} was not removed: {removed:?}", self.kernel_name);
        }
    }
}

impl Namespace {
    pub(super) fn create(kernel_name: &str, name: &str) -> Result<Self> {
        finish(Command::new("ip").args(["netns", "add", kernel_name]))?;
        let namespace = Self(Arc::new(Inner { kernel_name: kernel_name.to_owned(), name: name.to_owned() }));
        namespace.run("ip link set lo up")?;
        for family in ["all", "default"] {
            namespace.sysctl(&format!("net/ipv6/conf/{family}/disable_ipv6"), "1")?;
            namespace.sysctl(&format!("net/ipv4/conf/{family}/rp_filter"), "0")?;
            namespace.sysctl(&format!("net/ipv4/conf/{family}/send_redirects"), "0")?;
        }
        Ok(namespace)
    }

    /// The host's name within its laboratory.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The name under /run/netns.
    pub fn kernel_name(&self) -> &str {
        &self.0.kernel_name
    }

    /// For `nsenter --net=…` and `setns`.
    pub fn path(&self) -> PathBuf {
        PathBuf::from("/run/netns").join(&self.0.kernel_name)
    }

    /// Runs `work` on a thread that has entered the namespace: sockets it opens and programs it starts belong here.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T> {
        let file = File::open(self.path()).with_context(|| format!("namespace {}", self.0.kernel_name))?;
        let entered = thread::scope(|scope| {
            scope.spawn(move || setns(&file, CloneFlags::CLONE_NEWNET).map(|()| work())).join()
        });
        match entered {
            Ok(outcome) => outcome.with_context(|| format!("setns {}", self.0.kernel_name)),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    /// Runs a command, split at white space, to its end and returns what it printed.
    pub fn run(&self, line: &str) -> Result<String> {
        let mut words = line.split_whitespace();
        let mut command = Command::new(words.next().context("an empty command")?);
        command.args(words);
        let output = self.output(&mut command)?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Runs a command to its end; an exit status other than 0 is an error that carries what it printed.
    pub fn output(&self, command: &mut Command) -> Result<Output> {
        self.enter(|| finish(command))?.with_context(|| format!("on {}", self.0.name))
    }

    /// Starts a program and collects what it prints.
    pub fn spawn(&self, command: Command) -> Result<Proc> {
        Proc::spawn(self, command)
    }

    /// Gives an interface an address with its prefix length, `10.0.0.1/24`.
    pub fn address(&self, interface: &str, address: &str) -> Result<()> {
        self.run(&format!("ip addr add {address} dev {interface}")).map(drop)
    }

    /// Adds a route, in `ip route`'s words: `default via 10.0.0.1`.
    pub fn route(&self, route: &str) -> Result<()> {
        self.run(&format!("ip route add {route}")).map(drop)
    }

    /// Turns the host into a router, or back.
    pub fn forwarding(&self, on: bool) -> Result<()> {
        self.sysctl("net/ipv4/ip_forward", if on { "1" } else { "0" })
    }

    /// Writes a setting below /proc/sys, which shows the namespace of the thread that opens it.
    pub fn sysctl(&self, key: &str, value: &str) -> Result<()> {
        let path = format!("/proc/sys/{key}");
        self.enter(|| fs::write(&path, value))?.with_context(|| format!("{path} on {}", self.0.name))
    }

    /// Turns an offload of a device on or off, by the names of `ethtool -K`: `tx` (checksums), `gro`.
    pub fn offload(&self, interface: &str, feature: &str, on: bool) -> Result<()> {
        let state = if on { "on" } else { "off" };
        self.run(&format!("ethtool -K {interface} {feature} {state}")).map(drop)
    }

    /// The hardware address of an interface.
    pub fn mac(&self, interface: &str) -> Result<[u8; 6]> {
        let link = self.link(interface)?;
        let text = link["address"].as_str().context("a link without an address")?;
        parse_mac(text)
    }

    /// The index of an interface.
    pub fn ifindex(&self, interface: &str) -> Result<u32> {
        let link = self.link(interface)?;
        let index = link["ifindex"].as_u64().context("a link without an index")?;
        Ok(u32::try_from(index)?)
    }

    /// The IPv4 addresses of an interface.
    pub fn addresses(&self, interface: &str) -> Result<Vec<std::net::Ipv4Addr>> {
        let listing: serde_json::Value =
            serde_json::from_str(&self.run(&format!("ip -4 -j addr show dev {interface}"))?)?;
        let records = listing[0]["addr_info"].as_array().cloned().unwrap_or_default();
        records
            .iter()
            .map(|record| Ok(record["local"].as_str().context("an address without local")?.parse()?))
            .collect()
    }

    /// Waits until a bridge port forwards: before that a broadcast into it is lost.
    pub(super) fn wait_forwarding(&self, port: &str) -> Result<()> {
        wait::until(&format!("bridge port {port} forwards"), PORT_DEADLINE, || {
            let state = self.link(port)?["linkinfo"]["info_slave_data"]["state"].clone();
            Ok((state == "forwarding").then_some(()))
        })
    }

    fn link(&self, interface: &str) -> Result<serde_json::Value> {
        let text = self.run(&format!("ip -d -j link show dev {interface}"))?;
        let mut listing: serde_json::Value = serde_json::from_str(&text)?;
        ensure!(listing[0].is_object(), "no link {interface} in {text}");
        Ok(listing[0].take())
    }
}

/// Reads `02:00:00:00:00:01`.
pub fn parse_mac(text: &str) -> Result<[u8; 6]> {
    let bytes: Vec<u8> =
        text.split(':').map(|byte| u8::from_str_radix(byte, 16)).collect::<Result<_, _>>()?;
    bytes.try_into().map_err(|_| anyhow::anyhow!("{text} is no hardware address"))
}

fn finish(command: &mut Command) -> Result<Output> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    if !output.status.success() {
        let (stdout, stderr) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        bail!("{command:?}: {}\n{stdout}{stderr}", output.status);
    }
    Ok(output)
}
