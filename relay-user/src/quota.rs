//! One log line per subject and ten seconds: a storm of bad frames must not become a storm in the journal.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// Least time between two lines about one subject.
const INTERVAL: Duration = Duration::from_secs(10);
/// Subjects remembered; the least recent makes room.
const SUBJECTS: usize = 256;

/// Remembers when each subject was last spoken of, and how often it has been passed over since.
#[derive(Debug)]
pub struct Quota<K> {
    last: BTreeMap<K, (Instant, u64)>,
}

impl<K: Ord + Clone> Default for Quota<K> {
    fn default() -> Self {
        Self { last: BTreeMap::new() }
    }
}

impl<K: Ord + Clone> Quota<K> {
    /// Whether to speak of `subject` now: if so, with the number of times it was passed over since the last time.
    pub fn admit(&mut self, subject: &K, now: Instant) -> Option<u64> {
        if let Some((last, suppressed)) = self.last.get_mut(subject) {
            if now.saturating_duration_since(*last) < INTERVAL {
                *suppressed += 1;
                return None;
            }
            *last = now;
            return Some(std::mem::take(suppressed));
        }
        if self.last.len() >= SUBJECTS
            && let Some(oldest) =
                self.last.iter().min_by_key(|(_, (last, _))| *last).map(|(subject, _)| subject.clone())
        {
            self.last.remove(&oldest);
        }
        self.last.insert(subject.clone(), (now, 0));
        Some(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_spoken_of_once_in_ten_seconds_and_then_says_how_often_it_was_passed_over() {
        let mut quota = Quota::default();
        let start = Instant::now();
        assert_eq!(quota.admit(&"a", start), Some(0));
        assert_eq!(quota.admit(&"a", start + Duration::from_secs(9)), None);
        assert_eq!(quota.admit(&"a", start + Duration::from_millis(9_999)), None);
        assert_eq!(quota.admit(&"b", start + Duration::from_secs(9)), Some(0));
        assert_eq!(quota.admit(&"a", start + INTERVAL), Some(2));
        assert_eq!(quota.admit(&"a", start + 2 * INTERVAL), Some(0));
    }

    #[test]
    fn many_subjects_do_not_fill_the_memory() {
        let mut quota = Quota::default();
        for subject in 0..10_000 {
            assert_eq!(quota.admit(&subject, Instant::now()), Some(0));
        }
        assert!(quota.last.len() <= SUBJECTS);
    }
}
