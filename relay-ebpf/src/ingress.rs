//! From the verdict of the rules to an XDP action.

use aya_ebpf::{
    bindings::{
        xdp_action::{XDP_DROP, XDP_PASS},
        xdp_md,
    },
    programs::XdpContext,
};
use relay_common::{Class, Reason, Token, Verdict, abi::MAX_SERVERS, address_copy, mark_copies};

use crate::{
    counters,
    env::{self, Maps},
    events,
    frame::XdpFrame,
    loops,
    maps::{DEVICES, FANOUT, INTERFACES, SEQUENCE, SERVERS},
    punt,
};

/// `bpf_redirect_map`: to every entry of the map (Linux 5.14).
const BPF_F_BROADCAST: u64 = 1 << 3;

/// Beside an action in the result of [`relay`]: the frame passes, and may be a DHCP message between others.
const MAY_BE_DHCP: u32 = 0x100;

/// What passes is looked at after the rules have left the stack, which is not deep enough for both.
#[inline(always)]
pub(crate) fn run(ctx: *mut xdp_md) -> u32 {
    let action = relay(ctx);
    if action & MAY_BE_DHCP == 0 {
        return action;
    }
    // What it returns says nothing; a global function has to return something.
    let _ = events::passed(ctx);
    XDP_PASS
}

/// Relays one frame; its XDP action.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn relay(ctx: *mut xdp_md) -> u32 {
    let ctx = XdpContext::new(ctx);
    let ifindex = ctx.ingress_ifindex() as u32;
    let Some(mut frame) = XdpFrame::new(ctx) else { return XDP_PASS };
    frame.begin();
    match relay_common::ingress(&mut frame, &Maps, ifindex) {
        Verdict::ToServers { interface, group, message, servers, remarks } => {
            counters::request(interface, message, remarks);
            fan_out(frame.ctx().ctx, interface, group, servers)
        }
        Verdict::ToClient { interface, message } => {
            counters::reply(interface, message);
            to_client(interface)
        }
        Verdict::Not { interface, reason } => match reason.class() {
            Class::Ignored if matches!(reason, Reason::ClientPort) => XDP_PASS | MAY_BE_DHCP,
            Class::Ignored => XDP_PASS,
            Class::Passed | Class::SlowPath => {
                counters::reason(interface, reason);
                if matches!(reason, Reason::Transit) { XDP_PASS | MAY_BE_DHCP } else { XDP_PASS }
            }
            Class::Dropped => {
                counters::reason(interface, reason);
                XDP_DROP
            }
        },
    }
}

/// One copy for every server of `servers` with a next hop, the rest by way of the daemon. The group may have been
/// republished since the rules looked at it; whatever is published now is a whole group too. Verified once, like the loops:
/// the rules come here by every way there is.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn fan_out(ctx: *mut xdp_md, interface: u32, group: u32, servers: u32) -> u32 {
    let Some(mut frame) = XdpFrame::new(XdpContext::new(ctx)) else { return XDP_DROP };
    let frame = &mut frame;
    let Some((index, slot)) = env::published(group) else { return XDP_DROP };
    let pending = slot.pending & servers;
    if pending != 0 {
        punt::send(frame, interface, slot.group, pending);
    }
    let ready = slot.ready & servers;
    // Servers whose copy is another one: it is made here, or the egress program is left what it has to know.
    let near = frame.near() & ready;
    if ready & ready.wrapping_sub(1) == 0 {
        if near != 0 && frame.cut().make(frame).is_none() {
            counters::cut_lost();
            return XDP_DROP;
        }
        return to_one(frame, index, ready).unwrap_or(XDP_DROP);
    }
    let Some(last) = SEQUENCE.get_ptr_mut(0) else { return XDP_DROP };
    // SAFETY: the counter of this CPU, which nobody else writes while the program runs.
    let sequence = unsafe {
        *last = (*last).wrapping_add(1);
        *last
    };
    if near != 0 && loops::leave_cut(sequence, ready) != 0 {
        counters::cut_lost();
        return XDP_DROP;
    }
    let token = Token { sequence, servers: ready, slot: index as u16, cut: near != 0 };
    if mark_copies(frame, token).is_none() {
        return XDP_DROP;
    }
    match FANOUT.get(index) {
        Some(devices) => devices.redirect(0, BPF_F_BROADCAST).unwrap_or(XDP_DROP),
        None => XDP_DROP,
    }
}

/// A single copy needs no clone: it is finished here, and the egress program lets it pass.
#[inline(always)]
fn to_one(frame: &mut XdpFrame, slot: u32, server: u32) -> Option<u32> {
    let index = server.trailing_zeros() & (MAX_SERVERS as u32 - 1);
    let server = SERVERS.get(slot * MAX_SERVERS as u32 + index)?;
    address_copy(frame, server)?;
    counters::copy();
    DEVICES.redirect(server.ifindex, u64::from(XDP_DROP)).ok()
}

#[inline(always)]
fn to_client(interface: u32) -> u32 {
    let Some(interface) = INTERFACES.get(interface) else { return XDP_DROP };
    DEVICES.redirect(interface.ifindex, u64::from(XDP_DROP)).unwrap_or(XDP_DROP)
}

const _: () = assert!(MAX_SERVERS <= u32::BITS as usize);
