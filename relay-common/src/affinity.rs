//! Which server of a group a message about a lease goes to, when clients know the servers under one name: ours (RFC 5107).
//!
//! Without an override a client names its server in option 54, and the others of the group know that they are not meant.
//! With it every server is "ours", and a server that never made the offer is asked for it. So the relay remembers who
//! offered or gave an address, and asks that server alone: once. A second message (the copy stayed without an answer), a
//! client that has tried for a while, a broadcast rebind and anything unknown goes to all, as RFC 2131 wants it.

use crate::abi::{Holder, HolderKey, Interface, flag};
use crate::packet::Packet;
use crate::view::View as _;
use crate::wire::bootp::{self, message, option};
use crate::wire::{eth, ipv4};
use crate::{Env, Frame};

/// The servers that a request goes to, as a mask; 0 when it is all.
#[inline(always)]
pub(crate) fn servers<F: Frame, E: Env>(
    frame: &F,
    env: &E,
    packet: &Packet,
    interface: &Interface,
    secs: u16,
) -> u32 {
    if interface.flags & flag::AFFINITY == 0 || packet.options.message != message::REQUEST {
        return 0;
    }
    match asked_for(frame, packet, secs) {
        Some((address, xid)) => match key(frame, packet, packet.port.interface, address) {
            Some(key) => env.ask(key, packet.port.vrf, interface.group, xid),
            None => 0,
        },
        None => 0,
    }
}

/// The address that a request is about, if its state is one in which one server is meant (RFC 2131 section 4.3.2), and the
/// `xid` of the offer when it answers one.
#[inline(always)]
fn asked_for<F: Frame>(frame: &F, packet: &Packet, secs: u16) -> Option<([u8; 4], Option<[u8; 4]>)> {
    let fixed = packet.fixed(frame)?;
    let ciaddr = fixed.octets::<4>(bootp::CIADDR);
    if ciaddr != ipv4::UNSPECIFIED {
        // Renewing is by unicast, rebinding by broadcast.
        let first = packet.destination != ipv4::BROADCAST && secs == 0;
        return first.then_some((ciaddr, None));
    }
    // Selecting names a server, rebooting does not.
    frame.noted_option(option::SERVER_ID)?;
    match frame.read::<6>(frame.noted_option(option::REQUESTED)?)? {
        [_, 4, a, b, c, d] => Some(([a, b, c, d], Some(fixed.octets(bootp::XID)))),
        _ => None,
    }
}

/// The mask of the server that offered or gave the address, noted as asked; 0 when there is no one, or it has been asked
/// already. With the `xid` of the offer when a client has chosen one; else it extends a lease, which the client table
/// knows for longer than holders are remembered: over a restart, and however many clients there are.
#[inline(always)]
pub fn ask<E: Env + ?Sized>(env: &E, key: HolderKey, vrf: u32, group: u32, xid: Option<[u8; 4]>) -> u32 {
    let Some(found) = env.holder(key) else {
        // Of a lease that is being renewed already, nothing came back, or its ACK is not in the table yet.
        return match xid {
            Some(_) => 0,
            None => env.renew(vrf, &key).map_or(0, |server| env.server_of(group, server)),
        };
    };
    if found.asked != 0 || found.server == ipv4::UNSPECIFIED || xid.is_some_and(|xid| xid != found.xid) {
        return 0;
    }
    let server = env.server_of(group, found.server);
    if server != 0 {
        env.hold(key, Holder { asked: 1, ..found });
    }
    server
}

/// Remembers that a server offered or gave an address.
#[inline(always)]
pub fn note<E: Env + ?Sized>(env: &E, key: HolderKey, server: [u8; 4], xid: [u8; 4], offer: bool) {
    // Two servers that offer one address in one dialogue: whoever is chosen, the other must hear it.
    let contested =
        offer && env.holder(key).is_some_and(|before| before.xid == xid && before.server != server);
    let server = if contested { ipv4::UNSPECIFIED } else { server };
    env.hold(key, Holder { server, xid, asked: 0 });
}

/// Remembers who sent a reply, if it offers or gives an address.
#[inline(always)]
pub(crate) fn learn<F: Frame, E: Env>(frame: &F, env: &E, packet: &Packet, interface: &Interface) {
    let kind = packet.options.message;
    if interface.flags & flag::AFFINITY == 0 || (kind != message::OFFER && kind != message::ACK) {
        return;
    }
    let Some(fixed) = packet.fixed(frame) else { return };
    let (xid, yiaddr) = (fixed.octets(bootp::XID), fixed.octets::<4>(bootp::YIADDR));
    if yiaddr == ipv4::UNSPECIFIED {
        return;
    }
    let Some(key) = key(frame, packet, interface.first, yiaddr) else { return };
    env.note(key, packet.source, xid, kind == message::OFFER);
}

/// `None` for clients without an Ethernet address.
#[inline(always)]
fn key<F: Frame>(frame: &F, packet: &Packet, interface: u32, address: [u8; 4]) -> Option<HolderKey> {
    let fixed = packet.fixed(frame)?;
    let (hlen, chaddr) = (fixed.octet(bootp::HLEN), fixed.octets(bootp::CHADDR));
    (hlen as usize == eth::ADDRESS_LEN).then_some(HolderKey { interface, address, chaddr, zero: 0 })
}
