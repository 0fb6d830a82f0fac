//! Where the fast path leaves its records: for each CPU a ring for DISCOVERs and one for everything else.

use std::{
    io,
    os::fd::{AsFd as _, BorrowedFd},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
};
use relay_common::event::Event;

use super::ordered::Ordered;
use crate::{
    clients::BootTime,
    fastpath::{EventRings, records::Kind},
};

/// Records of anything but DISCOVERs that are taken at a time, of all CPUs together.
const BATCH: usize = 4096;
/// DISCOVERs that are taken at a time: in a flood, the others come first.
const DISCOVER_BATCH: usize = 1024;
/// Of one CPU, however many there are.
const LEAST: usize = 64;

/// The rings of all CPUs.
pub struct Rings(pub EventRings);

/// How far the rings have been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reached {
    /// Everything but DISCOVERs that was written up to then has been taken.
    pub(super) time: BootTime,
    /// There may be more.
    pub(super) more: bool,
}

/// Waits until one of the descriptors can be read, or the time is over; which of them can.
pub(super) fn sleep<const N: usize>(
    descriptors: [BorrowedFd<'_>; N],
    most: PollTimeout,
) -> io::Result<[bool; N]> {
    let mut polled = descriptors.map(|descriptor| PollFd::new(descriptor, PollFlags::POLLIN));
    match poll(&mut polled, most) {
        Ok(_) | Err(Errno::EINTR) => Ok(polled.map(|descriptor| descriptor.any().unwrap_or(true))),
        Err(error) => Err(error.into()),
    }
}

impl Rings {
    /// Waits until there are records, or one of `others` can be read. Records are left to gather for some milliseconds; when
    /// none has come in that time, and in as much again, the next one wakes.
    pub(super) fn wait(&mut self, others: [BorrowedFd<'_>; 2], gather: u8) -> io::Result<()> {
        if !self.0.are_asleep() {
            if sleep(others, gather.into())? != [false; 2] || self.0.have_any() {
                return Ok(());
            }
            self.0.fall_asleep();
            // A record that was being written has not rung.
            if sleep(others, gather.into())? != [false; 2] || self.0.have_any() {
                self.0.wake();
                return Ok(());
            }
        }
        let [first, second] = others;
        if let [.., true] = sleep([first, second, self.0.as_fd()], PollTimeout::NONE)? {
            sleep(others, gather.into())?;
            self.0.wake();
        }
        Ok(())
    }

    /// Takes what is there, up to a bound; the clock was read before, and said `now`.
    pub(super) fn take(&mut self, now: BootTime, into: &mut Ordered) -> Reached {
        let cpus = self.0.cpus().max(1);
        let most = |batch: usize| (batch / cpus).max(LEAST);
        let [others, discovers] = [Kind::Others, Kind::Discovers].map(|kind| self.0.waiting(kind));
        take(now, (others, most(BATCH)), (discovers, most(DISCOVER_BATCH)), into)
    }
}

/// DISCOVERs last: what answers one was written after it, so it is never taken before it. What is stamped later than the clock
/// said may have come behind an answer that was written when the others had been read.
fn take(
    now: BootTime,
    (others, most): (impl Iterator<Item = impl Iterator<Item = Event>>, usize),
    (discovers, most_discovers): (impl Iterator<Item = impl Iterator<Item = Event>>, usize),
    into: &mut Ordered,
) -> Reached {
    let (time, behind) = take_of(now, others, most, into);
    let (_, more) = take_of(now, discovers, most_discovers, into);
    Reached { time, more: more || behind }
}

/// Takes `most` of each ring: up to when everything in them has been taken, and whether there may be more.
fn take_of(
    now: BootTime,
    rings: impl Iterator<Item = impl Iterator<Item = Event>>,
    most: usize,
    into: &mut Ordered,
) -> (BootTime, bool) {
    let (mut time, mut more) = (now, false);
    for ring in rings {
        let (mut count, mut last) = (0, 0);
        for event in ring.take(most) {
            count += 1;
            last = event.timestamp;
            into.push(event);
        }
        if count == most {
            more = true;
            time = time.min(BootTime::from_nanos(last));
        }
    }
    (time, more)
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, collections::VecDeque, iter};

    use bytemuck::Zeroable as _;

    use super::*;

    fn at(nanos: u64) -> BootTime {
        BootTime::from_nanos(nanos)
    }

    fn record(timestamp: u64) -> Event {
        Event { timestamp, ..Event::zeroed() }
    }

    fn given(ordered: &mut Ordered, reached: Reached) -> Vec<u64> {
        let mut given = Vec::new();
        ordered.up_to(reached.time, |event| given.push(event.timestamp));
        given
    }

    /// Takes what is in the rings of one CPU.
    fn take_one(
        now: u64,
        others: impl Iterator<Item = Event>,
        discovers: impl Iterator<Item = Event>,
        into: &mut Ordered,
    ) -> Reached {
        take(at(now), (iter::once(others), BATCH), (iter::once(discovers), DISCOVER_BATCH), into)
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
        let reached = take_one(10, iter::from_fn(|| others.borrow_mut().pop_front()), growing, &mut ordered);
        assert_eq!(given(&mut ordered, reached), [5]);
        assert!(!ordered.is_empty());
        let rest = iter::from_fn(|| others.borrow_mut().pop_front());
        let reached = take_one(20, rest, iter::empty(), &mut ordered);
        assert_eq!(given(&mut ordered, reached), [11, 12]);
    }

    #[test]
    fn a_question_waits_for_the_answers_before_it_that_are_left_in_their_ring() {
        let last = BATCH as u64 + 1;
        let mut others = (1..=last).map(record);
        let mut ordered = Ordered::default();
        let reached = take_one(2 * last, &mut others, iter::once(record(last + 1)), &mut ordered);
        assert!(reached.more);
        assert_eq!(given(&mut ordered, reached), (1..last).collect::<Vec<_>>());
        let reached = take_one(2 * last, &mut others, iter::empty(), &mut ordered);
        assert_eq!(reached, Reached { time: at(2 * last), more: false });
        assert_eq!(given(&mut ordered, reached), [last, last + 1]);
    }

    #[test]
    fn what_one_cpu_has_written_waits_for_what_is_left_of_before_in_the_ring_of_another() {
        let (mut busy, mut quiet) = ((1..).step_by(10).map(record), [record(15), record(35)].into_iter());
        let mut ordered = Ordered::default();
        let mut turn = |now| {
            let rings = [&mut busy as &mut dyn Iterator<Item = Event>, &mut quiet];
            take(at(now), (rings.into_iter(), 3), (iter::empty::<iter::Empty<_>>(), 1), &mut ordered)
        };
        let first = turn(1000);
        assert_eq!(first, Reached { time: at(21), more: true });
        let second = turn(1000);
        assert_eq!(given(&mut ordered, first), [1, 11, 15, 21]);
        assert_eq!(given(&mut ordered, second), [31, 35, 41, 51]);
    }

    #[test]
    fn answers_do_not_wait_for_a_flood_of_discovers() {
        let mut ordered = Ordered::default();
        let reached = take_one(1_000_000, iter::once(record(900_000)), (1..).map(record), &mut ordered);
        assert_eq!(reached, Reached { time: at(1_000_000), more: true });
        let given = given(&mut ordered, reached);
        assert_eq!((given.len(), given.last()), (DISCOVER_BATCH + 1, Some(&900_000)));
    }
}
