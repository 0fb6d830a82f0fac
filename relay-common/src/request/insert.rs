//! Option 82 into a request (RFC 3046 section 2.1): as the last option, into the padding behind END first, then by growing
//! the frame at its tail, then at its head.
//!
//! Whatever can refuse comes before the first octet that is written.

use crate::abi::{Agent, Interface};
use crate::packet::{HEADERS, Packet};
use crate::wire::bootp::{self, option};
use crate::wire::ipv4;
use crate::{Env, Frame, Reason, Route, Sum, agent, overload};

/// The message when option 82 is settled.
pub(super) struct Message {
    /// Octets.
    pub(super) len: usize,
    /// Sum over it, hops and giaddr still as they came.
    pub(super) sum: Sum,
    /// Ours would have made it too long.
    pub(super) left_out: bool,
}

/// The message as it came. What stands behind it in the frame is cut off.
#[inline(always)]
pub(super) fn nothing<F: Frame>(frame: &mut F, packet: &Packet, route: &Route) -> Result<Message, Reason> {
    keep(frame, packet, route, false)
}

#[inline(always)]
fn keep<F: Frame>(frame: &mut F, packet: &Packet, route: &Route, left_out: bool) -> Result<Message, Reason> {
    if F::HAS_SLOW_PATH && HEADERS + packet.len > route.mtu as usize {
        return Err(Reason::EgressMtu);
    }
    frame.observe(&packet.seen(packet.port.interface));
    let sum = packet.sum(frame).ok_or(Reason::NoRoom)?;
    let excess = frame.len() - packet.end();
    if excess != 0 {
        frame.shrink_tail(excess).ok_or(Reason::NoRoom)?;
    }
    Ok(Message { len: packet.len, sum, left_out })
}

/// Puts ours, that of `record` with the index `number`, before END; with `replace`, takes out every other before that.
#[inline(always)]
pub(super) fn option82<F: Frame, E: Env>(
    frame: &mut F,
    env: &E,
    packet: &Packet,
    interface: &Interface,
    (number, record): (u32, &Interface),
    route: &Route,
    replace: bool,
) -> Result<Message, Reason> {
    let authenticated = frame.noted_option(option::AUTHENTICATION).is_some();
    if F::HAS_SLOW_PATH && authenticated {
        return Err(Reason::Authenticated);
    }
    let options = &packet.options;
    let removed = if replace { options.agent_octets } else { 0 };
    if F::HAS_SLOW_PATH && replace && (options.agents != 1 || options.agent + removed != options.end) {
        return Err(Reason::Rearranged);
    }
    let len = record.agent.len as usize;
    // Where ours will stand in the message, and the message with it.
    let place = options.end - removed - packet.message();
    let mut wanted = place + len + 1;
    if authenticated {
        // Without END there is none to move, and none is made.
        wanted = packet.len - removed + len;
    } else if wanted < packet.len {
        wanted = packet.len;
    }
    let fits = len != 0 && wanted <= limit(frame, interface, route);
    if !fits && !replace {
        return keep(frame, packet, route, len != 0);
    }
    if !F::HAS_SLOW_PATH {
        let ours = env.agent(number).filter(|_| fits).unwrap_or(&Agent::NONE);
        frame.observe(&packet.seen(packet.port.interface));
        return rebuild(frame, packet, (number, ours), replace, authenticated).ok_or(Reason::NoRoom);
    }
    let wanted = frame.offset(if fits { wanted } else { packet.len });
    if HEADERS + wanted > route.mtu as usize {
        return Err(Reason::EgressMtu);
    }
    frame.observe(&packet.seen(packet.port.interface));
    let end = packet.message() + wanted;
    let missing = end.saturating_sub(frame.len());
    if missing != 0 {
        if frame.grow_tail(missing).is_none() {
            frame.grow_head(missing).ok_or(Reason::NoRoom)?;
            frame.forward(0, missing, missing + packet.split).ok_or(Reason::NoRoom)?;
        }
    } else {
        let excess = frame.len() - end;
        if excess != 0 {
            frame.shrink_tail(excess).ok_or(Reason::NoRoom)?;
        }
        // What is left of an old option or of junk behind END becomes zero. Growing back cannot fail: the room was there.
        if !packet.behind.is_zero() {
            let old = end - packet.split;
            frame.shrink_tail(old).ok_or(Reason::NoRoom)?;
            frame.grow_tail(old).ok_or(Reason::NoRoom)?;
        }
    }
    let sum = if fits {
        if record.agent.last != 0 {
            agent::write_brief(frame, packet.split, &record.agent)
        } else {
            frame.write_agent(packet.split, number, &Agent::NONE, unicast(packet))
        }
    } else {
        // Where END was missing none is made up.
        let mark = if options.end < packet.end() { option::END } else { option::PAD };
        frame.write(packet.split, [mark]).map(|()| Sum::octet(mark, 0))
    };
    let sum = sum.ok_or(Reason::NoRoom)?;
    Ok(Message { len: wanted, sum: packet.before.plus(sum.shifted(packet.parity())), left_out: !fits })
}

/// Largest message that may be made, octets.
#[inline(always)]
fn limit<F: Frame>(frame: &F, interface: &Interface, route: &Route) -> usize {
    let mut limit = u32::from(interface.max_message);
    let egress = route.mtu.saturating_sub(HEADERS as u32);
    if egress < limit {
        limit = egress;
    }
    if let Some(at) = frame.noted_option(option::MAX_MESSAGE)
        && let Some([_, 2, high, low]) = frame.read::<4>(at)
    {
        let client = u32::from(u16::from_be_bytes([high, low]));
        if client < limit {
            limit = client;
        }
    }
    limit as usize
}

/// Whether the request came to an address of ours (RFC 5010).
#[inline(always)]
fn unicast(packet: &Packet) -> bool {
    packet.destination != ipv4::BROADCAST
}

/// The same for every case there is, a step at a time. Host only.
fn rebuild<F: Frame>(
    frame: &mut F,
    packet: &Packet,
    (number, ours): (u32, &Agent),
    replace: bool,
    authenticated: bool,
) -> Option<Message> {
    let message = packet.message();
    let excess = frame.len() - packet.end();
    frame.shrink_tail(excess)?;
    let mut options = packet.options;
    if replace {
        // The fields first: where option 52 stands is forgotten with the next walk.
        overload::agents(frame, packet, true)?;
        while options.agents != 0 {
            let end = frame.len();
            frame.forward(options.agent, options.agent_len, end)?;
            frame.shrink_tail(options.agent_len)?;
            let end = frame.len();
            options = frame.walk(message + bootp::OPTIONS, end).ok()?;
        }
    }
    if ours.len != 0 {
        let place = options.end;
        // END and what is behind it, which only an authenticated message keeps.
        let tail = frame.len().saturating_sub(place + 1);
        if authenticated {
            frame.grow_tail(usize::from(ours.len))?;
            let open = place + usize::from(ours.len) == frame.len();
            let end = frame.len();
            if open {
                frame.grow_tail(1)?;
                frame.write_agent(place, number, ours, unicast(packet))?;
                frame.shrink_tail(1)?;
                let len = end - message;
                let sum = frame.sum(message, len)?;
                return Some(Message { len, sum, left_out: false });
            }
            for at in (place + 1..place + 1 + tail).rev() {
                let octet = frame.u8(at)?;
                frame.write(at + usize::from(ours.len), [octet])?;
            }
        } else {
            let cut = frame.len() - place;
            frame.shrink_tail(cut)?;
            frame.grow_tail(usize::from(ours.len) + 1)?;
        }
        let end = place + usize::from(ours.len) + 1;
        if frame.len() < end {
            frame.grow_tail(end - frame.len())?;
        }
        frame.write_agent(place, number, ours, unicast(packet))?;
    } else if !authenticated {
        let cut = frame.len().saturating_sub(options.end + 1);
        frame.shrink_tail(cut)?;
    }
    if !authenticated && frame.len() < packet.end() {
        frame.grow_tail(packet.end() - frame.len())?;
    }
    let len = frame.len() - message;
    let sum = frame.sum(message, len)?;
    Some(Message { len, sum, left_out: ours.len == 0 })
}
