//! The XDP programs of xdp-dhcrelay.
//!
//! `ingress` runs on every client-facing and server-facing port, `egress` on every frame that is redirected to a
//! port. The rules are `relay_common`'s; here is only what the kernel adds to them: bytes of the packet, maps, the
//! redirect and the counters.
#![no_std]
#![no_main]
// An empty asm! in frame.rs keeps bounds checks in the form the verifier reads.
#![feature(asm_experimental_arch)]

mod clock;
mod counters;
mod egress;
mod env;
mod events;
mod frame;
mod ingress;
mod loops;
mod maps;
mod punt;
mod rings;

use aya_ebpf::{macros::xdp, programs::XdpContext};

/// Frames that come in on a port.
#[xdp]
pub(crate) fn ingress(ctx: XdpContext) -> u32 {
    ingress::run(ctx.ctx)
}

/// Frames that leave through a port by a redirect.
#[xdp(map = "devmap")]
pub(crate) fn egress(ctx: XdpContext) -> u32 {
    egress::run(ctx)
}

/// The helpers that are marked so (`bpf_ringbuf_*` are not, `bpf_ktime_get_ns` is) ask for a GPL-compatible licence;
/// the source is under MIT OR Apache-2.0 as well.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

/// Never called: nothing here panics, and the verifier would not let it.
#[cfg(not(test))]
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
