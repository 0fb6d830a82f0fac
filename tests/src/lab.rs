//! The laboratory: networks made of namespaces, veth pairs and bridges, in which real clients, servers and relays talk.
//!
//! A test builds what it needs, several tests run side by side, and nothing is left behind: every namespace,
//! process and capture belongs to a value whose `Drop` removes it, on a panic too. Addresses, hardware addresses and
//! interface indexes are the same in every run, so that captures of two runs can be compared byte by byte.

pub mod bootp;
pub mod build;
pub mod capture;
pub mod compare;
pub mod direct;
pub mod expect;
pub mod frame;
pub mod golden;
pub mod namespace;
pub mod packet;
pub mod pcap;
pub mod process;
pub mod published;
pub mod relay;
pub mod scenario;
pub mod segment;
pub mod topology;
pub mod wait;

mod leftovers;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};

use anyhow::{Result, ensure};

pub use capture::Capture;
pub use namespace::Namespace;
pub use process::Proc;

/// Prefix of every namespace the laboratory makes; the process id follows, so leftovers of a killed run can be told.
pub(crate) const PREFIX: &str = "relaylab";

/// One network: a set of namespaces and the links between them.
pub struct Lab {
    title: String,
    number: u32,
    ports: AtomicU16,
}

impl Lab {
    /// Prepares a network called `title` (for messages and file names only).
    ///
    /// # Errors
    /// When the caller is not root: namespaces and veth pairs need `CAP_SYS_ADMIN` and `CAP_NET_ADMIN`.
    pub fn new(title: &str) -> Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        ensure!(nix::unistd::geteuid().is_root(), "the laboratory makes network namespaces: run it as root");
        leftovers::remove_once();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Ok(Self { title: title.to_owned(), number, ports: AtomicU16::new(0) })
    }

    /// What the test called this network.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Makes a namespace for a host: loopback up, IPv6 off (no router solicitations in captures), no reverse path
    /// filter.
    pub fn host(&self, name: &str) -> Result<Namespace> {
        let kernel_name = format!("{PREFIX}-{}-{}-{name}", std::process::id(), self.number);
        Namespace::create(&kernel_name, name)
    }

    /// Makes a namespace that is a switch: a bridge `br0` without spanning tree, so that a port forwards at once.
    /// Connect hosts to it with [`Lab::plug`].
    pub fn switch(&self, name: &str) -> Result<Namespace> {
        let switch = self.host(name)?;
        switch.run("ip link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0")?;
        switch.run("ip link set br0 up")?;
        Ok(switch)
    }

    /// Puts a veth pair straight into two namespaces and sets both ends up. GRO is on at both ends: a native XDP
    /// redirect into a veth needs NAPI at its peer.
    pub fn link(&self, a: &Namespace, a_name: &str, b: &Namespace, b_name: &str) -> Result<()> {
        let (a_mac, b_mac) = (self.next_mac(), self.next_mac());
        a.run(&format!(
            "ip link add {a_name} address {a_mac} type veth peer name {b_name} address {b_mac} netns {}",
            b.kernel_name()
        ))?;
        let ends = [(a, a_name), (b, b_name)];
        for (host, name) in ends {
            host.run(&format!("ip link set {name} up"))?;
        }
        // Only on a port that is up does the kernel tell the other end that it takes redirected frames now.
        for (host, name) in ends {
            host.offload(name, "gro", true)?;
        }
        Ok(())
    }

    /// Connects `host` to a switch through a new interface `name`, and waits until the switch's port forwards.
    pub fn plug(&self, host: &Namespace, name: &str, switch: &Namespace) -> Result<()> {
        // Host names are short and unique within a network, and a device name holds 15 characters.
        let port = format!("{}-{name}", host.name());
        self.link(host, name, switch, &port)?;
        switch.run(&format!("ip link set {port} master br0"))?;
        switch.wait_forwarding(&port)
    }

    /// A locally administered address, counted from 02:00:00:00:00:01 in each laboratory.
    fn next_mac(&self) -> String {
        let [high, low] = (self.ports.fetch_add(1, Ordering::Relaxed) + 1).to_be_bytes();
        format!("02:00:00:00:{high:02x}:{low:02x}")
    }
}

/// The target directory this test was built into; falls back to the workspace's own.
pub fn target_dir() -> PathBuf {
    let executable = std::env::current_exe().unwrap_or_default();
    executable
        .ancestors()
        .find(|directory| directory.join("CACHEDIR.TAG").is_file())
        .map(Path::to_path_buf)
        .or_else(|| std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from))
        .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"))
}

/// Where tests leave what a person wants to see after a failure.
pub fn report_dir() -> Result<PathBuf> {
    let directory = target_dir().join("relay-tests");
    std::fs::create_dir_all(&directory)?;
    Ok(directory)
}
