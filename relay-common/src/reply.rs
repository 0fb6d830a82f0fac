//! Server to client: who may answer, for which interface, and the rewrite. Option 82 never reaches the client
//! (RFC 3046 section 2.2); everything else stays as it is and in its order.

use crate::abi::{Address, AddressKey, Interface, flag};
use crate::delivery::Delivery;
use crate::headers::Datagram;
use crate::options::Options;
use crate::packet::{HEADERS, Packet};
use crate::wire::{bootp, eth, udp};
use crate::{Env, Frame, Reason, Sum, Verdict};

#[inline(always)]
pub(crate) fn relay<F: Frame, E: Env>(
    frame: &mut F,
    env: &E,
    packet: &Packet,
    options: &Options,
) -> Result<Verdict, Reason> {
    let index = interface_of(frame, env, packet)?;
    let interface = env.interface(index).ok_or(Reason::WrongGiaddr)?;
    if F::HAS_SLOW_PATH && interface.flags & flag::SLOW_REPLIES != 0 {
        return Err(Reason::NoRedirect);
    }
    if F::HAS_SLOW_PATH && options.agents > 1 {
        return Err(Reason::ManyOptions);
    }
    let agent = AgentOption::of(options);
    let kept = packet.len - agent.octets;
    let len = frame.opaque(if kept < bootp::MIN_LEN { bootp::MIN_LEN } else { kept });
    if F::HAS_SLOW_PATH && HEADERS + len > interface.mtu as usize {
        return Err(Reason::EgressMtu);
    }
    let l3 = make_room(frame, packet, interface, len).ok_or(Reason::NoRoom)?;
    let sum = reshape(frame, packet, agent, len, l3).ok_or(Reason::NoRoom)?;
    address(frame, interface, options.message, len, l3, sum).ok_or(Reason::NoRoom)?;
    Ok(Verdict::ToClient { interface: index, message: options.message })
}

/// The interface a reply is for, once its sender and its addresses have been found right.
#[inline(always)]
fn interface_of<F: Frame, E: Env>(frame: &F, env: &E, packet: &Packet) -> Result<u32, Reason> {
    if packet.port.upstream == 0 {
        return Err(Reason::ReplyFromClientPort);
    }
    let sender = AddressKey { vrf: packet.port.vrf, address: packet.source };
    if env.address(sender).is_none_or(|found| found.server == 0) {
        return Err(Reason::UnknownServer);
    }
    let giaddr = frame.read::<4>(frame.offset(packet.message()) + bootp::GIADDR).ok_or(Reason::Truncated)?;
    if giaddr != packet.destination {
        return Err(Reason::WrongGiaddr);
    }
    match packet.addressed {
        0 => Err(Reason::WrongGiaddr),
        Address::SHARED => Err(Reason::AmbiguousGiaddr),
        index => Ok(index),
    }
}

/// The relay agent option of a reply: the first instance, and what all of them take.
#[derive(Clone, Copy)]
struct AgentOption {
    /// Offset in the message.
    at: usize,
    /// Octets of the first instance, with code and length; 0 when there is none.
    len: usize,
    /// Octets of all instances.
    octets: usize,
}

impl AgentOption {
    #[inline(always)]
    fn of(options: &Options) -> Self {
        let len = if options.agents == 0 { 0 } else { options.agent_len + 2 };
        Self { at: options.agent, len, octets: options.agent_octets }
    }
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
fn reshape<F: Frame>(
    frame: &mut F,
    packet: &Packet,
    agent: AgentOption,
    len: usize,
    l3: usize,
) -> Option<Sum> {
    let message = l3 + HEADERS;
    let mut kept = packet.len;
    if agent.len != 0 {
        // The option was found before the frame moved under it.
        let at = agent.at + l3 - packet.l3;
        remove(frame, at, agent.len, message + kept)?;
        kept -= agent.len;
        if !F::HAS_SLOW_PATH && agent.octets != agent.len {
            kept = remove_others(frame, message, kept)?;
        }
    }
    // What lies behind the message (Ethernet padding, or the end of what was moved) becomes zero.
    let excess = frame.len() - (message + kept);
    if excess != 0 {
        frame.shrink_tail(excess)?;
    }
    if len > kept {
        frame.grow_tail(len - kept)?;
    }
    if agent.len != 0 { Sum::new().octets(frame, message, len) } else { Some(packet.sum) }
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
    let delivery = Delivery::of(frame, frame.offset(l3 + HEADERS), message)?;
    write_link(frame, interface, delivery.mac)?;
    let datagram = Datagram {
        source: interface.address,
        destination: delivery.address,
        destination_port: udp::BOOTPC,
        tos: interface.tos,
        len,
        sum: Some(sum),
    };
    datagram.write(frame, frame.offset(l3))
}

/// Moves what stands between `at + len` and `end` to `at`.
#[inline(always)]
fn remove<F: Frame>(frame: &mut F, at: usize, len: usize, end: usize) -> Option<()> {
    // Eight octets are one load and one store; of more the compiler makes a call to a loop over octets.
    const CHUNK: usize = 8;
    let mut from = at + len;
    let mut complete = true;
    for _ in 0..F::LIMIT / CHUNK {
        from = frame.offset(from);
        if from + CHUNK > end {
            break;
        }
        let moved = match frame.read::<CHUNK>(from) {
            Some(octets) => frame.write::<CHUNK>(frame.offset(from - len), octets),
            None => None,
        };
        if moved.is_none() {
            complete = false;
            break;
        }
        from += CHUNK;
    }
    for _ in 0..CHUNK {
        from = frame.offset(from);
        if from >= end {
            break;
        }
        let moved = match frame.u8(from) {
            Some(octet) => frame.write::<1>(frame.offset(from - len), [octet]),
            None => None,
        };
        if moved.is_none() {
            complete = false;
            break;
        }
        from += 1;
    }
    complete.then_some(())
}

/// Removes what instances of the option are left, and returns the octets of the message that remain. Host only: a
/// second instance sends a frame to the slow path.
fn remove_others<F: Frame>(frame: &mut F, message: usize, mut kept: usize) -> Option<usize> {
    loop {
        let options = Options::walk(frame, message + bootp::OPTIONS, message + kept).ok()?;
        if options.agents == 0 {
            return Some(kept);
        }
        let len = options.agent_len + 2;
        remove(frame, options.agent, len, message + kept)?;
        kept -= len;
    }
}

/// The Ethernet header toward a client, with the tags of its VLANs.
#[inline(always)]
fn write_link<F: Frame>(frame: &mut F, interface: &Interface, mac: [u8; 6]) -> Option<()> {
    let [d0, d1, d2, d3, d4, d5] = mac;
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
