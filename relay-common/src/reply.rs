//! Server to client: who may answer, for which interface, and the rewrite. Our option 82 never reaches the client
//! (RFC 3046 section 2.2); everything else stays as it is and in its order.

mod recognise;

use crate::abi::{Interface, flag};
use crate::delivery::Delivery;
use crate::headers::Datagram;
use crate::packet::{HEADERS, Packet};
use crate::removal::Removal;
use crate::view::View as _;
use crate::wire::bootp::option;
use crate::wire::{bootp, eth, udp};
use crate::{Env, Frame, Reason, Sum, Verdict, affinity, overload, smart};
use recognise::{Removed, next_of_ours, recognise};

#[inline(always)]
pub(crate) fn relay<F: Frame, E: Env>(frame: &mut F, env: &E, packet: &Packet) -> Result<Verdict, Reason> {
    let (index, removed) = recognise(frame, env, packet)?;
    let interface = env.interface(index).ok_or(Reason::WrongGiaddr)?;
    if F::HAS_SLOW_PATH && interface.flags & flag::SLOW_REPLIES != 0 {
        return Err(Reason::NoRedirect);
    }
    let authenticated = frame.noted_option(option::AUTHENTICATION).is_some();
    if F::HAS_SLOW_PATH && authenticated && removed.octets() != 0 {
        return Err(Reason::Authenticated);
    }
    if !F::HAS_SLOW_PATH && matches!(removed, Removed::All { .. }) {
        overload::agents(frame, packet, true).ok_or(Reason::Truncated)?;
    }
    let kept = packet.len - removed.octets();
    let padded = !authenticated && kept < bootp::MIN_LEN;
    let len = frame.opaque(if padded { bootp::MIN_LEN } else { kept });
    if F::HAS_SLOW_PATH && HEADERS + len > interface.mtu as usize {
        return Err(Reason::EgressMtu);
    }
    affinity::learn(frame, env, packet, interface);
    smart::note_reply(frame, env, packet, interface, index);
    frame.observe(&packet.seen(interface.first));
    let l3 = make_room(frame, packet, interface, len).ok_or(Reason::NoRoom)?;
    let sum = reshape(frame, env, packet, &removed, len, l3).ok_or(Reason::NoRoom)?;
    let message = packet.options.message;
    address(frame, interface, message, len, l3, sum).ok_or(Reason::NoRoom)?;
    Ok(Verdict::ToClient { interface: interface.first, message })
}

/// Makes the frame long enough at both ends for tags and padding, and returns the new offset of the IPv4 header.
/// `None` leaves the frame as it was.
#[inline(always)]
fn make_room<F: Frame>(frame: &mut F, packet: &Packet, interface: &Interface, len: usize) -> Option<usize> {
    let l3 = eth::HEADER_LEN + tags(interface) * eth::TAG_LEN;
    let wanted = packet.message() + len;
    let missing = wanted.saturating_sub(frame.len());
    if missing != 0 {
        frame.grow_tail(missing)?;
    }
    let moved = if l3 > packet.l3 {
        frame.grow_head(l3 - packet.l3)
    } else if l3 < packet.l3 {
        frame.shrink_head(packet.l3 - l3)
    } else {
        Some(())
    };
    if moved.is_none() && missing != 0 {
        frame.shrink_tail(missing)?;
    }
    moved.map(|()| frame.offset(l3))
}

#[inline(always)]
fn tags(interface: &Interface) -> usize {
    (interface.outer != 0) as usize + (interface.inner != 0) as usize
}

/// Takes option 82 out and pads the message to `len` octets; returns the sum over it.
#[inline(always)]
fn reshape<F: Frame, E: Env>(
    frame: &mut F,
    env: &E,
    packet: &Packet,
    removed: &Removed,
    len: usize,
    l3: usize,
) -> Option<Sum> {
    let message = l3 + HEADERS;
    let at = packet.parity();
    match *removed {
        Removed::One { len: option, .. } | Removed::All { len: option, .. }
            if F::HAS_SLOW_PATH && option != 0 =>
        {
            // The sums divide where the option stands; it was found before the frame moved under it.
            let removal =
                Removal { at: message + at, len: option, end: message + packet.len, to: message + len };
            let rest = frame.remove(&removal)?;
            Some(packet.before.plus(rest.shifted(at)))
        }
        Removed::Nothing => {
            resize(frame, message, packet.len, len)?;
            // Where the message was does not matter to its sum.
            let octet = if at < packet.len { frame.u8(frame.offset(message + at))? } else { 0 };
            Some(packet.before.plus(Sum::octet(octet, at)).plus(packet.behind.shifted(at + 1)))
        }
        // The daemon may have changed more than the one place.
        _ => {
            let kept =
                if F::HAS_SLOW_PATH { packet.len } else { remove_all(frame, env, packet, removed, l3)? };
            resize(frame, message, kept, len)?;
            frame.sum(message, len)
        }
    }
}

/// Makes the frame end with the `len` octets of the message, of which the first `kept` stay. What lies behind these
/// (Ethernet padding, or the end of what was moved) becomes zero.
#[inline(always)]
fn resize<F: Frame>(frame: &mut F, message: usize, kept: usize, len: usize) -> Option<()> {
    let excess = frame.len() - (message + kept);
    if excess != 0 {
        frame.shrink_tail(excess)?;
    }
    if len > kept {
        frame.grow_tail(len - kept)?;
    }
    Some(())
}

/// Takes out whatever is to be, and returns the octets of the message that remain. Host only.
fn remove_all<F: Frame, E: Env>(
    frame: &mut F,
    env: &E,
    packet: &Packet,
    removed: &Removed,
    l3: usize,
) -> Option<usize> {
    let message = l3 + HEADERS;
    let mut kept = packet.len;
    if let Removed::One { at, len } | Removed::All { at, len, .. } | Removed::Ours { at, len, .. } = *removed
        && len != 0
    {
        // The option was found before the frame moved under it.
        let at = at + l3 - packet.l3;
        frame.forward(at, len, message + kept)?;
        kept -= len;
    }
    if packet.options.agents > 1 && matches!(removed, Removed::All { .. }) {
        kept = remove_others(frame, message, kept)?;
    }
    if matches!(removed, Removed::Ours { .. }) {
        kept = remove_others_of_ours(frame, env, packet, message, kept)?;
    }
    Some(kept)
}

/// Removes what instances of the option are left, and returns the octets of the message that remain. Host only: a
/// second instance sends a frame to the slow path.
fn remove_others<F: Frame>(frame: &mut F, message: usize, mut kept: usize) -> Option<usize> {
    loop {
        let options = frame.walk(message + bootp::OPTIONS, message + kept).ok()?;
        if options.agents == 0 {
            return Some(kept);
        }
        frame.forward(options.agent, options.agent_len, message + kept)?;
        kept -= options.agent_len;
    }
}

/// The same for those that are exactly ours alone.
fn remove_others_of_ours<F: Frame, E: Env>(
    frame: &mut F,
    env: &E,
    packet: &Packet,
    message: usize,
    mut kept: usize,
) -> Option<usize> {
    let start = message + bootp::OPTIONS;
    loop {
        let end = frame.walk(start, message + kept).ok()?.end;
        let Some((at, len)) = next_of_ours(frame, env, packet, start, end) else { return Some(kept) };
        frame.forward(at, len, message + kept)?;
        kept -= len;
    }
}

/// Writes all headers of a finished message.
#[inline(always)]
fn address<F: Frame>(
    frame: &mut F,
    interface: &Interface,
    message: u8,
    len: usize,
    l3: usize,
    sum: Sum,
) -> Option<()> {
    let view = frame.view_mut::<{ HEADERS + bootp::CHADDR + eth::ADDRESS_LEN }>(frame.offset(l3))?;
    let delivery = Delivery::of(view, HEADERS, message);
    let datagram = Datagram {
        source: interface.address,
        destination: delivery.address,
        destination_port: udp::BOOTPC,
        tos: interface.tos,
        len,
        sum: Some(sum),
    };
    view.put(0, datagram.headers());
    write_link(frame, interface, delivery.mac)
}

/// The Ethernet header toward a client, with the tags of its VLANs.
#[inline(always)]
fn write_link<F: Frame>(frame: &mut F, interface: &Interface, mac: u64) -> Option<()> {
    let [d0, d1, d2, d3, d4, d5, ..] = mac.to_ne_bytes();
    let [s0, s1, s2, s3, s4, s5] = interface.mac;
    frame.write(eth::DESTINATION, [d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5])?;
    let [i0, i1] = eth::IPV4.to_be_bytes();
    let [p0, p1] = interface.tpid.to_be_bytes();
    let [o0, o1] = interface.outer.to_be_bytes();
    if interface.outer == 0 {
        return frame.write(eth::ETHERTYPE, [i0, i1]);
    }
    if interface.inner == 0 {
        return frame.write(eth::ETHERTYPE, [p0, p1, o0, o1, i0, i1]);
    }
    let [c0, c1] = eth::TAG_8021Q.to_be_bytes();
    let [n0, n1] = interface.inner.to_be_bytes();
    frame.write(eth::ETHERTYPE, [p0, p1, o0, o1, c0, c1, n0, n1, i0, i1])
}
