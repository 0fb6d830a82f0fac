//! The packet behind an XDP program as a [`Frame`]: the only place where packet memory is touched.
//!
//! Two habits please the verifier. Every access computes its end from the same value as its start and compares it
//! with `data_end` right before the access. And an `asm!` that does nothing keeps the compiler from rewriting
//! `p + 1 > end` as `p >= end`, which would leave the verifier without a range for `p`.

use core::arch::asm;

use aya_ebpf::{
    EbpfContext as _,
    helpers::{bpf_csum_diff, bpf_xdp_adjust_head, bpf_xdp_adjust_tail, generated::bpf_xdp_store_bytes},
    programs::XdpContext,
};
use relay_common::{
    Frame, Options, Reason, Seen, Sum,
    abi::{Agent, Cut},
    agent, event,
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

    /// A message begins in which no option 82 was inserted yet.
    #[inline(always)]
    pub(crate) fn begin(&mut self) {
        // SAFETY: the notes of this CPU, which nobody else uses while the program runs.
        unsafe { (*self.notes).cut.near = 0 };
    }

    /// What some servers get less of the option 82 that was inserted.
    #[inline(always)]
    pub(crate) fn cut(&self) -> Cut {
        // SAFETY: as for `begin`.
        unsafe { (*self.notes).cut }
    }

    /// The same for a record that is not aligned for the fields: in whole words, which the compiler does not make calls of.
    #[inline(always)]
    pub(crate) fn leave_cut(&self, record: *mut Cut) {
        // SAFETY: as for `begin`.
        let from: *const u32 = unsafe { &raw const (*self.notes).cut }.cast();
        let to: *mut u32 = record.cast();
        for word in 0..size_of::<Cut>() / size_of::<u32>() {
            // SAFETY: as for `begin`, and the record is the caller's.
            unsafe { to.add(word).write(from.add(word).read_volatile()) };
        }
    }

    /// Bit i: server i is one of these.
    #[inline(always)]
    pub(crate) fn near(&self) -> u32 {
        // SAFETY: as for `begin`.
        forgotten(unsafe { (*self.notes).cut.near } as usize) as u32
    }

    /// A frame whose options nobody asks for.
    #[inline(always)]
    pub(crate) fn without_options(ctx: XdpContext) -> Self {
        Self { ctx, notes: core::ptr::null_mut(), message: 0 }
    }

    pub(crate) fn ctx(&self) -> &XdpContext {
        &self.ctx
    }

    /// Leaves what a walk has found to the caller of the function that walked.
    #[inline(always)]
    pub(crate) fn found(&mut self, options: Options) {
        // SAFETY: the notes of this CPU, which nobody else uses while the program runs.
        unsafe { (&raw mut (*self.notes).found).write(options) };
    }

    /// Keeps the hashes of what stands in option 61 and 82 for those who ask later.
    #[inline(always)]
    pub(crate) fn note_hashes(&mut self, options: &Options) {
        let client_id = self.value_hash(self.value_of(event::option::CLIENT_ID));
        let agent = self.value_hash(match options.agents {
            1 => Some((options.agent + 2, options.agent_len - 2)),
            _ => self.value_of(option::RELAY_AGENT),
        });
        // SAFETY: the notes of this CPU, which nobody else uses while the program runs.
        unsafe {
            (*self.notes).client_id = client_id;
            (*self.notes).agent = agent;
        }
    }

    /// Where the value of the last option with this code begins, and its octets.
    #[inline(always)]
    fn value_of(&self, code: u8) -> Option<(usize, usize)> {
        let at = self.offset(self.noted_option(code)?);
        Some((at + 2, usize::from(self.u8(at + 1)?)))
    }

    /// 0 when there is no value, or it lies outside the frame.
    #[inline(always)]
    fn value_hash(&self, value: Option<(usize, usize)>) -> u64 {
        let Some((at, len)) = value else { return 0 };
        agent::whole_in(self, self.offset(at), forgotten(len) & agent::MAX_VALUE).unwrap_or(0)
    }

    /// The hash that was kept for option 61 or 82, 0 when there is none.
    #[inline(always)]
    pub(crate) fn noted_hash(&self, code: u8) -> u64 {
        if self.noted_option(code).is_none() {
            return 0;
        }
        // SAFETY: as for `note_hashes`.
        unsafe { if code == option::RELAY_AGENT { (*self.notes).agent } else { (*self.notes).client_id } }
    }

    /// The sum over the `N` octets at `offset`, a multiple of four and at most 512.
    #[inline(always)]
    pub(crate) fn sum_of<const N: usize>(&self, offset: usize) -> Option<Sum> {
        let address = self.at(forgotten(offset) & Self::LIMIT, N)?;
        // SAFETY: `at` has compared the end of the N octets with data_end; they are only read.
        let sum = unsafe { bpf_csum_diff(core::ptr::null_mut(), 0, address as *mut u32, N as u32, 0) };
        Some(Sum::from_raw(u64::from(sum as u32)))
    }

    /// Writes the first `len` of `octets` over those at `offset` (Linux 5.18).
    #[inline(always)]
    pub(crate) fn store<const N: usize>(
        &mut self,
        offset: usize,
        octets: &[u8; N],
        len: usize,
    ) -> Option<()> {
        // For the verifier of Linux 6.1 the lower bound has to come out of the arithmetic.
        let len = (forgotten(len).wrapping_sub(1) & (N.next_power_of_two() - 1)) + 1;
        if len > N {
            return None;
        }
        let source = octets.as_ptr().cast_mut().cast();
        // SAFETY: there are `len` octets, and the helper compares the end with that of the packet; it only reads them.
        let refused =
            unsafe { bpf_xdp_store_bytes(self.ctx.as_ptr().cast(), offset as u32, source, len as u32) } != 0;
        (!refused).then_some(())
    }

    /// The same without a call of the kernel where there are few; `octets` are zero behind the first `len`, and so is the frame.
    #[inline(always)]
    pub(crate) fn store_few<const N: usize>(
        &mut self,
        offset: usize,
        octets: &[u8; N],
        len: usize,
    ) -> Option<()> {
        const FEW: usize = 4;
        const { assert!(N >= 8 * FEW + 8) };
        let (words, _) = octets.as_chunks::<8>();
        let len = forgotten(len);
        if !(8..=8 * FEW).contains(&len) {
            return self.store(offset, octets, len);
        }
        let few = words.first_chunk::<FEW>()?.map(u64::from_ne_bytes);
        if self.write_words(offset, few).is_some() {
            return Some(());
        }
        // At the end of the frame: whole words, and one that ends with the octets.
        for (index, word) in few.into_iter().enumerate().take(FEW - 1) {
            if 8 * index + 8 <= len {
                self.write_words(offset + 8 * index, [word])?;
            }
        }
        let last = len.wrapping_sub(8) & (8 * FEW - 1);
        // SAFETY: `last` is at most 31, and eight octets behind that are inside `octets`, which hold four words and more.
        let word = unsafe { octets.as_ptr().add(last).cast::<u64>().read_unaligned() };
        self.write_words(self.offset(offset + last), [word])
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
        let address = self.at(offset, N)?;
        // SAFETY: as for `read`; the program is the packet's only user while it runs.
        unsafe { (address as *mut [u8; N]).write_unaligned(octets) };
        Some(())
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
