//! Many octets at once: summed and copied by the kernel's own functions, few of them in words of eight without a call.

use aya_ebpf::{
    EbpfContext as _,
    helpers::{bpf_csum_diff, generated::bpf_xdp_store_bytes},
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
}
