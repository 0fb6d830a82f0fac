//! Feeding a program the same frame again and again although it changes the frame: `BPF_PROG_TEST_RUN` restores
//! nothing between repeats, and with live frames only the pointers.

use aya_ebpf::{
    EbpfContext as _,
    bindings::xdp_action::{XDP_ABORTED, XDP_TX},
    helpers::{
        bpf_get_prandom_u32, bpf_ktime_get_ns, bpf_xdp_adjust_head, bpf_xdp_adjust_tail,
        generated::bpf_xdp_store_bytes,
    },
    programs::XdpContext,
};

use crate::maps::{NEXT, POSITION, ROOM, TEMPLATE, TURN, Template};

/// Offset of the transaction identifier in an untagged frame without IP options.
pub(crate) const XID: usize = 14 + 20 + 8 + 4;
/// Offset of the hardware address, likewise.
const CHADDR: usize = 14 + 20 + 8 + 28;
/// Offset of octets of the frame that no relay looks at: the end of `chaddr` behind an Ethernet address.
pub(crate) const COMPLEMENT: usize = 14 + 20 + 8 + 36;

#[inline(always)]
pub(crate) fn again(ctx: &XdpContext) -> u32 {
    let Some(template) = template() else { return XDP_ABORTED };
    if reposition(ctx, template).is_none() || restore(ctx, template).is_none() {
        return XDP_ABORTED;
    }
    next(ctx)
}

#[inline(always)]
pub(crate) fn again_live(ctx: &XdpContext) -> u32 {
    if restored(ctx).is_none() {
        return XDP_ABORTED;
    }
    next(ctx)
}

#[inline(always)]
pub(crate) fn generate(ctx: &XdpContext) -> u32 {
    if restored(ctx).is_none() { XDP_ABORTED } else { XDP_TX }
}

#[inline(always)]
pub(crate) fn generate_others(ctx: &XdpContext) -> u32 {
    if restored(ctx).is_none() || disguise(ctx).is_none() { XDP_ABORTED } else { XDP_TX }
}

#[inline(always)]
pub(crate) fn generate_stamped(ctx: &XdpContext) -> u32 {
    if restored(ctx).is_none() || stamp(ctx).is_none() { XDP_ABORTED } else { XDP_TX }
}

#[inline(always)]
pub(crate) fn next(ctx: &XdpContext) -> u32 {
    // SAFETY: nothing here has a destructor; on success control does not come back.
    unsafe { NEXT.tail_call(ctx, 0) };
    XDP_ABORTED
}

/// Moves both ends of the frame back to where they were at the first run.
#[inline(always)]
fn reposition(ctx: &XdpContext, template: &Template) -> Option<()> {
    let position = POSITION.get_ptr_mut(0)?;
    // SAFETY: one test runs at a time. An address becomes a number by being stored and loaded again.
    let moved = unsafe {
        (&raw mut (*position).now).write_volatile(ctx.data() as u64);
        let now = (&raw const (*position).now).read_volatile();
        let mut first = (&raw const (*position).first).read_volatile();
        if first == 0 {
            (&raw mut (*position).first).write_volatile(now);
            first = now;
        }
        first.wrapping_sub(now) as i32
    };
    // SAFETY: the context is the one this program was called with; pointers into the packet are not kept.
    if unsafe { bpf_xdp_adjust_head(ctx.as_ptr().cast(), moved) } != 0 {
        return None;
    }
    // By way of one length for all: what is added is zeroed, and that is to take as long whether the program has left the frame
    // longer, shorter or as it was.
    let len = (ctx.data_end() - ctx.data()) as i32;
    resize(ctx, SHORTEST.wrapping_sub(len))?;
    resize(ctx, (template.len as i32).wrapping_sub(SHORTEST))
}

/// Octets: less than any frame has that is fed.
const SHORTEST: i32 = 32;

#[inline(always)]
fn resize(ctx: &XdpContext, by: i32) -> Option<()> {
    // SAFETY: the context is the one this program was called with; pointers into the packet are not kept.
    (unsafe { bpf_xdp_adjust_tail(ctx.as_ptr().cast(), by) } == 0).then_some(())
}

/// The template whose turn it is.
#[inline(always)]
fn template() -> Option<&'static Template> {
    let turn = TURN.get_ptr_mut(0)?;
    // SAFETY: one test runs at a time.
    let at = unsafe {
        let at = (*turn).next;
        (*turn).next = if at + 1 < (*turn).count { at + 1 } else { 0 };
        at
    };
    TEMPLATE.get(at)
}

#[inline(always)]
fn restored(ctx: &XdpContext) -> Option<()> {
    restore(ctx, template()?)
}

/// Writes the template over the frame.
#[inline(always)]
fn restore(ctx: &XdpContext, template: &Template) -> Option<()> {
    let len = template.len as usize & (ROOM - 1);
    if len == 0 {
        return None;
    }
    let octets = template.frame.as_ptr().cast_mut().cast();
    // SAFETY: `len` octets of the template exist, and the helper compares with the packet's end.
    (unsafe { bpf_xdp_store_bytes(ctx.as_ptr().cast(), 0, octets, len as u32) } == 0).then_some(())
}

/// Gives the message another transaction identifier and hardware address; it has no UDP checksum.
#[inline(always)]
fn disguise(ctx: &XdpContext) -> Option<()> {
    let start = ctx.data();
    if start + CHADDR + 6 > ctx.data_end() {
        return None;
    }
    // SAFETY: the helper has no preconditions.
    let (xid, chaddr) = unsafe { (bpf_get_prandom_u32(), bpf_get_prandom_u32()) };
    // SAFETY: the ends of both were compared with data_end.
    unsafe {
        ((start + XID) as *mut u32).write_unaligned(xid);
        ((start + CHADDR + 2) as *mut u32).write_unaligned(chaddr);
    }
    Some(())
}

/// Writes the time into the transaction identifier, and its complement where nobody looks: together they add nothing
/// to the UDP checksum.
#[inline(always)]
fn stamp(ctx: &XdpContext) -> Option<()> {
    let start = ctx.data();
    if start + COMPLEMENT + 4 > ctx.data_end() {
        return None;
    }
    // SAFETY: the helper has no preconditions.
    let now = unsafe { bpf_ktime_get_ns() } as u32;
    // SAFETY: the ends of both were compared with data_end.
    unsafe {
        ((start + XID) as *mut u32).write_unaligned(now);
        ((start + COMPLEMENT) as *mut u32).write_unaligned(!now);
    }
    Some(())
}
