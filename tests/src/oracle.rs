//! A naive relay, written from RFC 768, 791, 951, 1542, 2131, 2132, 3046, 3118, 3396, 5010 and 6607 and from
//! `docs/rules.md`, that shares nothing with `relay-common`: no code, no constant, no trick. It copies every frame, sums
//! octet pairs in a loop and builds what leaves from nothing. Where it and the rules disagree one of them is wrong.
//!
//! It is as fast path and slow path together: nothing is too large to be fragmented in it, no server is unresolved, and
//! there is no rate limit.

mod affinity;
mod octets;
mod options;
mod reply;
mod request;
mod rule;
mod smart;
pub mod world;

use octets::{four, half, sum};
use options::Options;
use request::Received;
pub use rule::Rule;
use world::{Attempt, Holder, Lease, World};

/// What a right relay does with a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Not relayed, for this reason (labels of `docs/reasons.md`); any of them where the page leaves it open.
    Not(Vec<&'static str>),
    /// These frames to the servers of the group, in order.
    /// `left_out`: ours was to go into them and did not, for their size. `swapped`: their `secs` were in the wrong byte
    /// order. `record`: number of the address it goes out with. `remembered`: that is, because the giaddr will not tell.
    /// `attempt`: how far the client has come then, where that is counted. `held`: the server that it goes to alone, as it
    /// is remembered then. `renewed`: the lease that is being renewed then. `alone`: it goes to one server for its lease.
    Servers {
        interface: usize,
        message: u8,
        left_out: bool,
        swapped: bool,
        record: usize,
        remembered: bool,
        attempt: Option<Attempt>,
        held: Option<Holder>,
        renewed: Option<Lease>,
        alone: bool,
        copies: Vec<Vec<u8>>,
    },
    /// This frame to the client.
    Client { interface: usize, message: u8, attempt: Option<Attempt>, held: Option<Holder>, frame: Vec<u8> },
}

/// Decides on a frame that came in on `device`, and tells by which rules.
pub fn decide(world: &World, device: u32, frame: &[u8]) -> (Decision, Vec<Rule>) {
    let mut rules = Vec::new();
    let decision = decided(world, device, frame, &mut rules);
    (decision, rules)
}

fn decided(world: &World, device: u32, frame: &[u8], rules: &mut Vec<Rule>) -> Decision {
    let mut because = |rule, reason| {
        rules.push(rule);
        Decision::Not(vec![reason])
    };
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
    match half(ip, header + 2) {
        Some(67) => {}
        Some(68) => return not("client_port"),
        _ => return not("not_dhcp"),
    }
    let Some(port) = world.ports.iter().find(|port| port.device == device && port.vlans[..] == vlans[..])
    else {
        return because(Rule::NoInterface, "no_interface");
    };
    let (source, destination) = (four(ip, 12), four(ip, 16));
    if frame[0] & 1 == 0 && frame[..6] != port.mac {
        let broadcast = destination == [255; 4];
        let rule = if broadcast { Rule::OtherHostBroadcast } else { Rule::OtherHostUnicast };
        return because(rule, "other_host");
    }
    if destination != [255; 4] && !world.local.contains(&(port.vrf, destination)) {
        return because(Rule::Transit, "transit");
    }
    if port.interface == 0 && ip.get(header + 8) != Some(&2) {
        let sound = half(ip, 2) == u16::try_from(ip.len()).ok() && sum(&ip[..20]) == 0xffff && header == 20;
        return because(if sound { Rule::ServersOnly } else { Rule::ServersOnlyBroken }, "no_interface");
    }

    // It is for the relay. Is it sound?
    if header != 20 {
        // The fast path passes options on; the daemon takes them out before it asks, unless the header is damaged.
        return Decision::Not(vec!["ip_options", "ip_checksum"]);
    }
    if port.interface == 0 && (half(ip, 2) < Some(29) || half(ip, 24) < Some(9)) {
        // The op is in the frame but not in the datagram, by what its lengths say.
        return Decision::Not(vec![
            "no_interface",
            "fragment",
            "ip_length",
            "ip_checksum",
            "udp_length",
            "truncated",
        ]);
    }
    if more_fragments {
        return not("fragment");
    }
    let total = usize::from(half(ip, 2).unwrap_or(0));
    if total < 28 || total > ip.len() {
        return not("ip_length");
    }
    if sum(&ip[..20]) != 0xffff {
        return not("ip_checksum");
    }
    let length = usize::from(half(ip, 24).unwrap_or(0));
    if length < 8 || 20 + length > total {
        return not("udp_length");
    }
    let udp = &ip[20..20 + length];
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
        return not("truncated");
    }
    if given && !left_to_the_card && sum(&pseudo) != 0xffff {
        return not("udp_checksum");
    }
    if message[0] != 1 && message[0] != 2 {
        return not("bad_op");
    }
    if message[2] > 16 {
        return not("bad_hlen");
    }
    let Some(options) = &Options::of(message) else {
        return because(Rule::Malformed, "malformed_options");
    };
    let received = Received { world, port, message, options, source, destination, given };
    match message[0] {
        1 => request::request(&received, rules),
        _ => reply::reply(&received, rules),
    }
}
