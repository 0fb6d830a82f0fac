//! The clock of the client table: nanoseconds since boot, suspended time included, which nobody can set.
//!
//! A lease ends when its seconds have passed, whatever becomes of the wall clock in between. Only the store, whose
//! rows outlive a boot, knows wall time.

use std::{num::NonZeroU64, time::Duration};

use nix::time::{ClockId, clock_gettime};

/// A point in time on `CLOCK_BOOTTIME`. The first nanosecond counts as the second, so that one that may be missing takes no
/// more room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BootTime(NonZeroU64);

impl Default for BootTime {
    /// The start of the clock.
    fn default() -> Self {
        Self(NonZeroU64::MIN)
    }
}

impl BootTime {
    /// Never: the end of a lease of infinite time.
    pub const NEVER: Self = Self(NonZeroU64::MAX);

    /// The time that the clock shows now.
    ///
    /// # Errors
    /// What `clock_gettime` says; kernels since 2.6.39 have this clock.
    pub fn now() -> nix::Result<Self> {
        Ok(Self::from_duration(Duration::from(clock_gettime(ClockId::CLOCK_BOOTTIME)?)))
    }

    /// From nanoseconds since boot.
    pub const fn from_nanos(nanos: u64) -> Self {
        match NonZeroU64::new(nanos) {
            Some(nanos) => Self(nanos),
            None => Self(NonZeroU64::MIN),
        }
    }

    /// From the time since boot.
    pub fn from_duration(since_boot: Duration) -> Self {
        Self::from_nanos(u64::try_from(since_boot.as_nanos()).unwrap_or(u64::MAX))
    }

    /// Nanoseconds since boot.
    pub const fn nanos(self) -> u64 {
        self.0.get()
    }

    /// This much later; [`Self::NEVER`] where the clock ends, in 584 years.
    pub fn after(self, by: Duration) -> Self {
        Self(u64::try_from(by.as_nanos()).map_or(NonZeroU64::MAX, |by| self.0.saturating_add(by)))
    }

    /// How long it has been since `earlier`; zero if that is still to come.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.nanos().saturating_sub(earlier.nanos()))
    }
}
