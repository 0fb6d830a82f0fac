//! A relay between VRFs whose addresses overlap everywhere.
//!
//! ```text
//!  clients                      relay                                  servers
//!  red   ── eth1, VRF red,  192.168.60.2/24 ┐            ┌ eth4, VRF mgmt,  10.0.41.2/24 ── s1, 10.0.41.10
//!  blue  ── eth2, VRF blue, 192.168.60.2/24 ┤            │     loopback giaddr 10.255.0.1 in mgmt
//!  green ── eth3.100, main, 192.168.61.2/24 ┘            └ eth5, main table, 10.0.41.2/24 ── s2, 10.0.41.10
//!                                                              loopback giaddr 10.255.0.2 in main
//! ```
//!
//! Where a test asks for it, s3 (10.1.0.5) is behind eth6 in VRF red, with red's giaddr there as well.
//!
//! Red is served by s1 across VRFs, blue by s2 from a VRF into the main table, green by s2 on a tagged port. Red's and
//! blue's clients get addresses of one subnet, and both servers have one address: whoever mixes up two VRFs anywhere
//! gives a client the other server's lease.

use std::net::Ipv4Addr;

use anyhow::{Context, Result};

use crate::lab::{Lab, Namespace};
use crate::peers::Dhcpd;

/// The devices of the relay.
pub const RED: &str = "eth1";
pub const BLUE: &str = "eth2";
pub const TRUNK: &str = "eth3";
pub const TO_MGMT: &str = "eth4";
pub const TO_MAIN: &str = "eth5";
pub const TO_RED: &str = "eth6";
/// The tag of green's clients.
pub const GREEN_TAG: u16 = 100;
/// A client's and a server's interface.
pub const EDGE: &str = "eth0";

/// The giaddr of red, in VRF mgmt, and of blue, in the main table.
pub const RED_GIADDR: Ipv4Addr = Ipv4Addr::new(10, 255, 0, 1);
pub const BLUE_GIADDR: Ipv4Addr = Ipv4Addr::new(10, 255, 0, 2);
/// Green's giaddr: our address on its subnet.
pub const GREEN_GIADDR: Ipv4Addr = Ipv4Addr::new(192, 168, 61, 2);
/// Both servers' address.
pub const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 41, 10);
/// That of the server in VRF red.
pub const NEAR_SERVER: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 5);

/// What red's and blue's leases begin with: s1 and s2 have other ranges of the one subnet.
pub const LEASES_OF_S1: std::ops::RangeInclusive<u8> = 100..=109;
pub const LEASES_OF_S2: std::ops::RangeInclusive<u8> = 150..=159;

/// The network; its relay is not running yet.
pub struct Vrfs {
    pub relay: Namespace,
    /// Reached through VRF mgmt.
    pub s1: Namespace,
    /// Reached through the main table.
    pub s2: Namespace,
    lab: Lab,
}

impl Vrfs {
    /// Makes it. The kernel must have VRF and 802.1Q devices.
    pub fn new(title: &str) -> Result<Self> {
        let lab = Lab::new(title)?;
        let relay = lab.host("relay")?;
        let (s1, s2) = (lab.host("s1")?, lab.host("s2")?);
        lab.link(&relay, TO_MGMT, &s1, EDGE)?;
        lab.link(&relay, TO_MAIN, &s2, EDGE)?;
        for server in [&s1, &s2] {
            server.address(EDGE, &format!("{SERVER}/24"))?;
            server.route("default via 10.0.41.2")?;
        }
        let network = Self { relay, s1, s2, lab };
        for (vrf, table) in [("red", 10), ("blue", 20)] {
            network.make_vrf(vrf, table)?;
        }
        network.make_mgmt()?;
        network.relay.address(TO_MGMT, "10.0.41.2/24")?;
        network.relay.address(TO_MAIN, "10.0.41.2/24")?;
        network.relay.address("lo", &format!("{BLUE_GIADDR}/32"))?;
        Ok(network)
    }

    /// A host for a server in VRF red, where its clients are too.
    pub fn near_server(&self) -> Result<Namespace> {
        let host = self.lab.host("s3")?;
        self.lab.link(&self.relay, TO_RED, &host, EDGE)?;
        self.relay.run(&format!("ip link set {TO_RED} master red"))?;
        self.relay.address(TO_RED, "10.1.0.2/24")?;
        self.relay.address("red", &format!("{RED_GIADDR}/32"))?;
        host.address(EDGE, &format!("{NEAR_SERVER}/24"))?;
        host.route("default via 10.1.0.2")?;
        Ok(host)
    }

    /// Makes VRF mgmt with red's giaddr and the port to s1.
    pub fn make_mgmt(&self) -> Result<()> {
        self.make_vrf("mgmt", 30)?;
        self.relay.address("mgmt", &format!("{RED_GIADDR}/32"))?;
        self.relay.run(&format!("ip link set {TO_MGMT} master mgmt")).map(drop)
    }

    /// Makes a VRF device that is up.
    pub fn make_vrf(&self, name: &str, table: u32) -> Result<()> {
        self.relay.run(&format!("ip link add {name} type vrf table {table}"))?;
        self.relay.run(&format!("ip link set {name} up")).map(drop)
    }

    /// A client on a port of the relay, which goes into `vrf` and gets our address there.
    pub fn client(&self, name: &str, port: &str, vrf: &str) -> Result<Namespace> {
        let host = self.lab.host(name)?;
        self.lab.link(&self.relay, port, &host, EDGE)?;
        host.offload(EDGE, "tx", false)?;
        self.relay.run(&format!("ip link set {port} master {vrf}"))?;
        self.relay.address(port, "192.168.60.2/24")?;
        Ok(host)
    }

    /// A client with a tagged interface on a port whose 802.1Q device has our address; the interface's name too.
    pub fn tagged_client(&self, name: &str) -> Result<(Namespace, String)> {
        let host = self.lab.host(name)?;
        self.lab.link(&self.relay, TRUNK, &host, EDGE)?;
        host.offload(EDGE, "tx", false)?;
        for (end, device) in [(&self.relay, TRUNK), (&host, EDGE)] {
            // As a frame has its tag on a wire, not beside it.
            end.offload(device, "txvlan", false)?;
            end.run(&format!(
                "ip link add link {device} name {device}.{GREEN_TAG} type vlan id {GREEN_TAG}"
            ))?;
            end.run(&format!("ip link set {device}.{GREEN_TAG} up"))?;
        }
        self.relay.address(&format!("{TRUNK}.{GREEN_TAG}"), &format!("{GREEN_GIADDR}/24"))?;
        Ok((host, format!("{EDGE}.{GREEN_TAG}")))
    }

    /// ISC dhcpd on both servers.
    pub fn start_servers(&self) -> Result<[Dhcpd; 2]> {
        let start =
            |host, range: std::ops::RangeInclusive<u8>| Dhcpd::start(host, EDGE, &configuration(&range));
        Ok([start(&self.s1, LEASES_OF_S1).context("s1")?, start(&self.s2, LEASES_OF_S2).context("s2")?])
    }
}

/// A loopback giaddr stands for the subnets it shares a network with: dhcpd's way to serve it without link selection.
fn configuration(range: &std::ops::RangeInclusive<u8>) -> String {
    let (first, last) = (range.start(), range.end());
    format!(
        r"ping-check false;
allow leasequery;
authoritative;
ddns-update-style none;
default-lease-time 120;
max-lease-time 120;
subnet 10.0.41.0 netmask 255.255.255.0 {{ }}
shared-network clients {{
    subnet 10.255.0.0 netmask 255.255.255.0 {{ }}
    subnet 192.168.60.0 netmask 255.255.255.0 {{
        option routers 192.168.60.2;
        range 192.168.60.{first} 192.168.60.{last};
    }}
}}
subnet 192.168.61.0 netmask 255.255.255.0 {{
    option routers 192.168.61.2;
    range 192.168.61.{first} 192.168.61.{last};
}}
"
    )
}
