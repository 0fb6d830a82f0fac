//! When frames arrived, by the boot clock.
//!
//! A question and its answer come in at different ports. If they are stamped when they are read, an answer that is read first
//! seems to answer nothing. The kernel stamps them when they arrive, but by the wall clock alone. Its stamps are believed
//! only between two readings of the boot clock: when the port's queue was last known to hold nothing older, and now.
//! A jump of the wall clock therefore changes nothing beyond what reading alone would leave open.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

use crate::clients::BootTime;

/// How long a frame may be on its way from where the kernel stamps it to the queue of its socket, on another processor.
pub(super) const SETTLED: Duration = Duration::from_millis(1);

/// Readings of the two clocks until one is taken that nothing came between.
const TRIES: usize = 4;

/// What the wall clock is ahead of the boot clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Wall {
    nanos: i128,
}

impl Wall {
    /// Reads both clocks; the time now by the boot clock.
    pub(super) fn read(&mut self) -> nix::Result<BootTime> {
        let mut best = None;
        let mut now = BootTime::now()?;
        for _ in 0..TRIES {
            let wall = Duration::from(clock_gettime(ClockId::CLOCK_REALTIME)?);
            let (before, after) = (now, BootTime::now()?);
            now = after;
            let took = after.since(before);
            if best.is_none_or(|(least, _)| took < least) {
                best = Some((took, wall.as_nanos() as i128 - i128::from(before.nanos())));
            }
            if took < Duration::from_micros(2) {
                break;
            }
        }
        if let Some((took, ahead)) = best {
            self.settle(took, ahead);
        }
        Ok(now)
    }

    /// Keeps what was known while the new reading may be the same: frames that arrive one after the other are then
    /// compared by one measure.
    fn settle(&mut self, took: Duration, ahead: i128) {
        if (ahead - self.nanos).unsigned_abs() > took.as_nanos() {
            self.nanos = ahead;
        }
    }

    /// When a frame arrived that the kernel has stamped so: not before `earliest`, and not after `now`.
    fn arrival(&self, stamp: Option<Duration>, earliest: BootTime, now: BootTime) -> BootTime {
        let Some(stamp) = stamp else { return now };
        let nanos = (stamp.as_nanos() as i128 - self.nanos).max(0);
        BootTime::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)).min(now).max(earliest)
    }
}

/// How far the queue of a port has been read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Queue {
    /// When the last frame that was read arrived.
    last: BootTime,
    /// Everything that arrived up to then has been read.
    known: BootTime,
}

impl Queue {
    /// When a frame arrived that has been read by `now`; those of one port are told in order.
    pub(super) fn arrival(&mut self, wall: &Wall, stamp: Option<Duration>, now: BootTime) -> BootTime {
        let empty = BootTime::from_nanos(self.known.nanos().saturating_sub(SETTLED.as_nanos() as u64));
        self.last = wall.arrival(stamp, self.last.max(empty), now);
        self.last
    }

    /// All frames of a reading that began at `since` have been told, and were all there were if it was `emptied`.
    pub(super) fn read(&mut self, since: BootTime, emptied: bool) {
        self.known = self.known.max(if emptied { since } else { self.last });
    }

    /// Up to when everything that arrived has been read.
    pub(super) fn known(&self) -> BootTime {
        self.known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: u64) -> BootTime {
        BootTime::from_nanos(micros * 1000)
    }

    fn stamp(micros: u64) -> Option<Duration> {
        Some(Duration::from_micros(micros))
    }

    #[test]
    fn a_stamp_tells_the_time_since_boot() {
        let mut wall = Wall::default();
        wall.settle(Duration::ZERO, 5_000_000_000);
        assert_eq!(wall.arrival(stamp(5_000_700), at(600), at(800)), at(700));
        assert_eq!(wall.arrival(None, at(600), at(800)), at(800));
    }

    #[test]
    fn a_jump_of_the_wall_clock_moves_a_frame_no_further_than_reading_leaves_open() {
        let mut wall = Wall::default();
        for ahead in [5_000_000_000, -5_000_000_000, 0, i128::from(u64::MAX) * 2] {
            wall.settle(Duration::ZERO, ahead);
            for micros in [0, 300, 700, 4_999_000, 5_000_700, u64::MAX / 2000] {
                let arrived = wall.arrival(stamp(micros), at(600), at(800));
                assert!((at(600)..=at(800)).contains(&arrived), "{ahead}, {micros}: {arrived:?}");
            }
        }
    }

    #[test]
    fn readings_that_may_be_the_same_are() {
        let mut wall = Wall::default();
        wall.settle(Duration::ZERO, 5_000_000_000);
        let first = wall;
        wall.settle(Duration::from_nanos(300), 5_000_000_200);
        assert_eq!(wall, first);
        wall.settle(Duration::from_nanos(300), 5_000_000_400);
        assert_ne!(wall, first);
    }

    #[test]
    fn a_queue_is_read_up_to_its_last_frame_or_to_when_it_was_seen_empty() {
        let (mut wall, mut queue) = (Wall::default(), Queue::default());
        wall.settle(Duration::ZERO, 0);
        assert_eq!(queue.arrival(&wall, stamp(5_000), at(9_000)), at(5_000));
        queue.read(at(8_000), false);
        assert_eq!(queue.known(), at(5_000));
        assert_eq!(queue.arrival(&wall, stamp(4_000), at(9_000)), at(5_000), "frames are told in order");
        queue.read(at(8_000), true);
        assert_eq!(queue.known(), at(8_000));
        assert_eq!(queue.arrival(&wall, stamp(7_500), at(9_000)), at(7_500), "it was on its way");
        assert_eq!(queue.arrival(&wall, None, at(9_000)), at(9_000));
        let mut other = Queue::default();
        other.read(at(8_000), true);
        assert_eq!(other.arrival(&wall, stamp(1_000), at(9_000)), at(7_000), "the wall clock was set");
    }
}
