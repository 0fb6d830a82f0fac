//! Counting. Each CPU has its own counters and a program is not interrupted by another one on the same CPU, so plain
//! additions do.

use relay_common::{
    Reason,
    abi::{Counters, MESSAGE_SLOTS, REASON_SLOTS, message_slot},
    remark,
};

use crate::maps::COUNTERS;

#[inline(always)]
fn with(interface: u32, count: impl FnOnce(&mut Counters)) {
    if let Some(counters) = COUNTERS.get_ptr_mut(interface) {
        // SAFETY: the value of this CPU, which nobody else writes while the program runs.
        count(unsafe { &mut *counters });
    }
}

#[inline(always)]
fn add(slots: &mut [u64], index: usize, len: usize) {
    if index < len
        && let Some(slot) = slots.get_mut(index)
    {
        *slot += 1;
    }
}

/// A request was relayed; `remarks` is of `relay_common::remark`.
#[inline(always)]
pub(crate) fn request(interface: u32, message: u8, remarks: u32) {
    with(interface, |counters| {
        add(&mut counters.requests, message_slot(message), MESSAGE_SLOTS);
        if remarks & remark::OPTION82_LEFT_OUT != 0 {
            counters.option82_left_out += 1;
        }
        if remarks & remark::SWAPPED_SECS != 0 {
            counters.swapped_secs += 1;
        }
        if remarks & remark::TO_HOLDER != 0 {
            counters.to_holder += 1;
        }
    });
}

/// A reply was relayed.
#[inline(always)]
pub(crate) fn reply(interface: u32, message: u8) {
    with(interface, |counters| add(&mut counters.replies, message_slot(message), MESSAGE_SLOTS));
}

/// A frame was not relayed.
#[inline(always)]
pub(crate) fn reason(interface: u32, reason: Reason) {
    with(interface, |counters| add(&mut counters.reasons, reason.index(), REASON_SLOTS));
}

/// A copy left toward a server.
#[inline(always)]
pub(crate) fn copy() {
    with(0, |counters| counters.copies += 1);
}

/// A copy was lost: nothing said any more which option 82 is right for its server.
#[inline(always)]
pub(crate) fn cut_lost() {
    with(0, |counters| counters.cuts_lost += 1);
}

/// The daemon did not take a copy in time.
#[inline(always)]
pub(crate) fn punt_lost(interface: u32) {
    with(interface, |counters| counters.punts_lost += 1);
}

/// The daemon did not take an event in time.
#[inline(always)]
pub(crate) fn event_lost(discover: bool) {
    with(0, |counters| {
        if discover {
            counters.discovers_lost += 1;
        } else {
            counters.events_lost += 1;
        }
    });
}
