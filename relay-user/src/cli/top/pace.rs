//! When the daemon is asked again.

use std::time::{Duration, Instant};

/// After each answer, the daemon is left alone for so many times as long as it took: with thousands of interfaces an
/// answer takes a noticeable part of a second.
const REST: u32 = 4;

/// When to ask after a question of `asked` that was answered, or given up, at `answered`.
pub(super) fn next(interval: Duration, asked: Instant, answered: Instant, was_answered: bool) -> Instant {
    let took = answered.saturating_duration_since(asked);
    // A daemon that does not answer has nothing to rest from.
    let rest = if was_answered { took * REST } else { Duration::ZERO };
    (asked + interval).max(answered + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_begin_an_interval_apart_unless_answers_take_long() {
        let asked = Instant::now();
        let millis = Duration::from_millis;
        let due = |interval, took, was_answered| {
            next(millis(interval), asked, asked + millis(took), was_answered) - asked
        };
        assert_eq!(due(1000, 50, true), millis(1000));
        assert_eq!(due(1000, 200, true), millis(1000));
        assert_eq!(due(1000, 400, true), millis(2000), "a fifth of the time at most");
        assert_eq!(due(200, 100, true), millis(500));
        assert_eq!(due(1000, 6000, false), millis(6000));
        assert_eq!(due(1000, 1, false), millis(1000));
    }
}
