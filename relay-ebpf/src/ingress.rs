//! From the verdict of the rules to an XDP action.

use aya_ebpf::{
    bindings::xdp_action::{XDP_DROP, XDP_PASS},
    programs::XdpContext,
};
use relay_common::{Class, Token, Verdict, abi::MAX_SERVERS, mark_copies};

use crate::{
    counters,
    env::{self, Maps},
    frame::XdpFrame,
    maps::{CLIENTS, FANOUT, INTERFACES, SEQUENCE},
    punt,
};

/// `bpf_redirect_map`: to every entry of the map (Linux 5.14).
const BPF_F_BROADCAST: u64 = 1 << 3;

#[inline(always)]
pub(crate) fn run(ctx: XdpContext) -> u32 {
    let ifindex = ctx.ingress_ifindex() as u32;
    let mut frame = XdpFrame::new(ctx);
    match relay_common::ingress(&mut frame, &Maps, ifindex) {
        Verdict::ToServers { interface, group, message } => {
            counters::request(interface, message);
            fan_out(&mut frame, interface, group)
        }
        Verdict::ToClient { interface, message } => {
            counters::reply(interface, message);
            to_client(interface)
        }
        Verdict::Not { interface, reason } => match reason.class() {
            Class::Ignored => XDP_PASS,
            Class::Passed | Class::SlowPath => {
                counters::reason(interface, reason);
                XDP_PASS
            }
            Class::Dropped => {
                counters::reason(interface, reason);
                XDP_DROP
            }
        },
    }
}

/// One copy for every server with a next hop, the rest by way of the daemon. The group may have been republished
/// since the rules looked at it; whatever is published now is a whole group too.
#[inline(always)]
fn fan_out(frame: &mut XdpFrame, interface: u32, group: u32) -> u32 {
    let Some((index, slot)) = env::published(group) else { return XDP_DROP };
    if slot.pending != 0 {
        punt::send(frame, interface, slot);
    }
    let Some(last) = SEQUENCE.get_ptr_mut(0) else { return XDP_DROP };
    // SAFETY: the counter of this CPU, which nobody else writes while the program runs.
    let sequence = unsafe {
        *last = (*last).wrapping_add(1);
        *last
    };
    if mark_copies(frame, Token { sequence, slot: index as u16 }).is_none() {
        return XDP_DROP;
    }
    match FANOUT.get(index) {
        Some(devices) => devices.redirect(0, BPF_F_BROADCAST).unwrap_or(XDP_DROP),
        None => XDP_DROP,
    }
}

#[inline(always)]
fn to_client(interface: u32) -> u32 {
    let Some(interface) = INTERFACES.get(interface) else { return XDP_DROP };
    CLIENTS.redirect(interface.ifindex, u64::from(XDP_DROP)).unwrap_or(XDP_DROP)
}

const _: () = assert!(MAX_SERVERS <= u32::BITS as usize);
