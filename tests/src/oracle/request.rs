//! The oracle's way from client to server: `docs/rules.md`, Requests.

use super::octets::{datagram, four, half};
use super::options::{Instance, Options, with, without};
use super::rule::Rule;
use super::smart;
use super::world::{Interface, Policy, Port, Server, World};
use super::{Decision, affinity};
use affinity::Asked;

/// A datagram to port 67, as far as it was sound.
pub(super) struct Received<'a> {
    pub(super) world: &'a World,
    pub(super) port: &'a Port,
    pub(super) message: &'a [u8],
    pub(super) options: &'a Options,
    pub(super) source: [u8; 4],
    pub(super) destination: [u8; 4],
    /// Whether there was a UDP checksum.
    pub(super) given: bool,
}

/// Client to server.
pub(super) fn request(received: &Received<'_>, rules: &mut Vec<Rule>) -> Decision {
    let &Received { world, port, message, options, .. } = received;
    let Some(interface) = world.interface(port.interface) else {
        return Decision::Not(vec!["no_interface"]);
    };
    let agents = options.agents();
    if let Some((rule, reason)) = refused(received, interface, &agents) {
        rules.push(rule);
        return Decision::Not(vec![reason]);
    }
    let group = &world.groups[interface.group];
    let secs = seconds(message, rules);
    let mut servers: Vec<&Server> = group.servers.iter().filter(|server| server.min_secs <= secs).collect();
    if servers.is_empty() {
        rules.push(Rule::TooEarly);
        return Decision::Not(vec!["min_secs"]);
    }
    if servers.len() < group.servers.len() {
        rules.push(Rule::Excluded);
    }
    if options.last(52).is_some() {
        rules.push(Rule::OverloadedRequest);
        if agents.iter().any(Instance::elsewhere) {
            rules.push(Rule::OverloadedAgent);
        }
    }

    let bootp = options.kind().is_none();
    let direct = four(message, 24) == [0; 4];
    let Asked { held, renewed, alone } =
        if direct { affinity::request(received, secs, rules) } else { Asked::default() };
    if let Some(alone) = alone {
        servers = group.servers.iter().filter(|server| server.address == alone).collect();
    }
    let (record, attempt) = match direct {
        true => smart::request(world, port.interface, message, options, rules),
        false => (port.interface, None),
    };
    let chosen = &world.interfaces[record - 1];
    if direct && bootp && interface.address != interface.giaddr {
        rules.push(Rule::BootpAddress);
    }
    let Messages { far, near, left_out } = agent(received, chosen, &agents, rules);
    let sent = |mut message: Vec<u8>| {
        message[3] += 1;
        if direct {
            message[24..28].copy_from_slice(if bootp { &interface.address } else { &chosen.giaddr });
        }
        message
    };
    let (far, near) = (sent(far), sent(near));
    if far != near {
        for vrf in world.server_vrfs(chosen) {
            rules.push(if chosen.is_near(vrf) { Rule::InsertedNear } else { Rule::InsertedFar });
        }
    }
    let summed = received.given || interface.always_checksum;
    let copy = |server: &Server| {
        let message = if chosen.is_near(server.vrf) { &near } else { &far };
        let mut frame = [server.next_mac, server.port_mac].concat();
        frame.extend([0x08, 0x00]);
        frame.extend(datagram(interface.tos, chosen.source, server.address, 67, message, summed));
        frame
    };
    let copies = servers.into_iter().map(copy).collect();
    let swapped = rules.contains(&Rule::SwappedSecs);
    let kind = options.kind().unwrap_or(0);
    let remembered = direct && shares(world, port.interface);
    if remembered {
        rules.push(Rule::Remembered);
    }
    Decision::Servers {
        interface: port.interface,
        message: kind,
        left_out,
        swapped,
        record,
        remembered,
        attempt,
        held,
        renewed,
        alone: alone.is_some(),
        copies,
    }
}

/// The first table, as far as it drops.
fn refused(
    received: &Received<'_>,
    interface: &Interface,
    agents: &[Instance],
) -> Option<(Rule, &'static str)> {
    let &Received { world, port, message, .. } = received;
    let giaddr = four(message, 24);
    let direct = giaddr == [0; 4];
    if message[3] >= interface.max_hops {
        return Some((Rule::HopLimit, "hop_limit"));
    }
    let own = if giaddr == interface.giaddr {
        Some(Rule::OwnGiaddr)
    } else if world.local.contains(&(port.vrf, giaddr)) {
        Some(Rule::OwnGiaddrClients)
    } else if world.server_vrfs(interface).iter().any(|&vrf| world.local.contains(&(vrf, giaddr))) {
        Some(Rule::OwnGiaddrServers)
    } else {
        None
    };
    if let (Some(rule), false) = (own, direct) {
        return Some((rule, "own_giaddr"));
    }
    let ours = interface.option82.as_ref();
    if agents.is_empty() {
        return None;
    }
    if direct && !ours.is_some_and(|ours| ours.trusted) {
        let hidden = agents.iter().all(Instance::elsewhere);
        let rule = if hidden { Rule::UntrustedOverloaded } else { Rule::Untrusted };
        return Some((rule, "untrusted_option82"));
    }
    if !direct && ours.is_some_and(|ours| ours.policy == Policy::Discard) {
        return Some((Rule::Discard, "option82_policy"));
    }
    None
}

/// Whether replies for an interface come to an address to which replies for another come.
fn shares(world: &World, number: usize) -> bool {
    let own = world.comes_to(&world.interfaces[number - 1]);
    (1..).zip(&world.interfaces).any(|(other, interface)| {
        other != number && world.comes_to(interface).iter().any(|address| own.contains(address))
    })
}

/// The client's seconds: no client waits for a multiple of 256 of them to the second.
fn seconds(message: &[u8], rules: &mut Vec<Rule>) -> u16 {
    if message[9] == 0 && message[8] != 0 {
        rules.push(Rule::SwappedSecs);
        return u16::from(message[8]);
    }
    half(message, 8).unwrap_or(0)
}

/// The message with what becomes of option 82.
struct Messages {
    /// For servers of other VPNs than the clients'.
    far: Vec<u8>,
    /// For those of the clients'.
    near: Vec<u8>,
    /// Ours was left out of it.
    left_out: bool,
}

impl Messages {
    fn one(message: Vec<u8>, left_out: bool) -> Self {
        Self { near: message.clone(), far: message, left_out }
    }
}

/// The second table.
fn agent(
    received: &Received<'_>,
    interface: &Interface,
    theirs: &[Instance],
    rules: &mut Vec<Rule>,
) -> Messages {
    let Received { message, options, .. } = received;
    let direct = four(message, 24) == [0; 4];
    let policy = interface.option82.as_ref().map(|ours| ours.policy);
    let dhcp = options.kind().is_some();
    let (rule, insert, replace) = match (direct, theirs.is_empty(), policy) {
        (true, true, Some(_)) if dhcp => (Rule::DirectInserted, true, false),
        (true, true, Some(_)) => (Rule::DirectBootp, false, false),
        (true, true, None) => (Rule::DirectWithout, false, false),
        (true, false, Some(Policy::Replace)) => (Rule::TrustedReplaced, true, true),
        (true, false, _) => (Rule::TrustedKept, false, false),
        (false, true, _) => (Rule::RelayedWithout, false, false),
        (false, false, None) => (Rule::RelayedUnconfigured, false, false),
        (false, false, Some(Policy::Append)) => (Rule::RelayedAppended, true, false),
        (false, false, Some(Policy::Replace)) => (Rule::RelayedReplaced, true, true),
        (false, false, Some(_)) => (Rule::RelayedForwarded, false, false),
    };
    rules.push(rule);
    if !insert {
        return Messages::one(message.to_vec(), false);
    }
    let before = if replace { without(message, theirs) } else { message.to_vec() };
    let end = Options::of(&before).and_then(|options| options.end);
    let unicast = received.destination != [255; 4];
    let value = interface.agent(unicast);
    let keep = (!options.authenticated()).then_some(message.len());
    let after = with(&before, end, &value, keep);

    let mtu = usize::from(received.world.groups[interface.group].mtu) - 28;
    let client = options.client_size();
    if options.last(57).is_some() && client.is_none() {
        rules.push(Rule::ClientSizeIgnored);
    }
    let reasons = [
        (after.len() > usize::from(interface.max_message), Rule::LeftOutLargest),
        (after.len() > mtu, Rule::LeftOutMtu),
        (client.is_some_and(|client| after.len() > client), Rule::LeftOutClient),
    ];
    if let Some(&(_, rule)) = reasons.iter().find(|(applies, _)| *applies) {
        rules.push(rule);
        if !replace {
            return Messages::one(before, true);
        }
        rules.push(Rule::LeftOutReplaced);
        let Some(keep) = keep else { return Messages::one(before, true) };
        // The length stays, as when ours is in it, and nothing but zeros behind END.
        let mut octets = before[..end.map_or(before.len(), |end| end + 1)].to_vec();
        octets.resize(keep, 0);
        return Messages::one(octets, true);
    }

    // How it went, for the table of what was reached.
    if interface.option82.as_ref().is_some_and(|ours| ours.flags_at.is_some()) {
        rules.push(if unicast { Rule::FlagsUnicast } else { Rule::FlagsBroadcast });
    }
    rules.push(if end.is_some() { Rule::InsertedAtEnd } else { Rule::InsertedWithoutEnd });
    if after.len() == message.len() && !replace {
        rules.push(Rule::InsertedIntoPadding);
    }
    if keep.is_none() {
        rules.push(if replace { Rule::ReplacedAuthenticated } else { Rule::InsertedAuthenticated });
    } else if end.is_some_and(|end| before[end + 1..].iter().any(|&octet| octet != 0)) {
        rules.push(Rule::InsertedOverJunk);
    }
    if replace {
        if theirs.len() > 1 {
            rules.push(Rule::ReplacedSeveral);
        }
        if theirs.iter().any(Instance::elsewhere) {
            rules.push(Rule::ReplacedElsewhere);
        }
        let last = |one: &Instance| options.found.iter().all(|other| other.elsewhere() || other.at <= one.at);
        if theirs.iter().any(|one| !one.elsewhere() && !last(one)) {
            rules.push(Rule::ReplacedBehind);
        }
    }
    let near = interface.agent_in(interface.vrf, unicast);
    let near = match (near.is_empty(), keep) {
        (true, None) => before,
        (false, None) => with(&before, end, &near, None),
        // END where the rest of ours would be, and nothing but zeros behind it.
        (true, Some(_)) => {
            let mut octets = before[..end.unwrap_or(before.len())].to_vec();
            octets.push(255);
            octets.resize(after.len(), 0);
            octets
        }
        (false, Some(_)) => with(&before, end, &near, Some(after.len())),
    };
    Messages { far: after, near, left_out: false }
}
