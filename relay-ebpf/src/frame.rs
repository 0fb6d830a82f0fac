//! The packet behind an XDP program as a [`Frame`]: the only place where packet memory is touched.
//!
//! Two habits please the verifier. Every access computes its end from the same value as its start and compares it
//! with `data_end` right before the access. And an `asm!` that does nothing keeps the compiler from rewriting
//! `p + 1 > end` as `p >= end`, which would leave the verifier without a range for `p`.

use core::arch::asm;

use aya_ebpf::{
    EbpfContext as _,
    helpers::{bpf_xdp_adjust_head, bpf_xdp_adjust_tail},
    programs::XdpContext,
};
use relay_common::Frame;

/// Zero, which the verifier does not know: it lies in a map that may be written.
#[unsafe(no_mangle)]
static mut UNKNOWN_ZERO: usize = 0;

/// The linear part of a packet.
pub(crate) struct XdpFrame {
    ctx: XdpContext,
}

impl XdpFrame {
    pub(crate) fn new(ctx: XdpContext) -> Self {
        Self { ctx }
    }

    pub(crate) fn ctx(&self) -> &XdpContext {
        &self.ctx
    }

    /// Address of the `N` octets at `offset`, if all of them are in the packet.
    #[inline(always)]
    fn at<const N: usize>(&self, offset: usize) -> Option<usize> {
        let start = self.ctx.data() + offset;
        let end = hidden(start + N);
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
        let address = self.at::<N>(offset)?;
        // SAFETY: `at` has compared the end of the N octets with data_end, and any octets are a valid array.
        Some(unsafe { (address as *const [u8; N]).read_unaligned() })
    }

    #[inline(always)]
    fn write<const N: usize>(&mut self, offset: usize, octets: [u8; N]) -> Option<()> {
        let address = self.at::<N>(offset)?;
        // SAFETY: as for `read`; the program is the packet's only user while it runs.
        unsafe { (address as *mut [u8; N]).write_unaligned(octets) };
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
    fn opaque(&self, value: usize) -> usize {
        // Loaded anew each time: what the verifier learns of one result must not tell it anything of another.
        // SAFETY: nobody writes the variable.
        value.wrapping_add(unsafe { (&raw const UNKNOWN_ZERO).read_volatile() })
    }
}
