//! Many VRFs whose addresses are all the same, with the clients of each served from the next one: who mixes up two of
//! them anywhere gives a client the lease of another, or no lease.
//!
//! ```text
//!  clients            relay                                                  servers
//!  VLAN n of eth0 ─── eth0.n in VRF vn, 192.168.60.2/24
//!                     sm in VRF vm, 10.0.41.2/24 ─────────────────────────── sm, 10.0.41.10, with m = n mod count + 1
//! ```
//!
//! [`Network`] makes it of real devices (VRF, 802.1Q); [`described`] only says what such a machine has, for the daemon's
//! plan.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;
use std::sync::Arc;

use anyhow::{Result, ensure};
use relay_user::config::host::{Device, DeviceAddress, Machine};
use relay_user::nexthop::{Address, HostView, Link, NextHop, Resolution, Snapshot, Target, Vlan};

use super::server::{Echo, Request};
use super::{Circuit, Server, batch, clients};
use crate::lab::{Lab, Namespace};

/// The port to the clients, and theirs.
pub const EDGE: &str = "eth0";
/// The relay's address on every client subnet.
pub const RELAY: Ipv4Addr = Ipv4Addr::new(192, 168, 60, 2);
/// The relay's address on every servers' network.
const UPSTREAM: Ipv4Addr = Ipv4Addr::new(10, 0, 41, 2);
/// The server's address in every VRF.
pub const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 41, 10);
/// Routing tables of the VRFs begin above this one.
const TABLES: u32 = 1000;
const TAG_8021Q: u16 = 0x8100;

/// The VRF that serves the clients of circuit `number`.
fn serving(number: u16, count: u16) -> u16 {
    number % count + 1
}

/// One circuit for each VRF.
pub fn circuits(count: u16) -> Vec<Circuit> {
    (1..=count).map(|number| Circuit::new(number, &[number]).at(RELAY)).collect()
}

/// Groups and interfaces of the relay's configuration.
pub fn configuration(count: u16) -> String {
    let groups = (1..=count).map(|vrf| {
        format!("[[server_group]]\nname = \"g{vrf}\"\nvrf = \"v{vrf}\"\nservers = [\"{SERVER}\"]\n\n")
    });
    let interfaces = circuits(count);
    let interfaces = interfaces
        .iter()
        .map(|circuit| circuit.configuration(EDGE, &format!("g{}", serving(circuit.number, count))));
    groups.chain(interfaces).collect()
}

/// The network, with the server answering; its relay is not running yet.
pub struct Network {
    pub clients: Namespace,
    pub relay: Namespace,
    pub server: Server,
    count: u16,
    _servers: Namespace,
    _lab: Lab,
}

impl Network {
    /// Makes it. The kernel must have VRF and 802.1Q devices.
    pub fn new(title: &str, count: u16) -> Result<Self> {
        let lab = Lab::new(title)?;
        let (clients, relay, servers) = (lab.host("c")?, lab.host("r")?, lab.host("s")?);
        lab.link(&clients, EDGE, &relay, EDGE)?;
        clients.offload(EDGE, "tx", false)?;
        // As a frame has its tag on a wire, not beside it.
        relay.offload(EDGE, "txvlan", false)?;
        let ports: Vec<String> = (1..=count).map(|vrf| format!("s{vrf}")).collect();
        // A process for each device would take minutes under emulation.
        let mut commands = String::new();
        let mut at_servers = String::new();
        for (vrf, port) in (1..).zip(&ports) {
            writeln!(commands, "link add {port} type veth peer name {port} netns {}", servers.kernel_name())?;
            writeln!(commands, "link set {port} up")?;
            writeln!(at_servers, "link set {port} up")?;
            writeln!(at_servers, "addr add {SERVER}/24 dev {port}")?;
            writeln!(commands, "link add v{vrf} type vrf table {}", TABLES + vrf)?;
            writeln!(commands, "link set v{vrf} up")?;
            writeln!(commands, "link set {port} master v{vrf}")?;
            writeln!(commands, "addr add {UPSTREAM}/24 dev {port}")?;
            writeln!(commands, "link add link {EDGE} name {EDGE}.{vrf} type vlan id {vrf}")?;
            writeln!(commands, "link set {EDGE}.{vrf} master v{vrf}")?;
            writeln!(commands, "link set {EDGE}.{vrf} up")?;
            writeln!(commands, "addr add {RELAY}/24 dev {EDGE}.{vrf}")?;
        }
        batch(&relay, &commands)?;
        batch(&servers, &at_servers)?;
        // They take redirected frames then.
        let mut each = Command::new("sh");
        each.args(["-ec", "for port; do ethtool -K $port gro on; done", "sh"]).args(&ports);
        servers.output(&mut each)?;
        let server = Server::start(&servers, &ports, Echo::Whole)?;
        Ok(Self { clients, relay, server, count, _servers: servers, _lab: lab })
    }

    /// Every client asks once, and gets the answer that was given in the VRF that serves it. The relay must be running.
    ///
    /// # Errors
    /// What went elsewhere.
    pub fn every_vrf_is_served_by_its_own(self) -> Result<()> {
        let circuits = circuits(self.count);
        clients::every_client_gets_its_own_reply(&self.clients, EDGE, &circuits)?;
        let requests = self.server.end()?;
        clients::every_circuit_asked_once(&circuits, &requests)?;
        in_the_right_vrf(self.count, &requests)
    }
}

/// Whether the requests arrived in the VRFs that serve their clients.
fn in_the_right_vrf(count: u16, requests: &[Request]) -> Result<()> {
    for Request { port, packet } in requests {
        let number = super::circuit::number(packet.bootp()?.chaddr());
        ensure!(*port + 1 == usize::from(serving(number, count)), "port {port} has {packet}");
    }
    Ok(())
}

/// What the kernel would say of the relay's machine, with every server resolved.
pub fn described(count: u16) -> (Machine, Snapshot) {
    let mut machine = Description::default();
    machine.add(Link { vlan: None, ..link(index_of_edge(), EDGE) }, None);
    for vrf in 1..=count {
        let table = TABLES + u32::from(vrf);
        let device = index_of_vrf(vrf);
        machine.add(Link { vrf_table: Some(table), ..link(device, &format!("v{vrf}")) }, None);
        let member = |index, name: String| Link { master: Some(device), ..link(index, &name) };
        machine.add(member(index_of_server_port(vrf), format!("s{vrf}")), Some(UPSTREAM));
        let tag = Vlan { parent: index_of_edge(), protocol: TAG_8021Q, id: vrf };
        let vlan = Link { vlan: Some(tag), ..member(index_of_vlan(vrf), format!("{EDGE}.{vrf}")) };
        machine.add(vlan, Some(RELAY));
    }
    let next_hops = (1..=count)
        .map(|vrf| {
            let hop = NextHop {
                ifindex: index_of_server_port(vrf),
                device: format!("s{vrf}"),
                kind: Some("veth".into()),
                port_mac: mac(index_of_server_port(vrf)),
                next_mac: mac_of_server(vrf),
                gateway: IpAddr::V4(SERVER),
                preferred_source: Some(UPSTREAM),
                mtu: 1500,
            };
            let target = Target { vrf: Some(format!("v{vrf}")), server: SERVER };
            (target, Resolution::Resolved(hop))
        })
        .collect();
    let Description { devices, links, addresses } = machine;
    let host = HostView { links, addresses, ..HostView::default() };
    (Machine::new("relay", devices), Snapshot { next_hops, host: Arc::new(host) })
}

/// Of the port to the clients in [`described`].
pub const fn index_of_edge() -> u32 {
    2
}

/// Of the port to the server in a VRF in [`described`].
pub const fn index_of_server_port(vrf: u16) -> u32 {
    1000 + vrf as u32
}

/// The hardware address of the server in a VRF in [`described`].
pub fn mac_of_server(vrf: u16) -> [u8; 6] {
    let [high, low] = vrf.to_be_bytes();
    [0x02, 0, 0xbb, 0, high, low]
}

const fn index_of_vrf(vrf: u16) -> u32 {
    2000 + vrf as u32
}

/// Below the ports to the servers, in an order that is not that of the VRFs.
const fn index_of_vlan(vrf: u16) -> u32 {
    999 - vrf as u32
}

/// The hardware address of a device in [`described`].
pub fn mac(index: u32) -> [u8; 6] {
    let [a, b, c, d] = index.to_be_bytes();
    [0x02, 0xaa, a, b, c, d]
}

/// One machine, as the configuration is checked against it and as the daemon follows it.
#[derive(Default)]
struct Description {
    devices: Vec<Device>,
    links: BTreeMap<u32, Link>,
    addresses: Vec<Address>,
}

impl Description {
    fn add(&mut self, link: Link, address: Option<Ipv4Addr>) {
        let held = address.map(|address| DeviceAddress { address, prefix_len: 24 });
        self.devices.push(Device {
            name: link.name.clone(),
            ifindex: link.index,
            mac: link.mac,
            mtu: link.mtu,
            addresses: held.into_iter().collect(),
            kind: link.kind.clone(),
            vlan: link.vlan,
            filters_vlans: link.filters_vlans,
            controller: link.master,
            vrf_table: link.vrf_table,
        });
        let held =
            address.map(|address| Address { ifindex: link.index, address, prefix_len: 24, secondary: false });
        self.addresses.extend(held);
        self.links.insert(link.index, link);
    }
}

fn link(index: u32, name: &str) -> Link {
    Link {
        index,
        name: name.to_owned(),
        mac: Some(mac(index)),
        mtu: 1500,
        up: true,
        ethernet: true,
        master: None,
        kind: None,
        vlan: None,
        filters_vlans: false,
        in_reserve: false,
        vrf_table: None,
    }
}
