//! The packet behind an XDP program as a [`Frame`]: the only place where packet memory is touched.
//!
//! Two habits please the verifier. Every access computes its end from the same value as its start and compares it
//! with `data_end` right before the access. And an `asm!` that does nothing keeps the compiler from rewriting
//! `p + 1 > end` as `p >= end`, which would leave the verifier without a range for `p`.

mod notes;
mod octets;

use core::arch::asm;

use aya_ebpf::{
    EbpfContext as _,
    helpers::{bpf_xdp_adjust_head, bpf_xdp_adjust_tail},
    programs::XdpContext,
};
use relay_common::{
    Frame, Options, Reason, Seen, Sum,
    abi::Agent,
    removal::{self, Removal},
    wire::bootp::option,
};

use crate::{
    events as records, loops,
    maps::{NOTES, Notes},
};

/// Zero, which the verifier does not know: it lies in a map that may be written.
#[unsafe(no_mangle)]
static mut UNKNOWN_ZERO: usize = 0;

/// As many as an option can have with code and length, and more. Memory that may be written: before it was marked otherwise,
/// `bpf_xdp_store_bytes` asked for it, though it only reads.
#[unsafe(no_mangle)]
static mut ZEROS: [u8; 512] = [0; 512];

/// The linear part of a packet.
pub(crate) struct XdpFrame {
    ctx: XdpContext,
    /// This CPU's.
    notes: *mut Notes,
    /// The number of the message in hand, shifted left by [`MESSAGE_SHIFT`].
    message: u64,
}

/// Below it there is room for an offset in the frame.
const MESSAGE_SHIFT: u32 = 16;

impl XdpFrame {
    #[inline(always)]
    pub(crate) fn new(ctx: XdpContext) -> Option<Self> {
        Some(Self { ctx, notes: NOTES.get_ptr_mut(0)?, message: 0 })
    }

    /// The frame with the options that the last walk on this CPU has noted.
    #[inline(always)]
    pub(crate) fn walked(ctx: XdpContext) -> Option<Self> {
        let notes = NOTES.get_ptr_mut(0)?;
        // SAFETY: the notes of this CPU, which nobody else uses while the program runs.
        let message = unsafe { (*notes).message };
        Some(Self { ctx, notes, message: message << MESSAGE_SHIFT })
    }

    /// A frame whose options nobody asks for.
    #[inline(always)]
    pub(crate) fn without_options(ctx: XdpContext) -> Self {
        Self { ctx, notes: core::ptr::null_mut(), message: 0 }
    }

    pub(crate) fn ctx(&self) -> &XdpContext {
        &self.ctx
    }

    /// Address of the `len` octets at `offset`, if all of them are in the packet. `len` is a constant.
    #[inline(always)]
    fn at(&self, offset: usize, len: usize) -> Option<usize> {
        let start = self.ctx.data() + offset;
        let end = hidden(start + len);
        (end <= self.ctx.data_end()).then_some(start)
    }
}

#[inline(always)]
fn hidden(mut value: usize) -> usize {
    // One instruction, because an empty asm! leaves two lines of debug information at one offset, which the kernel
    // refuses (BTF line info must ascend).
    // SAFETY: a register is copied to itself.
    unsafe { asm!("{0} = {0}", inout(reg) value, options(pure, nomem, nostack, preserves_flags)) };
    value
}

/// Writes a value and returns the address behind it.
///
/// # Safety
/// As many octets at `to` may be written.
#[inline(always)]
unsafe fn store<T>(to: *mut u8, value: T) -> *mut u8 {
    // SAFETY: by contract.
    unsafe {
        to.cast::<T>().write_unaligned(value);
        to.add(size_of::<T>())
    }
}

impl Frame for XdpFrame {
    const LIMIT: usize = 0x7ff;
    const MAX_STEPS: usize = 96;
    const HAS_SLOW_PATH: bool = true;

    #[inline(always)]
    fn len(&self) -> usize {
        // Hidden, or a mask on the result would make the compiler subtract only the lower halves of the pointers.
        hidden(self.ctx.data_end() - self.ctx.data())
    }

    #[inline(always)]
    fn read<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        let address = self.at(offset, N)?;
        // SAFETY: `at` has compared the end of the N octets with data_end, and any octets are a valid array.
        Some(unsafe { (address as *const [u8; N]).read_unaligned() })
    }

    #[inline(always)]
    fn write<const N: usize>(&mut self, offset: usize, octets: [u8; N]) -> Option<()> {
        let mut to = self.at(offset, N)? as *mut u8;
        // In the largest pieces there are: of an array the compiler makes single octets, and calls `memset` for five zeros.
        let (words, rest) = octets.as_chunks::<8>();
        for word in words {
            // SAFETY: as for `read`; the program is the packet's only user while it runs.
            to = unsafe { store(to, u64::from_ne_bytes(*word)) };
        }
        let (quads, rest) = rest.as_chunks::<4>();
        for quad in quads {
            // SAFETY: as above.
            to = unsafe { store(to, u32::from_ne_bytes(*quad)) };
        }
        let (pairs, rest) = rest.as_chunks::<2>();
        for pair in pairs {
            // SAFETY: as above.
            to = unsafe { store(to, u16::from_ne_bytes(*pair)) };
        }
        for octet in rest {
            // SAFETY: as above.
            to = unsafe { store(to, *octet) };
        }
        Some(())
    }

    #[inline(always)]
    fn view<const N: usize>(&self, offset: usize) -> Option<&[u8; N]> {
        let address = self.at(offset, N)?;
        // SAFETY: as for `read`; only this program writes the packet, by way of a frame that is borrowed then.
        Some(unsafe { &*(hidden(address) as *const [u8; N]) })
    }

    #[inline(always)]
    fn view_mut<const N: usize>(&mut self, offset: usize) -> Option<&mut [u8; N]> {
        let address = self.at(offset, N)?;
        // SAFETY: as above.
        Some(unsafe { &mut *(hidden(address) as *mut [u8; N]) })
    }

    #[inline(always)]
    fn words<const N: usize>(&self, offset: usize) -> Option<[u64; N]> {
        let first = self.at(offset, 8 * N)? as *const u64;
        // One by one: a copy of more than a word is made octet by octet.
        // SAFETY: as for `read`.
        Some(core::array::from_fn(|index| unsafe { first.add(index).read_unaligned() }))
    }

    #[inline(always)]
    fn write_words<const N: usize>(&mut self, offset: usize, words: [u64; N]) -> Option<()> {
        let first = self.at(offset, 8 * N)? as *mut u64;
        for (index, word) in words.into_iter().enumerate() {
            // SAFETY: as for `write`.
            unsafe { first.add(index).write_unaligned(word) };
        }
        Some(())
    }

    #[inline(always)]
    fn load<const N: usize>(&self, offset: usize, len: usize, into: &mut [u64; N]) -> Option<()> {
        self.load_octets(offset, len, into)
    }

    #[inline(always)]
    fn grow_tail(&mut self, by: usize) -> Option<()> {
        let before = self.len();
        // SAFETY: the context is the one this program was called with. Pointers into the packet are not kept.
        let refused = unsafe { bpf_xdp_adjust_tail(self.ctx.as_ptr().cast(), by as i32) } != 0;
        // Drivers have been seen to claim success with another length.
        (!refused && self.len() == before + by).then_some(())
    }

    #[inline(always)]
    fn shrink_tail(&mut self, by: usize) -> Option<()> {
        // SAFETY: as for `grow_tail`.
        (unsafe { bpf_xdp_adjust_tail(self.ctx.as_ptr().cast(), -(by as i32)) } == 0).then_some(())
    }

    #[inline(always)]
    fn grow_head(&mut self, by: usize) -> Option<()> {
        // SAFETY: as for `grow_tail`.
        (unsafe { bpf_xdp_adjust_head(self.ctx.as_ptr().cast(), -(by as i32)) } == 0).then_some(())
    }

    #[inline(always)]
    fn shrink_head(&mut self, by: usize) -> Option<()> {
        // SAFETY: as for `grow_tail`.
        (unsafe { bpf_xdp_adjust_head(self.ctx.as_ptr().cast(), by as i32) } == 0).then_some(())
    }

    #[inline(always)]
    fn walk(&mut self, start: usize, end: usize) -> Result<Options, Reason> {
        match loops::walk_options(self.ctx.ctx, start as u64, end as u64) {
            loops::WALKED => {
                // SAFETY: as for `found`.
                let (number, options) =
                    unsafe { ((*self.notes).message, (&raw const (*self.notes).found).read()) };
                self.message = number << MESSAGE_SHIFT;
                Ok(options)
            }
            loops::MANY => Err(Reason::ManyOptions),
            _ => Err(Reason::MalformedOptions),
        }
    }

    #[inline(always)]
    fn sum(&self, offset: usize, len: usize) -> Option<Sum> {
        let sum = loops::sum_octets(self.ctx.ctx, offset as u64, len as u64);
        (sum != loops::FAILED).then_some(Sum::from_raw(sum))
    }

    #[inline(always)]
    fn agent_hash(&self, _at: usize, _len: usize) -> Option<u64> {
        Some(self.noted_hash(option::RELAY_AGENT))
    }

    #[inline(always)]
    fn forward(&mut self, at: usize, len: usize, end: usize) -> Option<()> {
        (loops::move_octets(self.ctx.ctx, at as u64, len as u64, end as u64) == 0).then_some(())
    }

    #[inline(always)]
    fn zero(&mut self, at: usize, len: usize) -> Option<()> {
        // SAFETY: nobody writes the octets.
        self.store(at, unsafe { &*(&raw const ZEROS) }, len)
    }

    #[inline(always)]
    fn remove(&mut self, removal: &Removal) -> Option<Sum> {
        if let Some(sum) = removal::remove_short(self, removal) {
            return Some(sum);
        }
        let Removal { at, len, end, to } = *removal;
        let sum = loops::remove(self.ctx.ctx, at as u64, len as u64, end as u64, to as u64);
        (sum != loops::FAILED).then_some(Sum::from_raw(sum))
    }

    #[inline(always)]
    fn write_agent(&mut self, offset: usize, interface: u32, _ours: &Agent, unicast: bool) -> Option<Sum> {
        let sum = loops::write_agent(self.ctx.ctx, offset as u64, interface, u32::from(unicast));
        (sum != loops::FAILED).then_some(Sum::from_raw(sum))
    }

    #[inline(always)]
    fn blame(&mut self, interface: u32) {
        // SAFETY: as for `forget_options`.
        unsafe { (*self.notes).blamed = interface };
    }

    #[inline(always)]
    fn blamed(&self) -> u32 {
        // SAFETY: as for `forget_options`.
        unsafe { (*self.notes).blamed }
    }

    #[inline(always)]
    fn observe(&mut self, seen: &Seen) {
        let upstream = if seen.upstream { records::UPSTREAM } else { 0 };
        let kind = u32::from(seen.message) | upstream;
        // Its result is the verifier's: a function must have one.
        let _ = records::relayed(self.ctx.ctx, seen.l3 as u64, seen.interface, seen.vrf, kind);
    }

    #[inline(always)]
    fn forget_options(&mut self) {
        // SAFETY: the notes of this CPU, which nobody else uses while the program runs.
        let number = unsafe {
            (*self.notes).message = (*self.notes).message.wrapping_add(1);
            (*self.notes).message
        };
        self.message = number << MESSAGE_SHIFT;
    }

    #[inline(always)]
    fn note_option(&mut self, code: u8, at: usize) {
        // SAFETY: as for `forget_options`; there is one element for every code.
        unsafe {
            let first: *mut u64 = (&raw mut (*self.notes).options).cast();
            first.add(usize::from(code)).write(self.message | at as u64);
        }
    }

    #[inline(always)]
    fn noted_option(&self, code: u8) -> Option<usize> {
        // SAFETY: as for `note_option`.
        let note = unsafe {
            let first: *const u64 = (&raw const (*self.notes).options).cast();
            first.add(usize::from(code)).read()
        };
        (note >> MESSAGE_SHIFT == self.message >> MESSAGE_SHIFT).then_some(note as usize & Self::LIMIT)
    }

    #[inline(always)]
    fn opaque(&self, value: usize) -> usize {
        forgotten(value)
    }
}

/// The same value, of which the verifier knows nothing.
#[inline(always)]
pub(crate) fn forgotten(value: usize) -> usize {
    // Loaded anew each time: what the verifier learns of one result must not tell it anything of another.
    // SAFETY: nobody writes the variable.
    value.wrapping_add(unsafe { (&raw const UNKNOWN_ZERO).read_volatile() })
}
