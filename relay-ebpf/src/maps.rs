//! All maps in one place. The daemon writes everything but `counters`, `SEQUENCE`, `SERVED`, `NOTES` and `BUCKETS`,
//! which only the programs write, and `PUNTED`, `RECORDS` with `RINGS`, and `BELL`, which they fill and it drains. Sizes given
//! here are those of a small relay; the daemon sets the real ones when it loads the object.

use aya_ebpf::{
    bindings::{BPF_F_MMAPABLE, BPF_F_NO_PREALLOC},
    btf_maps::{Array, ArrayOfMaps, DevMap, DevMapHash, HashMap, LruHashMap, PerCpuArray, RingBuf},
    macros::btf_map,
};
use relay_common::{
    Bucket, Options,
    abi::{
        Address, AddressKey, Agent, AgentKey, AgentOwner, Attempt, AttemptKey, ClientKey, Counters, Cut,
        Holder, HolderKey, Interface, Lease, LeaseKey, MAX_SERVERS, Port, PortKey, Punted, Ring, Served,
        Server, Slot,
    },
    record::Record,
};

/// Scratch of one CPU: too large for the stack of a BPF program.
#[repr(C)]
pub(crate) struct Notes {
    /// Which message `options` is about.
    pub(crate) message: u64,
    /// By option code: the message it was seen in, shifted left by 16, and its offset in the frame.
    pub(crate) options: [u64; 256],
    /// What the walk found.
    pub(crate) found: Options,
    /// Hash of the client identifier that the walk found.
    pub(crate) client_id: u64,
    /// Hash of the last option 82 that it found.
    pub(crate) agent: u64,
    /// Index of the interface that a refusal is told of.
    pub(crate) blamed: u32,
    /// What some servers get less of the option 82 that was inserted into the message in hand.
    pub(crate) cut: Cut,
}

/// What the untagged frames of a device are to the relay, by its interface index.
#[btf_map]
pub(crate) static UNTAGGED: Array<Port, { PortKey::UNTAGGED as usize }> = Array::new();

/// What a port and VLAN is to the relay.
#[btf_map]
pub(crate) static PORTS: HashMap<PortKey, Port, 64> = HashMap::new();

/// What an address is to the relay: ours, a server's, an interface's giaddr.
#[btf_map]
pub(crate) static ADDRESSES: HashMap<AddressKey, Address, 256> = HashMap::new();

/// The client-facing interfaces, from index 1, and their further addresses behind them. 64 octets each. Pinned.
#[btf_map(name = "interfaces")]
pub(crate) static INTERFACES: Array<Interface, 64> = Array::new();

/// Which slot of each group is published: one store swaps a whole group.
#[btf_map]
pub(crate) static ACTIVE: Array<u32, 16> = Array::new();

/// The published states of the groups, two for each.
#[btf_map]
pub(crate) static SLOTS: Array<Slot, 32> = Array::new();

/// The servers of the slots. 24 octets each. Pinned.
#[btf_map(name = "servers")]
pub(crate) static SERVERS: Array<Server, 1024> = Array::new();

/// For each slot a device map with one entry per server, the same device as often as servers are behind it.
#[btf_map]
pub(crate) static FANOUT: ArrayOfMaps<DevMap<MAX_SERVERS>, 32> = ArrayOfMaps::new();

/// The devices that frames leave by, by their own interface index.
#[btf_map]
pub(crate) static DEVICES: DevMapHash<64> = DevMapHash::new();

/// The option 82 of each interface.
#[btf_map]
pub(crate) static AGENTS: Array<Agent, 64> = Array::new();

/// Whose option 82 a server has sent back.
#[btf_map]
pub(crate) static AGENT_OWNERS: HashMap<AgentKey, AgentOwner, 256> = HashMap::new();

/// Where the options of the message in hand stand.
#[btf_map]
pub(crate) static NOTES: PerCpuArray<Notes, 1> = PerCpuArray::new();

/// Counters by interface. 704 octets each and per CPU. Pinned.
#[btf_map(name = "counters")]
pub(crate) static COUNTERS: PerCpuArray<Counters, 64> = PerCpuArray::new();

/// The last sequence number given out on a CPU.
#[btf_map]
pub(crate) static SEQUENCE: PerCpuArray<u32, 1> = PerCpuArray::new();

/// Which servers of a token have had their copy, by the low bits of its sequence number.
#[btf_map]
pub(crate) static SERVED: PerCpuArray<Served, 256> = PerCpuArray::new();

/// The rate limits' token buckets, by interface.
#[btf_map]
pub(crate) static BUCKETS: PerCpuArray<Bucket, 64> = PerCpuArray::new();

/// Copies that the daemon is to send, 2 MiB: about a thousand.
#[btf_map]
pub(crate) static PUNTED: RingBuf<Punted, 2_097_152> = RingBuf::new();

/// Where records wait for the client table: two rings for each CPU there may be. 128 octets each; written by both sides.
#[btf_map]
pub(crate) static RINGS: Array<Ring, 2, { BPF_F_MMAPABLE as usize }> = Array::new();

/// The records of all rings. 144 octets each.
#[btf_map]
pub(crate) static RECORDS: Array<Record, 2, { BPF_F_MMAPABLE as usize }> = Array::new();

/// Wakes the one who reads them.
#[btf_map]
pub(crate) static BELL: RingBuf<u64, 16_384> = RingBuf::new();

/// Who offered or gave an address to a client: 65,536 clients, of which the longest silent are forgotten first.
#[btf_map]
pub(crate) static HOLDERS: LruHashMap<HolderKey, Holder, 65_536> = LruHashMap::new();

/// The leases of the client table, by VRF and address: what a renewal's server is read from when `HOLDERS` has forgotten
/// it, and for other programs to read. An entry takes memory when it is made (128 octets), an empty map a bucket of 16
/// octets for each there may be. Pinned.
#[btf_map(name = "leases")]
pub(crate) static LEASES: HashMap<LeaseKey, Lease, 65_536, { BPF_F_NO_PREALLOC as usize }> = HashMap::new();

/// On which interface a client was heard whose giaddr does not tell: as many, likewise.
#[btf_map]
pub(crate) static CLIENTS: LruHashMap<ClientKey, u32, 65_536> = LruHashMap::new();

/// Which of its interface's addresses a client has come to: as many, likewise.
#[btf_map]
pub(crate) static ATTEMPTS: LruHashMap<AttemptKey, Attempt, 65_536> = LruHashMap::new();
