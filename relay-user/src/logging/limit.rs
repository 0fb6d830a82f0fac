//! At most one log line per reason and interval, with the number of those that were held back.
//!
//! The clock is the caller's: whoever handles a packet has looked at it already, and a test can turn it.

use std::{
    fmt,
    time::{Duration, Instant},
};

use relay_common::{Reason, abi::REASON_SLOTS};

/// Time between two lines of one reason.
pub const INTERVAL: Duration = Duration::from_secs(10);

/// Which reasons were logged when.
#[derive(Clone, Debug)]
pub struct RateLimited {
    reasons: [State; REASON_SLOTS],
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    logged: Option<Instant>,
    suppressed: u64,
}

/// Lines of a reason that were held back since its last one. Displayed as what to put behind the message: nothing when
/// it is none, else ` (12 more like it in the last 14 s)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suppressed {
    /// How many.
    pub count: u64,
    /// Since when.
    pub within: Duration,
}

impl fmt::Display for Suppressed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { count, within } = self;
        match count {
            0 => Ok(()),
            count => write!(f, " ({count} more like it in the last {} s)", within.as_secs()),
        }
    }
}

impl Default for RateLimited {
    fn default() -> Self {
        Self::new()
    }
}

impl RateLimited {
    /// Nothing was logged yet.
    pub const fn new() -> Self {
        Self { reasons: [State { logged: None, suppressed: 0 }; REASON_SLOTS] }
    }

    /// A packet was not relayed for `reason`: `Some` when a line is to be logged, with what was held back before it.
    pub fn note(&mut self, reason: Reason, now: Instant) -> Option<Suppressed> {
        let state = &mut self.reasons[reason.index()];
        // A packet may carry a time from before the last line, when two threads share the log.
        let within = state.logged.map(|logged| now.saturating_duration_since(logged));
        match within {
            Some(within) if within < INTERVAL => {
                state.suppressed += 1;
                None
            }
            _ => {
                let suppressed =
                    Suppressed { count: state.suppressed, within: within.unwrap_or(Duration::ZERO) };
                *state = State { logged: Some(now), suppressed: 0 };
                Some(suppressed)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The counts of the lines that are let through, for packets at these times (ms).
    fn lines(limit: &mut RateLimited, reason: Reason, start: Instant, times: &[u64]) -> Vec<(u64, u64)> {
        let noted = times.iter().filter_map(|time| {
            let line = limit.note(reason, start + Duration::from_millis(*time))?;
            Some((*time, line.count))
        });
        noted.collect()
    }

    #[test]
    fn one_line_an_interval_tells_what_was_held_back() {
        let (mut limit, start) = (RateLimited::new(), Instant::now());
        let times = [0, 1, 5_000, 9_999, 10_000, 10_001, 30_000, 45_000];
        assert_eq!(
            lines(&mut limit, Reason::HopLimit, start, &times),
            [(0, 0), (10_000, 3), (30_000, 1), (45_000, 0)]
        );
    }

    #[test]
    fn a_flood_for_one_reason_does_not_silence_another() {
        let (mut limit, start) = (RateLimited::new(), Instant::now());
        for time in 0..1_000 {
            lines(&mut limit, Reason::BadOp, start, &[time]);
        }
        assert_eq!(lines(&mut limit, Reason::Truncated, start, &[1_000, 1_001]), [(1_000, 0)]);
    }

    #[test]
    fn every_reason_has_its_own_count() {
        let (mut limit, start) = (RateLimited::new(), Instant::now());
        for (held_back, reason) in (0u32..).zip(Reason::ALL) {
            assert!(limit.note(*reason, start).is_some(), "{reason:?}");
            for _ in 0..held_back {
                assert!(limit.note(*reason, start).is_none(), "{reason:?}");
            }
        }
        for (held_back, reason) in (0u64..).zip(Reason::ALL) {
            let line = limit.note(*reason, start + INTERVAL).map(|line| line.count);
            assert_eq!(line, Some(held_back), "{reason:?}");
        }
    }

    #[test]
    fn a_time_before_the_last_line_is_not_an_interval_later() {
        let mut limit = RateLimited::new();
        let late = Instant::now() + Duration::from_secs(60);
        assert!(limit.note(Reason::BadOp, late).is_some());
        assert!(limit.note(Reason::BadOp, late - Duration::from_secs(30)).is_none());
    }

    #[test]
    fn what_was_held_back_is_said_in_words() {
        let said = |count, seconds| Suppressed { count, within: Duration::from_secs(seconds) }.to_string();
        assert_eq!(said(0, 14), "");
        assert_eq!(said(12, 14), " (12 more like it in the last 14 s)");
    }
}
