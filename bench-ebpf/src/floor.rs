//! What the kernel asks for the redirect and the copies alone: no relay on this kernel can be faster.

use aya_ebpf::bindings::xdp_action::XDP_DROP;

use crate::maps::{COPIES, CPUS, ONE};

/// `bpf_redirect_map`: to every entry of the map (Linux 5.14).
const BPF_F_BROADCAST: u64 = 1 << 3;

#[inline(always)]
pub(crate) fn one() -> u32 {
    ONE.redirect(0, 0).unwrap_or(XDP_DROP)
}

#[inline(always)]
pub(crate) fn all() -> u32 {
    COPIES.redirect(0, BPF_F_BROADCAST).unwrap_or(XDP_DROP)
}

#[inline(always)]
pub(crate) fn hop() -> u32 {
    CPUS.redirect(0, 0).unwrap_or(XDP_DROP)
}
