//! The relay that generated frames are sent to: ports, VLANs, VRFs, interfaces and servers chosen so that every rule has
//! a place where it decides something.
//!
//! Plain values of its own: the oracle reads them as they are, `host` and `kernel` translate them into the map ABI.
//!
//! | interface | device, VLANs | servers | what is special |
//! | --- | --- | --- | --- |
//! | 1 | c0 | 3, on two ports | nothing |
//! | 2 | c0, 100 | 2, one unresolved | checksum always, 4 hops |
//! | 3 | c0, 200 (88a8) 30 | 1 in VRF 9 | clients in VRF 7, giaddr is a loopback of VRF 9, egress MTU 1400 |
//! | 4 | c1 | 3 | servers behind the same port, 1 hop, no redirect toward clients |
//! | 5 | c1, 7 | 1, unresolved | shares its giaddr with 6 |
//! | 6 | c1, 8 | 3 | shares its giaddr with 5 |
//! | 7 | c1, 9 | 3 | client MTU 576 |
//!
//! Those with option 82 are in `world/agents.rs`, those with several addresses in `world/smart.rs`, those whose servers are in
//! several VRFs in `world/vrfs.rs`.

mod affinity;
mod agents;

mod smart;
mod vrfs;

pub use affinity::{Holder, Lease};
pub use agents::{Client, Option82, Policy};
pub use smart::Attempt;

/// Interface index of the first client-facing device.
pub const C0: u32 = 11;
/// Interface index of the second, which has servers behind it as well.
pub const C1: u32 = 12;
/// Interface indexes of the server-facing devices; the third is in [`SERVER_VRF`].
pub const S0: u32 = 13;
/// See [`S0`].
pub const S1: u32 = 14;
/// See [`S0`].
pub const S2: u32 = 15;
/// All devices with their names.
pub const DEVICES: [(u32, &str); 5] = [(C0, "c0"), (C1, "c1"), (S0, "s0"), (S1, "s1"), (S2, "s2")];

/// The VRF of interface 3's clients.
pub const CLIENT_VRF: u32 = 7;
/// The VRF of interface 3's server.
pub const SERVER_VRF: u32 = 9;

/// A device and VLAN that frames arrive on.
#[derive(Clone, Debug)]
pub struct Port {
    pub device: u32,
    /// Outer and inner VLAN, 0 for none.
    pub vlans: [u16; 2],
    /// Number of the interface served here (from 1), 0 for none.
    pub interface: usize,
    pub vrf: u32,
    pub mac: [u8; 6],
    /// Whether replies may come in here.
    pub upstream: bool,
}

/// A client-facing interface.
#[derive(Clone, Debug)]
pub struct Interface {
    pub device: u32,
    pub vlans: [u16; 2],
    /// The clients' VRF.
    pub vrf: u32,
    /// EtherType of the outer tag.
    pub tpid: u16,
    /// Index of the server group.
    pub group: usize,
    pub address: [u8; 4],
    pub giaddr: [u8; 4],
    pub source: [u8; 4],
    pub mac: [u8; 6],
    pub max_hops: u8,
    pub tos: u8,
    /// Octets of a message with our option 82 in it.
    pub max_message: u16,
    pub option82: Option<Option82>,
    pub always_checksum: bool,
    /// Requests a second, 0 for no limit.
    pub rate: u32,
    pub mtu: u16,
    /// The kernel cannot redirect to it.
    pub slow_replies: bool,
    /// Number of the interface that this is a further address of; 0 when it is one of its own.
    pub further_of: usize,
    /// DISCOVERs without an answer before the next address has its turn, 0 when there is none.
    pub tries: u8,
    /// Bits of the client subnet's prefix.
    pub prefix: u8,
    /// A request about a lease goes to its server alone.
    pub affinity: bool,
}

/// A server group.
#[derive(Clone, Debug)]
pub struct Group {
    /// Largest IPv4 packet on the way.
    pub mtu: u16,
    pub servers: Vec<Server>,
}

/// A server.
#[derive(Clone, Debug)]
pub struct Server {
    pub address: [u8; 4],
    /// The VRF it is in.
    pub vrf: u32,
    /// It gets no message whose `secs` is below this.
    pub min_secs: u16,
    /// Egress device, 0 while the next hop is not resolved.
    pub device: u32,
    pub next_mac: [u8; 6],
    pub port_mac: [u8; 6],
}

/// Everything a relay is told.
#[derive(Clone, Debug)]
pub struct World {
    pub ports: Vec<Port>,
    pub interfaces: Vec<Interface>,
    pub groups: Vec<Group>,
    /// This machine's addresses, by VRF.
    pub local: Vec<(u32, [u8; 4])>,
    /// Which clients are known to be where.
    pub clients: Vec<Client>,
    /// How far clients have come with an interface's addresses.
    pub attempts: Vec<Attempt>,
    /// Who offered or gave an address.
    pub holders: Vec<Holder>,
    /// What the client table knows besides.
    pub leases: Vec<Lease>,
}

impl World {
    /// The world of the table above.
    pub fn new() -> Self {
        let plain = interface(C0, [0, 0], [192, 168, 60, 2]);
        let mut interfaces = vec![
            plain.clone(),
            Interface {
                group: 1,
                max_hops: 4,
                always_checksum: true,
                ..interface(C0, [100, 0], [192, 168, 70, 2])
            },
            Interface {
                group: 2,
                vrf: CLIENT_VRF,
                tpid: 0x88a8,
                giaddr: [10, 255, 0, 3],
                source: [10, 255, 0, 3],
                tos: 0,
                ..interface(C0, [200, 30], [10, 7, 0, 1])
            },
            Interface { max_hops: 1, slow_replies: true, ..interface(C1, [0, 0], [192, 168, 80, 2]) },
            Interface {
                group: 3,
                giaddr: [10, 255, 0, 5],
                source: [10, 255, 0, 5],
                ..interface(C1, [7, 0], [192, 168, 85, 2])
            },
            Interface {
                giaddr: [10, 255, 0, 5],
                source: [10, 255, 0, 5],
                ..interface(C1, [8, 0], [192, 168, 86, 2])
            },
            Interface { mtu: 576, ..interface(C1, [9, 0], [192, 168, 87, 2]) },
        ];
        interfaces.extend(agents::interfaces());
        let [smart, further] = smart::interfaces();
        interfaces.extend(smart);
        interfaces.extend(vrfs::interfaces());
        interfaces.extend(further);
        for number in affinity::INTERFACES {
            interfaces[number - 1].affinity = true;
        }
        let mut ports: Vec<Port> = (1..)
            .zip(&interfaces)
            .filter(|(_, interface)| interface.further_of == 0)
            .map(|(number, interface)| Port {
                device: interface.device,
                vlans: interface.vlans,
                interface: number,
                vrf: interface.vrf,
                mac: interface.mac,
                upstream: number == 4,
            })
            .collect();
        ports.extend([(S0, 0), (S1, 0), (S2, SERVER_VRF)].map(|(device, vrf)| Port {
            device,
            vlans: [0, 0],
            interface: 0,
            vrf,
            mac: mac(device),
            upstream: true,
        }));
        let (first, second) = (server([10, 0, 41, 10], S0), server([10, 0, 41, 11], S0));
        let groups = vec![
            Group { mtu: 1500, servers: vec![first.clone(), second, server([10, 0, 42, 10], S1)] },
            Group { mtu: 1500, servers: vec![first, server([10, 0, 43, 10], 0)] },
            Group { mtu: 1400, servers: vec![server([10, 9, 0, 10], S2)] },
            Group { mtu: 1500, servers: vec![server([10, 0, 43, 10], 0)] },
            Group {
                mtu: 1500,
                servers: vec![
                    server([10, 0, 41, 12], S0),
                    Server { min_secs: 3, ..server([10, 0, 41, 13], S0) },
                    Server { min_secs: 300, ..server([10, 0, 42, 11], S1) },
                ],
            },
            Group { mtu: 1500, servers: vec![Server { min_secs: 5, ..server([10, 0, 41, 14], S0) }] },
            Group { mtu: 1500, servers: vrfs::servers() },
        ];
        let mut local: Vec<_> = ports
            .iter()
            .filter(|port| port.interface != 0)
            .map(|port| (port.vrf, interfaces[port.interface - 1].address))
            .collect();
        local.extend([
            (0, [192, 168, 60, 1]),
            (0, [10, 255, 0, 5]),
            (0, [10, 0, 41, 2]),
            (0, [10, 255, 0, 15]),
            (0, [10, 255, 0, 23]),
            (0, [10, 255, 0, 25]),
            (0, [192, 168, 126, 2]),
            (0, [192, 168, 127, 2]),
            (0, [192, 168, 128, 2]),
            (SERVER_VRF, [10, 255, 0, 3]),
            (SERVER_VRF, [10, 255, 0, 8]),
            // Replies to plain BOOTP come to the address on the client subnet.
            (SERVER_VRF, [10, 7, 0, 1]),
            (SERVER_VRF, [10, 7, 8, 1]),
            (SERVER_VRF, [10, 9, 0, 2]),
        ]);
        let mut world = Self {
            ports,
            interfaces,
            groups,
            local,
            clients: agents::clients(),
            attempts: smart::attempts(),
            holders: affinity::holders(),
            leases: affinity::leases(),
        };
        for number in vrfs::INTERFACES {
            world.local.extend(world.comes_to(&world.interfaces[number - 1]));
        }
        world
    }

    /// The interface of a number, which counts from 1.
    pub fn interface(&self, number: usize) -> Option<&Interface> {
        self.interfaces.get(number.checked_sub(1)?)
    }

    /// The VRFs that an interface's servers are in, each once.
    pub fn server_vrfs(&self, interface: &Interface) -> Vec<u32> {
        let mut vrfs: Vec<u32> =
            self.groups[interface.group].servers.iter().map(|server| server.vrf).collect();
        vrfs.sort_unstable();
        vrfs.dedup();
        vrfs
    }

    /// All servers in a VRF.
    pub fn servers_in(&self, vrf: u32) -> Vec<&Server> {
        let servers = self.groups.iter().flat_map(|group| &group.servers);
        servers.filter(|server| server.vrf == vrf).collect()
    }

    /// How many interfaces there are without the further addresses, which are behind them.
    pub fn configured(&self) -> usize {
        self.interfaces.iter().filter(|interface| interface.further_of == 0).count()
    }

    /// The interface that a number belongs to, its own or that of a further address.
    pub fn first(&self, number: usize) -> usize {
        match self.interfaces[number - 1].further_of {
            0 => number,
            first => first,
        }
    }

    /// The numbers of an interface's addresses in their order, from those of the first.
    pub fn addresses_of(&self, first: usize) -> Vec<usize> {
        (1..=self.interfaces.len()).filter(|&number| self.first(number) == first).collect()
    }

    /// The addresses that replies for an interface come to: giaddr, and for plain BOOTP our own.
    pub fn comes_to(&self, interface: &Interface) -> Vec<(u32, [u8; 4])> {
        let addresses = match interface.further_of {
            0 => vec![interface.giaddr, interface.address],
            _ => vec![interface.giaddr],
        };
        let in_vrf = |vrf| addresses.iter().map(move |&address| (vrf, address));
        self.server_vrfs(interface).into_iter().flat_map(in_vrf).collect()
    }

    /// The port of an interface.
    ///
    /// # Panics
    /// When there is no such interface.
    pub fn port_of(&self, number: usize) -> &Port {
        self.ports.iter().find(|port| port.interface == number).expect("every interface has a port")
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

/// Our Ethernet address on a device.
pub fn mac(device: u32) -> [u8; 6] {
    [0x02, 0, 0, 0, 0xaa, device as u8]
}

fn interface(device: u32, vlans: [u16; 2], address: [u8; 4]) -> Interface {
    Interface {
        device,
        vlans,
        vrf: 0,
        tpid: 0x8100,
        group: 0,
        address,
        giaddr: address,
        source: address,
        mac: mac(device),
        max_hops: 16,
        tos: 0xc0,
        max_message: 1472,
        option82: None,
        always_checksum: false,
        rate: 0,
        mtu: 1500,
        slow_replies: false,
        further_of: 0,
        tries: 0,
        prefix: 24,
        affinity: false,
    }
}

fn server(address: [u8; 4], device: u32) -> Server {
    let [.., subnet, host] = address;
    let vrf = if device == S2 { SERVER_VRF } else { 0 };
    match device {
        0 => Server { address, vrf, min_secs: 0, device, next_mac: [0; 6], port_mac: [0; 6] },
        _ => Server {
            address,
            vrf,
            min_secs: 0,
            device,
            next_mac: [0x02, 0, 0, 0xbb, subnet, host],
            port_mac: mac(device),
        },
    }
}
