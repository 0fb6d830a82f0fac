//! Where records wait for the daemon: two rings for each CPU, in memory that programs and daemon share.
//!
//! A ring has one writer, the programs of its CPU, and one reader, so that neither needs a lock or an instruction that waits
//! for memory. What is written by one side lies on cache lines of its own.

use bytemuck::{Pod, Zeroable};

/// Rings of one CPU: that of DISCOVERs, which a flood of takes no room from what leases depend on, behind that of all others.
pub const RINGS_PER_CPU: u32 = 2;

/// Value of `RINGS`, by CPU × [`RINGS_PER_CPU`], and one more for DISCOVERs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Ring {
    /// Records that have been written since the beginning. A record is whole when it is counted.
    pub written: u64,
    /// The value of `read` that the writer knows.
    pub known_read: u64,
    /// Where in `RECORDS` the ring begins.
    pub first: u32,
    /// Records that it has room for, a power of two, less one.
    pub mask: u32,
    /// To the end of the writer's cache line.
    pub zero: [u64; 5],
    /// Records that the reader has taken since the beginning.
    pub read: u64,
    /// 1: the reader sleeps, and the next writer makes it 0 and wakes it by way of `BELL`.
    pub asleep: u32,
    /// Always 0.
    pub none: u32,
    /// To the end of the reader's cache line.
    pub nil: [u64; 6],
}
