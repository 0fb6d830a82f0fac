//! Which of the rights that the fast path takes this process lacks. The kernel only answers EPERM, to whichever call
//! happens to come first; an operator has to know which line of the unit to change.

use std::fs;

use super::FastPathError;

/// `include/uapi/linux/capability.h`.
const NET_ADMIN: u32 = 12;
const SYS_ADMIN: u32 = 21;
const PERFMON: u32 = 38;
const BPF: u32 = 39;

/// What the fast path needs, and whether CAP_SYS_ADMIN does as well (Linux 5.8, which split these from it).
const NEEDED: [(&str, u32, bool); 3] =
    [("CAP_BPF", BPF, true), ("CAP_PERFMON", PERFMON, true), ("CAP_NET_ADMIN", NET_ADMIN, false)];

/// Refuses where a capability is missing. Where /proc does not tell, the kernel's own refusal is waited for.
///
/// # Errors
/// [`FastPathError::Capabilities`] with the names of those that are missing.
pub fn check() -> Result<(), FastPathError> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let Some(effective) = effective(&status) else { return Ok(()) };
    let missing = missing(effective);
    if missing.is_empty() { Ok(()) } else { Err(FastPathError::Capabilities { missing: missing.join(" ") }) }
}

fn effective(status: &str) -> Option<u64> {
    let mask = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(mask.trim(), 16).ok()
}

fn missing(effective: u64) -> Vec<&'static str> {
    let has = |capability: u32| effective & (1 << capability) != 0;
    let enough = |capability, or_admin| has(capability) || (or_admin && has(SYS_ADMIN));
    NEEDED
        .into_iter()
        .filter(|(_, capability, or_admin)| !enough(*capability, *or_admin))
        .map(|(name, ..)| name)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_missing_capability_is_named() {
        assert_eq!(missing(0), ["CAP_BPF", "CAP_PERFMON", "CAP_NET_ADMIN"]);
        assert_eq!(missing(1 << BPF | 1 << NET_ADMIN), ["CAP_PERFMON"]);
        assert!(missing(1 << BPF | 1 << PERFMON | 1 << NET_ADMIN).is_empty());
    }

    #[test]
    fn sys_admin_stands_for_what_was_split_from_it_and_for_nothing_else() {
        assert_eq!(missing(1 << SYS_ADMIN), ["CAP_NET_ADMIN"]);
    }

    #[test]
    fn the_mask_is_read_as_the_kernel_writes_it() {
        let status = "Name:\tx\nCapPrm:\t000001ffffffffff\nCapEff:\t0000000000003000\n";
        assert_eq!(effective(status), Some(0x3000));
        assert_eq!(effective("Name:\tx\n"), None);
    }
}
