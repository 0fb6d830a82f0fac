//! All maps in one place. Userspace fills `TEMPLATE`, `NEXT` and the device maps, and reads the counters.

use aya_ebpf::{
    btf_maps::{Array, CpuMap, DevMap, PerCpuArray, ProgramArray},
    macros::btf_map,
};

/// Octets of a template; one below a power of two masks an offset.
pub(crate) const ROOM: usize = 2048;
/// Buckets of the histogram: 16 for every power of two of nanoseconds.
pub(crate) const BUCKETS: usize = 1024;

/// A frame that is sent or tested.
#[repr(C)]
pub(crate) struct Template {
    /// Octets that count.
    pub(crate) len: u32,
    /// Keeps `frame` at a multiple of eight.
    pub(crate) reserved: u32,
    /// From the Ethernet address on.
    pub(crate) frame: [u8; ROOM],
}

/// Where a tested frame starts.
#[repr(C)]
pub(crate) struct Position {
    /// Address at the first run, 0 before it.
    pub(crate) first: u64,
    /// Address now.
    pub(crate) now: u64,
}

/// Whose turn it is among the templates.
#[repr(C)]
pub(crate) struct Turn {
    /// How many there are; 0 stands for one.
    pub(crate) count: u32,
    /// The next one.
    pub(crate) next: u32,
}

/// The frames that are sent or tested, in turn; userspace sets the size.
#[btf_map]
pub(crate) static TEMPLATE: Array<Template, 1> = Array::new();

#[btf_map]
pub(crate) static TURN: Array<Turn, 1> = Array::new();

#[btf_map]
pub(crate) static POSITION: Array<Position, 1> = Array::new();

#[btf_map]
pub(crate) static NEXT: ProgramArray<1> = ProgramArray::new();

/// One device.
#[btf_map]
pub(crate) static ONE: DevMap<1> = DevMap::new();

/// A device for every copy; userspace sets the size.
#[btf_map]
pub(crate) static COPIES: DevMap<1> = DevMap::new();

/// Another CPU, by its number.
#[btf_map]
pub(crate) static CPUS: CpuMap<1> = CpuMap::new();

/// Frames that a sink has counted, per CPU.
#[btf_map]
pub(crate) static SEEN: PerCpuArray<u64, 1> = PerCpuArray::new();

/// Frames by nanoseconds on the way, per CPU.
#[btf_map]
pub(crate) static LATENCY: PerCpuArray<u64, BUCKETS> = PerCpuArray::new();
