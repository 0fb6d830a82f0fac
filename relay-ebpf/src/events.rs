//! One record for every message that is relayed or passes, for the client table.
//!
//! Functions of their own, as in `loops`: what a record holds is read again from the frame, so that the verifier need not
//! carry it through the rules.

use aya_ebpf::{bindings::xdp_md, helpers::generated::bpf_ktime_get_boot_ns, programs::XdpContext};
use relay_common::{
    Frame, Seen,
    event::path,
    passing,
    record::{self, Offsets, Place},
    wire::eth,
};

use crate::{counters, env::Maps, frame::XdpFrame, rings::Room};

/// In the kind of a message, above its type: servers are behind the port.
pub(crate) const UPSTREAM: u32 = 0x100;
/// DHCPDISCOVER.
const DISCOVER: u8 = 1;

struct Noted<'a>(&'a XdpFrame);

impl Offsets for Noted<'_> {
    #[inline(always)]
    fn option(&self, code: u8) -> usize {
        self.0.noted_option(code).unwrap_or(0)
    }

    #[inline(always)]
    fn hash(&self, code: u8) -> u64 {
        self.0.noted_hash(code)
    }
}

/// A message that is about to be relayed, its options walked. The result says nothing.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn relayed(ctx: *mut xdp_md, l3: u64, interface: u32, vrf: u32, kind: u32) -> u32 {
    let Some(frame) = XdpFrame::walked(XdpContext::new(ctx)) else { return 0 };
    let seen = Seen { l3: l3 as usize, message: kind as u8, interface, vrf, upstream: kind & UPSTREAM != 0 };
    record(&frame, &seen, path::FAST);
    0
}

/// A frame that passes and may be a DHCP message. The result says nothing.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn passed(ctx: *mut xdp_md) -> u32 {
    let context = XdpContext::new(ctx);
    let ifindex = context.ingress_ifindex() as u32;
    let Some(mut frame) = XdpFrame::new(context) else { return 0 };
    if let Some(seen) = passing(&mut frame, &Maps, ifindex) {
        record(&frame, &seen, path::PASSING);
    }
    0
}

/// One record, in the ring that it belongs to.
#[inline(always)]
fn record(frame: &XdpFrame, seen: &Seen, path: u8) {
    let discover = seen.message == DISCOVER;
    let Some(room) = Room::new(discover) else {
        counters::event_lost(discover);
        return;
    };
    // SAFETY: the helper has no conditions.
    let timestamp = unsafe { bpf_ktime_get_boot_ns() };
    let l3 = frame.offset(seen.l3);
    let tag = |at: usize| frame.u16(at).unwrap_or(0) & eth::VID_MASK;
    let place = Place {
        path,
        message: seen.message,
        upstream: seen.upstream,
        interface: seen.interface,
        vrf: seen.vrf,
        ifindex: frame.ctx().ingress_ifindex() as u32,
        outer: if l3 > eth::HEADER_LEN { tag(eth::HEADER_LEN) } else { 0 },
        inner: if l3 > eth::HEADER_LEN + eth::TAG_LEN { tag(eth::HEADER_LEN + eth::TAG_LEN) } else { 0 },
        timestamp,
    };
    // SAFETY: the room is ours until it is published, and any octets are a record.
    let target = unsafe { &mut *room.record };
    if record::fill(frame, l3, &Noted(frame), &place, target).is_some() {
        room.publish();
    }
}
