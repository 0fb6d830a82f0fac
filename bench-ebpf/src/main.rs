//! The XDP programs of `cargo xtask bench`: what feeds the relay, what counts behind it, and what stands beside it to
//! be compared with. None of them is part of the relay.
#![no_std]
#![no_main]

mod feed;
mod floor;
mod maps;
mod sink;

use aya_ebpf::{
    bindings::xdp_action::{XDP_DROP, XDP_PASS},
    macros::xdp,
    programs::XdpContext,
};

/// Costs nothing but the call: what every other figure has subtracted.
#[xdp]
pub(crate) fn empty(_ctx: XdpContext) -> u32 {
    XDP_PASS
}

/// For test runs: puts frame and position back as they were, then goes on in the program of `NEXT`.
#[xdp]
pub(crate) fn again(ctx: XdpContext) -> u32 {
    feed::again(&ctx)
}

/// For test runs of what leaves the frame as it is: goes on in the program of `NEXT` at once.
#[xdp]
pub(crate) fn direct(ctx: XdpContext) -> u32 {
    feed::next(&ctx)
}

/// For live frames: puts the octets back (the kernel has put back the position), then goes on in `NEXT`.
#[xdp]
pub(crate) fn again_live(ctx: XdpContext) -> u32 {
    feed::again_live(&ctx)
}

/// For live frames: sends the frame out of the device it is said to have come from.
#[xdp]
pub(crate) fn generate(ctx: XdpContext) -> u32 {
    feed::generate(&ctx)
}

/// The same, each a message of another client.
#[xdp]
pub(crate) fn generate_others(ctx: XdpContext) -> u32 {
    feed::generate_others(&ctx)
}

/// As `generate`, with the time of sending in the frame.
#[xdp]
pub(crate) fn generate_stamped(ctx: XdpContext) -> u32 {
    feed::generate_stamped(&ctx)
}

/// The least a relay for one server could do: one redirect.
#[xdp]
pub(crate) fn floor_one(_ctx: XdpContext) -> u32 {
    floor::one()
}

/// The least a relay for several servers could do: the kernel's copies, unchanged.
#[xdp]
pub(crate) fn floor_all(_ctx: XdpContext) -> u32 {
    floor::all()
}

/// A device map's program that does nothing.
#[xdp(map = "devmap")]
pub(crate) fn floor_copy(_ctx: XdpContext) -> u32 {
    XDP_PASS
}

/// Hands the frame to another CPU.
#[xdp]
pub(crate) fn hop(_ctx: XdpContext) -> u32 {
    floor::hop()
}

/// Where such a frame arrives: as `sink`.
#[xdp(map = "cpumap")]
pub(crate) fn hopped(ctx: XdpContext) -> u32 {
    sink::count(&ctx)
}

/// What handing it over is compared with.
#[xdp]
pub(crate) fn discard(_ctx: XdpContext) -> u32 {
    XDP_DROP
}

/// Counts DHCP frames and drops them; everything else (ARP) goes on to the stack.
#[xdp]
pub(crate) fn sink(ctx: XdpContext) -> u32 {
    sink::count(&ctx)
}

/// The same, with the time since the stamp in a histogram.
#[xdp]
pub(crate) fn sink_timed(ctx: XdpContext) -> u32 {
    sink::count_timed(&ctx)
}

/// Asked for by `bpf_ktime_get_ns`; the source is under MIT OR Apache-2.0 as well.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

/// Never called: nothing here panics, and the verifier would not let it.
#[cfg(not(test))]
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
