//! Standard frames: every message type in both directions, in all the forms that clients, relays and servers give them,
//! and all of them to be relayed.

use super::list::{Tail, append, option};
use super::random::Random;
use super::spec::{Checksum, Spec};
use crate::oracle::world::{C1, Interface, Policy, S0, S1, S2, SERVER_VRF, World};

/// Interfaces whose requests the kernel relays.
const REQUESTS: [usize; 25] =
    [1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 22, 23, 26, 27, 28, 29];
/// Interfaces whose replies it relays.
const REPLIES: [usize; 22] =
    [1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 26, 27, 28];
/// Longest message that fits the least MTU in the world (VRF 9's 1400) and the tags.
const LONGEST: usize = 1372;

/// Where and what option 82 is in a message.
#[derive(Clone, Debug)]
enum Agent {
    None,
    Anywhere(Vec<u8>),
    /// Directly before END.
    Last(Vec<u8>),
}

/// One frame.
pub fn standard(world: &World, random: &mut Random) -> Spec {
    if random.chance(60) { request(world, random) } else { reply(world, random) }
}

/// A request of a client, or of a relay below us.
pub fn request(world: &World, random: &mut Random) -> Spec {
    let number = *random.pick(&REQUESTS);
    let (interface, port) = (&world.interfaces[number - 1], world.port_of(number));
    let relayed = random.chance(25) && interface.max_hops > 1;
    let agent = request_agent(random, interface, relayed);
    let kind = kind(random, &[1, 1, 3, 3, 4, 7, 8, 10, 99, 255]);
    let mut message = fixed(random, 1);
    if relayed {
        message[3] = random.below(usize::from(interface.max_hops)) as u8;
        message[24..28].copy_from_slice(&[10, 200, random.octet(), random.octet()]);
    } else {
        message[3] = if random.chance(90) { 0 } else { random.below(usize::from(interface.max_hops)) as u8 };
        message[24..28].fill(0);
    }
    let untouched = interface.option82.is_none();
    options(random, &mut message, kind, agent, untouched);
    let unicast = relayed && random.chance(80) || random.chance(10);
    let mut spec = datagram(random, message);
    (spec.device, spec.tags) = (interface.device, tags(random, interface.vlans, interface.tpid));
    (spec.source, spec.destination) = ([0; 4], [255; 4]);
    spec.destination_mac = if random.chance(90) { [0xff; 6] } else { port.mac };
    spec.source_port = *random.pick(&[68, 68, 67, 1024]);
    if unicast {
        // To one of our addresses in the clients' VRF.
        spec.source = [10, 200, 0, random.octet()];
        spec.destination = interface.address;
        spec.destination_mac = port.mac;
    }
    spec
}

/// A reply of a server.
pub fn reply(world: &World, random: &mut Random) -> Spec {
    let number = *random.pick(&REPLIES);
    let interface = &world.interfaces[number - 1];
    let vrf = *random.pick(&world.server_vrfs(interface));
    let device = if vrf == SERVER_VRF { S2 } else { *random.pick(&[S0, S0, S1, C1]) };
    let servers = world.servers_in(vrf);
    // The answers to a leasequery are no client's.
    let kind = kind(random, &[2, 2, 5, 5, 6, 9, 99]).filter(|kind| !matches!(kind, 11..=13));
    let mut message = fixed(random, 2);
    message[3] = *random.pick(&[0, 1, 1, 255]);
    message[24..28].copy_from_slice(&interface.giaddr);
    let agent = reply_agent(random, interface, vrf);
    let untouched = matches!(agent, Agent::None);
    options(random, &mut message, kind, agent, untouched);
    let mut spec = datagram(random, message);
    spec.device = device;
    spec.source = random.pick(&servers).address;
    spec.destination = interface.giaddr;
    spec.destination_mac = crate::oracle::world::mac(device);
    spec.source_port = 67;
    spec
}

/// The DHCP message type; `None` is plain BOOTP.
fn kind(random: &mut Random, usual: &[u8]) -> Option<u8> {
    match random.below(20) {
        0 | 1 => None,
        2 => Some(random.between(1, 18) as u8),
        _ => Some(*random.pick(usual)),
    }
}

/// The 236 octets before the cookie.
pub(super) fn fixed(random: &mut Random, op: u8) -> Vec<u8> {
    let mut message = vec![0; 236];
    message[0] = op;
    message[1] = *random.pick(&[1, 1, 1, 1, 1, 1, 6, 32]);
    message[2] = if random.chance(85) { 6 } else { random.below(17) as u8 };
    message[4..8].copy_from_slice(&random.array::<4>());
    let secs = *random.pick(&[0, 0, 2, 3, 4, 5, 6, 299, 300, 301, 0x0100, 0x0300, 0x0500, 0xff00]);
    let secs = if random.chance(50) { secs } else { random.next() as u16 };
    message[8..10].copy_from_slice(&secs.to_be_bytes());
    message[10] = if random.chance(40) { 0x80 } else { 0 };
    if random.chance(30) {
        message[12..16].copy_from_slice(&[192, 168, 60, random.octet()]);
    }
    if random.chance(60) {
        message[16..20].copy_from_slice(&[192, 168, 60, random.octet()]);
    }
    if random.chance(30) {
        message[20..24].copy_from_slice(&random.array::<4>());
    }
    message[28..44].copy_from_slice(&random.array::<16>());
    if random.chance(90) {
        message[28] &= 0xfe;
        message[34..44].fill(0);
    }
    if random.chance(20) {
        let text = random.octets(192);
        message[44..236].copy_from_slice(&text);
    }
    message
}

/// What the fast path takes from a relay below us, or from a trusted client.
fn request_agent(random: &mut Random, interface: &Interface, relayed: bool) -> Agent {
    let trusted = interface.option82.as_ref().is_some_and(|option82| option82.trusted);
    if !(relayed || trusted) || random.chance(50) {
        return Agent::None;
    }
    let len = *random.pick(&[0, 2, 3, 8, 12, 25, 40]);
    let value = random.octets(len);
    match interface.option82.as_ref().map(|option82| option82.policy) {
        Some(Policy::Discard) if relayed => Agent::None,
        Some(Policy::Replace) => Agent::Last(value),
        _ => Agent::Anywhere(value),
    }
}

/// What the fast path takes from a server: ours, or anything where nothing of ours is expected.
fn reply_agent(random: &mut Random, interface: &Interface, vrf: u32) -> Agent {
    let foreign = {
        let len = *random.pick(&[0, 2, 3, 8, 12, 25, 40]);
        random.octets(len)
    };
    let shared = [[10, 255, 0, 15], [10, 255, 0, 26]].contains(&interface.giaddr);
    let Some(option82) = &interface.option82 else {
        return if random.chance(60) { Agent::Anywhere(foreign) } else { Agent::None };
    };
    if random.chance(15) && !shared {
        return if option82.trusted { Agent::Anywhere(foreign) } else { Agent::None };
    }
    let mut value = interface.agent_in(vrf, random.chance(30));
    if value.ends_with(&[152, 0]) {
        value.truncate(value.len() - 2);
    }
    Agent::Anywhere(value)
}

/// The cookie and the options, with option 82, and what may stand behind END. Unless the message is left `untouched`,
/// without option 90.
fn options(random: &mut Random, message: &mut Vec<u8>, kind: Option<u8>, agent: Agent, untouched: bool) {
    if kind.is_none() && matches!(agent, Agent::None) && random.chance(60) {
        // RFC 951: 64 octets of vendor area that say nothing, or no vendor area at all.
        let vendor = *random.pick(&[64, 64, 64, 0, 3, 4]);
        message.resize(236 + vendor, 0);
        return;
    }
    let mut list: Vec<Vec<u8>> = kind.map(|kind| option(53, &[kind])).into_iter().collect();
    let room = if random.chance(10) { LONGEST } else { 500 };
    let mut taken = 240 + 3 + 64 + 1;
    for _ in 0..random.below(9) {
        let (code, len) = *random.pick(&[
            (61, 7),
            (55, 13),
            (50, 4),
            (54, 4),
            (57, 2),
            (12, 20),
            (60, 55),
            (43, 255),
            (90, 31),
            (124, 0),
            (128, 100),
        ]);
        let code = if code == 90 && !untouched { 91 } else { code };
        let len = if random.chance(70) { len } else { random.below(len + 1) };
        taken += 2 + len;
        if taken > room {
            break;
        }
        let at = random.below(list.len() + 1);
        list.insert(at, option(code, &random.octets(len)));
    }
    match agent {
        Agent::None => {}
        Agent::Last(value) => {
            list.push(option(82, &value));
            message.extend([99, 130, 83, 99]);
            message.extend(list.concat());
            message.push(255);
            let padded = *random.pick(&[0, 300, 300, 548]);
            message.resize(message.len().max(padded), 0);
            return;
        }
        Agent::Anywhere(value) => {
            let at = match random.below(4) {
                0 => 0,
                1 => random.below(list.len() + 1),
                _ => list.len(),
            };
            list.insert(at, option(82, &value));
            if random.chance(20) {
                list.push(option(60, &random.octets(55)));
            }
        }
    }
    let tail = match random.below(20) {
        0 | 1 => Tail::Open,
        2..10 => Tail::Padded(300),
        10..13 => Tail::Padded(548),
        13 => Tail::Padded(random.between(240, LONGEST)),
        14 => Tail::Padded(*random.pick(&[298, 299, 301, 302, 312, 576])),
        15 => Tail::Junk(0xff, random.between(1, 60)),
        _ => Tail::End,
    };
    append(random, message, &list, tail);
}

pub(super) fn datagram(random: &mut Random, message: Vec<u8>) -> Spec {
    let checksum = match random.below(10) {
        0 | 1 => Checksum::Zero,
        2 | 3 => Checksum::Partial,
        _ => Checksum::Right,
    };
    let padding = if random.chance(15) { random.between(1, 18) } else { 0 };
    let slack = if random.chance(4) { random.between(1, 9) } else { 0 };
    let mut source_mac = random.array();
    source_mac[0] = 2;
    Spec {
        device: 0,
        destination_mac: [0xff; 6],
        source_mac,
        tags: Vec::new(),
        ethertype: 0x0800,
        version_ihl: 0x45,
        tos: *random.pick(&[0, 0x10, 0xc0, 0xb8]),
        identification: random.next() as u16,
        fragment: if random.chance(20) { 0x4000 } else { 0 },
        ttl: *random.pick(&[1, 16, 64, 64, 128, 255]),
        protocol: 17,
        source: [0; 4],
        destination: [255; 4],
        ip_options: Vec::new(),
        total_off: 0,
        ip_checksum_off: 0,
        source_port: 68,
        destination_port: 67,
        udp_off: 0,
        checksum,
        message,
        slack: random.octets(slack),
        padding: random.octets(padding),
    }
}

/// The tags of a VLAN, with any priority; untagged frames may carry a priority tag (VLAN 0).
pub(super) fn tags(random: &mut Random, vlans: [u16; 2], tpid: u16) -> Vec<(u16, u16)> {
    let priority = if random.chance(30) { (random.below(16) as u16) << 12 } else { 0 };
    match vlans {
        [0, _] if random.chance(90) => Vec::new(),
        [0, _] => vec![(0x8100, priority)],
        [vlan, 0] => vec![(tpid, priority | vlan)],
        [outer, inner] => vec![(*random.pick(&[tpid, 0x8100]), priority | outer), (0x8100, inner)],
    }
}
