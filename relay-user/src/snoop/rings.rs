//! Where the fast path leaves its records: a ring for DISCOVERs and one for everything else.

use std::{
    iter,
    os::fd::{AsFd as _, BorrowedFd},
};

use aya::maps::{MapData, RingBuf};
use relay_common::event::{Event, VERSION};

use super::ordered::Ordered;
use crate::{clients::BootTime, fastpath::EventRings};

/// Records of anything but DISCOVERs that are taken at a time.
const BATCH: usize = 4096;
/// DISCOVERs that are taken at a time: in a flood, the others come first.
const DISCOVER_BATCH: usize = 1024;

/// The two rings.
pub struct Rings(pub EventRings);

/// How far the rings have been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reached {
    /// Everything but DISCOVERs that was written up to then has been taken.
    pub(super) time: BootTime,
    /// There may be more.
    pub(super) more: bool,
    /// Records of another version or size.
    pub(super) unreadable: u64,
}

impl Rings {
    /// Takes what is there, up to a bound; the clock was read before, and said `now`.
    pub(super) fn take(&mut self, now: BootTime, into: &mut Ordered) -> Reached {
        let EventRings { others, discovers } = &mut self.0;
        take(now, records(others), records(discovers), into)
    }

    pub(super) fn fds(&self) -> [BorrowedFd<'_>; 2] {
        [self.0.others.as_fd(), self.0.discovers.as_fd()]
    }
}

/// The records of a ring; `None` is one of another version or size.
fn records(ring: &mut RingBuf<MapData>) -> impl Iterator<Item = Option<Event>> {
    iter::from_fn(|| {
        let record = ring.next()?;
        Some(bytemuck::try_pod_read_unaligned::<Event>(&record).ok().filter(|event| event.version == VERSION))
    })
}

/// DISCOVERs last: what answers one was written after it, so it is never taken before it. What is stamped later than `now`
/// may have come behind an answer that was written when the others had been read.
fn take(
    now: BootTime,
    others: impl Iterator<Item = Option<Event>>,
    discovers: impl Iterator<Item = Option<Event>>,
    into: &mut Ordered,
) -> Reached {
    let (behind, last, bad) = take_of(others, BATCH, into);
    let time = if behind { last.min(now) } else { now };
    let (more, _, worse) = take_of(discovers, DISCOVER_BATCH, into);
    Reached { time, more: more || behind, unreadable: bad + worse }
}

/// Takes `most` of one ring: whether that were not fewer, the time of the last, and how many could not be read.
fn take_of(
    ring: impl Iterator<Item = Option<Event>>,
    most: usize,
    into: &mut Ordered,
) -> (bool, BootTime, u64) {
    let (mut count, mut last, mut unreadable) = (0, 0, 0);
    for record in ring.take(most) {
        count += 1;
        match record {
            Some(event) => {
                last = event.timestamp;
                into.push(event);
            }
            None => unreadable += 1,
        }
    }
    (count == most, BootTime::from_nanos(last), unreadable)
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, collections::VecDeque};

    use bytemuck::Zeroable as _;

    use super::*;

    fn at(nanos: u64) -> BootTime {
        BootTime::from_nanos(nanos)
    }

    fn record(timestamp: u64) -> Option<Event> {
        Some(Event { timestamp, ..Event::zeroed() })
    }

    fn given(ordered: &mut Ordered, reached: Reached) -> Vec<u64> {
        let mut given = Vec::new();
        ordered.up_to(reached.time, |event| given.push(event.timestamp));
        given
    }

    #[test]
    fn an_answer_written_while_the_rings_are_read_is_not_overtaken_by_the_next_question() {
        let others = RefCell::new(VecDeque::new());
        let mut discovers = VecDeque::from([record(5)]);
        let mut ordered = Ordered::default();
        let mut asked_again = false;
        let growing = iter::from_fn(|| {
            if !std::mem::replace(&mut asked_again, true) {
                others.borrow_mut().push_back(record(11));
                discovers.push_back(record(12));
            }
            discovers.pop_front()
        });
        let reached = take(at(10), iter::from_fn(|| others.borrow_mut().pop_front()), growing, &mut ordered);
        assert_eq!(given(&mut ordered, reached), [5]);
        assert!(!ordered.is_empty());
        let reached =
            take(at(20), iter::from_fn(|| others.borrow_mut().pop_front()), iter::empty(), &mut ordered);
        assert_eq!(given(&mut ordered, reached), [11, 12]);
    }

    #[test]
    fn a_question_waits_for_the_answers_before_it_that_are_left_in_their_ring() {
        let last = BATCH as u64 + 1;
        let mut others = (1..=last).map(record);
        let mut ordered = Ordered::default();
        let reached = take(at(2 * last), &mut others, iter::once(record(last + 1)), &mut ordered);
        assert!(reached.more);
        assert_eq!(given(&mut ordered, reached), (1..last).collect::<Vec<_>>());
        let reached = take(at(2 * last), &mut others, iter::empty(), &mut ordered);
        assert_eq!(reached, Reached { time: at(2 * last), more: false, unreadable: 0 });
        assert_eq!(given(&mut ordered, reached), [last, last + 1]);
    }

    #[test]
    fn answers_do_not_wait_for_a_flood_of_discovers_and_what_cannot_be_read_is_counted() {
        let mut ordered = Ordered::default();
        let others = [None, record(900_000), None];
        let reached = take(at(1_000_000), others.into_iter(), (1..).map(record), &mut ordered);
        assert_eq!(reached, Reached { time: at(1_000_000), more: true, unreadable: 2 });
        let given = given(&mut ordered, reached);
        assert_eq!((given.len(), given.last()), (DISCOVER_BATCH + 1, Some(&900_000)));
    }
}
