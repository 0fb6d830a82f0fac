//! The network that everything is measured in: a client, the relay, and one host per server port.

use std::net::Ipv4Addr;

use anyhow::Result;
use nix::{
    sched::{CpuSet, sched_setaffinity},
    unistd::Pid,
};
use relay_tests::lab::{
    Lab, Namespace,
    build::{BOOTREPLY, BOOTREQUEST, Bootp, Datagram},
};

/// The relay's address on the client subnet.
pub(crate) const RELAY: Ipv4Addr = Ipv4Addr::new(192, 168, 60, 2);
/// The device toward clients, in the relay's namespace.
pub(crate) const CLIENT_PORT: &str = "eth0";

/// Namespaces, devices and addresses.
pub(crate) struct Rig {
    pub(crate) client: Namespace,
    pub(crate) relay: Namespace,
    /// Hosts with the servers' addresses, each behind a port of the relay.
    pub(crate) hosts: Vec<Namespace>,
    pub(crate) servers: Vec<Ipv4Addr>,
    /// Ethernet address of the client.
    pub(crate) mac: [u8; 6],
    lab: Lab,
}

impl Rig {
    /// `servers` addresses spread over `ports` ports.
    pub(crate) fn new(title: &str, servers: usize, ports: usize) -> Result<Self> {
        let lab = Lab::new(title)?;
        let (client, relay) = (lab.host("c")?, lab.host("r")?);
        lab.link(&client, "eth0", &relay, CLIENT_PORT)?;
        // With it, frames of a packet socket do not go through the receiver's NAPI unless that has native XDP: relays
        // without would be served on the sender's CPU, whatever the placement.
        client.offload("eth0", "tso", false)?;
        client.address("eth0", "192.168.60.9/24")?;
        relay.address(CLIENT_PORT, &format!("{RELAY}/24"))?;
        let mut hosts = Vec::new();
        for port in 0..ports {
            let host = lab.host(&format!("s{port}"))?;
            let egress = egress(port);
            lab.link(&relay, &egress, &host, "eth0")?;
            relay.address(&egress, &format!("10.0.{}.1/24", 41 + port))?;
            host.address("eth0", &format!("10.0.{}.2/24", 41 + port))?;
            host.route(&format!("192.168.60.0/24 via 10.0.{}.1", 41 + port))?;
            hosts.push(host);
        }
        let mut addresses = Vec::new();
        for server in 0..servers {
            let port = server % ports;
            let address = Ipv4Addr::new(10, 0, u8::try_from(41 + port)?, u8::try_from(10 + server)?);
            hosts[port].address("eth0", &format!("{address}/24"))?;
            addresses.push(address);
        }
        relay.forwarding(true)?;
        let mac = client.mac("eth0")?;
        Ok(Self { client, relay, hosts, servers: addresses, mac, lab })
    }

    /// One more client, behind a port of the relay's of its own.
    pub(crate) fn second_client(&self, port: &str, relay: Ipv4Addr) -> Result<Namespace> {
        let client = self.lab.host("q")?;
        self.lab.link(&client, "eth0", &self.relay, port)?;
        self.relay.address(port, &format!("{relay}/24"))?;
        let [a, b, c, _] = relay.octets();
        for (port, host) in self.hosts.iter().enumerate() {
            host.route(&format!("{a}.{b}.{c}.0/24 via 10.0.{}.1", 41 + port))?;
        }
        Ok(client)
    }

    /// What a client's first message looks like: dhclient's, 300 octets of message, 342 of frame.
    pub(crate) fn discover(&self) -> Vec<u8> {
        let mut message = Bootp::new(BOOTREQUEST, Some(1), self.mac)
            .option(12, b"client-0001")
            .option(55, &[1, 28, 2, 3, 15, 6, 119, 12, 44, 47, 26, 121, 42]);
        // For the generator: the stamp and its complement add nothing to the checksum.
        message.xid = 0;
        message.chaddr[8..12].fill(0xff);
        Datagram::from_client(self.mac, &message).frame()
    }

    /// What the first server answers, with `option82` behind its own options when it is not empty.
    pub(crate) fn offer(&self, option82: &[u8]) -> Result<Vec<u8>> {
        let server = self.servers[0];
        let mut message = Bootp::new(BOOTREPLY, Some(2), self.mac)
            .option(54, &server.octets())
            .option(51, &[0, 0, 14, 16])
            .option(1, &[255, 255, 255, 0])
            .option(3, &RELAY.octets())
            .option(6, &RELAY.octets());
        if !option82.is_empty() {
            message = message.option(82, option82);
        }
        message.yiaddr = Ipv4Addr::new(192, 168, 60, 100);
        message.giaddr = RELAY;
        let (from, to) = (self.hosts[0].mac("eth0")?, self.relay.mac(&egress(0))?);
        Ok(Datagram::between((from, server), (to, RELAY), &message).frame())
    }
}

/// The device toward the servers of a port, in the relay's namespace.
pub(crate) fn egress(port: usize) -> String {
    format!("eth{}", port + 1)
}

/// Keeps the calling thread on one CPU.
pub(crate) fn pin(cpu: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu)?;
    Ok(sched_setaffinity(Pid::from_raw(0), &set)?)
}

/// Keeps a process with all its threads on one CPU.
pub(crate) fn pin_process(process: u32, cpu: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu)?;
    for task in std::fs::read_dir(format!("/proc/{process}/task"))? {
        let name = task?.file_name();
        let thread: i32 = name.to_string_lossy().parse()?;
        sched_setaffinity(Pid::from_raw(thread), &set)?;
    }
    Ok(())
}
