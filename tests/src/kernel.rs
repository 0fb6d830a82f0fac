//! The ingress program in the kernel, a frame at a time, by `BPF_PROG_TEST_RUN`.
//!
//! The run ends with the program's verdict: nothing is redirected, and the kernel refuses to test-run a device map's
//! egress program. What the copies look like when they leave is seen end to end, in the laboratory; here their common
//! form is compared, and the host's `address_copy`, which the egress program calls too, with the oracle's.
//!
//! The kernel gives a tested frame 256 octets of room in front and a page all in all, so a lack of room cannot be made
//! here; the rules' answer to it is tested on the host.

pub mod compare;
pub mod report;

use std::collections::BTreeMap;
use std::hash::Hash;
use std::io::ErrorKind;
use std::process::id;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use aya::maps::{MapData, MapError, RingBuf};
use aya::programs::{TestRun, TestRunOptions, Xdp};
use bytemuck::Pod;
use relay_common::Reason;
use relay_common::abi::{Counters, Cut, Lease, LeaseKey, Punted, lease_state};
use relay_common::event::Event;
use relay_user::clients::{BootTime, Hardware, Published, State};
use relay_user::fastpath::{Abi, EventRings, Object, Sizes, records::Kind};
use relay_user::leases::{Changes, Leases};
use relay_user::memory::{Memory, Remembered};
use relay_user::tables::{GroupState, Hop, ServerState, Tables};

use crate::host::Maps;
use crate::lab::{Lab, Namespace};
use crate::oracle::world::{DEVICES, World};

/// Longest frame the kernel tests with: a page less 256 octets of room in front and 320 behind.
pub const LONGEST: usize = 4096 - 256 - 320;
/// Shortest frame the kernel tests with: an Ethernet header.
pub const SHORTEST: usize = 14;

/// The tables of the daemon for a world.
pub fn tables(world: &World) -> Tables {
    let maps = Maps::new(world);
    let groups = world.groups.iter().map(|group| GroupState {
        servers: group
            .servers
            .iter()
            .map(|server| ServerState {
                address: server.address.into(),
                vrf: server.vrf,
                min_secs: server.min_secs,
                hop: (server.device != 0).then_some(Hop {
                    ifindex: server.device,
                    next_mac: server.next_mac,
                    port_mac: server.port_mac,
                    mtu: group.mtu,
                    redirect: true,
                }),
            })
            .collect(),
    });
    let groups = groups.collect();
    Tables {
        ports: maps.ports,
        addresses: maps.addresses,
        interfaces: maps.interfaces,
        groups,
        agents: maps.agents,
        owners: maps.owners,
        ..Tables::default()
    }
}

/// What a relay without a fast path remembers of a world's clients.
pub fn memory(maps: &Maps) -> Memory {
    let leases = Arc::new(Leases::in_memory());
    let memory = Memory::new(None, Arc::clone(&leases));
    remember(maps, &memory, &leases);
    memory
}

fn remember(maps: &Maps, memory: &Memory, leases: &Leases) {
    for (&key, &interface) in &maps.clients {
        memory.clients.set(key, interface);
    }
    for (&key, &attempt) in &maps.attempts {
        memory.attempts.set(key, attempt);
    }
    for (&key, &holder) in &maps.holders {
        memory.holders.set(key, holder);
    }
    let mut changes = Changes::default();
    maps.leases.iter().for_each(|(key, lease)| changes.publish(&published(key, lease)));
    leases.write(&mut changes);
}

/// As the client table has it.
fn published(key: &LeaseKey, lease: &Lease) -> Published {
    Published {
        vrf: key.vrf,
        address: key.address.into(),
        interface: lease.interface,
        hardware: Hardware { len: lease.hlen, octets: lease.chaddr },
        server: lease.server.into(),
        seconds: lease.seconds,
        state: if lease.state == lease_state::BOUND { State::Bound } else { State::Renewing },
        expires: BootTime::NEVER,
    }
}

/// Takes out of what the kernel remembers what one frame has put there: what the host has put beside what a world knows.
pub fn forget(kernel: &Memory, host: &Memory, maps: &Maps) -> Result<()> {
    removed(&kernel.clients, &host.clients, &maps.clients)?;
    removed(&kernel.attempts, &host.attempts, &maps.attempts)?;
    removed(&kernel.holders, &host.holders, &maps.holders)
}

fn removed<K: Pod + Eq + Hash + Ord, V: Pod>(
    kernel: &Remembered<K, V>,
    host: &Remembered<K, V>,
    known: &BTreeMap<K, V>,
) -> Result<()> {
    let (Remembered::Kernel(kernel), Remembered::Here(host)) = (kernel, host) else { return Ok(()) };
    for key in host.borrow().keys().filter(|key| !known.contains_key(key)) {
        match kernel.borrow_mut().remove(&Abi(*key)) {
            // The slow path's frames are remembered by the host alone.
            Ok(()) | Err(MapError::KeyNotFound) => {}
            Err(MapError::SyscallError(call)) if call.io_error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// A namespace with the devices of every world, which device maps want to see.
pub fn network(title: &str) -> Result<(Lab, Namespace)> {
    let lab = Lab::new(title)?;
    let host = lab.host("relay")?;
    for (index, name) in DEVICES {
        host.run(&format!(
            "ip link add {name} index {index} type veth peer name {name}p index {}",
            index + 100
        ))?;
        host.run(&format!("ip link set {name} up"))?;
    }
    Ok((lab, host))
}

/// What the program returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Aborted,
    Drop,
    Pass,
    Transmit,
    Redirect,
    Other(u32),
}

/// One counter that moved, and by how much it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    pub interface: u32,
    pub counter: Counter,
    pub by: u64,
}

/// Which counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    Request(usize),
    Reply(usize),
    Reason(Reason),
    Copies,
    CutsLost,
    PuntsLost,
    LeftOut,
    SwappedSecs,
    ToHolder,
}

/// A request that was handed to the daemon for servers without a next hop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Punt {
    pub group: u32,
    pub servers: u32,
    pub interface: u32,
    /// What some of these servers get less of.
    pub cut: Cut,
    pub frame: Vec<u8>,
}

/// What the kernel made of a frame.
#[derive(Clone, Debug)]
pub struct Run {
    pub action: Action,
    pub frame: Vec<u8>,
    pub moved: Vec<Moved>,
    pub punts: Vec<Punt>,
    /// What the client table is told of.
    pub records: Vec<Event>,
}

/// The loaded program. Make it, and run it, on a thread that is in the network's namespace.
pub struct Kernel {
    object: Object,
    punted: RingBuf<MapData>,
    /// What it tells the client table.
    pub rings: EventRings,
    counters: Vec<Counters>,
    /// What the program remembers.
    pub memory: Memory,
    leases: Arc<Leases>,
}

impl Kernel {
    /// Loads the object and fills its maps.
    pub fn load(tables: &Tables) -> Result<Self> {
        let sizes = Sizes {
            interfaces: u32::try_from(tables.interfaces.len())?,
            groups: u32::try_from(tables.groups.len())?,
            ports: u32::try_from(tables.ports.len())?,
            addresses: u32::try_from(tables.addresses.len())?,
            owners: u32::try_from(tables.owners.len())?,
            leases: 64,
        };
        let mut object = Object::load(sizes, None)?;
        object.apply(&Tables::default(), tables)?;
        let punted = object.take_punted().context("the ring of punted copies is taken")?;
        let rings = object.take_events().context("the rings of events are taken")?;
        let leases = object.take_leases().context("the map of leases is taken")?;
        let leases = Arc::new(Leases::in_kernel(leases));
        let memory = Memory::new(object.take_memory(), leases.clone());
        let reader = object.counters();
        let counters =
            (0..=sizes.interfaces).map(|interface| reader.counters(interface)).collect::<Result<_, _>>()?;
        Ok(Self { object, punted, rings, counters, memory, leases })
    }

    /// Puts what the programs remember of a world's clients back to what it was.
    pub fn remember(&self, maps: &Maps) {
        remember(maps, &self.memory, &self.leases);
    }

    /// Runs the program on a frame that came in on `device`.
    pub fn run(&mut self, frame: &[u8], device: u32) -> Result<Run> {
        ensure!(
            (SHORTEST..=LONGEST).contains(&frame.len()),
            "the kernel does not test {} octets",
            frame.len()
        );
        let mut output = vec![0; 4096];
        let context = context(frame, device)?;
        let options = TestRunOptions {
            data_in: Some(frame),
            data_out: Some(&mut output),
            ctx_in: Some(&context),
            ..TestRunOptions::default()
        };
        let result = self.object.ingress()?.test_run(options).with_context(|| {
            format!("BPF_PROG_TEST_RUN of {} octets on device {device}, process {}", frame.len(), id())
        })?;
        output.truncate(result.data_size_out as usize);
        let action = match result.return_value {
            0 => Action::Aborted,
            1 => Action::Drop,
            2 => Action::Pass,
            3 => Action::Transmit,
            4 => Action::Redirect,
            other => Action::Other(other),
        };
        let (moved, punts, records) = (self.moved()?, self.punts()?, self.records());
        Ok(Run { action, frame: output, moved, punts, records })
    }

    /// Runs the program on a message that it relays, and looks at nothing it leaves.
    pub fn relay(&mut self, frame: &[u8], device: u32) -> Result<()> {
        relay(self.object.ingress()?, frame, device)
    }

    /// The program, and what it tells the client table, for several threads.
    pub fn shared(&mut self) -> Result<(&Xdp, &EventRings)> {
        Ok((self.object.ingress()?, &self.rings))
    }

    /// DISCOVERs and other messages that there was no room for a record of.
    pub fn lost(&self) -> Result<(u64, u64)> {
        let Counters { discovers_lost, events_lost, .. } = self.object.counters().counters(0)?;
        Ok((discovers_lost, events_lost))
    }

    /// The counters that moved since the last call.
    fn moved(&mut self) -> Result<Vec<Moved>> {
        let mut moved = Vec::new();
        let reader = self.object.counters();
        for (interface, before) in (0u32..).zip(&mut self.counters) {
            let now = reader.counters(interface)?;
            if now == *before {
                continue;
            }
            let requests = now.requests.iter().zip(before.requests).zip((0..).map(Counter::Request));
            let replies = now.replies.iter().zip(before.replies).zip((0..).map(Counter::Reply));
            let reasons = now.reasons.iter().zip(before.reasons);
            let reasons = reasons.zip(Reason::ALL.iter().copied().map(Counter::Reason));
            let rest = [
                ((&now.copies, before.copies), Counter::Copies),
                ((&now.cuts_lost, before.cuts_lost), Counter::CutsLost),
                ((&now.punts_lost, before.punts_lost), Counter::PuntsLost),
                ((&now.option82_left_out, before.option82_left_out), Counter::LeftOut),
                ((&now.swapped_secs, before.swapped_secs), Counter::SwappedSecs),
                ((&now.to_holder, before.to_holder), Counter::ToHolder),
            ];
            for ((now, before), counter) in requests.chain(replies).chain(reasons).chain(rest) {
                if *now != before {
                    moved.push(Moved { interface, counter, by: now - before });
                }
            }
            *before = now;
        }
        Ok(moved)
    }

    fn records(&mut self) -> Vec<Event> {
        [Kind::Discovers, Kind::Others]
            .into_iter()
            .flat_map(|kind| self.rings.waiting(kind).flatten())
            .collect()
    }

    fn punts(&mut self) -> Result<Vec<Punt>> {
        let mut punts = Vec::new();
        while let Some(record) = self.punted.next() {
            let punted: Punted = bytemuck::try_pod_read_unaligned(&record).ok().context("a punted record")?;
            let Punted { group, servers, len, interface, cut, frame } = punted;
            let frame = frame.get(..len as usize).context("a punted copy is too long")?.to_vec();
            punts.push(Punt { group, servers, interface, cut, frame });
        }
        Ok(punts)
    }
}

/// Runs a program on a message that it relays.
pub fn relay(program: &Xdp, frame: &[u8], device: u32) -> Result<()> {
    let context = context(frame, device)?;
    let options =
        TestRunOptions { data_in: Some(frame), ctx_in: Some(&context), ..TestRunOptions::default() };
    let action = program.test_run(options)?.return_value;
    ensure!(action == 4, "action {action} instead of a redirect");
    Ok(())
}

/// `struct xdp_md`: data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex.
fn context(frame: &[u8], device: u32) -> Result<Vec<u8>> {
    let words = [0, u32::try_from(frame.len())?, 0, device, 0, 0];
    Ok(words.iter().flat_map(|word: &u32| word.to_ne_bytes()).collect())
}
