//! Smart relay: which of an interface's addresses a client's request goes out with. A server that has nothing to give on the
//! first subnet stays silent; so does one that is down, and nobody tells which. After so many DISCOVERs of a client that
//! nobody answered, the next address has its turn, and the first again after the last.
//!
//! Each address is an [`Interface`] record of its own: the configured one, and those behind it, in a ring by
//! [`Interface::next`]. All messages about a lease go with the address it was offered for (RFC 3527 section 3 asks for that
//! of link selection). Only DISCOVERs count, and with an ACK the next dialogue begins with the first address.

use crate::abi::{Attempt, AttemptKey, Interface};
use crate::packet::Packet;
use crate::wire::bootp::{self, message, option};
use crate::wire::ipv4;
use crate::{Env, Frame};

/// The most addresses that an interface may go through.
pub const MAX_ADDRESSES: usize = 16;

/// The index of the record that a message of this `kind` goes out with; `about` is the address that it concerns.
#[inline(always)]
pub fn record<E: Env + ?Sized>(env: &E, key: AttemptKey, kind: u8, about: [u8; 4]) -> u32 {
    let first = key.interface;
    let attempt = env.attempt(key).unwrap_or(Attempt::NONE);
    if kind == message::DISCOVER {
        let Some(found) = env.interface(attempt.at).filter(|found| found.first == first) else {
            return first;
        };
        return if attempt.unanswered >= u32::from(found.tries) { found.next } else { attempt.at };
    }
    if env.interface(attempt.answered).is_some_and(|found| found.first == first) {
        return attempt.answered;
    }
    // Forgotten, for example with the daemon: a lease is of the subnet that its address is in.
    let mut at = first;
    for _ in 0..MAX_ADDRESSES {
        let Some(found) = env.interface(at) else { break };
        if about != ipv4::UNSPECIFIED && found.is_on_link(about) {
            return at;
        }
        at = found.next;
        if at == first {
            break;
        }
    }
    first
}

/// Counts a DISCOVER that went out with a record.
#[inline(always)]
pub fn tried<E: Env + ?Sized>(env: &E, key: AttemptKey, record: u32) {
    let before = env.attempt(key).unwrap_or(Attempt::NONE);
    let unanswered = if before.at == record { before.unanswered.saturating_add(1) } else { 1 };
    env.attempts(key, Attempt { at: record, unanswered, ..before });
}

/// Remembers which record an address was offered (`gives` is false) or given for.
#[inline(always)]
pub fn answered<E: Env + ?Sized>(env: &E, key: AttemptKey, record: u32, gives: bool) {
    let before = env.attempt(key).unwrap_or(Attempt::NONE);
    let at = if gives { key.interface } else { before.at };
    env.attempts(key, Attempt { at, unanswered: 0, answered: record });
}

/// [`record`] for a request, if its interface has more than one address.
#[inline(always)]
pub(crate) fn of_request<F: Frame, E: Env>(frame: &F, env: &E, packet: &Packet) -> Option<u32> {
    let at = frame.offset(packet.message());
    let key = AttemptKey::new(packet.port.interface, frame.read(at + bootp::CHADDR)?);
    let mut about = frame.read::<4>(at + bootp::CIADDR)?;
    if about == ipv4::UNSPECIFIED
        && let Some(requested) = frame.noted_option(option::REQUESTED)
        && let Some([_, len, a, b, c, d]) = frame.read::<6>(requested)
        // Opaque: else the compiler compares before it knows that it has read, and the verifier sees it shift a pointer.
        && frame.opaque(len as usize) == 4
    {
        about = [a, b, c, d];
    }
    Some(env.record(key, packet.options.message, about))
}

/// [`answered`] for a reply, if it offers or gives an address on an interface that has more than one.
#[inline(always)]
pub(crate) fn note_reply<F: Frame, E: Env>(
    frame: &F,
    env: &E,
    packet: &Packet,
    interface: &Interface,
    record: u32,
) {
    let kind = packet.options.message;
    if interface.tries == 0 || (kind != message::OFFER && kind != message::ACK) {
        return;
    }
    let at = frame.offset(packet.message());
    let (Some(yiaddr), Some(chaddr)) = (frame.read::<4>(at + bootp::YIADDR), frame.read(at + bootp::CHADDR))
    else {
        return;
    };
    // An ACK that gives no address answers an INFORM.
    if yiaddr != ipv4::UNSPECIFIED {
        env.answered(AttemptKey::new(interface.first, chaddr), record, kind == message::ACK);
    }
}
