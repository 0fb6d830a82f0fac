//! A client segment that is a bridge of the relay itself: two local ports, and a tunnel to the bridge of another machine,
//! whose clients are on the same segment. In an EVPN fabric that other machine is another leaf.
//!
//! ```text
//!  c1 eth0 ── p1 ┐                                           ┌ vxlan10 ─┐
//!  c2 eth0 ── p2 ┤ br0 192.168.60.2   relay   eth1 ── s1     │   leaf   br0 ── p3 ── eth0 c3
//!        vxlan10 ┘   u0 10.1.0.1 ─────────────────────────── u0
//! ```

use std::net::Ipv4Addr;

use anyhow::Result;

use super::{Lab, Namespace};
use crate::peers::Dhcpd;

/// A client's and the server's interface.
pub const EDGE: &str = "eth0";
/// The bridge of the relay, which has its address on the segment.
pub const BRIDGE: &str = "br0";
/// Its local ports.
pub const PORTS: [&str; 2] = ["p1", "p2"];
/// Its port to the other machine, and that one's to it.
pub const TUNNEL: &str = "vxlan10";
/// The relay's port to the server.
pub const UPSTREAM: &str = "eth1";
/// The relay on the segment.
pub const RELAY: Ipv4Addr = Ipv4Addr::new(192, 168, 60, 2);
/// The server.
pub const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 41, 10);

/// The network; its relay is not running yet.
pub struct Segment {
    /// At the local ports, in their order.
    pub clients: [Namespace; 2],
    /// Behind the tunnel.
    pub far: Namespace,
    /// The other machine.
    pub leaf: Namespace,
    pub relay: Namespace,
    pub server: Namespace,
    _lab: Lab,
}

impl Segment {
    /// Makes it. The kernel must have bridges and VXLAN.
    pub fn new(title: &str) -> Result<Self> {
        let lab = Lab::new(title)?;
        let (relay, leaf, server) = (lab.switch("r")?, lab.switch("leaf")?, lab.host("s1")?);
        // A bridge has the address of some port otherwise.
        relay.run(&format!("ip link set {BRIDGE} address 02:00:00:00:ff:01"))?;
        lab.link(&relay, "u0", &leaf, "u0")?;
        for (host, own, other) in [(&relay, "10.1.0.1", "10.1.0.2"), (&leaf, "10.1.0.2", "10.1.0.1")] {
            host.address("u0", &format!("{own}/24"))?;
            host.run(&format!(
                "ip link add {TUNNEL} type vxlan id 10 dstport 4789 local {own} remote {other} dev u0"
            ))?;
            host.run(&format!("ip link set {TUNNEL} master {BRIDGE} up"))?;
            host.wait_forwarding(TUNNEL)?;
        }
        let client = |name: &str, switch: &Namespace, port: &str| -> Result<Namespace> {
            let host = lab.host(name)?;
            lab.link(&host, EDGE, switch, port)?;
            host.offload(EDGE, "tx", false)?;
            switch.run(&format!("ip link set {port} master {BRIDGE}"))?;
            switch.wait_forwarding(port)?;
            Ok(host)
        };
        let clients = [client("c1", &relay, PORTS[0])?, client("c2", &relay, PORTS[1])?];
        let far = client("c3", &leaf, "p3")?;
        lab.link(&relay, UPSTREAM, &server, EDGE)?;
        relay.address(BRIDGE, &format!("{RELAY}/24"))?;
        relay.address(UPSTREAM, "10.0.41.2/24")?;
        relay.forwarding(true)?;
        server.address(EDGE, &format!("{SERVER}/24"))?;
        server.route("default via 10.0.41.2")?;
        Ok(Self { clients, far, leaf, relay, server, _lab: lab })
    }

    /// ISC dhcpd on the server.
    pub fn start_server(&self) -> Result<Dhcpd> {
        let configuration = format!(
            "ping-check false;\nauthoritative;\nddns-update-style none;\ndefault-lease-time 120;\nmax-lease-time 120;\n\
             subnet 10.0.41.0 netmask 255.255.255.0 {{ }}\n\
             subnet 192.168.60.0 netmask 255.255.255.0 {{ option routers {RELAY}; range 192.168.60.100 192.168.60.119; }}\n"
        );
        Dhcpd::start(&self.server, EDGE, &configuration)
    }
}
