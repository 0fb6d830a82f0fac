//! Client to server: the checks of RFC 1542 section 4.1.1 and RFC 3046 section 2.1, then the rewrite. First every
//! check, then the first write: a frame that has been written to can no longer be handed to anybody else.

mod insert;

use crate::abi::{AttemptKey, Interface, flag};
use crate::headers::Datagram;
use crate::packet::{HEADERS, Packet};
use crate::verdict::remark;
use crate::view::View as _;
use crate::wire::bootp::option;
use crate::wire::{bootp, eth, ipv4, udp};
use crate::{Env, Frame, Reason, Sum, Verdict, affinity, overload, smart};

/// Offset of the message in a frame that is rewritten.
const MESSAGE: usize = eth::HEADER_LEN + HEADERS;

/// What becomes of option 82: nothing.
const KEEP: usize = 0;
/// Ours is put before END.
const INSERT: usize = 1;
/// Every instance is taken out and ours put before END.
const REPLACE: usize = 2;

#[inline(always)]
pub(crate) fn relay<F: Frame, E: Env>(
    frame: &mut F,
    env: &E,
    packet: &Packet,
    interface: Option<&Interface>,
) -> Result<Verdict, Reason> {
    let index = packet.port.interface;
    let interface = interface.filter(|_| index != 0).ok_or(Reason::NoInterface)?;
    let fixed = packet.fixed(frame).ok_or(Reason::Truncated)?;
    let [hlen, hops] = fixed.octets::<2>(bootp::HLEN);
    let giaddr = fixed.octets::<4>(bootp::GIADDR);
    let secs = fixed.octets::<2>(bootp::SECS);
    if hops >= interface.max_hops {
        return Err(Reason::HopLimit);
    }
    let direct = giaddr == ipv4::UNSPECIFIED;
    if !direct && env.is_ours(packet.port.vrf, index, giaddr) {
        return Err(Reason::OwnGiaddr);
    }
    // Numbers that the verifier forgets, here and below: else all that follows is verified once for every way to get there.
    let change = change(frame, packet, interface, direct)?;
    let change = frame.opaque(change);
    let (secs, swapped) = seconds(secs);
    let mut remarks = frame.opaque(if swapped { remark::SWAPPED_SECS } else { 0 } as usize) as u32;
    let route = env.route(interface.group, secs).ok_or(Reason::NoNextHop)?;
    let servers = !route.waiting;
    if servers == 0 {
        return Err(Reason::MinSecs);
    }
    if route.ready & servers == 0 {
        return Err(Reason::NoNextHop);
    }
    // A server that cannot be reached is not asked alone.
    let holder =
        if direct { affinity::servers(frame, env, packet, interface, secs) & route.ready } else { 0 };
    let servers = frame.opaque(if holder == 0 { servers } else { holder } as usize) as u32;
    remarks |= frame.opaque(if holder == 0 { 0 } else { remark::TO_HOLDER } as usize) as u32;
    if interface.rate != 0 && !env.admit(index, interface.rate) {
        return Err(Reason::RateLimited);
    }
    // Plain BOOTP stays with the first address.
    let smart = direct && interface.tries != 0 && packet.options.message != bootp::message::BOOTP;
    let (record, chosen) = if smart {
        let record = smart::of_request(frame, env, packet).ok_or(Reason::Truncated)?;
        let record = frame.opaque(record as usize) as u32;
        (record, env.interface(record).ok_or(Reason::NoInterface)?)
    } else {
        (index, interface)
    };
    // Without option 82 nothing else tells whose the reply is.
    if direct && interface.realm != 0 {
        env.heard(packet.client(frame, interface.realm).ok_or(Reason::Truncated)?, record);
    }

    let wanted = (interface.flags & flag::UDP_CHECKSUM) as usize;
    let computed = frame.opaque(packet.checksum | wanted) != 0;
    let new_giaddr = match (direct, packet.options.message) {
        (false, _) => giaddr,
        (true, bootp::message::BOOTP) => interface.address,
        (true, _) => chosen.giaddr,
    };
    let header = Sum::new()
        .without_pair([hlen, hops])
        .pair([hlen, hops + 1])
        .without_quad(giaddr)
        .quad(new_giaddr)
        .forgotten(frame);
    let message = if change == KEEP {
        insert::nothing(frame, packet, &route)?
    } else {
        insert::option82(frame, env, packet, interface, (record, chosen), &route, change == REPLACE)?
    };
    let sum = message.sum.plus(header).forgotten(frame);
    let left_out = if message.left_out { remark::OPTION82_LEFT_OUT } else { 0 };
    remarks |= frame.opaque(left_out as usize) as u32;
    let datagram = Datagram {
        source: chosen.source,
        destination: ipv4::UNSPECIFIED,
        destination_port: udp::BOOTPS,
        tos: interface.tos,
        len: frame.opaque(message.len),
        sum: computed.then_some(sum),
    };
    let tags = packet.l3 - eth::HEADER_LEN;
    finish(frame, tags, &datagram, [hlen, hops + 1], new_giaddr).ok_or(Reason::NoRoom)?;
    if smart
        && packet.options.message == bootp::message::DISCOVER
        && let Some(chaddr) = frame.read(MESSAGE + bootp::CHADDR)
    {
        env.tried(AttemptKey::new(index, chaddr), record);
    }
    Ok(Verdict::ToServers {
        interface: index,
        group: interface.group,
        message: packet.options.message,
        servers,
        remarks,
    })
}

/// What is done about option 82, or why the request is refused.
#[inline(always)]
fn change<F: Frame>(
    frame: &mut F,
    packet: &Packet,
    interface: &Interface,
    direct: bool,
) -> Result<usize, Reason> {
    let mut agents = packet.options.agents;
    if frame.noted_option(option::OVERLOAD).is_some() {
        if F::HAS_SLOW_PATH {
            return Err(Reason::Overload);
        }
        agents += overload::agents(frame, packet, false).ok_or(Reason::Truncated)?;
    }
    let policy = interface.flags & flag::POLICY;
    let inserts = interface.flags & flag::OPTION82 != 0;
    if agents == 0 {
        let insert = direct && inserts && packet.options.message != bootp::message::BOOTP;
        return Ok(if insert { INSERT } else { KEEP });
    }
    if direct && interface.flags & flag::TRUSTED == 0 {
        return Err(Reason::UntrustedOption82);
    }
    if !direct && policy == flag::DISCARD {
        return Err(Reason::Option82Policy);
    }
    Ok(match policy {
        flag::REPLACE => REPLACE,
        flag::APPEND if !direct => INSERT,
        _ => KEEP,
    })
}

/// The `secs` of a message and whether they were in the wrong byte order. A client that has tried for a whole number of
/// 256 seconds is less likely than one that stores its counter as its processor does.
#[inline(always)]
const fn seconds(field: [u8; 2]) -> (u16, bool) {
    match field {
        [high, 0] if high != 0 => (high as u16, true),
        _ => (u16::from_be_bytes(field), false),
    }
}

/// The writes that every request needs, once nothing can refuse it any more. The frame ends with the message and loses its
/// tags here.
#[inline(always)]
fn finish<F: Frame>(
    frame: &mut F,
    tags: usize,
    datagram: &Datagram,
    hlen_hops: [u8; 2],
    giaddr: [u8; 4],
) -> Option<()> {
    if tags != 0 {
        frame.shrink_head(tags)?;
    }
    let view = frame.view_mut::<{ MESSAGE + bootp::GIADDR + 4 }>(0)?;
    view.put(eth::ETHERTYPE, eth::IPV4.to_be_bytes());
    view.put(MESSAGE + bootp::HLEN, hlen_hops);
    view.put(MESSAGE + bootp::GIADDR, giaddr);
    view.put(eth::HEADER_LEN, datagram.headers());
    Some(())
}
