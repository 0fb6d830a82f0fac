//! Standard frames: every message type in both directions, in all the forms that clients, relays and servers give them,
//! and all of them to be relayed.

use super::random::Random;
use super::spec::{Checksum, Spec};
use crate::oracle::world::{C1, S0, S1, S2, SERVER_VRF, World};

/// Interfaces whose requests the kernel relays.
const REQUESTS: [usize; 6] = [1, 2, 3, 4, 6, 7];
/// Interfaces whose replies it relays.
const REPLIES: [usize; 3] = [1, 2, 3];
/// Longest message that fits the least MTU in the world (VRF 9's 1400) and the tags.
const LONGEST: usize = 1372;

/// One frame.
pub fn standard(world: &World, random: &mut Random) -> Spec {
    if random.chance(60) { request(world, random) } else { reply(world, random) }
}

/// A request of a client, or of a relay below us.
pub fn request(world: &World, random: &mut Random) -> Spec {
    let number = *random.pick(&REQUESTS);
    let (interface, port) = (&world.interfaces[number - 1], world.port_of(number));
    let relayed = random.chance(25) && interface.max_hops > 1;
    let agent = relayed && random.chance(50) || interface.trusted && random.chance(50);
    let kind = kind(random, &[1, 1, 3, 3, 4, 7, 8, 10, 99, 255]);
    let mut message = fixed(random, 1);
    if relayed {
        message[3] = random.below(usize::from(interface.max_hops)) as u8;
        message[24..28].copy_from_slice(&[10, 200, random.octet(), random.octet()]);
    } else {
        message[3] = if random.chance(90) { 0 } else { random.below(usize::from(interface.max_hops)) as u8 };
        message[24..28].fill(0);
    }
    options(random, &mut message, kind, usize::from(agent));
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
    let vrf = world.server_vrf(interface);
    let device = if vrf == SERVER_VRF { S2 } else { *random.pick(&[S0, S0, S1, C1]) };
    let servers: Vec<_> =
        world.groups.iter().filter(|group| group.vrf == vrf).flat_map(|group| &group.servers).collect();
    let kind = kind(random, &[2, 2, 5, 5, 6, 13, 99]);
    let mut message = fixed(random, 2);
    message[3] = *random.pick(&[0, 1, 1, 255]);
    message[24..28].copy_from_slice(&interface.giaddr);
    let agent = usize::from(random.chance(60));
    options(random, &mut message, kind, agent);
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
fn fixed(random: &mut Random, op: u8) -> Vec<u8> {
    let mut message = vec![0; 236];
    message[0] = op;
    message[1] = *random.pick(&[1, 1, 1, 1, 1, 1, 6, 32]);
    message[2] = if random.chance(85) { 6 } else { random.below(17) as u8 };
    message[4..8].copy_from_slice(&random.array::<4>());
    message[8..10].copy_from_slice(&random.array::<2>());
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

/// The cookie and the options, with as many instances of option 82, somewhere, and what may stand behind END.
pub(super) fn options(random: &mut Random, message: &mut Vec<u8>, kind: Option<u8>, agents: usize) {
    if kind.is_none() && agents == 0 && random.chance(60) {
        // RFC 951: 64 octets of vendor area that say nothing, or no vendor area at all.
        let vendor = *random.pick(&[64, 64, 64, 0, 3, 4]);
        message.resize(236 + vendor, 0);
        return;
    }
    let mut list: Vec<Vec<u8>> = kind.map(|kind| vec![53, 1, kind]).into_iter().collect();
    let room = if random.chance(10) { LONGEST } else { 500 };
    let mut taken = 240 + 3 + agents * 64 + 1;
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
        let len = if random.chance(70) { len } else { random.below(len + 1) };
        taken += 2 + len;
        if taken > room {
            break;
        }
        let value = random.octets(len);
        let option = [&[code, len as u8][..], &value].concat();
        let at = random.below(list.len() + 1);
        list.insert(at, option);
    }
    for _ in 0..agents {
        let at = match random.below(4) {
            0 => 0,
            1 => random.below(list.len() + 1),
            _ => list.len(),
        };
        let len = *random.pick(&[0, 2, 3, 8, 12, 25, 40]);
        let value = random.octets(len);
        list.insert(at, [&[82, len as u8][..], &value].concat());
        if random.chance(20) {
            list.push([&[60, 55][..], &random.octets(55)].concat());
        }
    }
    message.extend([99, 130, 83, 99]);
    for option in list {
        if random.chance(5) {
            message.resize(message.len() + random.between(1, 3), 0);
        }
        message.extend(option);
    }
    if random.chance(12) {
        // No END: the message ends with its last option.
        return;
    }
    if random.chance(5) {
        message.resize(message.len() + random.between(1, 7), 0);
    }
    message.push(255);
    let padded = match random.below(20) {
        0..10 => 300,
        10..13 => 548,
        13 => random.between(240, LONGEST),
        14 => *random.pick(&[298, 299, 301, 302, 312, 576]),
        _ => 0,
    };
    let filler = if random.chance(5) { 0xff } else { 0 };
    message.resize(message.len().max(padded), filler);
}

fn datagram(random: &mut Random, message: Vec<u8>) -> Spec {
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
fn tags(random: &mut Random, vlans: [u16; 2], tpid: u16) -> Vec<(u16, u16)> {
    let priority = if random.chance(30) { (random.below(16) as u16) << 12 } else { 0 };
    match vlans {
        [0, _] if random.chance(90) => Vec::new(),
        [0, _] => vec![(0x8100, priority)],
        [vlan, 0] => vec![(tpid, priority | vlan)],
        [outer, inner] => vec![(*random.pick(&[tpid, 0x8100]), priority | outer), (0x8100, inner)],
    }
}
