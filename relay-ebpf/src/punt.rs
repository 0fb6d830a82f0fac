//! Hands a rewritten request to the daemon for the servers of a group that have no next hop yet, while the others are
//! served in the kernel: one server that does not answer ARP must not send everybody's requests the slow way.

use aya_ebpf::{EbpfContext as _, helpers::generated::bpf_xdp_load_bytes};
use relay_common::{
    Frame as _,
    abi::{PUNT_FRAME, Punted},
};

use crate::{counters, frame::XdpFrame, maps::PUNTED};

#[inline(always)]
pub(crate) fn send(frame: &XdpFrame, interface: u32, group: u32, servers: u32) {
    let Some(mut record) = PUNTED.reserve(0) else {
        counters::punt_lost(interface);
        return;
    };
    // The mask changes nothing (LIMIT is below PUNT_FRAME): it is the upper bound that the verifier asks for. The lower one
    // is made by arithmetic, because before Linux 6.8 it learns nothing from a comparison with zero.
    let len = (frame.opaque(frame.len().wrapping_sub(1)) & (PUNT_FRAME - 1)) + 1;
    let punted: *mut Punted = record.as_mut_ptr();
    // SAFETY: the record is ours until it is submitted, all its fields are plain data, and `len` octets fit `frame`.
    let loaded = unsafe {
        (*punted).group = group;
        (*punted).servers = servers;
        (*punted).len = len as u32;
        (*punted).interface = interface;
        frame.leave_cut(&raw mut (*punted).cut);
        let octets = core::ptr::addr_of_mut!((*punted).frame);
        bpf_xdp_load_bytes(frame.ctx().as_ptr().cast(), 0, octets.cast(), len as u32) == 0
    };
    if loaded {
        record.submit(0);
    } else {
        record.discard(0);
        counters::punt_lost(interface);
    }
}
