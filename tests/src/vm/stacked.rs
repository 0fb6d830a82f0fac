//! A relay whose port to the clients lies under VLAN devices or a bond.
//!
//! ```text
//!  client eth0 ── switch ══ b1, b2 of bond0 ┐
//!  client eth0[.100[.7]] ────────── eth1 ───┴ relay  eth2 ── s1, 10.0.41.10
//! ```

use std::net::Ipv4Addr;

use anyhow::Result;

use crate::lab::{Lab, Namespace};
use crate::peers::Dhcpd;

/// A client's and the server's interface.
pub const EDGE: &str = "eth0";
/// The relay's port to a client.
pub const PORT: &str = "eth1";
/// The relay's bond to the clients, and its ports.
pub const BOND: &str = "bond0";
pub const BOND_PORTS: [&str; 2] = ["b1", "b2"];
/// The relay on the client subnet.
pub const RELAY: Ipv4Addr = Ipv4Addr::new(192, 168, 60, 2);
/// The server.
pub const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 41, 10);

/// The network; its relay is not running yet.
pub struct Stacked {
    pub client: Namespace,
    pub relay: Namespace,
    pub server: Namespace,
    /// Between a bond and its client.
    switch: Option<Namespace>,
    lab: Lab,
}

impl Stacked {
    /// A client straight at [`PORT`]. The kernel must have 802.1Q devices.
    pub fn with_port(title: &str) -> Result<Self> {
        let network = Self::new(title)?;
        network.lab.link(&network.relay, PORT, &network.client, EDGE)?;
        network.client.offload(EDGE, "tx", false)?;
        Ok(network)
    }

    /// A client on a switch that both ports of [`BOND`] are connected to. The kernel must have bonds.
    pub fn with_bond(title: &str) -> Result<Self> {
        let mut network = Self::new(title)?;
        let switch = network.lab.switch("lan")?;
        let relay = &network.relay;
        relay.run(&format!("ip link add {BOND} type bond mode active-backup miimon 50"))?;
        for port in BOND_PORTS {
            network.lab.plug(relay, port, &switch)?;
            // A bond takes ports that are down.
            relay.run(&format!("ip link set {port} down"))?;
            relay.run(&format!("ip link set {port} master {BOND}"))?;
        }
        relay.run(&format!("ip link set {BOND} type bond active_slave {}", BOND_PORTS[0]))?;
        relay.run(&format!("ip link set {BOND} up"))?;
        for port in BOND_PORTS {
            relay.offload(port, "gro", true)?;
            // The switch's port to it: what a bridge forwards has its tag beside it.
            tags_beside(&switch, &format!("r-{port}"), false)?;
        }
        network.lab.plug(&network.client, EDGE, &switch)?;
        network.client.offload(EDGE, "tx", false)?;
        network.switch = Some(switch);
        Ok(network)
    }

    fn new(title: &str) -> Result<Self> {
        let lab = Lab::new(title)?;
        let (client, relay, server) = (lab.host("c1")?, lab.host("r")?, lab.host("s1")?);
        lab.link(&relay, "eth2", &server, EDGE)?;
        relay.address("eth2", "10.0.41.2/24")?;
        server.address(EDGE, &format!("{SERVER}/24"))?;
        server.route("default via 10.0.41.2")?;
        Ok(Self { client, relay, server, switch: None, lab })
    }

    /// Puts VLAN devices on a device of the relay and on the client's, each with its protocol (`802.1Q`, `802.1ad`) and tag, and
    /// gives the name of the uppermost of each. Tags are in the frames, as on a wire, unless `beside`.
    pub fn tags(&self, device: &str, tags: &[(&str, u16)], beside: bool) -> Result<(String, String)> {
        let stack = |host: &Namespace, device: &str| -> Result<String> {
            // A bond leaves it to its ports.
            if device != BOND {
                tags_beside(host, device, beside)?;
            }
            let mut name = device.to_owned();
            for (protocol, tag) in tags {
                let upper = format!("{name}.{tag}");
                host.run(&format!(
                    "ip link add link {name} name {upper} type vlan protocol {protocol} id {tag}"
                ))?;
                host.run(&format!("ip link set {upper} up"))?;
                name = upper;
            }
            Ok(name)
        };
        Ok((stack(&self.relay, device)?, stack(&self.client, EDGE)?))
    }

    /// Gives the relay its address on the client subnet.
    pub fn address(&self, device: &str) -> Result<()> {
        self.relay.address(device, &format!("{RELAY}/24"))
    }

    /// ISC dhcpd on the server.
    pub fn start_server(&self) -> Result<Dhcpd> {
        let configuration = format!(
            "ping-check false;\nauthoritative;\nddns-update-style none;\ndefault-lease-time 120;\nmax-lease-time 120;\n\
             subnet 10.0.41.0 netmask 255.255.255.0 {{ }}\n\
             subnet 192.168.60.0 netmask 255.255.255.0 {{ option routers {RELAY}; range 192.168.60.100 192.168.60.119; }}\n\
             subnet 192.168.61.0 netmask 255.255.255.0 {{ range 192.168.61.100 192.168.61.119; }}\n"
        );
        Dhcpd::start(&self.server, EDGE, &configuration)
    }
}

/// Whether frames that leave by a device have their tag beside them, for a network card to put in.
fn tags_beside(host: &Namespace, device: &str, beside: bool) -> Result<()> {
    host.offload(device, "txvlan", beside)?;
    host.offload(device, "tx-vlan-stag-hw-insert", beside)
}
