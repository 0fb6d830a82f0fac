//! Client to server: the checks of RFC 1542 section 4.1.1 and RFC 3046 section 2.1, then the rewrite. First every
//! check, then the first write: a frame that has been written to can no longer be handed to anybody else.

use crate::abi::{AddressKey, Interface, flag};
use crate::headers::Datagram;
use crate::options::Options;
use crate::packet::{HEADERS, Packet};
use crate::wire::{bootp, eth, ipv4, udp};
use crate::{Env, Frame, Reason, Verdict};

#[inline(always)]
pub(crate) fn relay<F: Frame, E: Env>(
    frame: &mut F,
    env: &E,
    packet: &Packet,
    options: &Options,
) -> Result<Verdict, Reason> {
    let index = packet.port.interface;
    let interface = env.interface(index).filter(|_| index != 0).ok_or(Reason::NoInterface)?;
    let at = frame.offset(packet.message());
    let [hlen, hops] = frame.read::<2>(at + bootp::HLEN).ok_or(Reason::Truncated)?;
    let giaddr = frame.read::<4>(at + bootp::GIADDR).ok_or(Reason::Truncated)?;
    if hops >= interface.max_hops {
        return Err(Reason::HopLimit);
    }
    let direct = giaddr == ipv4::UNSPECIFIED;
    if !direct && is_ours(env, packet, interface, giaddr) {
        return Err(Reason::OwnGiaddr);
    }
    if direct && options.agents != 0 && interface.flags & flag::TRUSTED == 0 {
        return Err(Reason::UntrustedOption82);
    }
    let route = env.route(interface.group).ok_or(Reason::NoNextHop)?;
    if route.ready == 0 {
        return Err(Reason::NoNextHop);
    }
    if F::HAS_SLOW_PATH && HEADERS + packet.len > route.mtu as usize {
        return Err(Reason::EgressMtu);
    }
    if interface.rate != 0 && !env.admit(index, interface.rate) {
        return Err(Reason::RateLimited);
    }

    let new_giaddr = if direct { interface.giaddr } else { giaddr };
    let sum =
        packet.sum.without_pair([hlen, hops]).pair([hlen, hops + 1]).without_quad(giaddr).quad(new_giaddr);
    let computed = packet.checksum != 0 || interface.flags & flag::UDP_CHECKSUM != 0;
    let datagram = Datagram {
        source: interface.source,
        destination: ipv4::UNSPECIFIED,
        destination_port: udp::BOOTPS,
        tos: interface.tos,
        len: packet.len,
        sum: computed.then_some(sum),
    };
    finish(frame, packet, &datagram, [hlen, hops + 1], new_giaddr).ok_or(Reason::NoRoom)?;
    Ok(Verdict::ToServers { interface: index, group: interface.group, message: options.message })
}

/// The writes, once nothing can refuse the message any more. The frame loses its tags and whatever stood behind the
/// message (Ethernet padding), so that every copy is exactly its headers and the message.
#[inline(always)]
fn finish<F: Frame>(
    frame: &mut F,
    packet: &Packet,
    datagram: &Datagram,
    hlen_hops: [u8; 2],
    giaddr: [u8; 4],
) -> Option<()> {
    let tags = packet.l3 - eth::HEADER_LEN;
    let excess = frame.len() - packet.end();
    if tags != 0 {
        frame.shrink_head(tags)?;
    }
    if excess != 0 {
        frame.shrink_tail(excess)?;
    }
    const MESSAGE: usize = eth::HEADER_LEN + HEADERS;
    frame.write(eth::ETHERTYPE, eth::IPV4.to_be_bytes())?;
    frame.write(MESSAGE + bootp::HLEN, hlen_hops)?;
    frame.write(MESSAGE + bootp::GIADDR, giaddr)?;
    datagram.write(frame, eth::HEADER_LEN)
}

/// Whether an address belongs to this machine, in the clients' VRF or in the servers'.
#[inline(always)]
fn is_ours<E: Env>(env: &E, packet: &Packet, interface: &Interface, address: [u8; 4]) -> bool {
    address == interface.giaddr
        || env.address(AddressKey { vrf: packet.port.vrf, address }).is_some_and(|found| found.local != 0)
}
