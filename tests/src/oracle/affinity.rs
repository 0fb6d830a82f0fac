//! The oracle's server affinity: `docs/rules.md`, Which server alone.

use super::octets::four;
use super::request::Received;
use super::rule::Rule;
use super::world::Holder;

fn known(received: &Received<'_>, interface: usize, address: [u8; 4]) -> Option<Holder> {
    let mut all = received.world.holders.iter();
    let client = &received.message[28..34];
    let its = |holder: &&Holder| {
        (holder.interface, holder.address) == (interface, address) && holder.chaddr == *client
    };
    all.find(its).cloned()
}

/// The server that a client's request goes to alone, as it is remembered from then on.
pub(super) fn request(received: &Received<'_>, secs: u16, rules: &mut Vec<Rule>) -> Option<Holder> {
    let &Received { world, port, message, options, .. } = received;
    let interface = &world.interfaces[port.interface - 1];
    if !interface.affinity || options.kind() != Some(3) || message[2] != 6 {
        return None;
    }
    let ciaddr = four(message, 12);
    let (address, selecting) = if ciaddr != [0; 4] {
        if received.destination == [255; 4] {
            rules.push(Rule::AffinityRebinding);
            return None;
        }
        if secs != 0 {
            rules.push(Rule::AffinityLate);
            return None;
        }
        (ciaddr, false)
    } else {
        options.last(54)?;
        (options.last(50)?.try_into().ok()?, true)
    };
    let holder = known(received, port.interface, address)?;
    if selecting && holder.xid != message[4..8] {
        rules.push(Rule::AffinityOther);
        return None;
    }
    let servers = &world.groups[interface.group].servers;
    if holder.asked || !servers.iter().any(|server| server.address == holder.server) {
        rules.push(if holder.asked { Rule::AffinityAsked } else { Rule::AffinityUnsure });
        return None;
    }
    rules.push(if selecting { Rule::AffinityOffer } else { Rule::AffinityLease });
    Some(Holder { asked: true, ..holder })
}

/// What is remembered of a reply on an interface.
pub(super) fn reply(
    received: &Received<'_>,
    first: usize,
    kind: u8,
    rules: &mut Vec<Rule>,
) -> Option<Holder> {
    let message = received.message;
    let address = four(message, 16);
    if !received.world.interfaces[first - 1].affinity
        || ![2, 5].contains(&kind)
        || address == [0; 4]
        || message[2] != 6
    {
        return None;
    }
    let xid = four(message, 4);
    let before = known(received, first, address);
    let contested =
        kind == 2 && before.is_some_and(|before| before.xid == xid && before.server != received.source);
    rules.push(if contested { Rule::HolderContested } else { Rule::HolderLearnt });
    let chaddr = message[28..34].try_into().ok()?;
    let server = if contested { [0; 4] } else { received.source };
    Some(Holder { interface: first, address, chaddr, server, xid, asked: false })
}
