//! The rules run on the host, as the slow path runs them: a world translated into the tables they look up, and one call
//! for a frame. Needs nothing but `relay-common`, so that the mutants can be judged by it too.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use relay_common::abi::{
    Address, AddressKey, Agent, AgentKey, AgentOwner, Attempt, AttemptKey, Brief, ClientKey, Cut, Holder,
    HolderKey, Interface, Lease, LeaseKey, Port, PortKey, Server, flag, lease_state,
};
use relay_common::agent::{identity, whole};
use relay_common::wire::bootp::option::AUTHENTICATION;
use relay_common::{Bucket, Env, Frame as _, Route, Seen, SliceFrame, Verdict, address_copy, ingress};

use crate::oracle::world::{self, Option82, Policy, World};

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
    /// The leases that only the client table knows, and which have been renewed since.
    pub leases: BTreeMap<LeaseKey, Lease>,
    pub renewed: RefCell<Vec<Lease>>,
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
                maps.known(server.vrf, server.address).server = 1;
            }
            let servers = group.servers.iter().map(|server| Server {
                address: server.address,
                vrf: server.vrf,
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
            let vrfs = world.server_vrfs(interface);
            let mut agent = None;
            if let Some(option82) = &interface.option82 {
                for &vrf in &vrfs {
                    maps.comes_back(interface, number, vrf);
                }
                agent = maps.option82(world, option82, interface, number);
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
                    | bit(interface.slow_replies, flag::SLOW_REPLIES)
                    | bit(vrfs.len() > 1, flag::SEVERAL_VRFS),
                server_vrf: world.groups[interface.group].servers[0].vrf,
                max_message: interface.max_message,
                realm: 0,
                first: world.first(number as usize) as u32,
                next: next(world, number as usize),
                agent: agent.unwrap_or_default(),
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
        maps.leases = world.leases.iter().map(|known| lease(world, known)).collect();
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

    /// What the interface inserts.
    fn option82(
        &mut self,
        world: &World,
        option82: &Option82,
        interface: &world::Interface,
        number: u32,
    ) -> Option<Brief> {
        let servers = &world.groups[interface.group].servers;
        let near = servers.iter().enumerate().filter(|(_, server)| interface.is_near(server.vrf));
        let near = near.fold(0u32, |mask, (index, _)| mask | 1 << index);
        let all_near = near.count_ones() as usize == servers.len();
        let value = if all_near { interface.agent_in(interface.vrf, false) } else { option82.value.clone() };
        let mut agent = Agent::new(&value, option82.flags_at)?;
        let asks = !option82.cisco && value.ends_with(&[152, 0]);
        if near != 0 && !all_near {
            agent = agent.cut_for(near, value.len() - interface.agent_in(interface.vrf, false).len());
        }
        self.agents.insert(number, agent);
        Some(Brief::new(&agent, &value[..value.len() - if asks { 2 } else { 0 }]))
    }

    /// Every form in which it comes back from a VRF: with either flags, and with or without 152.
    fn comes_back(&mut self, interface: &world::Interface, number: u32, vrf: u32) {
        let cisco = interface.option82.as_ref().is_some_and(|option82| option82.cisco);
        if interface.agent_in(vrf, false).is_empty() {
            return;
        }
        let giaddr = interface.giaddr;
        let mut own = |hash, vss_ignored| {
            let owner = AgentOwner { interface: number, vss_ignored };
            self.owners.entry(AgentKey { hash, vrf, giaddr }).or_insert(owner);
        };
        for unicast in [false, true] {
            let value = interface.agent_in(vrf, unicast);
            let control = !cisco && value.ends_with(&[152, 0]);
            own(whole(&value), u32::from(control));
            if control {
                own(whole(&value[..value.len() - 2]), 0);
            }
        }
        let value = interface.agent_in(vrf, false);
        let (mut circuit_id, mut vss, mut rest) = (&[][..], &[][..], &value[..]);
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
    pub fn copies(&self, group: u32, servers: u32, outcome: &Outcome) -> Vec<Vec<u8>> {
        let all = self.groups[group as usize].iter().enumerate();
        let wanted = all.filter(|(index, _)| servers & 1 << index != 0);
        wanted.map(|(index, server)| outcome.copy(index, server)).collect()
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

/// As the client table publishes it, of a lease that ends nowhere near.
pub fn lease(world: &World, lease: &crate::oracle::world::Lease) -> (LeaseKey, Lease) {
    let &crate::oracle::world::Lease { interface, address, chaddr: [a, b, c, d, e, f], server, bound } =
        lease;
    let key = LeaseKey { vrf: world.interfaces[interface - 1].vrf, address };
    let value = Lease {
        expires: u64::MAX,
        seconds: 3600,
        interface: interface as u32,
        server,
        chaddr: [a, b, c, d, e, f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        hlen: 6,
        state: if bound { lease_state::BOUND } else { lease_state::RENEWING },
        zero: 0,
    };
    (key, value)
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

    fn renew(&self, vrf: u32, key: &HolderKey) -> Option<[u8; 4]> {
        let mut lease = *self.leases.get(&LeaseKey { vrf, address: key.address })?;
        let server = lease.renew(key)?;
        self.renewed.borrow_mut().push(lease);
        Some(server)
    }

    fn server_of(&self, group: u32, address: [u8; 4]) -> u32 {
        let found = self.groups[group as usize].iter().position(|server| server.address == address);
        found.map_or(0, |index| 1 << index)
    }

    fn serves(&self, group: u32, vrf: u32) -> bool {
        self.groups[group as usize].iter().any(|server| server.vrf == vrf)
    }

    fn is_local_to_servers(&self, group: u32, address: [u8; 4]) -> bool {
        let local = |vrf| self.address(AddressKey { vrf, address }).is_some_and(|found| found.local != 0);
        self.groups[group as usize].iter().any(|server| local(server.vrf))
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
    /// What some servers get less of.
    pub cut: Cut,
    /// That is taken out, because the message is authenticated.
    pub taken_out: bool,
}

impl Outcome {
    /// The copy for a server, which is that of this number in its group.
    pub fn copy(&self, number: usize, server: &Server) -> Vec<u8> {
        let mut octets = self.frame.clone();
        let len = octets.len();
        let mut frame = SliceFrame::new(&mut octets, 0, len);
        address_copy(&mut frame, server).expect("a frame has headers");
        if self.cut.near & 1 << number != 0 {
            let made = if self.taken_out { self.cut.take_out(&mut frame) } else { self.cut.make(&mut frame) };
            made.expect("option 82 is where it was written");
        }
        frame.octets().to_vec()
    }
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
    Outcome {
        verdict,
        frame: slice.octets().to_vec(),
        seen: slice.seen().copied(),
        cut: slice.cut(),
        taken_out: slice.noted_option(AUTHENTICATION).is_some(),
    }
}
