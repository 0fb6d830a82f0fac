//! Where the slow path leaves its records for the client table: bounded, and never waited for.
//!
//! DISCOVERs have a share of their own, as they have a ring of their own in the kernel: a flood of them must not take
//! the place of the messages that end and extend leases.

use std::{
    os::fd::AsFd,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use nix::sys::eventfd::{EfdFlags, EventFd};
use relay_common::event::Event;

use super::ordered::Ordered;

/// DHCPDISCOVER (RFC 2132 section 9.6).
const DISCOVER: u8 = 1;
/// Records of other messages that wait at most: 2 MiB.
const ROOM: usize = 16_384;
/// DISCOVERs that wait at most: 512 KiB.
const DISCOVER_ROOM: usize = 4_096;

/// Wakes a thread that polls.
#[derive(Clone, Debug)]
pub struct Waker(Arc<EventFd>);

impl Waker {
    /// A new one.
    ///
    /// # Errors
    /// There can be no more file descriptors.
    pub fn new() -> nix::Result<Self> {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        Ok(Self(Arc::new(EventFd::from_value_and_flags(0, flags)?)))
    }

    /// Wakes the thread, now or when it next polls.
    pub fn wake(&self) {
        // It fails only when it has been woken 2^64 times and has not looked.
        let _ = self.0.write(1);
    }

    /// Forgets that it was woken.
    pub fn calm(&self) {
        // It fails when nobody has woken it, which is as well.
        let _ = self.0.read();
    }

    /// What to poll.
    pub fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Records that wait for the client table.
#[derive(Debug, Default)]
pub struct Inbox {
    waiting: Mutex<Waiting>,
    waker: OnceLock<Waker>,
    others_lost: AtomicU64,
    discovers_lost: AtomicU64,
}

/// Records that there was no room for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// Of DISCOVERs.
    pub discovers: u64,
    /// Of everything else.
    pub others: u64,
}

#[derive(Debug, Default)]
struct Waiting {
    now: Queues,
    /// Of another configuration, with other numbers: for when the reader has followed it.
    next: Option<Queues>,
}

#[derive(Debug, Default)]
struct Queues {
    discovers: Vec<Event>,
    others: Vec<Event>,
}

impl Inbox {
    /// From now on, somebody reads and is woken by this.
    pub fn wakes(&self, waker: Waker) {
        // A second reader would be a second client table, of which a daemon has none.
        let _ = self.waker.set(waker);
    }

    /// Leaves a record, if there is room.
    pub fn push(&self, event: Event) {
        let mut waiting = self.lock();
        let Waiting { now, next } = &mut *waiting;
        let queues = next.as_mut().unwrap_or(now);
        let first = queues.discovers.is_empty() && queues.others.is_empty();
        let (queue, room, lost) = match event.message {
            DISCOVER => (&mut queues.discovers, DISCOVER_ROOM, &self.discovers_lost),
            _ => (&mut queues.others, ROOM, &self.others_lost),
        };
        if queue.len() >= room {
            lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        queue.push(event);
        drop(waiting);
        if first && let Some(waker) = self.waker.get() {
            waker.wake();
        }
    }

    /// Takes all that waits.
    pub(super) fn take(&self, into: &mut Ordered) {
        let Queues { discovers, others } = std::mem::take(&mut self.lock().now);
        into.extend(discovers);
        into.extend(others);
    }

    /// What is left from now on is of another configuration, and waits until the reader has followed it.
    pub fn turn(&self) {
        self.lock().next.get_or_insert_default();
    }

    /// The reader has taken everything of the configuration before, and follows.
    pub fn follow(&self) {
        let mut waiting = self.lock();
        if let Some(Queues { discovers, others }) = waiting.next.take() {
            waiting.now.discovers.extend(discovers);
            waiting.now.others.extend(others);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records that there was no room for.
    pub fn lost(&self) -> Lost {
        Lost {
            discovers: self.discovers_lost.load(Ordering::Relaxed),
            others: self.others_lost.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytemuck::Zeroable as _;

    use super::*;
    use crate::clients::BootTime;

    #[test]
    fn a_flood_of_discovers_takes_no_room_from_other_messages() {
        let inbox = Inbox::default();
        for timestamp in 0..2 * DISCOVER_ROOM as u64 {
            inbox.push(Event { message: DISCOVER, timestamp, ..Event::zeroed() });
        }
        inbox.push(Event { message: 5, timestamp: 7, ..Event::zeroed() });
        assert_eq!(inbox.lost(), Lost { discovers: DISCOVER_ROOM as u64, others: 0 });
        let (mut ordered, mut taken) = (Ordered::default(), Vec::new());
        inbox.take(&mut ordered);
        ordered.up_to(BootTime::NEVER, |event| taken.push(event));
        assert_eq!(taken.len(), DISCOVER_ROOM + 1);
        assert!(taken.is_sorted_by_key(|event| event.timestamp));
        assert_eq!(taken.iter().filter(|event| event.message == 5).count(), 1);
    }

    #[test]
    fn the_reader_is_woken_by_the_first_of_what_waits() {
        let (inbox, waker) = (Inbox::default(), Waker::new().expect("a file descriptor"));
        inbox.wakes(waker.clone());
        for _ in 0..3 {
            inbox.push(Event::zeroed());
        }
        assert_eq!(waker.0.read(), Ok(1));
        inbox.take(&mut Ordered::default());
        inbox.push(Event::zeroed());
        assert_eq!(waker.0.read(), Ok(1));
    }

    #[test]
    fn what_is_left_after_the_turn_waits_until_the_reader_follows() {
        let inbox = Inbox::default();
        let left = |timestamp| inbox.push(Event { message: 5, timestamp, ..Event::zeroed() });
        let taken = || {
            let (mut ordered, mut stamps) = (Ordered::default(), Vec::new());
            inbox.take(&mut ordered);
            ordered.up_to(BootTime::NEVER, |event| stamps.push(event.timestamp));
            stamps
        };
        left(1);
        inbox.turn();
        left(2);
        assert_eq!(taken(), [1]);
        left(3);
        assert_eq!(taken(), [0; 0]);
        inbox.follow();
        left(4);
        assert_eq!(taken(), [2, 3, 4]);
        inbox.follow();
        assert_eq!(taken(), [0; 0]);
    }
}
