//! Loading the embedded BPF object, with its maps made as large as the configuration needs.

use std::{
    os::fd::{AsFd as _, OwnedFd},
    path::Path,
    sync::Arc,
};

use aya::{
    Ebpf, EbpfLoader, VerifierLogLevel,
    maps::{Array, ArrayOfMaps, DevMap, DevMapHash, HashMap, Map, MapData, MapError, RingBuf},
    programs::{ProgramFd, Xdp},
};
use relay_common::abi::{
    Address, AddressKey, Agent, AgentKey, AgentOwner, Interface, MAX_SERVERS, Port, PortKey, Server, Slot,
};

use super::{
    FastPathError, capabilities,
    counters::Reader,
    leases::KernelLeases,
    pins::{Beside, Pins},
    records::{EventRings, Shape},
};
use crate::{
    leases::Leases,
    memory::{KernelMap, KernelMaps, Memory},
};

/// The object that `build.rs` made.
static OBJECT: &[u8] = aya::include_bytes_aligned!(env!("RELAY_BPF_OBJECT"));

/// The maps that operators may read with `bpftool map dump pinned`.
pub const PINNED: [&str; 4] = ["interfaces", "servers", "leases", "counters"];

/// A value of `relay-common`'s ABI as aya takes it.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Abi<T>(pub T);

// SAFETY: bytemuck::Pod promises what aya::Pod asks for (any octets are a value, no padding), and the wrapper is
// transparent.
unsafe impl<T: bytemuck::Pod> aya::Pod for Abi<T> {}

/// How many entries the maps get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Client-facing interfaces.
    pub interfaces: u32,
    /// Server groups.
    pub groups: u32,
    /// Ports and VLANs, client-facing and server-facing.
    pub ports: u32,
    /// Local, relay and server addresses.
    pub addresses: u32,
    /// Forms of option 82 that servers may send back.
    pub owners: u32,
    /// Clients with a lease.
    pub leases: u32,
}

/// The loaded programs and their maps.
pub struct Object {
    ebpf: Ebpf,
    pub(super) egress: ProgramFd,
    pub(super) untagged: Array<MapData, Abi<Port>>,
    pub(super) ports: HashMap<MapData, Abi<PortKey>, Abi<Port>>,
    pub(super) addresses: HashMap<MapData, Abi<AddressKey>, Abi<Address>>,
    pub(super) interfaces: Array<MapData, Abi<Interface>>,
    pub(super) active: Array<MapData, u32>,
    pub(super) slots: Array<MapData, Abi<Slot>>,
    pub(super) servers: Array<MapData, Abi<Server>>,
    pub(super) fanout: ArrayOfMaps<MapData, DevMap<MapData>>,
    /// Of the same map, for the calls that aya does not have.
    pub(super) slots_of_fanout: OwnedFd,
    pub(super) devices: DevMapHash<MapData>,
    pub(super) agents: Array<MapData, Abi<Agent>>,
    pub(super) owners: HashMap<MapData, Abi<AgentKey>, Abi<AgentOwner>>,
    counters: Arc<Reader>,
    punted: Option<RingBuf<MapData>>,
    events: Option<EventRings>,
    leases: Option<KernelLeases>,
    memory: Option<KernelMaps>,
    /// What the taken memory holds, to be read.
    remembered: Memory,
    pins: Option<Pins>,
    beside: Option<Beside>,
}

impl Object {
    /// Loads both programs. With `pin_in`, the maps of [`PINNED`] are pinned in that directory, replacing what an
    /// earlier daemon left there, and the directory is this object's alone.
    ///
    /// # Errors
    /// A missing capability, a directory that is not on a BPF file system or is another daemon's, or what the kernel
    /// refuses.
    pub fn load(sizes: Sizes, pin_in: Option<&Path>) -> Result<Self, FastPathError> {
        capabilities::check()?;
        Self::pinned(sizes, pin_in.map(Pins::claim).transpose()?, None)
    }

    /// The same for an object whose maps are to take the place of another's of this daemon, in the directory that has been
    /// claimed: see [`Object::succeed`].
    ///
    /// # Errors
    /// What the kernel refuses.
    pub fn load_beside(sizes: Sizes, pinned_in: &Path) -> Result<Self, FastPathError> {
        Self::pinned(sizes, None, Some(Beside::claimed(pinned_in)?))
    }

    fn pinned(sizes: Sizes, pins: Option<Pins>, beside: Option<Beside>) -> Result<Self, FastPathError> {
        let slots = sizes.groups.max(1) * 2;
        let shape =
            Shape::of_machine().map_err(|error| FastPathError::map("RINGS", MapError::IoError(error)))?;
        let mut loader = EbpfLoader::new();
        loader
            .map_max_entries("PORTS", sizes.ports.max(1))
            .map_max_entries("ADDRESSES", sizes.addresses.max(1))
            .map_max_entries("interfaces", sizes.interfaces + 1)
            .map_max_entries("counters", sizes.interfaces + 1)
            .map_max_entries("BUCKETS", sizes.interfaces + 1)
            .map_max_entries("ACTIVE", sizes.groups.max(1))
            .map_max_entries("SLOTS", slots)
            .map_max_entries("FANOUT", slots)
            .map_max_entries("servers", slots * MAX_SERVERS as u32)
            .map_max_entries("DEVICES", sizes.ports.max(1) + slots * MAX_SERVERS as u32)
            .map_max_entries("AGENTS", sizes.interfaces + 1)
            .map_max_entries("AGENT_OWNERS", sizes.owners.max(1))
            .map_max_entries("leases", sizes.leases.max(1))
            .map_max_entries("RINGS", shape.rings())
            .map_max_entries("RECORDS", shape.records())
            .verifier_log_level(VerifierLogLevel::STATS);
        let path = |name: &str| {
            pins.as_ref().map(|pins| pins.path(name)).or_else(|| Some(beside.as_ref()?.path(name)))
        };
        for name in PINNED {
            if let Some(path) = path(name) {
                loader.map_pin_path(name, path);
            }
        }
        let mut ebpf = loader.load(OBJECT).map_err(FastPathError::load)?;
        let egress = {
            let program = program(&mut ebpf, "egress")?;
            program.load().map_err(|source| FastPathError::program("egress", source))?;
            program
                .fd()
                .and_then(|fd| fd.try_clone().map_err(aya::programs::ProgramError::IOError))
                .map_err(|source| FastPathError::program("egress", source))?
        };
        program(&mut ebpf, "ingress")?.load().map_err(|source| FastPathError::program("ingress", source))?;
        let rings = taken(&mut ebpf, "RINGS")?;
        let events = EventRings::new(shape, &rings, &taken(&mut ebpf, "RECORDS")?, map(&mut ebpf, "BELL")?)
            .map_err(|source| FastPathError::map("RECORDS", source))?;
        let fanout = taken(&mut ebpf, "FANOUT")?;
        let Map::ArrayOfMaps(data) = &fanout else { return Err(FastPathError::Object { part: "FANOUT" }) };
        let slots_of_fanout = data
            .fd()
            .as_fd()
            .try_clone_to_owned()
            .map_err(|error| FastPathError::map("FANOUT", MapError::IoError(error)))?;
        let fanout = fanout.try_into().map_err(|source| FastPathError::map("FANOUT", source))?;
        let (holders, holders_again) = twice(&mut ebpf, "HOLDERS")?;
        let (clients, clients_again) = twice(&mut ebpf, "CLIENTS")?;
        let (attempts, attempts_again) = twice(&mut ebpf, "ATTEMPTS")?;
        let again = KernelMaps { holders: holders_again, clients: clients_again, attempts: attempts_again };
        Ok(Self {
            untagged: map(&mut ebpf, "UNTAGGED")?,
            ports: map(&mut ebpf, "PORTS")?,
            addresses: map(&mut ebpf, "ADDRESSES")?,
            interfaces: map(&mut ebpf, "interfaces")?,
            active: map(&mut ebpf, "ACTIVE")?,
            slots: map(&mut ebpf, "SLOTS")?,
            servers: map(&mut ebpf, "servers")?,
            fanout,
            slots_of_fanout,
            devices: map(&mut ebpf, "DEVICES")?,
            agents: map(&mut ebpf, "AGENTS")?,
            owners: map(&mut ebpf, "AGENT_OWNERS")?,
            counters: Arc::new(map(&mut ebpf, "counters")?),
            punted: Some(map(&mut ebpf, "PUNTED")?),
            leases: Some(map(&mut ebpf, "leases")?),
            memory: Some(KernelMaps { holders, clients, attempts }),
            remembered: Memory::new(Some(again), Arc::new(Leases::nowhere())),
            events: Some(events),
            egress,
            ebpf,
            pins,
            beside,
        })
    }

    /// The program for ports.
    pub fn ingress(&mut self) -> Result<&mut Xdp, FastPathError> {
        program(&mut self.ebpf, "ingress")
    }

    /// The kernel's counters.
    pub fn counters(&self) -> &Arc<Reader> {
        &self.counters
    }

    /// The ring of copies that the daemon has to send; once.
    pub fn take_punted(&mut self) -> Option<RingBuf<MapData>> {
        self.punted.take()
    }

    /// What the programs remember from one message to the next; once.
    pub fn take_memory(&mut self) -> Option<KernelMaps> {
        self.memory.take()
    }

    /// What the programs remember, to be read and added to beside the one who has taken it.
    pub fn remembered(&self) -> &Memory {
        &self.remembered
    }

    /// Takes over the names under which the maps of `old` are pinned, and the directory.
    ///
    /// # Errors
    /// The file system refuses. The names may then lead to maps of either.
    pub fn succeed(&mut self, old: &mut Self) -> Result<(), FastPathError> {
        self.pins = old.pins.take();
        let (Some(pins), Some(beside)) = (&self.pins, &self.beside) else { return Ok(()) };
        let moved = pins.replace(beside).map_err(|source| pins.failed(source));
        self.beside = None;
        moved
    }

    /// Who is bound to which address; once.
    pub fn take_leases(&mut self) -> Option<KernelLeases> {
        self.leases.take()
    }

    /// The rings of `relay_common::event::Event`, one record for every message that is relayed or passes; once.
    pub fn take_events(&mut self) -> Option<EventRings> {
        self.events.take()
    }

    /// Instructions the verifier processed for each program (Linux 5.16).
    pub fn verified_instructions(&self) -> Vec<(String, u32)> {
        self.ebpf
            .programs()
            .filter_map(|(name, program)| {
                Some((name.to_owned(), program.info().ok()?.verified_instruction_count()?))
            })
            .collect()
    }
}

fn program<'a>(ebpf: &'a mut Ebpf, name: &'static str) -> Result<&'a mut Xdp, FastPathError> {
    ebpf.program_mut(name)
        .ok_or(FastPathError::Object { part: name })?
        .try_into()
        .map_err(|source| FastPathError::program(name, source))
}

fn map<T: TryFrom<Map, Error = aya::maps::MapError>>(
    ebpf: &mut Ebpf,
    name: &'static str,
) -> Result<T, FastPathError> {
    T::try_from(taken(ebpf, name)?).map_err(|source| FastPathError::map(name, source))
}

fn taken(ebpf: &mut Ebpf, name: &'static str) -> Result<Map, FastPathError> {
    ebpf.take_map(name).ok_or(FastPathError::Object { part: name })
}

type Twice<K, V> = (KernelMap<K, V>, KernelMap<K, V>);

/// The map called `name`, and the same once more.
fn twice<K: bytemuck::Pod, V: bytemuck::Pod>(
    ebpf: &mut Ebpf,
    name: &'static str,
) -> Result<Twice<K, V>, FastPathError> {
    let map = taken(ebpf, name)?;
    let failed = |source| FastPathError::map(name, source);
    let Map::LruHashMap(data) = &map else { return Err(FastPathError::Object { part: name }) };
    let descriptor =
        data.fd().as_fd().try_clone_to_owned().map_err(|error| failed(MapError::IoError(error)))?;
    let again = Map::LruHashMap(MapData::from_fd(descriptor).map_err(failed)?);
    Ok((HashMap::try_from(map).map_err(failed)?, HashMap::try_from(again).map_err(failed)?))
}
