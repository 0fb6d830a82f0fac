//! The rules run on the host, as the slow path runs them: a world translated into the tables they look up, and one call
//! for a frame. Needs nothing but `relay-common`, so that the mutants can be judged by it too.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use relay_common::abi::{
    Address, AddressKey, Agent, AgentKey, AgentOwner, Holder, HolderKey, Interface, Port, PortKey, Server,
    flag,
};
use relay_common::{Bucket, Env, Route, SliceFrame, Verdict, address_copy, ingress};

use crate::oracle::world::World;

/// The tables of a world.
#[derive(Default)]
pub struct Maps {
    pub ports: BTreeMap<PortKey, Port>,
    pub addresses: BTreeMap<AddressKey, Address>,
    /// The first is number 1.
    pub interfaces: Vec<Interface>,
    /// The servers of each group.
    pub groups: Vec<Vec<Server>>,
    /// The option 82 of an interface, by its number.
    pub agents: BTreeMap<u32, Agent>,
    /// Whose option 82 comes back.
    pub owners: BTreeMap<AgentKey, AgentOwner>,
    buckets: RefCell<BTreeMap<u32, Bucket>>,
    /// Nanoseconds, for the rate limit.
    pub now: Cell<u64>,
}

impl Maps {
    /// Translates a world as the daemon's plan does its configuration.
    pub fn new(world: &World) -> Self {
        let mut maps = Self::default();
        for port in &world.ports {
            let [outer, inner] = port.vlans;
            let value = Port {
                interface: port.interface as u32,
                vrf: port.vrf,
                mac: port.mac,
                upstream: u16::from(port.upstream),
            };
            maps.ports.insert(PortKey { ifindex: port.device, outer, inner }, value);
        }
        for &(vrf, address) in &world.local {
            maps.known(vrf, address).local = 1;
        }
        for group in &world.groups {
            for server in &group.servers {
                maps.known(group.vrf, server.address).server = 1;
            }
            let servers = group.servers.iter().map(|server| Server {
                address: server.address,
                ifindex: server.device,
                next_mac: server.next_mac,
                port_mac: server.port_mac,
            });
            maps.groups.push(servers.collect());
        }
        for (number, interface) in (1..).zip(&world.interfaces) {
            let found = maps.known(world.server_vrf(interface), interface.giaddr);
            found.interface = if found.interface == 0 { number } else { Address::SHARED };
            let bit = |on: bool, bit: u32| if on { bit } else { 0 };
            maps.interfaces.push(Interface {
                ifindex: interface.device,
                group: interface.group as u32,
                rate: interface.rate,
                address: interface.address,
                giaddr: interface.giaddr,
                source: interface.source,
                mac: interface.mac,
                outer: interface.vlans[0],
                inner: interface.vlans[1],
                tpid: interface.tpid,
                mtu: interface.mtu,
                max_hops: interface.max_hops,
                tos: interface.tos,
                flags: bit(interface.trusted, flag::TRUSTED)
                    | bit(interface.always_checksum, flag::UDP_CHECKSUM)
                    | bit(interface.slow_replies, flag::SLOW_REPLIES),
                server_vrf: world.server_vrf(interface),
                max_message: 1472,
            });
        }
        maps
    }

    fn known(&mut self, vrf: u32, address: [u8; 4]) -> &mut Address {
        self.addresses.entry(AddressKey { vrf, address }).or_default()
    }

    /// The frames that leave toward the servers of a group.
    pub fn copies(&self, group: u32, frame: &[u8]) -> Vec<Vec<u8>> {
        let copy = |server: &Server| {
            let mut octets = frame.to_vec();
            let len = octets.len();
            address_copy(&mut SliceFrame::new(&mut octets, 0, len), server);
            octets
        };
        self.groups[group as usize].iter().map(copy).collect()
    }
}

impl Env for Maps {
    fn port(&self, key: PortKey) -> Option<Port> {
        self.ports.get(&key).copied()
    }

    fn interface(&self, index: u32) -> Option<&Interface> {
        self.interfaces.get((index as usize).checked_sub(1)?)
    }

    fn address(&self, key: AddressKey) -> Option<Address> {
        self.addresses.get(&key).copied()
    }

    fn route(&self, group: u32, _secs: u16) -> Option<Route> {
        let servers = self.groups.get(group as usize)?.len();
        let all = (1 << servers) - 1;
        Some(Route { ready: all, mtu: 65_535, waiting: !all })
    }

    fn agent(&self, interface: u32) -> Option<&Agent> {
        self.agents.get(&interface)
    }

    fn owner(&self, key: AgentKey) -> Option<AgentOwner> {
        self.owners.get(&key).copied()
    }

    fn client(&self, _xid: [u8; 4], _chaddr: [u8; 16]) -> Option<u32> {
        None
    }

    fn holder(&self, _key: HolderKey) -> Option<Holder> {
        None
    }

    fn hold(&self, _key: HolderKey, _holder: Holder) {}

    fn server_of(&self, _group: u32, _address: [u8; 4]) -> u32 {
        0
    }

    fn admit(&self, interface: u32, rate: u32) -> bool {
        self.buckets.borrow_mut().entry(interface).or_default().admit(self.now.get(), rate)
    }
}

/// What the rules made of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub verdict: Verdict,
    pub frame: Vec<u8>,
}

/// Room behind a frame, as much as the slow path gives.
const TAIL: usize = 512;

/// Runs the rules on a frame that came in on `device`.
pub fn run<E: Env>(env: &E, frame: &[u8], device: u32) -> Outcome {
    run_with_room(env, frame, device, SliceFrame::HEADROOM, TAIL)
}

/// The same with as many octets of room in front and behind.
pub fn run_with_room<E: Env>(env: &E, frame: &[u8], device: u32, head: usize, tail: usize) -> Outcome {
    let mut buffer = vec![0xee; head + frame.len() + tail];
    let end = head + frame.len();
    buffer[head..end].copy_from_slice(frame);
    let mut slice = SliceFrame::new(&mut buffer, head, end);
    let verdict = ingress(&mut slice, env, device);
    Outcome { verdict, frame: slice.octets().to_vec() }
}
