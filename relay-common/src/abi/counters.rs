//! What is counted for each interface.

use bytemuck::{Pod, Zeroable};

/// Counters by message type: 0 is plain BOOTP, 1 to 14 are the DHCP types of that number, 15 is every other.
pub const MESSAGE_SLOTS: usize = 16;
/// Room for reasons in [`Counters`]; more than there are, so that a new one does not change the layout.
pub const REASON_SLOTS: usize = 48;

/// Value of `counters`, per CPU; index 0 counts what no interface can be named for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Counters {
    /// Requests relayed, by message slot.
    pub requests: [u64; MESSAGE_SLOTS],
    /// Replies relayed, by message slot.
    pub replies: [u64; MESSAGE_SLOTS],
    /// Frames not relayed, by [`Reason::index`](crate::Reason::index).
    pub reasons: [u64; REASON_SLOTS],
    /// Copies that left toward servers.
    pub copies: u64,
    /// Copies that were lost because it was not known any more which option 82 is right for their server.
    pub cuts_lost: u64,
    /// Copies for servers without a resolved next hop that were lost because the daemon did not keep up.
    pub punts_lost: u64,
    /// Requests that went on without our option 82, because they would have become too long with it.
    pub option82_left_out: u64,
    /// Requests whose `secs` was in the wrong byte order.
    pub swapped_secs: u64,
    /// Requests that went to the server of the lease alone.
    pub to_holder: u64,
    /// Messages other than DISCOVERs that the client table did not hear of, because the daemon did not keep up.
    pub events_lost: u64,
    /// DISCOVERs, likewise: no lease depends on them.
    pub discovers_lost: u64,
}

/// The slot of [`Counters::requests`] and [`Counters::replies`] for a message type.
#[inline(always)]
pub const fn message_slot(message: u8) -> usize {
    let last = MESSAGE_SLOTS - 1;
    if (message as usize) < last { message as usize } else { last }
}

/// The name of a message slot in `stats`.
pub const MESSAGE_NAMES: [&str; MESSAGE_SLOTS] = [
    "bootp",
    "discover",
    "offer",
    "request",
    "decline",
    "ack",
    "nak",
    "release",
    "inform",
    "forcerenew",
    "leasequery",
    "leaseunassigned",
    "leaseunknown",
    "leaseactive",
    "bulkleasequery",
    "other",
];
