//! The boot-independent clock of the rate limit.

use aya_ebpf::helpers::bpf_ktime_get_ns;

/// Nanoseconds of the monotonic clock.
#[inline(always)]
pub(crate) fn now() -> u64 {
    // SAFETY: the helper has no arguments and no preconditions.
    unsafe { bpf_ktime_get_ns() }
}
