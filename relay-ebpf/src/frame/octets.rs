//! Many octets at once: summed and copied by the kernel's own functions.

use aya_ebpf::{
    EbpfContext as _,
    helpers::{
        bpf_csum_diff,
        generated::{bpf_xdp_load_bytes, bpf_xdp_store_bytes},
    },
};
use relay_common::{Frame as _, Sum};

use super::{XdpFrame, forgotten};

impl XdpFrame {
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

    /// Copies the `len` octets at `offset`, at most as many as there is room for (Linux 5.18).
    #[inline(always)]
    pub(crate) fn load_octets<const N: usize>(
        &self,
        offset: usize,
        len: usize,
        into: &mut [u64; N],
    ) -> Option<()> {
        if len == 0 {
            return Some(());
        }
        // As in `store`.
        let mut len = (forgotten(len).wrapping_sub(1) & 0xff) + 1;
        if len > 8 * N {
            len = 8 * N;
        }
        let target = into.as_mut_ptr().cast();
        // SAFETY: there is room for `len` octets, and the helper compares the end with that of the packet.
        let refused =
            unsafe { bpf_xdp_load_bytes(self.ctx.as_ptr().cast(), offset as u32, target, len as u32) } != 0;
        (!refused).then_some(())
    }
}
