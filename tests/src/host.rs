//! The rules run on the host, as the slow path runs them: a world translated into the tables they look up, and one call
//! for a frame. Needs nothing but `relay-common`, so that the mutants can be judged by it too.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use relay_common::abi::{
    Address, AddressKey, Agent, AgentKey, AgentOwner, Attempt, AttemptKey, ClientKey, Holder, HolderKey,
    Interface, Port, PortKey, Server, flag,
};
use relay_common::agent::{identity, whole};
use relay_common::{Bucket, Env, Route, Seen, SliceFrame, Verdict, address_copy, ingress};

use crate::oracle::world::{Option82, Policy, World};

/// The tables of a world.
#[derive(Default)]
pub struct Maps {
    pub ports: BTreeMap<PortKey, Port>,
    pub addresses: BTreeMap<AddressKey, Address>,
    /// The first is number 1.
    pub interfaces: Vec<Interface>,
    /// The servers of each group.
    pub groups: Vec<Vec<Server>>,
    /// Largest IPv4 packet on the way to each group, and the `min_secs` of its servers.
    ways: Vec<(u32, Vec<u16>)>,
    /// The option 82 of an interface, by its number.
    pub agents: BTreeMap<u32, Agent>,
    /// Whose option 82 comes back.
    pub owners: BTreeMap<AgentKey, AgentOwner>,
    /// The clients that are known, and their interfaces.
    pub clients: BTreeMap<ClientKey, u32>,
    /// Those that were heard since; they are not known to the next frame.
    pub heard: RefCell<Vec<(ClientKey, u32)>>,
    /// How far clients have come with an interface's addresses, and what was said of it since.
    pub attempts: BTreeMap<AttemptKey, Attempt>,
    pub attempted: RefCell<Vec<(AttemptKey, Attempt)>>,
    /// Who offered or gave an address, and what was said of it since.
    pub holders: BTreeMap<HolderKey, Holder>,
    pub held: RefCell<Vec<(HolderKey, Holder)>>,
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
            let resolved = group.servers.iter().any(|server| server.device != 0);
            let mtu = if resolved { u32::from(group.mtu) } else { u32::from(u16::MAX) };
            maps.ways.push((mtu, group.servers.iter().map(|server| server.min_secs).collect()));
        }
        for (number, interface) in (1..).zip(&world.interfaces) {
            let vrf = world.server_vrf(interface);
            if let Some(option82) = &interface.option82 {
                maps.option82(option82, number, vrf, interface.giaddr);
            }
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
                tries: interface.tries,
                prefix: interface.prefix,
                flags: interface.option82.as_ref().map_or(0, flags)
                    | bit(interface.affinity, flag::AFFINITY)
                    | bit(interface.always_checksum, flag::UDP_CHECKSUM)
                    | bit(interface.slow_replies, flag::SLOW_REPLIES),
                server_vrf: vrf,
                max_message: interface.max_message,
                realm: 0,
                first: world.first(number as usize) as u32,
                next: next(world, number as usize),
            });
        }
        maps.realms(world);
        let known = world.clients.iter().map(|client| {
            let realm = maps.interfaces[client.interface - 1].realm;
            (ClientKey::new(realm, client.xid, client.chaddr), client.interface as u32)
        });
        maps.clients = known.filter(|(key, _)| key.realm != 0).collect();
        maps.attempts = world.attempts.iter().map(attempt).collect();
        maps.holders = world.holders.iter().map(holder).collect();
        maps
    }

    /// Which interfaces' replies come to which address, and which of them share one.
    fn realms(&mut self, world: &World) {
        let addresses: Vec<(u32, [u8; 4])> =
            world.interfaces.iter().flat_map(|interface| world.comes_to(interface)).collect();
        let sharing = |address: (u32, [u8; 4])| -> Vec<usize> {
            (0..world.interfaces.len())
                .filter(|&index| world.comes_to(&world.interfaces[index]).contains(&address))
                .collect()
        };
        // The least of its realm, as far as that has got round.
        let mut realms: Vec<usize> = (0..world.interfaces.len()).collect();
        for _ in 0..world.interfaces.len() {
            for &address in &addresses {
                let together = sharing(address);
                let least = together.iter().map(|&index| realms[index]).min().expect("it is somebody's");
                together.iter().for_each(|&index| realms[index] = least);
            }
        }
        for address in addresses {
            let together = sharing(address);
            let realm = Address::SHARED | (realms[together[0]] as u32 + 1);
            self.known(address.0, address.1).interface = match together[..] {
                [one] => one as u32 + 1,
                _ if together.iter().any(|&index| world.interfaces[index].giaddr == address.1) => realm,
                _ => realm | Address::BOOTP,
            };
            if together.len() > 1 {
                together.iter().for_each(|&index| self.interfaces[index].realm = realm);
            }
        }
    }

    /// What the interface inserts, and every form in which it comes back: with either flags, and with or without 152.
    fn option82(&mut self, option82: &Option82, number: u32, vrf: u32, giaddr: [u8; 4]) {
        let asks = !option82.cisco && option82.value.ends_with(&[152, 0]);
        let answer = &option82.value[..option82.value.len() - if asks { 2 } else { 0 }];
        let agent = Agent::new(&option82.value, option82.flags_at).expect("the world's options fit");
        let agent = agent.answered_by(answer);
        self.agents.insert(number, agent);
        let mut own = |hash, vss_ignored| {
            let owner = AgentOwner { interface: number, vss_ignored };
            self.owners.entry(AgentKey { hash, vrf, giaddr }).or_insert(owner);
        };
        for flags in [0, 0x80] {
            let mut value = option82.value.clone();
            if let Some(at) = option82.flags_at {
                value[at] = flags;
            }
            let control = !option82.cisco && value.ends_with(&[152, 0]);
            own(whole(&value), u32::from(control));
            if control {
                own(whole(&value[..value.len() - 2]), 0);
            }
        }
        let (mut circuit_id, mut vss, mut rest) = (&[][..], &[][..], &option82.value[..]);
        while let [code, len, behind @ ..] = rest {
            let (value, behind) = behind.split_at(usize::from(*len));
            match code {
                1 => circuit_id = value,
                151 => vss = value,
                _ => {}
            }
            rest = behind;
        }
        own(identity(circuit_id, vss), 0);
    }

    fn known(&mut self, vrf: u32, address: [u8; 4]) -> &mut Address {
        self.addresses.entry(AddressKey { vrf, address }).or_default()
    }

    /// The frames that leave toward those servers of a group that bit i of `servers` names.
    pub fn copies(&self, group: u32, servers: u32, frame: &[u8]) -> Vec<Vec<u8>> {
        let copy = |(_, server): (usize, &Server)| {
            let mut octets = frame.to_vec();
            let len = octets.len();
            address_copy(&mut SliceFrame::new(&mut octets, 0, len), server);
            octets
        };
        let all = self.groups[group as usize].iter().enumerate();
        all.filter(|(index, _)| servers & 1 << index != 0).map(copy).collect()
    }
}

/// The index of an interface's next address.
fn next(world: &World, number: usize) -> u32 {
    let ring = world.addresses_of(world.first(number));
    let place = ring.iter().position(|&one| one == number).expect("it is one of them");
    if ring.len() == 1 { 0 } else { ring[(place + 1) % ring.len()] as u32 }
}

/// As the rules remember it.
pub fn attempt(attempt: &crate::oracle::world::Attempt) -> (AttemptKey, Attempt) {
    let value =
        Attempt { at: attempt.at as u32, unanswered: attempt.unanswered, answered: attempt.answered as u32 };
    (AttemptKey::new(attempt.interface as u32, attempt.chaddr), value)
}

/// As the rules remember it.
pub fn holder(holder: &crate::oracle::world::Holder) -> (HolderKey, Holder) {
    let &crate::oracle::world::Holder { interface, address, chaddr, server, xid, asked } = holder;
    let key = HolderKey { interface: interface as u32, address, chaddr, zero: 0 };
    (key, Holder { server, xid, asked: u32::from(asked) })
}

fn flags(option82: &Option82) -> u32 {
    let policy = match option82.policy {
        Policy::Discard => flag::DISCARD,
        Policy::Forward => flag::FORWARD,
        Policy::Append => flag::APPEND,
        Policy::Replace => flag::REPLACE,
    };
    let bit = |on: bool, bit: u32| if on { bit } else { 0 };
    policy | flag::OPTION82 | bit(option82.trusted, flag::TRUSTED) | bit(option82.cisco, flag::CISCO)
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

    fn route(&self, group: u32, secs: u16) -> Option<Route> {
        let (mtu, min_secs) = self.ways.get(group as usize)?;
        let all = (1 << min_secs.len()) - 1;
        let too_early = min_secs.iter().enumerate().filter(|(_, min_secs)| **min_secs > secs);
        let waiting = too_early.fold(!all, |mask, (index, _)| mask | 1 << index);
        Some(Route { ready: all, mtu: *mtu, waiting })
    }

    fn agent(&self, interface: u32) -> Option<&Agent> {
        self.agents.get(&interface)
    }

    fn owner(&self, key: AgentKey) -> Option<AgentOwner> {
        self.owners.get(&key).copied()
    }

    fn client(&self, key: ClientKey) -> Option<u32> {
        self.clients.get(&key).copied()
    }

    fn heard(&self, key: ClientKey, interface: u32) {
        self.heard.borrow_mut().push((key, interface));
    }

    fn attempt(&self, key: AttemptKey) -> Option<Attempt> {
        self.attempts.get(&key).copied()
    }

    fn attempts(&self, key: AttemptKey, attempt: Attempt) {
        self.attempted.borrow_mut().push((key, attempt));
    }

    fn holder(&self, key: HolderKey) -> Option<Holder> {
        self.holders.get(&key).copied()
    }

    fn hold(&self, key: HolderKey, holder: Holder) {
        self.held.borrow_mut().push((key, holder));
    }

    fn lessor(&self, _vrf: u32, _key: &HolderKey) -> Option<[u8; 4]> {
        None
    }

    fn server_of(&self, group: u32, address: [u8; 4]) -> u32 {
        let found = self.groups[group as usize].iter().position(|server| server.address == address);
        found.map_or(0, |index| 1 << index)
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
    /// What the client table is told of.
    pub seen: Option<Seen>,
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
    Outcome { verdict, frame: slice.octets().to_vec(), seen: slice.seen().copied() }
}
