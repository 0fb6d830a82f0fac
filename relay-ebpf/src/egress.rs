//! Turns each copy of a request into the one for its server.
//!
//! The same program runs for every entry of a device map and for every redirected reply: in native mode the first
//! frame of a batch decides the program for the whole batch of a device. It must not read `ingress_ifindex`: before
//! Linux 6.1.115 that field is not set here.

use aya_ebpf::{
    bindings::xdp_action::{XDP_DROP, XDP_PASS},
    programs::XdpContext,
};
use relay_common::{
    Token,
    abi::{Cut, MAX_SERVERS, SERVED_SLOTS, Slot},
    address_copy, token_of,
};

use crate::{
    counters,
    frame::{XdpFrame, forgotten},
    maps::{SERVED, SERVERS, SLOTS},
};

#[inline(always)]
pub(crate) fn run(ctx: XdpContext) -> u32 {
    // SAFETY: the context is valid while the program runs; the field is set for programs of device maps.
    let ifindex = unsafe { (*ctx.ctx).egress_ifindex };
    let mut frame = XdpFrame::without_options(ctx);
    let Some(token) = token_of(&frame) else { return XDP_PASS };
    match address(&mut frame, token, ifindex) {
        Some(()) => {
            counters::copy();
            XDP_PASS
        }
        None => XDP_DROP,
    }
}

#[inline(always)]
fn address(frame: &mut XdpFrame, token: Token, ifindex: u32) -> Option<()> {
    let slot = SLOTS.get(u32::from(token.slot))?;
    let (index, cut) = next_server(token, slot, ifindex)?;
    if cut.near != 0 && cut.make(frame).is_none() {
        counters::cut_lost();
        return None;
    }
    let server = SERVERS.get(u32::from(token.slot) * MAX_SERVERS as u32 + index)?;
    address_copy(frame, server)
}

/// The first server behind this device that has not had a copy of the token, which it now has; and how its copy is made shorter,
/// if it is.
#[inline(always)]
fn next_server(token: Token, slot: &Slot, ifindex: u32) -> Option<(u32, Cut)> {
    let served = SERVED.get_ptr_mut(token.sequence & (SERVED_SLOTS - 1))?;
    // SAFETY: the set of this CPU, which nobody else writes while the program runs.
    let served = unsafe { &mut *served };
    if served.sequence != token.sequence {
        if token.cut {
            counters::cut_lost();
            return None;
        }
        served.sequence = token.sequence;
        served.mask = !token.servers;
    }
    let mut behind = 0;
    for device in &slot.devices {
        if device.ifindex == ifindex || device.ifindex == 0 {
            behind = forgotten(device.servers as usize) as u32;
            break;
        }
    }
    let left = behind & !served.mask;
    // The lowest bit.
    let next = left & left.wrapping_neg();
    served.mask |= next;
    if next == 0 {
        return None;
    }
    let near = if token.cut { served.cut.near & next } else { 0 };
    Some((next.trailing_zeros(), Cut { near, ..served.cut }))
}
