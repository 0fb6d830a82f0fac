//! The oracle's way from server to client: `docs/rules.md`, Replies.

use super::octets::{datagram, four};
use super::options::{Instance, sub_options, without};
use super::request::Received;
use super::rule::Rule;
use super::smart;
use super::world::{Interface, World};
use super::{Decision, affinity};

/// Server to client.
pub(super) fn reply(received: &Received<'_>, rules: &mut Vec<Rule>) -> Decision {
    let &Received { world, port, message, options, .. } = received;
    let mut refuse = |rule, reason| {
        rules.push(rule);
        Decision::Not(vec![reason])
    };
    if !port.upstream {
        return refuse(Rule::FromClientPort, "reply_from_client_port");
    }
    if !world.servers_in(port.vrf).iter().any(|server| server.address == received.source) {
        return refuse(Rule::UnknownServer, "unknown_server");
    }
    let giaddr = four(message, 24);
    let bootp = options.kind().is_none();
    let owns = |one: &Interface| {
        let plain = bootp && one.further_of == 0 && one.address == giaddr;
        world.server_vrfs(one).contains(&port.vrf) && (one.giaddr == giaddr || plain)
    };
    let owners: Vec<usize> =
        (1..=world.interfaces.len()).filter(|&number| owns(&world.interfaces[number - 1])).collect();
    if giaddr != received.destination || owners.is_empty() {
        return refuse(Rule::WrongGiaddr, "wrong_giaddr");
    }
    // RFC 4388: 11 is DHCPLEASEUNASSIGNED, 12 DHCPLEASEUNKNOWN, 13 DHCPLEASEACTIVE.
    if let Some(11..=13) = options.kind() {
        return refuse(Rule::LeaseAnswer, "lease_answer");
    }
    let (hidden, agents): (Vec<_>, Vec<_>) = options.agents().into_iter().partition(Instance::elsewhere);
    let Found { number, mut out, rules: by } = match interface((world, port.vrf), &owners, message, &agents) {
        Ok(found) => found,
        Err((rule, reason)) => return refuse(rule, reason),
    };
    rules.extend(by);
    let interface = &world.interfaces[number - 1];
    let by_circuit = rules.iter().any(|rule| matches!(rule, Rule::ReplyCircuit | Rule::ReplyCircuitSplit));
    if by_circuit || !interface.option82.as_ref().is_some_and(|option82| option82.trusted) {
        // What hides in file and sname does not tell the interface, but does not get to the client either.
        out.extend(hidden);
    }
    if interface.giaddr != giaddr {
        rules.push(Rule::BootpReplyAddress);
    }
    if options.last(52).is_some() {
        rules.push(Rule::OverloadedReply);
        if out.iter().any(Instance::elsewhere) {
            rules.push(Rule::OverloadedReplyAgent);
        }
    }
    let mut kept = without(message, &out);
    if options.authenticated() {
        rules.push(Rule::ReplyAuthenticated);
    } else if kept.len() < 300 {
        rules.push(Rule::ReplyPadded);
        kept.resize(300, 0);
    }
    let kind = options.kind().unwrap_or(0);
    let (mac, address) = whereto(&kept, kind);
    let mut frame = [mac, interface.mac].concat();
    frame.extend(tags(interface));
    frame.extend([0x08, 0x00]);
    frame.extend(datagram(interface.tos, interface.address, address, 68, &kept, true));
    let first = world.first(number);
    if first != number {
        rules.push(Rule::ReplyFurther);
    }
    let attempt = smart::reply(world, number, message, kind);
    let held = affinity::reply(received, first, kind, rules);
    Decision::Client { interface: first, message: kind, attempt, held, frame }
}

/// Which interface a reply is for, what is taken out, and by which rules.
struct Found {
    number: usize,
    out: Vec<Instance>,
    rules: Vec<Rule>,
}

type Refused = (Rule, &'static str);

/// The second table.
fn interface(
    (world, vrf): (&World, u32),
    owners: &[usize],
    message: &[u8],
    agents: &[Instance],
) -> Result<Found, Refused> {
    let found = |number, out: &[Instance], rule| Ok(Found { number, out: out.to_vec(), rules: vec![rule] });
    if agents.is_empty() {
        if let &[one] = owners {
            return found(one, &[], Rule::ReplyNoneUnique);
        }
        let mut table = world.clients.iter();
        let client = table.find(|client| message[4..8] == client.xid && message[28..44] == client.chaddr);
        return match client.filter(|client| owners.contains(&client.interface)) {
            Some(client) => found(client.interface, &[], Rule::ReplyNoneTable),
            None => Err((Rule::ReplyNoneAmbiguous, "ambiguous_giaddr")),
        };
    }
    // The address may be for plain BOOTP, into which nothing is inserted.
    let inserting: Vec<usize> = owners
        .iter()
        .copied()
        .filter(|&number| world.interfaces[number - 1].giaddr == four(message, 24))
        .collect();
    let form_of = |agent: &Instance| {
        inserting.iter().find_map(|&number| {
            let form = exactly(&world.interfaces[number - 1], vrf, &agent.value)?;
            Some((number, form, agent.clone()))
        })
    };
    let exact: Vec<(usize, Form, Instance)> = agents.iter().filter_map(form_of).collect();
    if let [(number, ..), ..] = exact[..] {
        let interface = &world.interfaces[number - 1];
        let mut found = ours(number, interface, agents, &exact, owners.len() > 1)?;
        if interface.is_near(vrf) {
            found.rules.push(Rule::ReplyOursNear);
        }
        return Ok(found);
    }
    if let &[one] = owners {
        match &world.interfaces[one - 1].option82 {
            Some(ours) if ours.trusted => return found(one, &[], Rule::ReplyForeignTrusted),
            None => return found(one, agents, Rule::ReplyForeignUnconfigured),
            Some(_) => {}
        }
    }
    let (number, selected) = circuit((world, vrf), &inserting, agents)?;
    let mut found =
        found(number, agents, if agents.len() > 1 { Rule::ReplyCircuitSplit } else { Rule::ReplyCircuit })?;
    if selected {
        found.rules.push(Rule::ReplySelected);
    }
    if world.interfaces[number - 1].is_near(vrf) {
        found.rules.push(Rule::ReplyCircuitNear);
    }
    Ok(found)
}

/// How ours came back.
struct Form {
    unicast: bool,
    /// Whether it ends with 152: the server did not look at the VPN. `None` when it never had one.
    ignored: Option<bool>,
}

/// Whether a value is what an interface inserts toward the servers of a VRF.
fn exactly(interface: &Interface, vrf: u32, value: &[u8]) -> Option<Form> {
    interface.option82.as_ref()?;
    for unicast in [false, true] {
        let ours = interface.agent_in(vrf, unicast);
        if ours.is_empty() {
            return None;
        }
        let has_control =
            !cisco(interface) && sub_options(&ours).0.last().is_some_and(|(code, _)| *code == 152);
        if value == ours {
            return Some(Form { unicast, ignored: has_control.then_some(true) });
        }
        if has_control && value == &ours[..ours.len() - 2] {
            return Some(Form { unicast, ignored: Some(false) });
        }
    }
    None
}

/// Whether 152 says something else to its servers than whether they looked at the VPN.
fn cisco(interface: &Interface) -> bool {
    interface.option82.as_ref().is_some_and(|option82| option82.cisco)
}

fn ours(
    number: usize,
    interface: &Interface,
    agents: &[Instance],
    exact: &[(usize, Form, Instance)],
    shared: bool,
) -> Result<Found, Refused> {
    if exact.iter().any(|(_, form, _)| form.ignored == Some(true)) {
        return Err((Rule::VssIgnored, "vss_ignored"));
    }
    let trusted = interface.option82.as_ref().is_some_and(|option82| option82.trusted);
    let (_, form, _) = &exact[0];
    let others = agents.len() > exact.len();
    let rules = [
        (true, Rule::ReplyOurs),
        (shared, Rule::ReplyOursShared),
        (form.ignored.is_some(), Rule::ReplyOursAnswered),
        (form.unicast, Rule::ReplyOursUnicast),
        (others && trusted, Rule::ReplyOursTrusted),
        (others && !trusted, Rule::ReplyOursAndAnother),
        (exact.len() > 1, Rule::ReplyOursTwice),
    ];
    let rules = rules.into_iter().filter(|(applies, _)| *applies).map(|(_, rule)| rule).collect();
    let own = exact.iter().map(|(_, _, agent)| agent.clone());
    Ok(Found { number, out: if trusted { own.collect() } else { agents.to_vec() }, rules })
}

/// The last row: by circuit-id, VSS and remote-id; among the addresses of one interface by link selection, and whether it was
/// that.
fn circuit(
    (world, vrf): (&World, u32),
    owners: &[usize],
    agents: &[Instance],
) -> Result<(usize, bool), Refused> {
    // RFC 3396: one value, split.
    let joined: Vec<u8> = agents.iter().flat_map(|agent| agent.value.clone()).collect();
    let (list, whole) = sub_options(&joined);
    let first = |list: &[(u8, Vec<u8>)], code: u8| {
        list.iter().find(|(other, _)| *other == code).map(|(_, value)| value.clone())
    };
    if !whole {
        return Err((Rule::UnknownCircuitBroken, "unknown_circuit"));
    }
    let fits = |&number: &usize| {
        let interface = &world.interfaces[number - 1];
        let (ours, _) = sub_options(&interface.agent_in(vrf, false));
        let remote = first(&list, 2);
        !ours.is_empty()
            && first(&ours, 1).unwrap_or_default() == first(&list, 1).unwrap_or_default()
            && first(&ours, 151).unwrap_or_default() == first(&list, 151).unwrap_or_default()
            && (remote.is_none() || remote == first(&ours, 2))
    };
    let fitting: Vec<usize> =
        owners.iter().copied().filter(|&number| world.first(number) == number).filter(fits).collect();
    let &[number] = &fitting[..] else { return Err((Rule::UnknownCircuit, "unknown_circuit")) };
    if first(&list, 152).is_some() && !cisco(&world.interfaces[number - 1]) {
        return Err((Rule::VssIgnoredForeign, "vss_ignored"));
    }
    let link = list.iter().find(|(code, _)| [5, 150].contains(code)).map(|(_, value)| &value[..]);
    let mut further = world.addresses_of(number).into_iter().skip(1);
    let selected = further.find(|&number| Some(&world.interfaces[number - 1].address[..]) == link);
    Ok((selected.unwrap_or(number), selected.is_some()))
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
