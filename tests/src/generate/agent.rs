//! Frames in which option 82 meets everything that makes it hard: other instances, splits, overload, authentication, no
//! END, octets behind END, sizes at their limits. Most are relayed, many of them by the slow path.

use super::list::{Tail, append, option, overload, sub_options};
use super::random::Random;
use super::spec::Spec;
use super::standard::{datagram, fixed, tags};
use crate::oracle::world::{C1, Holder, Interface, S0, S1, S2, SERVER_VRF, World, mac};

/// One frame.
pub fn agent(world: &World, random: &mut Random) -> Spec {
    if random.chance(50) { request(world, random) } else { reply(world, random) }
}

/// A request of a client, or of a relay below us.
fn request(world: &World, random: &mut Random) -> Spec {
    let number = match random.below(10) {
        0 => random.between(1, 7),
        1 | 2 => random.pick(&world.attempts).interface,
        3..6 => random.pick(&world.holders).interface,
        _ => random.between(8, world.configured()),
    };
    let (interface, port) = (&world.interfaces[number - 1], world.port_of(number));
    let relayed = random.chance(if interface.affinity { 15 } else { 50 });
    let trusted = interface.option82.as_ref().is_some_and(|option82| option82.trusted);
    let agents = match (relayed, trusted) {
        (true, _) => *random.pick(&[0, 1, 1, 1, 2, 3]),
        (false, true) => *random.pick(&[0, 0, 1, 1, 2]),
        (false, false) => *random.pick(&[0, 0, 0, 0, 0, 0, 0, 1]),
    };
    let mut message = fixed(random, 1);
    if relayed {
        message[3] = random.below(usize::from(interface.max_hops)) as u8;
        message[24..28].copy_from_slice(&[10, 200, random.octet(), random.octet()]);
        let between = world.server_vrfs(interface) != [interface.vrf];
        if between && random.chance(20) {
            message[24..28].copy_from_slice(if random.chance(50) {
                &[10, 255, 0, 3]
            } else {
                &[10, 9, 0, 2]
            });
        } else if random.chance(8) {
            message[24..28].copy_from_slice(match random.below(3) {
                0 => &interface.giaddr,
                1 => &random.pick(&world.local).1,
                _ => &random.pick(&world.interfaces).giaddr,
            });
        }
    } else {
        message[24..28].fill(0);
    }
    known(world, random, number, &mut message);
    let mut theirs: Vec<Vec<u8>> = (0..agents).map(|_| option(82, &theirs(random, interface))).collect();
    theirs.extend(about_a_lease(world, random, number, &mut message));
    let mtu = world.groups[interface.group].mtu;
    let kinds: &[u8] = match (interface.tries, interface.affinity) {
        (0, false) => &[1, 3, 3, 4, 7, 8, 99],
        (0, true) => &[3, 3, 3, 3, 1, 7],
        _ => &[1, 1, 1, 3, 4],
    };
    body(random, interface, mtu, &mut message, &theirs, kinds);
    let mut spec = datagram(random, message);
    (spec.device, spec.tags) = (interface.device, tags(random, interface.vlans, interface.tpid));
    (spec.source, spec.destination) = ([0; 4], [255; 4]);
    if random.chance(50) {
        spec.source = [10, 200, 0, random.octet()];
        spec.destination = interface.address;
        spec.destination_mac = port.mac;
    }
    spec
}

/// Message types of replies, the answers to a leasequery (11 to 13) among them.
const REPLY_KINDS: &[u8] = &[2, 5, 5, 6, 99, 2, 5, 5, 6, 99, 2, 5, 5, 6, 99, 11, 12, 13];

/// A reply of a server.
fn reply(world: &World, random: &mut Random) -> Spec {
    let number = match random.below(10) {
        // One of the further addresses.
        0 => random.between(world.configured() + 1, world.interfaces.len()),
        // One whose servers are in several VRFs.
        2 => random.between(26, 29),
        1 => random.pick(&world.holders).interface,
        _ => random.between(1, world.interfaces.len()),
    };
    let interface = &world.interfaces[number - 1];
    let vrf = *random.pick(&world.server_vrfs(interface));
    let mut message = fixed(random, 2);
    message[24..28].copy_from_slice(&interface.giaddr);
    let count = *random.pick(&[0, 0, 1, 1, 1, 1, 2, 2, 3]);
    if count == 0 || random.chance(10) {
        // A client that is in the table, perhaps of another interface.
        let client = if random.chance(60) {
            world.clients.iter().find(|client| client.interface == number)
        } else {
            Some(random.pick(&world.clients))
        };
        if let Some(client) = client {
            message[4..8].copy_from_slice(&client.xid);
            message[28..44].copy_from_slice(&client.chaddr);
        }
    }
    known(world, random, world.first(number), &mut message);
    if interface.affinity && random.chance(80) {
        let of: Vec<_> = world.holders.iter().filter(|holder| holder.interface == number).collect();
        let holder = *random.pick(&of);
        held(holder, random, &mut message);
        message[16..20].copy_from_slice(&random.pick(&of).address);
    }
    let bootp = random.chance(8);
    if bootp && random.chance(70) {
        message[24..28].copy_from_slice(&interface.address);
    }
    let mut agents: Vec<Vec<u8>> = Vec::new();
    while agents.len() < count {
        let of = if random.chance(90) { interface } else { random.pick(&world.interfaces) };
        let value = match agents.last() {
            // The same once more.
            Some(last) if random.chance(15) => last[2..].to_vec(),
            _ => ours(random, of, vrf),
        };
        if random.chance(10) && value.len() > 1 {
            // RFC 3396: split, perhaps within a sub-option.
            let at = random.between(1, value.len() - 1);
            agents.extend([option(82, &value[..at]), option(82, &value[at..])]);
        } else {
            agents.push(option(82, &value));
        }
    }
    if bootp && count == 0 {
        message.resize(300, 0);
    } else {
        let kinds = if bootp { &[][..] } else { REPLY_KINDS };
        body(random, interface, 1500, &mut message, &agents, kinds);
    }
    let mut spec = datagram(random, message);
    spec.device = if vrf == SERVER_VRF { S2 } else { *random.pick(&[S0, S0, S1, C1]) };
    spec.source = random.pick(&world.servers_in(vrf)).address;
    spec.destination.copy_from_slice(&spec.message[24..28]);
    spec.destination_mac = mac(spec.device);
    spec.source_port = 67;
    spec
}

/// On an interface with several addresses often a client that has come somewhere with them, and an address of one of them.
fn known(world: &World, random: &mut Random, number: usize, message: &mut [u8]) {
    let known: Vec<_> = world.attempts.iter().filter(|attempt| attempt.interface == number).collect();
    if known.is_empty() {
        return;
    }
    if random.chance(80) {
        message[28..44].copy_from_slice(&random.pick(&known).chaddr);
    }
    match random.below(3) {
        0 => {}
        1 => message[12..16].fill(0),
        _ => {
            let number = *random.pick(&world.addresses_of(number));
            let [a, b, c, _] = world.interfaces[number - 1].address;
            message[12..16].copy_from_slice(&[a, b, c, random.octet()]);
        }
    }
}

/// The client of a lease, in its last dialogue or in another.
fn held(holder: &Holder, random: &mut Random, message: &mut [u8]) {
    message[28..34].copy_from_slice(&holder.chaddr);
    message[2] = if random.chance(95) { 6 } else { 7 };
    if random.chance(75) {
        message[4..8].copy_from_slice(&holder.xid);
    }
}

/// Where servers may be asked alone, often what a client sends that selects an offer or extends its lease; its options.
fn about_a_lease(world: &World, random: &mut Random, number: usize, message: &mut [u8]) -> Vec<Vec<u8>> {
    let of: Vec<_> = world.holders.iter().filter(|holder| holder.interface == number).collect();
    if of.is_empty() || random.chance(8) {
        return Vec::new();
    }
    let mut holder = (*random.pick(&of)).clone();
    if random.chance(45) {
        let leases: Vec<_> = world.leases.iter().filter(|lease| lease.interface == number).collect();
        let lease = *random.pick(&leases);
        (holder.address, holder.chaddr) = (lease.address, lease.chaddr);
        if random.chance(15) {
            holder.chaddr = random.pick(&world.holders).chaddr;
        }
    }
    held(&holder, random, message);
    if random.chance(70) {
        message[8..10].fill(0);
    }
    message[12..16].fill(0);
    let server = || option(54, &[192, 168, 63, 2]);
    match random.below(8) {
        0..4 => message[12..16].copy_from_slice(&holder.address),
        4..6 => return vec![option(50, &holder.address), server()],
        6 => return vec![option(50, &holder.address)],
        _ => return vec![option(50, &holder.address[..3]), server()],
    }
    Vec::new()
}

/// The options around these instances: message type, size, authentication, overload; and the tail.
fn body(
    random: &mut Random,
    interface: &Interface,
    mtu: u16,
    message: &mut Vec<u8>,
    agents: &[Vec<u8>],
    kinds: &[u8],
) {
    let mut list = Vec::new();
    if !kinds.is_empty() && random.chance(92) {
        list.push(option(53, &[*random.pick(kinds)]));
    }
    for _ in 0..random.below(4) {
        let (code, len) = *random.pick(&[(61, 7), (55, 13), (12, 20), (60, 55), (124, 0), (50, 4), (43, 90)]);
        list.push(option(code, &random.octets(len)));
    }
    if random.chance(12) {
        list.push(option(90, &random.octets(31)));
    }
    let mut shown = agents.to_vec();
    if random.chance(15) {
        let which = *random.pick(&[1, 2, 3, 3, 0]);
        let value = [which; 2];
        let len = *random.pick(&[1, 1, 1, 1, 1, 1, 1, 1, 0, 2]);
        list.push(option(52, &value[..len]));
        let hidden =
            if random.chance(50) { std::mem::take(&mut shown) } else { vec![option(82, &[1, 1, 7])] };
        let room: Vec<_> = hidden.into_iter().filter(|option| option.len() < 40).take(1).collect();
        overload(random, message, which, &room);
    }
    let last = random.chance(40);
    for agent in shown {
        let at = if last { list.len() } else { random.below(list.len() + 1) };
        list.insert(at, agent);
    }
    let tail = sized(random, interface, mtu, &mut list);
    append(random, message, &list, tail);
}

/// Sometimes option 57, and sometimes so many octets that with ours the message has just as many as one of the limits, or
/// one less or more.
fn sized(random: &mut Random, interface: &Interface, mtu: u16, list: &mut Vec<Vec<u8>>) -> Tail {
    let client = random.chance(25).then(|| match random.below(8) {
        0 => 0x05dc,
        1 => 0x0240,
        2 => 0,
        _ => random.between(300, 700),
    });
    if let Some(client) = client {
        let at = random.below(list.len() + 1);
        let value = (client as u16).to_be_bytes();
        let value = if random.chance(85) { &value[..] } else { *random.pick(&[&[1][..], &[2, 64, 0], &[]]) };
        list.insert(at, option(57, value));
    }
    if random.chance(75) {
        return Tail::any(random);
    }
    let limit = match (client, random.below(4)) {
        (Some(client), 0 | 1) => client,
        (_, 2) => usize::from(mtu) - 28,
        _ => usize::from(interface.max_message).min(usize::from(mtu)),
    };
    let target = (limit + random.below(3)).saturating_sub(1);
    let have = 241 + list.iter().map(Vec::len).sum::<usize>() + 2 + interface.agent(false).len();
    let mut missing = target.saturating_sub(have);
    while missing >= 2 {
        let len = (missing - 2).min(255);
        list.insert(0, option(43, &random.octets(len)));
        missing -= len + 2;
    }
    match random.below(3) {
        0 => Tail::Padded(target),
        1 if missing > 0 => Tail::Junk(0, missing),
        _ => Tail::End,
    }
}

/// An option 82 of a relay below us.
fn theirs(random: &mut Random, interface: &Interface) -> Vec<u8> {
    match random.below(8) {
        0 => Vec::new(),
        1 => interface.agent(false),
        2 => {
            let len = random.below(60);
            random.octets(len)
        }
        _ => sub_options(random),
    }
}

/// An option 82 as a server sends it back: ours, nearly ours, or another's.
fn ours(random: &mut Random, interface: &Interface, vrf: u32) -> Vec<u8> {
    let unicast = random.chance(40);
    // Mostly what servers of that VRF got.
    let mut value =
        if random.chance(85) { interface.agent_in(vrf, unicast) } else { interface.agent(unicast) };
    if random.chance(if interface.vrf == 0 { 50 } else { 85 }) {
        // A server that looked at the VPN takes sub-option 152 out.
        if value.ends_with(&[152, 0]) {
            value.truncate(value.len() - 2);
        }
    }
    match random.below(16) {
        0 => Vec::new(),
        1 => sub_options(random),
        2 => {
            let len = random.below(40);
            random.octets(len)
        }
        3 if !value.is_empty() => {
            let at = random.below(value.len());
            value[at] ^= 1 << random.below(8);
            value
        }
        4 if !value.is_empty() => {
            value.truncate(random.below(value.len()));
            value
        }
        5 => [&value[..], &[99, 2, 7, 7]].concat(),
        6 => [&[99, 1, 7][..], &value].concat(),
        7 => [&[1, 1, 7][..], &value].concat(),
        // Of the circuit-id and the VSS alone.
        8 | 9 if value.len() > 1 => {
            let circuit = value[..2 + usize::from(value[1])].to_vec();
            let vss = value.windows(2).position(|pair| pair[0] == 151 && matches!(pair[1], 4 | 8));
            let vss = vss.map_or(&[][..], |at| &value[at..at + 2 + usize::from(value[at + 1])]);
            let other: &[u8] =
                random.pick::<&[u8]>(&[&[], &[2, 6, 2, 0, 0, 0, 0, 9], &[5, 4, 1, 2, 3, 4], &[152, 0]]);
            [&circuit[..], other, vss].concat()
        }
        _ => value,
    }
}
