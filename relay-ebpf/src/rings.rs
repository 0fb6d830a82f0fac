//! Writing into this CPU's rings.
//!
//! A ring has one writer: programs of one CPU do not interrupt each other. So a record is written where it will lie, and is
//! there for the reader when the count of records goes up. The rings of the kernel are shared by all CPUs: their lock and the
//! exchange by which they publish cost more than what is written into them.

use core::arch::asm;

use aya_ebpf::helpers::bpf_get_smp_processor_id;
use relay_common::{
    abi::{RINGS_PER_CPU, Ring},
    record::Record,
};

use crate::maps::{BELL, RECORDS, RINGS};

/// `bpf_ringbuf_output`: wakes the reader in any case.
const BPF_RB_FORCE_WAKEUP: u64 = 2;

/// Room for one record, until it is [published](Room::publish).
pub(crate) struct Room {
    ring: *mut Ring,
    pub(crate) record: *mut Record,
}

impl Room {
    /// `None` when the ring is full.
    #[inline(always)]
    pub(crate) fn new(discover: bool) -> Option<Self> {
        // SAFETY: the helper has no preconditions.
        let cpu = unsafe { bpf_get_smp_processor_id() } as u32;
        let ring = RINGS.get_ptr_mut(cpu * RINGS_PER_CPU + u32::from(discover))?;
        // SAFETY: the writer's half of the ring is this CPU's; of the reader's, `read` only grows.
        let index = unsafe {
            let (written, mask) = ((*ring).written, u64::from((*ring).mask));
            if written.wrapping_sub((*ring).known_read) > mask {
                let read = (&raw const (*ring).read).read_volatile();
                (*ring).known_read = read;
                if written.wrapping_sub(read) > mask {
                    return None;
                }
            }
            (*ring).first + (written & mask) as u32
        };
        Some(Self { ring, record: RECORDS.get_ptr_mut(index)? })
    }

    /// The record is whole.
    #[inline(always)]
    pub(crate) fn publish(self) {
        // SAFETY: as above.
        let asleep = unsafe {
            let count = after_stores((*self.ring).written.wrapping_add(1));
            (&raw mut (*self.ring).written).write_volatile(count);
            (&raw const (*self.ring).asleep).read_volatile()
        };
        if asleep != 0 {
            // SAFETY: as above; the reader writes the field when it has nothing to read.
            unsafe { (&raw mut (*self.ring).asleep).write_volatile(0) };
            // Full, it has not been emptied since somebody else rang.
            let _ = BELL.output(0_u64, BPF_RB_FORCE_WAKEUP);
        }
    }
}

/// The same number, for a store that is seen no earlier than every store before it.
#[inline(always)]
fn after_stores(mut value: u64) -> u64 {
    // One instruction, as in `frame::hidden`. That it may touch memory keeps the compiler from moving stores across it; x86-64
    // never lets a store be seen before an earlier one.
    // SAFETY: a register is copied to itself.
    unsafe { asm!("{0} = {0}", inout(reg) value, options(nostack, preserves_flags)) };
    if cfg!(not(bpf_target_arch = "x86_64")) {
        // Elsewhere it takes an atomic exchange, which BPF orders with everything: on a word of nobody's.
        barrier();
    }
    value
}

/// Orders everything before with everything after.
#[inline(always)]
fn barrier() {
    let mut word = 0_u64;
    let mut other = 0_u64;
    // SAFETY: the word is on the stack, and the instruction exchanges it with a register.
    unsafe { asm!("{0} = xchg_64({1} + 0, {0})", inout(reg) other, in(reg) &raw mut word) };
    let _ = (word, other);
}
