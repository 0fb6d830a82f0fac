//! The network of the table and the relay's configuration: interfaces by VLAN on one port, each with one feature, and two
//! hosts as servers. All addresses are constants, so that a row can be written down without a running network.
//!
//! ```text
//!  client eth0 ─── eth0 (VLANs below)  relay  eth1 10.0.41.1 ─── eth0  10.0.41.10 (S1), 10.0.41.11 (S2)
//!                                             eth2 10.0.42.1 ─── eth0  10.0.42.10 (S3), MTU 700
//! ```

use std::net::Ipv4Addr;

use relay_tests::lab::packet::{Deliver, PacketSocket};
use relay_tests::lab::{Capture, Lab, Namespace};
use relay_tests::subject::Mode;
use relay_tests::vm::daemon::Daemon;

/// The laboratory counts Ethernet addresses, in the order in which links are made.
pub(crate) const CLIENT: [u8; 6] = [2, 0, 0, 0, 0, 1];
pub(crate) const EDGE: [u8; 6] = [2, 0, 0, 0, 0, 2];

/// A server, the relay's port to it, and the Ethernet addresses of both.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Server {
    pub(crate) address: Ipv4Addr,
    pub(crate) host: usize,
    pub(crate) mac: [u8; 6],
    pub(crate) port_mac: [u8; 6],
}

pub(crate) const S1: Server = Server {
    address: Ipv4Addr::new(10, 0, 41, 10),
    host: 0,
    mac: [2, 0, 0, 0, 0, 4],
    port_mac: [2, 0, 0, 0, 0, 3],
};
pub(crate) const S2: Server = Server { address: Ipv4Addr::new(10, 0, 41, 11), ..S1 };
pub(crate) const S3: Server = Server {
    address: Ipv4Addr::new(10, 0, 42, 10),
    host: 1,
    mac: [2, 0, 0, 0, 0, 6],
    port_mac: [2, 0, 0, 0, 0, 5],
};

/// An interface of the configuration.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interface {
    /// As in the counters.
    pub(crate) index: u32,
    pub(crate) address: Ipv4Addr,
    pub(crate) giaddr: Ipv4Addr,
    /// Of its clients' frames, and of frames to them.
    pub(crate) tags: &'static [(u16, u16)],
    /// Those that get a message with `secs` 0.
    pub(crate) servers: &'static [Server],
    /// Option 82 that it inserts into a broadcast, written out octet by octet.
    pub(crate) ours: &'static [u8],
}

/// In the main table, on the loopback device.
pub(crate) const LOOPBACK: Ipv4Addr = Ipv4Addr::new(10, 255, 0, 1);

const fn interface(index: u32, tags: &'static [(u16, u16)], ours: &'static [u8]) -> Interface {
    let address = Ipv4Addr::new(192, 168, 59 + index as u8, 2);
    Interface { index, address, giaddr: address, tags, servers: &[S1], ours }
}

/// Untagged, without option 82.
pub(crate) const PLAIN: Interface = interface(1, &[], &[]);
/// Circuit-id and remote-id.
pub(crate) const OURS: Interface = interface(
    2,
    &[(0x8100, 10)],
    &[82, 17, 1, 7, b'e', b't', b'h', b'0', b'.', b'1', b'0', 2, 6, 2, 0, 0, 0, 0, 2],
);
/// Policy append, untrusted.
pub(crate) const APPEND: Interface = interface(3, &[(0x8100, 11)], &[82, 5, 1, 3, b'c', b'1', b'1']);
/// Policy replace, trusted.
pub(crate) const REPLACE: Interface = interface(4, &[(0x8100, 12)], &[82, 5, 1, 3, b'c', b'1', b'2']);
/// Policy forward, untrusted.
pub(crate) const FORWARD: Interface = interface(5, &[(0x8100, 13)], &[82, 5, 1, 3, b'c', b'1', b'3']);
/// Policy append, trusted.
pub(crate) const TRUSTED: Interface = interface(6, &[(0x8100, 14)], &[82, 5, 1, 3, b'c', b'1', b'4']);
/// A giaddr on the loopback device, shared with [`LOOP`]; link selection, flags and server identifier override.
pub(crate) const OVERRIDE: Interface = Interface {
    giaddr: LOOPBACK,
    ..interface(
        7,
        &[(0x8100, 20)],
        &[82, 18, 1, 1, b'A', 5, 4, 192, 168, 66, 2, 10, 1, 0, 11, 4, 192, 168, 66, 2],
    )
};
/// The same giaddr; link selection.
pub(crate) const LOOP: Interface = Interface {
    giaddr: LOOPBACK,
    ..interface(8, &[(0x8100, 21)], &[82, 9, 1, 1, b'B', 5, 4, 192, 168, 67, 2])
};
/// A VPN called red.
pub(crate) const VPN: Interface =
    interface(9, &[(0x8100, 22)], &[82, 13, 1, 3, b'c', b'2', b'2', 151, 4, 0, b'r', b'e', b'd', 152, 0]);
/// S1 at once, S2 from `secs` 3 on.
pub(crate) const STANDBY: Interface = interface(10, &[(0x8100, 30)], &[]);
/// Behind the port with the small MTU, with option 82.
pub(crate) const NARROW: Interface =
    Interface { servers: &[S3], ..interface(11, &[(0x8100, 31)], &[82, 5, 1, 3, b'c', b'3', b'1']) };
/// The same without.
pub(crate) const NARROW_PLAIN: Interface =
    Interface { servers: &[S3], ..interface(12, &[(0x8100, 32)], &[]) };
/// At most 5 requests a second.
pub(crate) const LIMITED: Interface = interface(13, &[(0x8100, 33)], &[]);
/// Two tags.
pub(crate) const QINQ: Interface =
    interface(14, &[(0x88a8, 200), (0x8100, 7)], &[82, 7, 1, 5, b'2', b'0', b'0', b'.', b'7']);
/// Three servers behind two ports.
pub(crate) const ALL: Interface =
    Interface { servers: &[S1, S2, S3], ..interface(15, &[(0x8100, 40)], &[82, 5, 1, 3, b'c', b'4', b'0']) };
/// S2 from `secs` 3 on, and nobody else.
pub(crate) const LATE: Interface = Interface { servers: &[], ..interface(16, &[(0x8100, 41)], &[]) };

/// Cisco's numbers.
pub(crate) const CISCO: Interface = interface(
    17,
    &[(0x8100, 42)],
    &[
        82, 24, 1, 3, b'c', b'4', b'2', 10, 1, 0, 150, 4, 192, 168, 76, 2, 152, 4, 192, 168, 76, 2, 151, 2,
        0, b'r',
    ],
);

const CONFIGURATION: &str = r#"
[[server_group]]
name = "one"
servers = ["10.0.41.10"]
[[server_group]]
name = "standby"
servers = ["10.0.41.10", { address = "10.0.41.11", min_secs = 3 }]
[[server_group]]
name = "late"
servers = [{ address = "10.0.41.11", min_secs = 3 }]
[[server_group]]
name = "narrow"
servers = ["10.0.42.10"]
[[server_group]]
name = "all"
servers = ["10.0.41.10", "10.0.41.11", "10.0.42.10"]
"#;

/// Group, keys of the interface, keys of its option 82.
const INTERFACES: [(Interface, &str, &str, Option<&str>); 17] = [
    (PLAIN, "one", "", None),
    (
        OURS,
        "one",
        "vlan = 10",
        Some("circuit_id = \"{name}.{vlan}\"\nremote_id = { hex = \"020000000002\" }"),
    ),
    (APPEND, "one", "vlan = 11", Some("circuit_id = \"c11\"\npolicy = \"append\"")),
    (REPLACE, "one", "vlan = 12", Some("circuit_id = \"c12\"\npolicy = \"replace\"\ntrusted = true")),
    (FORWARD, "one", "vlan = 13", Some("circuit_id = \"c13\"\npolicy = \"forward\"")),
    (TRUSTED, "one", "vlan = 14", Some("circuit_id = \"c14\"\npolicy = \"append\"\ntrusted = true")),
    (OVERRIDE, "one", "vlan = 20", Some("circuit_id = \"A\"\nserver_id_override = true")),
    (LOOP, "one", "vlan = 21", Some("circuit_id = \"B\"")),
    (VPN, "one", "vlan = 22", Some("circuit_id = \"c22\"\nvss = \"red\"")),
    (STANDBY, "standby", "vlan = 30", None),
    (NARROW, "narrow", "vlan = 31", Some("circuit_id = \"c31\"")),
    (NARROW_PLAIN, "narrow", "vlan = 32", None),
    (LIMITED, "one", "vlan = 33\nrate_limit = 5", None),
    (QINQ, "one", "vlan = [200, 7]", Some("circuit_id = \"{outer}.{inner}\"")),
    (ALL, "all", "vlan = 40", Some("circuit_id = \"c40\"")),
    (LATE, "late", "vlan = 41", None),
    (
        CISCO,
        "one",
        "vlan = 42",
        Some(
            "circuit_id = \"c42\"\nnumbering = \"cisco\"\nlink_selection = true\nserver_id_override = true\nvss = \"r\"",
        ),
    ),
];

/// The largest message with option 82 in it.
pub(crate) const MAX_MESSAGE: usize = 1400;
/// MTU of the relay's port to S3.
pub(crate) const NARROW_MTU: usize = 700;

/// The network with a relay that runs.
pub(crate) struct Network {
    pub(crate) mode: Mode,
    pub(crate) relay: Daemon,
    pub(crate) client: PacketSocket,
    /// Sockets of the servers' hosts.
    pub(crate) hosts: [PacketSocket; 2],
    /// What arrives at the client and at the two hosts.
    pub(crate) captures: [Capture; 3],
    _namespaces: Vec<Namespace>,
    _lab: Lab,
}

impl Network {
    /// Makes it and starts the relay.
    pub(crate) fn new(mode: Mode) -> anyhow::Result<Self> {
        let lab = Lab::new(&format!("behaviour-{mode:?}").to_lowercase())?;
        let (client, relay) = (lab.host("c")?, lab.host("r")?);
        let hosts = [lab.host("s0")?, lab.host("s1")?];
        lab.link(&client, "eth0", &relay, "eth0")?;
        client.offload("eth0", "tx", false)?;
        // Every frame comes from a packet socket, with its tags in it: the relay may take one without for untagged.
        for offload in ["rxvlan", "rx-vlan-stag-hw-parse"] {
            relay.offload("eth0", offload, false)?;
        }
        for ((host, port), mtu) in hosts.iter().zip(["eth1", "eth2"]).zip([1500, NARROW_MTU]) {
            lab.link(&relay, port, host, "eth0")?;
            relay.run(&format!("ip link set {port} mtu {mtu}"))?;
            host.run(&format!("ip link set eth0 mtu {mtu}"))?;
        }
        anyhow::ensure!(client.mac("eth0")? == CLIENT && relay.mac("eth0")? == EDGE, "other addresses");
        anyhow::ensure!(
            relay.mac("eth1")? == S1.port_mac && hosts[0].mac("eth0")? == S1.mac,
            "other addresses"
        );
        anyhow::ensure!(
            relay.mac("eth2")? == S3.port_mac && hosts[1].mac("eth0")? == S3.mac,
            "other addresses"
        );
        relay.address("eth1", "10.0.41.1/24")?;
        relay.address("eth2", "10.0.42.1/24")?;
        relay.address("lo", &format!("{LOOPBACK}/32"))?;
        hosts[0].address("eth0", &format!("{}/24", S1.address))?;
        hosts[0].address("eth0", &format!("{}/24", S2.address))?;
        hosts[1].address("eth0", &format!("{}/24", S3.address))?;
        let mut configuration = CONFIGURATION.to_owned();
        for (interface, group, keys, option82) in INTERFACES {
            relay.address("eth0", &format!("{}/24", interface.address))?;
            let Interface { address, giaddr, .. } = interface;
            configuration += &format!(
                "[[interface]]\nname = \"eth0\"\nserver_group = \"{group}\"\naddress = \"{address}\"\n\
                 giaddr = \"{giaddr}\"\n{keys}\n"
            );
            if let Some(option82) = option82 {
                configuration += &format!("[interface.option82]\n{option82}\n");
            }
        }
        let fast_path = match mode {
            Mode::Off => "fast_path = \"off\"",
            Mode::Generic => "fast_path = \"require\"\nxdp_mode = \"generic\"",
            Mode::Native => "fast_path = \"require\"\nxdp_mode = \"native\"",
        };
        let daemon =
            Daemon::with(&relay, &format!("{fast_path}\nmax_message_size = {MAX_MESSAGE}"), &configuration)?;
        let sender = |host| PacketSocket::open(host, "eth0", Deliver::Nothing);
        let [s0, s1] = &hosts;
        Ok(Self {
            mode,
            relay: daemon,
            client: sender(&client)?,
            hosts: [sender(s0)?, sender(s1)?],
            captures: [
                Capture::incoming(&client, "eth0")?,
                Capture::incoming(s0, "eth0")?,
                Capture::incoming(s1, "eth0")?,
            ],
            _namespaces: [client, relay].into_iter().chain(hosts).collect(),
            _lab: lab,
        })
    }
}
