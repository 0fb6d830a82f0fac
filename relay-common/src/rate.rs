//! The token bucket behind `rate_limit`: one second's worth of requests may come at once, then `rate` a second.

use bytemuck::{Pod, Zeroable};

const SECOND: u64 = 1_000_000_000;

/// The state of one bucket: the moment up to which requests have been paid for (the "theoretical arrival time" of the
/// generic cell rate algorithm), in nanoseconds of a clock that never goes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Bucket {
    paid_until: u64,
}

impl Bucket {
    /// Whether one more request may pass at `now` (nanoseconds); it is accounted for if so. A rate of 0 is no limit.
    #[inline(always)]
    pub fn admit(&mut self, now: u64, rate: u32) -> bool {
        if rate == 0 {
            return true;
        }
        let cost = SECOND / rate as u64;
        let paid_until = if self.paid_until > now { self.paid_until } else { now };
        if paid_until + cost > now + SECOND {
            return false;
        }
        self.paid_until = paid_until + cost;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_s_worth_passes_at_once_and_the_next_request_does_not() {
        let mut bucket = Bucket::default();
        let passed = (0..101).filter(|_| bucket.admit(5 * SECOND, 100)).count();
        assert_eq!(passed, 100);
        assert!(!bucket.admit(5 * SECOND + 9_999_999, 100));
        assert!(bucket.admit(5 * SECOND + 10_000_000, 100));
    }

    #[test]
    fn a_rate_of_zero_is_no_limit() {
        let mut bucket = Bucket::default();
        assert!((0..10_000).all(|_| bucket.admit(1, 0)));
    }
}
