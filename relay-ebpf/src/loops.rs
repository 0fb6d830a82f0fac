//! The loops, each a function of its own: the verifier goes through a global function once,
//! whoever calls it and from whichever state (Linux 5.6).
//!
//! Arguments are the context and plain numbers, about which nothing is assumed; failure is [`FAILED`].

use aya_ebpf::{bindings::xdp_md, programs::XdpContext};
use relay_common::{
    Frame as _, Options, Reason, Sum,
    abi::{AttemptKey, ClientKey, HolderKey, MAX_SERVERS, SERVED_SLOTS, Served},
    affinity, agent, checksum, own,
    removal::{self, Removal},
    shift, smart,
};

use crate::{
    env::{Maps, published},
    frame::{XdpFrame, forgotten},
    maps::{AGENTS, CLIENTS, NOTES, SERVED, SERVERS, SLOTS},
};

/// No result has all its bits set: sums are folded.
pub(crate) const FAILED: u64 = u64::MAX;

#[inline(always)]
fn frame(ctx: *mut xdp_md) -> XdpFrame {
    XdpFrame::without_options(XdpContext::new(ctx))
}

/// [`checksum::octets`], as far as it goes by the kernel's own function: that adds eight octets and the carry at a time,
/// which BPF has no instruction for.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn sum_octets(ctx: *mut xdp_md, offset: u64, len: u64) -> u64 {
    let frame = frame(ctx);
    let mut len = len as usize & XdpFrame::LIMIT;
    let mut at = offset as usize;
    let mut sum = Sum::new();
    for _ in 0..XdpFrame::LIMIT / 512 {
        if len < 512 {
            break;
        }
        let Some(more) = frame.sum_of::<512>(at) else { return FAILED };
        sum = sum.plus(more);
        at += 512;
        len -= 512;
    }
    if len & 256 != 0 {
        let Some(more) = frame.sum_of::<256>(at) else { return FAILED };
        sum = sum.plus(more);
        at += 256;
    }
    if len & 128 != 0 {
        let Some(more) = frame.sum_of::<128>(at) else { return FAILED };
        sum = sum.plus(more);
        at += 128;
    }
    if len & 64 != 0 {
        let Some(more) = frame.sum_of::<64>(at) else { return FAILED };
        sum = sum.plus(more);
        at += 64;
    }
    let sum = Sum::from_raw(forgotten(sum.to_raw() as usize) as u64);
    match checksum::octets(&frame, frame.offset(at), len & 63) {
        Some(rest) => sum.plus(rest).to_raw(),
        None => FAILED,
    }
}

/// [`shift::forward`]; 0 when it is done.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn move_octets(ctx: *mut xdp_md, at: u64, len: u64, end: u64) -> u64 {
    let mut frame = frame(ctx);
    let at = frame.offset(at as usize);
    let len = len as usize & XdpFrame::LIMIT;
    shift::forward(&mut frame, at, len, end as usize).map_or(FAILED, |()| 0)
}

/// [`removal::remove`]; the sum.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn remove(ctx: *mut xdp_md, at: u64, len: u64, end: u64, to: u64) -> u64 {
    let mut frame = frame(ctx);
    let masked = |value: u64| value as usize & XdpFrame::LIMIT;
    let removal = Removal { at: masked(at), len: masked(len), end: masked(end), to: masked(to) };
    removal::remove(&mut frame, &removal).map_or(FAILED, |sum| sum.to_raw())
}

/// [`agent::write`] of the interface's own; the sum.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn write_agent(ctx: *mut xdp_md, at: u64, interface: u32, unicast: u32) -> u64 {
    let Some(ours) = AGENTS.get(interface) else { return FAILED };
    let mut frame = frame(ctx);
    let at = frame.offset(at as usize);
    if frame.store(at, &ours.octets, ours.len as usize + 1).is_none() {
        return FAILED;
    }
    if ours.cut.near != 0 {
        let Some(notes) = NOTES.get_ptr_mut(0) else { return FAILED };
        // SAFETY: the notes of this CPU, which nobody else uses while the program runs.
        unsafe { (*notes).cut = ours.cut.at(frame.len().wrapping_sub(at)) };
    }
    agent::finish(&mut frame, at, ours, unicast != 0).map_or(FAILED, |sum| sum.to_raw())
}

/// Leaves to the egress program how the copies of a request are made shorter for some servers; 0 when it is done. By then
/// the notes may be those of another message.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn leave_cut(sequence: u32, servers: u32) -> u32 {
    let (Some(notes), Some(served)) =
        (NOTES.get_ptr_mut(0), SERVED.get_ptr_mut(sequence & (SERVED_SLOTS - 1)))
    else {
        return 1;
    };
    // SAFETY: both are this CPU's, and nobody else uses them while the program runs.
    unsafe { *served = Served { sequence, mask: !servers, cut: (*notes).cut } };
    0
}

/// The servers of a slot that do not want a message with these `secs` yet, as a mask.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn waiting(slot: u32, secs: u32) -> u32 {
    let Some(slot) = SLOTS.get(slot) else { return 0 };
    let mut waiting = 0;
    for (index, &min_secs) in slot.min_secs.iter().enumerate() {
        if secs < u32::from(min_secs) {
            waiting |= 1 << index;
        }
        // Else the rest is verified for each of the masks there are.
        waiting = forgotten(waiting);
    }
    waiting as u32
}

/// The mask of the server of a slot that has this address, in the order of the packet; 0 when none has.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn server_of(slot: u32, address: u32) -> u32 {
    let mut found = 0;
    for index in 0..MAX_SERVERS as u32 {
        if let Some(server) = SERVERS.get(slot * MAX_SERVERS as u32 + index)
            && u32::from_ne_bytes(server.address) == address
        {
            found = 1 << index;
        }
        found = forgotten(found);
    }
    found as u32
}

/// Whether a server of a group is in a VRF: 1, or 0.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn serves(group: u32, vrf: u32) -> u32 {
    let Some((slot, state)) = published(group) else { return 0 };
    // Behind the servers of the group is what another state has left.
    let servers = state.ready | state.pending;
    let mut found = 0;
    for index in 0..MAX_SERVERS as u32 {
        if servers >> index & 1 != 0
            && let Some(server) = SERVERS.get(slot * MAX_SERVERS as u32 + index)
            && server.vrf == vrf
        {
            found = 1;
        }
        found = forgotten(found);
    }
    found as u32
}

/// [`own::is_ours`] of an address in the order of the packet: 1, or 0.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn is_ours(vrf: u32, interface: u32, address: u32) -> u32 {
    u32::from(own::is_ours(&Maps, vrf, interface, address.to_ne_bytes()))
}

/// The interface that a client of a realm was last heard on, 0 when it was not.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn client_of(realm: u32, xid: u32, low: u64, high: u64) -> u32 {
    let key = ClientKey { chaddr: [low, high], realm, xid: xid.to_ne_bytes() };
    // SAFETY: another CPU may replace the value meanwhile; either is an answer, and it is copied out.
    unsafe { CLIENTS.get(key) }.copied().unwrap_or(0)
}

/// Remembers the interface that a client of a realm was heard on. The result says nothing.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn client_heard(realm: u32, xid: u32, low: u64, high: u64, interface: u32) -> u32 {
    let key = ClientKey { chaddr: [low, high], realm, xid: xid.to_ne_bytes() };
    // A full map makes room itself.
    let _ = CLIENTS.insert(key, interface, 0);
    0
}

/// [`smart::record`].
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn smart_record(interface: u32, low: u64, high: u64, kind: u32, about: u32) -> u32 {
    let key = AttemptKey { chaddr: [low, high], interface, zero: 0 };
    smart::record(&Maps, key, kind as u8, about.to_ne_bytes())
}

/// [`smart::tried`]. The result says nothing.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn smart_tried(interface: u32, low: u64, high: u64, record: u32) -> u32 {
    smart::tried(&Maps, AttemptKey { chaddr: [low, high], interface, zero: 0 }, record);
    0
}

/// [`smart::answered`]. The result says nothing.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn smart_answered(interface: u32, low: u64, high: u64, record: u32, gives: u32) -> u32 {
    let key = AttemptKey { chaddr: [low, high], interface, zero: 0 };
    smart::answered(&Maps, key, record, gives != 0);
    0
}

/// Above an Ethernet address: the message is an offer.
pub(crate) const OFFER_BIT: u32 = 48;

#[inline(always)]
fn holder_key(interface: u32, address: u32, chaddr: u64) -> HolderKey {
    let [a, b, c, d, e, f, ..] = chaddr.to_ne_bytes();
    HolderKey { interface, address: address.to_ne_bytes(), chaddr: [a, b, c, d, e, f], zero: 0 }
}

/// [`affinity::ask`]; the routing table of the VRF is above the address, and an `xid` of more than 32 bits is none.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn ask_holder(interface: u32, place: u64, chaddr: u64, group: u32, xid: u64) -> u32 {
    let xid = u32::try_from(xid).ok().map(u32::to_ne_bytes);
    affinity::ask(&Maps, holder_key(interface, place as u32, chaddr), (place >> 32) as u32, group, xid)
}

/// [`affinity::note`]. The result says nothing.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn note_holder(
    interface: u32,
    address: u32,
    chaddr: u64,
    server: u32,
    xid: u32,
) -> u32 {
    let offer = chaddr >> OFFER_BIT != 0;
    affinity::note(
        &Maps,
        holder_key(interface, address, chaddr),
        server.to_ne_bytes(),
        xid.to_ne_bytes(),
        offer,
    );
    0
}

/// [`Options::walk`]; what it finds is left in the notes of this CPU.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn walk_options(ctx: *mut xdp_md, start: u64, end: u64) -> u32 {
    let Some(mut frame) = XdpFrame::new(XdpContext::new(ctx)) else { return MALFORMED };
    let start = frame.offset(start as usize);
    match Options::walk(&mut frame, start, end as usize) {
        Ok(options) => {
            frame.note_hashes(&options);
            frame.found(options);
            WALKED
        }
        Err(Reason::ManyOptions) => MANY,
        Err(_) => MALFORMED,
    }
}

/// Result of [`walk_options`]: there is an `Options`.
pub(crate) const WALKED: u32 = 0;
/// There are more than the program walks.
pub(crate) const MANY: u32 = 1;
/// They are broken.
const MALFORMED: u32 = 2;
