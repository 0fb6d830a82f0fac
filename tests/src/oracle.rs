//! A naive relay, written from RFC 768, 791, 951, 1542, 2131, 2132 and 3046 and from the design, that shares nothing
//! with `relay-common`: no code, no constant, no trick. It copies every frame, sums octet pairs in a loop and builds what
//! leaves from nothing. Where it and the rules disagree one of them is wrong.
//!
//! It is as fast path and slow path together: there are no MTUs and no unresolved servers in it, and no rate limit.
//! Of a frame with several faults it tells all, because the RFCs give them no order.

mod octets;
pub mod world;

use octets::{Instance, datagram, four, half, kind, options, sum};
use world::{Interface, Port, World};

/// What a right relay does with a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Not relayed, for any of these reasons (labels of `docs/reasons.md`).
    Not(Vec<&'static str>),
    /// These frames to the servers of the group, in order.
    Servers { interface: usize, message: u8, copies: Vec<Vec<u8>> },
    /// This frame to the client.
    Client { interface: usize, message: u8, frame: Vec<u8> },
}

/// Decides on a frame that came in on `device`.
pub fn decide(world: &World, device: u32, frame: &[u8]) -> Decision {
    let not = |reason| Decision::Not(vec![reason]);
    // Ethernet with up to two tags.
    let mut vlans = Vec::new();
    let mut at = 12;
    while matches!(half(frame, at), Some(0x8100 | 0x88a8)) {
        let Some(tag) = half(frame, at + 2) else { return not("not_ipv4") };
        vlans.push(tag % 4096);
        at += 4;
    }
    if half(frame, at) != Some(0x0800) || vlans.len() > 2 {
        return not("not_ipv4");
    }
    vlans.resize(2, 0);
    let ip = &frame[at + 2..];
    if ip.len() < 20 || ip[0] / 16 != 4 || ip[0] % 16 < 5 {
        return not("not_ipv4");
    }
    let (more_fragments, fragment_offset) =
        (ip[6] & 0x20 != 0, u16::from(ip[6] & 0x1f) * 256 + u16::from(ip[7]));
    if ip[9] != 17 || fragment_offset != 0 {
        return not("not_udp");
    }
    let header = usize::from(ip[0] % 16) * 4;
    if half(ip, header + 2) != Some(67) {
        return not("not_dhcp");
    }
    let Some(port) = world.ports.iter().find(|port| port.device == device && port.vlans[..] == vlans[..])
    else {
        return not("no_interface");
    };
    let (source, destination) = (four(ip, 12), four(ip, 16));
    if destination == [255; 4] {
        if frame[0] & 1 == 0 && frame[..6] != port.mac {
            return not("other_host");
        }
    } else if !world.local.contains(&(port.vrf, destination)) {
        return not("transit");
    }

    // It is for the relay. Is it sound?
    let mut wrong = Vec::new();
    if header != 20 {
        // The fast path passes options on; the daemon takes them out before it asks, unless the header is damaged.
        wrong.extend(["ip_options", "ip_checksum"]);
    }
    if more_fragments {
        wrong.push("fragment");
    }
    if ip.len() >= header && sum(&ip[..header]) != 0xffff {
        wrong.push("ip_checksum");
    }
    let total = usize::from(half(ip, 2).unwrap_or(0));
    if total < header + 8 || total > ip.len() {
        wrong.push("ip_length");
        return Decision::Not(wrong);
    }
    let length = usize::from(half(ip, header + 4).unwrap_or(0));
    if length < 8 || header + length > total {
        wrong.push("udp_length");
        return Decision::Not(wrong);
    }
    let udp = &ip[header..header + length];
    let message = &udp[8..];
    let mut pseudo = Vec::new();
    pseudo.extend(source);
    pseudo.extend(destination);
    pseudo.extend([0, 17, udp[4], udp[5]]);
    let checksum = half(udp, 6).unwrap_or(0);
    let given = checksum != 0;
    let left_to_the_card = checksum == sum(&pseudo);
    pseudo.extend(udp);
    if message.len() < 236 {
        wrong.push("truncated");
        return Decision::Not(wrong);
    }
    if given && !left_to_the_card && sum(&pseudo) != 0xffff {
        wrong.push("udp_checksum");
    }
    if message[0] != 1 && message[0] != 2 {
        wrong.push("bad_op");
    }
    if message[2] > 16 {
        wrong.push("bad_hlen");
    }
    let options = options(message);
    if options.is_none() {
        wrong.push("malformed_options");
    }
    let options = options.unwrap_or_default();
    match message[0] {
        1 => request(world, port, message, &options, given, wrong),
        _ => reply(world, port, message, &options, source, destination, wrong),
    }
}

/// Client to server.
fn request(
    world: &World,
    port: &Port,
    message: &[u8],
    options: &[Instance],
    given: bool,
    mut wrong: Vec<&'static str>,
) -> Decision {
    let Some(interface) = world.interface(port.interface) else {
        wrong.push("no_interface");
        return Decision::Not(wrong);
    };
    let hops = message[3];
    let giaddr = four(message, 24);
    if hops >= interface.max_hops {
        wrong.push("hop_limit");
    }
    let vrf = world.server_vrf(interface);
    let a_giaddr_of_ours =
        world.interfaces.iter().any(|other| other.giaddr == giaddr && world.server_vrf(other) == vrf);
    if giaddr != [0; 4] && (a_giaddr_of_ours || world.local.contains(&(port.vrf, giaddr))) {
        wrong.push("own_giaddr");
    }
    if giaddr == [0; 4] && !interface.trusted && options.iter().any(|option| option.code == 82) {
        wrong.push("untrusted_option82");
    }
    if !wrong.is_empty() {
        return Decision::Not(wrong);
    }
    let mut message = message.to_vec();
    message[3] += 1;
    if giaddr == [0; 4] {
        message[24..28].copy_from_slice(&interface.giaddr);
    }
    let summed = given || interface.always_checksum;
    let copy = |server: &world::Server| {
        let mut frame = [server.next_mac, server.port_mac].concat();
        frame.extend([0x08, 0x00]);
        frame.extend(datagram(interface.tos, interface.source, server.address, 67, &message, summed));
        frame
    };
    let copies = world.groups[interface.group].servers.iter().map(copy).collect();
    Decision::Servers { interface: port.interface, message: kind(options), copies }
}

/// Server to client.
fn reply(
    world: &World,
    port: &Port,
    message: &[u8],
    options: &[Instance],
    source: [u8; 4],
    destination: [u8; 4],
    mut wrong: Vec<&'static str>,
) -> Decision {
    if !port.upstream {
        wrong.push("reply_from_client_port");
    }
    let mut groups = world.groups.iter().filter(|group| group.vrf == port.vrf);
    if !groups.any(|group| group.servers.iter().any(|server| server.address == source)) {
        wrong.push("unknown_server");
    }
    let giaddr = four(message, 24);
    let owners: Vec<usize> = (1..=world.interfaces.len())
        .filter(|&number| {
            world
                .interface(number)
                .is_some_and(|one| one.giaddr == giaddr && world.server_vrf(one) == port.vrf)
        })
        .collect();
    if giaddr != destination || owners.is_empty() {
        wrong.push("wrong_giaddr");
    }
    if owners.len() > 1 {
        wrong.push("ambiguous_giaddr");
    }
    let (true, &[number]) = (wrong.is_empty(), &owners[..]) else { return Decision::Not(wrong) };
    let interface = &world.interfaces[number - 1];

    let mut kept = message.to_vec();
    for option in options.iter().rev().filter(|option| option.code == 82) {
        kept.drain(option.at..option.at + 2 + option.len);
    }
    while kept.len() < 300 {
        kept.push(0);
    }
    let (mac, address) = whereto(&kept, kind(options));
    let mut frame = [mac, interface.mac].concat();
    frame.extend(tags(interface));
    frame.extend([0x08, 0x00]);
    frame.extend(datagram(interface.tos, interface.address, address, 68, &kept, true));
    Decision::Client { interface: number, message: kind(options), frame }
}

/// RFC 2131 section 4.1 and RFC 1542 section 5.4, without ARP.
fn whereto(message: &[u8], kind: u8) -> ([u8; 6], [u8; 4]) {
    let everyone = ([255; 6], [255; 4]);
    let (ciaddr, yiaddr) = (four(message, 12), four(message, 16));
    let mut mac = [0; 6];
    mac.copy_from_slice(&message[28..34]);
    let ethernet = message[1] == 1 && message[2] == 6;
    let a_station = mac[0] & 1 == 0 && mac != [0; 6];
    if kind == 6 || !ethernet || !a_station {
        everyone
    } else if ciaddr != [0; 4] {
        (mac, ciaddr)
    } else if message[10] >= 0x80 || yiaddr == [0; 4] {
        everyone
    } else {
        (mac, yiaddr)
    }
}

fn tags(interface: &Interface) -> Vec<u8> {
    let tag = |protocol: u16, vlan: u16| [protocol.to_be_bytes(), vlan.to_be_bytes()].concat();
    match interface.vlans {
        [0, _] => Vec::new(),
        [one, 0] => tag(interface.tpid, one),
        [outer, inner] => [tag(interface.tpid, outer), tag(0x8100, inner)].concat(),
    }
}
