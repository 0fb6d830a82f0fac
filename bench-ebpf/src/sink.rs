//! Counting at the far end: a veth ring loses what it has no room for without telling the sender.

use aya_ebpf::{
    bindings::xdp_action::{XDP_DROP, XDP_PASS},
    helpers::bpf_ktime_get_ns,
    programs::XdpContext,
};

use crate::{
    feed::XID,
    maps::{LATENCY, SEEN},
};

#[inline(always)]
pub(crate) fn count(ctx: &XdpContext) -> u32 {
    if !is_dhcp(ctx) {
        return XDP_PASS;
    }
    if let Some(seen) = SEEN.get_ptr_mut(0) {
        // SAFETY: the counter of this CPU, which nobody else writes while the program runs.
        unsafe { *seen += 1 };
    }
    XDP_DROP
}

#[inline(always)]
pub(crate) fn count_timed(ctx: &XdpContext) -> u32 {
    let verdict = count(ctx);
    let start = ctx.data();
    if verdict == XDP_DROP && start + XID + 4 <= ctx.data_end() {
        // SAFETY: the end was compared with data_end.
        let stamp = unsafe { ((start + XID) as *const u32).read_unaligned() };
        // SAFETY: the helper has no preconditions.
        let now = unsafe { bpf_ktime_get_ns() } as u32;
        if let Some(bucket) = LATENCY.get_ptr_mut(bucket(now.wrapping_sub(stamp))) {
            // SAFETY: as for SEEN.
            unsafe { *bucket += 1 };
        }
    }
    verdict
}

/// Sixteen buckets for every power of two: the highest five bits of the value.
#[inline(always)]
fn bucket(nanoseconds: u32) -> u32 {
    let mut exponent = 0;
    // Without an instruction for it, five halvings find the highest bit.
    let mut rest = nanoseconds >> 4;
    for shift in [16, 8, 4, 2, 1] {
        if rest >> shift != 0 {
            exponent += shift;
            rest >>= shift;
        }
    }
    let exponent = if nanoseconds < 16 { 0 } else { exponent + 1 };
    let mantissa = if exponent == 0 { nanoseconds } else { (nanoseconds >> (exponent - 1)) & 15 };
    exponent * 16 + mantissa
}

#[inline(always)]
fn is_dhcp(ctx: &XdpContext) -> bool {
    let start = ctx.data();
    if start + 38 > ctx.data_end() {
        return false;
    }
    // SAFETY: the first 38 octets are in the packet.
    let (ethertype, protocol, port) = unsafe {
        (
            ((start + 12) as *const u16).read_unaligned(),
            ((start + 23) as *const u8).read(),
            ((start + 36) as *const u16).read_unaligned(),
        )
    };
    ethertype == 0x0800u16.to_be() && protocol == 17 && port == 67u16.to_be()
}
