//! Which interface a reply is for, once its sender and its addresses have been found right, and which option 82 is taken
//! out of it. `docs/rules.md` has the table.

use crate::abi::{Address, AddressKey, AgentKey, AgentOwner, Interface, flag};
use crate::agent::identity;
use crate::packet::Packet;
use crate::smart::MAX_ADDRESSES;
use crate::view::View as _;
use crate::wire::bootp::{self, agent, message, option};
use crate::{Env, Frame, Reason};

/// What is taken out of a reply.
#[derive(Clone, Copy)]
pub(super) enum Removed {
    /// Nothing.
    Nothing,
    /// One instance of option 82: its offset in the frame, its octets with code and length.
    One { at: usize, len: usize },
    /// Every instance: the first one as above, and the octets of all.
    All { at: usize, len: usize, octets: usize },
    /// Every instance that is exactly ours, likewise. Host only.
    Ours { at: usize, len: usize, octets: usize },
}

impl Removed {
    /// Octets that are taken out.
    #[inline(always)]
    pub(super) fn octets(&self) -> usize {
        match *self {
            Self::Nothing => 0,
            Self::One { len, .. } => len,
            Self::All { octets, .. } | Self::Ours { octets, .. } => octets,
        }
    }

    #[inline(always)]
    fn all(packet: &Packet) -> Self {
        let options = &packet.options;
        Self::All { at: options.agent, len: options.agent_len, octets: options.agent_octets }
    }
}

/// The interface's index, and what is taken out.
#[inline(always)]
pub(super) fn recognise<F: Frame, E: Env>(
    frame: &mut F,
    env: &E,
    packet: &Packet,
) -> Result<(u32, Removed), Reason> {
    if packet.port.upstream == 0 {
        return Err(Reason::ReplyFromClientPort);
    }
    let sender = AddressKey { vrf: packet.port.vrf, address: packet.source };
    if env.address(sender).is_none_or(|found| found.server == 0) {
        return Err(Reason::UnknownServer);
    }
    let giaddr = packet.fixed(frame).ok_or(Reason::Truncated)?.octets::<4>(bootp::GIADDR);
    if giaddr != packet.destination || packet.addressed == 0 {
        return Err(Reason::WrongGiaddr);
    }
    // The address on the client subnet is for plain BOOTP alone.
    if packet.options.message != bootp::message::BOOTP {
        let realm = Address::is_realm(packet.addressed);
        if realm && packet.addressed & Address::BOOTP != 0
            || !realm && env.interface(packet.addressed).is_none_or(|found| found.giaddr != giaddr)
        {
            return Err(Reason::WrongGiaddr);
        }
    }
    // Nobody but the relay has asked: what a client got of it would be another client's.
    if matches!(packet.options.message, message::LEASEUNASSIGNED..=message::LEASEACTIVE) {
        return Err(Reason::LeaseAnswer);
    }
    if F::HAS_SLOW_PATH && frame.noted_option(option::OVERLOAD).is_some() {
        return Err(Reason::Overload);
    }
    let options = &packet.options;
    if options.agents == 0 {
        let realm = Address::is_realm(packet.addressed);
        let index = if realm { client(frame, env, packet)? } else { packet.addressed };
        // There may be one in `file` or `sname` all the same.
        return Ok((index, if F::HAS_SLOW_PATH { Removed::Nothing } else { none_left(env, packet, index) }));
    }
    if F::HAS_SLOW_PATH && options.agents > 1 {
        return Err(Reason::ManyOptions);
    }
    if !F::HAS_SLOW_PATH && options.agents > 1 {
        if let Some(found) = exact_among_others(frame, env, packet, giaddr) {
            return found;
        }
    } else {
        let first = (frame.offset(options.agent), options.agent_len);
        if let Some(owner) = exact(frame, env, packet, giaddr, first) {
            // One that is the only one is all there are; in `file` and `sname` only the daemon looks for more.
            let one = F::HAS_SLOW_PATH || trusted(env, owner.interface);
            let removed = if one { Removed::One { at: first.0, len: first.1 } } else { Removed::all(packet) };
            return accept(owner, removed);
        }
    }
    if !Address::is_realm(packet.addressed)
        && let Some(interface) = env.interface(packet.addressed)
    {
        if interface.flags & flag::TRUSTED != 0 {
            return Ok((packet.addressed, Removed::Nothing));
        }
        if interface.flags & flag::OPTION82 == 0 {
            return Ok((packet.addressed, Removed::all(packet)));
        }
    }
    if F::HAS_SLOW_PATH {
        return Err(Reason::ForeignOption82);
    }
    by_sub_options(frame, env, packet, giaddr)
}

#[inline(always)]
fn trusted<E: Env>(env: &E, index: u32) -> bool {
    env.interface(index).is_some_and(|interface| interface.flags & flag::TRUSTED != 0)
}

/// A reply whose options field has no option 82: of a trusted interface nothing is taken out of the other fields either.
#[inline(always)]
fn none_left<E: Env>(env: &E, packet: &Packet, index: u32) -> Removed {
    if trusted(env, index) { Removed::Nothing } else { Removed::all(packet) }
}

/// The interface on which the client was heard, for a giaddr that several interfaces have.
#[inline(always)]
fn client<F: Frame, E: Env>(frame: &F, env: &E, packet: &Packet) -> Result<u32, Reason> {
    let key = packet.client(frame, Address::realm(packet.addressed)).ok_or(Reason::Truncated)?;
    let plain = packet.options.message == bootp::message::BOOTP;
    // In a realm not every interface has every address.
    let has_giaddr = |found: &Interface| {
        found.giaddr == packet.destination || plain && found.address == packet.destination
    };
    // A realm may have interfaces in it whose servers are in other VRFs.
    let is_served =
        |found: &Interface| found.server_vrf == packet.port.vrf || env.serves(found.group, packet.port.vrf);
    let fits = |found: &Interface| has_giaddr(found) && is_served(found);
    let heard = env.client(key).filter(|&index| env.interface(index).is_some_and(fits));
    heard.ok_or(Reason::AmbiguousGiaddr)
}

#[inline(always)]
fn accept(owner: AgentOwner, removed: Removed) -> Result<(u32, Removed), Reason> {
    if owner.vss_ignored != 0 { Err(Reason::VssIgnored) } else { Ok((owner.interface, removed)) }
}

/// Whose option the instance is, octet for octet.
#[inline(always)]
fn exact<F: Frame, E: Env>(
    frame: &F,
    env: &E,
    packet: &Packet,
    giaddr: [u8; 4],
    (at, len): (usize, usize),
) -> Option<AgentOwner> {
    let hash = frame.agent_hash(at, len)?;
    // Where one interface has the giaddr, its own is at hand: a look-up in an array instead of one in a hash table.
    if !Address::is_realm(packet.addressed)
        && let Some(found) = env.interface(packet.addressed)
        && found.agent.answer == hash
        && hash != 0
        // Of everything but plain BOOTP that has been seen already.
        && (packet.options.message != bootp::message::BOOTP || found.giaddr == giaddr)
    {
        return Some(AgentOwner { interface: packet.addressed, vss_ignored: 0 });
    }
    env.owner(AgentKey { hash, vrf: packet.port.vrf, giaddr })
}

/// The instances of option 82 between two offsets, by offset and octets. Host only.
fn instances<F: Frame>(frame: &F, mut at: usize, end: usize) -> impl Iterator<Item = (usize, usize)> {
    core::iter::from_fn(move || {
        while at + 1 < end {
            let [code, len] = frame.read::<2>(at)?;
            if code == option::PAD {
                at += 1;
                continue;
            }
            let found = (at, usize::from(len) + 2);
            at += found.1;
            if code == option::RELAY_AGENT {
                return Some(found);
            }
        }
        None
    })
}

/// The instances of option 82 in the options field of a message that is as it came. Host only.
fn all_instances<F: Frame>(frame: &F, packet: &Packet) -> impl Iterator<Item = (usize, usize)> {
    instances(frame, packet.message() + bootp::OPTIONS, packet.options.end)
}

/// The next instance that is exactly ours, in the options between two offsets. Host only.
pub(super) fn next_of_ours<F: Frame, E: Env>(
    frame: &F,
    env: &E,
    packet: &Packet,
    start: usize,
    end: usize,
) -> Option<(usize, usize)> {
    instances(frame, start, end)
        .find(|&instance| exact(frame, env, packet, packet.destination, instance).is_some())
}

/// One or more of several instances are exactly ours. Host only.
fn exact_among_others<F: Frame, E: Env>(
    frame: &F,
    env: &E,
    packet: &Packet,
    giaddr: [u8; 4],
) -> Option<Result<(u32, Removed), Reason>> {
    let of_ours = || {
        all_instances(frame, packet)
            .filter_map(|instance| Some((instance, exact(frame, env, packet, giaddr, instance)?)))
    };
    let ((at, len), mut owner) = of_ours().next()?;
    // A server that ignored the VPN said so, wherever it did.
    owner.vss_ignored = of_ours().map(|(_, owner)| owner.vss_ignored).max()?;
    let removed = if trusted(env, owner.interface) {
        Removed::Ours { at, len, octets: of_ours().map(|((_, len), _)| len).sum() }
    } else {
        Removed::all(packet)
    };
    Some(accept(owner, removed))
}

/// The interface that the joined sub-options name (RFC 3396, RFC 3046, RFC 6607). Host only.
fn by_sub_options<F: Frame, E: Env>(
    frame: &F,
    env: &E,
    packet: &Packet,
    giaddr: [u8; 4],
) -> Result<(u32, Removed), Reason> {
    let mut joined = [0; F_LIMIT];
    let mut len = 0;
    for (at, octets) in all_instances(frame, packet) {
        for offset in at + 2..at + octets {
            *joined.get_mut(len).ok_or(Reason::UnknownCircuit)? =
                frame.u8(offset).ok_or(Reason::UnknownCircuit)?;
            len += 1;
        }
    }
    let mut rest = joined.get(..len).unwrap_or_default();
    let (mut circuit, mut remote, mut vss, mut control, mut link) = (None, None, None, false, None);
    while let [code, len, tail @ ..] = rest {
        let (value, next) = tail.split_at_checked(usize::from(*len)).ok_or(Reason::UnknownCircuit)?;
        let place = match *code {
            agent::CIRCUIT_ID => Some(&mut circuit),
            agent::REMOTE_ID => Some(&mut remote),
            agent::VSS => Some(&mut vss),
            agent::LINK_SELECTION | agent::CISCO_LINK_SELECTION => Some(&mut link),
            agent::VSS_CONTROL => {
                control = true;
                None
            }
            _ => None,
        };
        if let Some(place) = place {
            place.get_or_insert(value);
        }
        rest = next;
    }
    if !rest.is_empty() {
        return Err(Reason::UnknownCircuit);
    }
    let hash = identity(circuit.unwrap_or_default(), vss.unwrap_or_default());
    let owner = env.owner(AgentKey { hash, vrf: packet.port.vrf, giaddr }).ok_or(Reason::UnknownCircuit)?;
    let ours = env.agent(owner.interface).ok_or(Reason::UnknownCircuit)?;
    if remote.is_some_and(|remote| sub_option(ours.value(), agent::REMOTE_ID) != Some(remote)) {
        return Err(Reason::UnknownCircuit);
    }
    let cisco = env.interface(owner.interface).is_some_and(|found| found.flags & flag::CISCO != 0);
    if control && !cisco {
        return Err(Reason::VssIgnored);
    }
    Ok((selected(env, owner.interface, link), Removed::all(packet)))
}

/// The record whose address the link selection of a reply names, among those of an interface; the first when it names none.
fn selected<E: Env>(env: &E, first: u32, link: Option<&[u8]>) -> u32 {
    let mut at = first;
    for _ in 0..MAX_ADDRESSES {
        let Some(found) = env.interface(at).filter(|found| found.next != 0) else { break };
        if link == Some(&found.address[..]) {
            return at;
        }
        at = found.next;
    }
    first
}

/// The most that the option 82 instances of one message can take.
const F_LIMIT: usize = 2048;

/// The value of a sub-option.
fn sub_option(mut rest: &[u8], wanted: u8) -> Option<&[u8]> {
    while let [code, len, tail @ ..] = rest {
        let (value, next) = tail.split_at_checked(usize::from(*len))?;
        if *code == wanted {
            return Some(value);
        }
        rest = next;
    }
    None
}
