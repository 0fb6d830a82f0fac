//! Where the fast path leaves its records: a ring for DISCOVERs and one for everything else.

use std::os::fd::{AsFd as _, BorrowedFd};

use aya::maps::{MapData, RingBuf};
use relay_common::event::{Event, VERSION};

use crate::fastpath::EventRings;

/// Records of anything but DISCOVERs that are taken at a time.
const BATCH: usize = 4096;
/// DISCOVERs that are taken at a time: in a flood, the others come first.
const DISCOVER_BATCH: usize = 1024;

/// The two rings.
pub struct Rings(pub EventRings);

impl Rings {
    /// Takes what is there, up to a bound. Returns whether there may be more.
    ///
    /// DISCOVERs last: what answers one was written after it, so it is never taken before it.
    pub(super) fn take(&mut self, into: &mut Vec<Event>, unreadable: &mut u64) -> bool {
        let more = take(&mut self.0.others, BATCH, into, unreadable);
        take(&mut self.0.discovers, DISCOVER_BATCH, into, unreadable) || more
    }

    pub(super) fn fds(&self) -> [BorrowedFd<'_>; 2] {
        [self.0.others.as_fd(), self.0.discovers.as_fd()]
    }
}

fn take(ring: &mut RingBuf<MapData>, most: usize, into: &mut Vec<Event>, unreadable: &mut u64) -> bool {
    for _ in 0..most {
        let Some(record) = ring.next() else { return false };
        match bytemuck::try_pod_read_unaligned::<Event>(&record) {
            Ok(event) if event.version == VERSION => into.push(event),
            Ok(_) | Err(_) => *unreadable += 1,
        }
    }
    true
}
