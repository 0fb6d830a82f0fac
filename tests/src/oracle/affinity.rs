//! The oracle's server affinity: `docs/rules.md`, Which server alone.

use super::octets::four;
use super::request::Received;
use super::rule::Rule;
use super::world::{Holder, Lease};

fn known(received: &Received<'_>, interface: usize, address: [u8; 4]) -> Option<Holder> {
    let mut all = received.world.holders.iter();
    let client = &received.message[28..34];
    let its = |holder: &&Holder| {
        (holder.interface, holder.address) == (interface, address) && holder.chaddr == *client
    };
    all.find(its).cloned()
}

/// What a client's request asks whom.
#[derive(Default)]
pub(super) struct Asked {
    /// Who holds the address, as it is remembered from then on.
    pub(super) held: Option<Holder>,
    /// The lease that is being renewed from then on.
    pub(super) renewed: Option<Lease>,
    /// The server that it goes to alone.
    pub(super) alone: Option<[u8; 4]>,
}

/// The server that a client's request goes to alone, and what is remembered of that.
pub(super) fn request(received: &Received<'_>, secs: u16, rules: &mut Vec<Rule>) -> Asked {
    decided(received, secs, rules).unwrap_or_default()
}

fn decided(received: &Received<'_>, secs: u16, rules: &mut Vec<Rule>) -> Option<Asked> {
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
    let servers = &world.groups[interface.group].servers;
    let serves = |address| servers.iter().any(|server| server.address == address);
    let Some(holder) = known(received, port.interface, address) else {
        let its = |lease: &&Lease| {
            (lease.interface, lease.address) == (port.interface, address) && lease.chaddr == message[28..34]
        };
        let lease = world.leases.iter().find(its).filter(|_| !selecting)?;
        if !lease.bound {
            rules.push(Rule::AffinityTableAsked);
            return None;
        }
        let alone = Some(lease.server).filter(|server| serves(*server));
        rules.push(if alone.is_some() { Rule::AffinityTable } else { Rule::AffinityUnsure });
        return Some(Asked { renewed: Some(lease.clone()), alone, ..Asked::default() });
    };
    if selecting && holder.xid != message[4..8] {
        rules.push(Rule::AffinityOther);
        return None;
    }
    if holder.asked || !serves(holder.server) {
        rules.push(if holder.asked { Rule::AffinityAsked } else { Rule::AffinityUnsure });
        return None;
    }
    rules.push(if selecting { Rule::AffinityOffer } else { Rule::AffinityLease });
    let alone = Some(holder.server);
    Some(Asked { held: Some(Holder { asked: true, ..holder }), alone, ..Asked::default() })
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
