//! The contract between the fast path and the slow path, for one frame.
//!
//! | the kernel | the host |
//! | --- | --- |
//! | sends to servers | sends to servers, the same octets behind the Ethernet addresses |
//! | sends to a client | sends to a client, the same frame |
//! | tells the client table of what it sends | makes the same record of it |
//! | passes, reason of class "slow path" | may do anything |
//! | passes, reason of class "passed", or uncounted | does not relay, for the same reason, or one that is not counted |
//! | drops | drops for the same reason |
//!
//! A frame that is passed is untouched, and every frame that concerns the relay moves exactly one counter
//! by one, and those of what is remarkable about it.

use relay_common::abi::{MAX_SERVERS, Server, message_slot};
use relay_common::event::Event;
use relay_common::{Class, Reason, SliceFrame, Verdict, remark, token_of};
use relay_user::clients::BootTime;
use relay_user::slowpath::record;
use relay_user::tables::Tables;

use super::{Action, Counter, Moved, Punt, Run};
use crate::host::Outcome;

/// What the kernel did with a frame on which the two agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Did {
    ToServers,
    ToClient,
    /// Not counted.
    Ignored,
    Not(ReasonIndex),
}

/// A reason, in the order of its counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReasonIndex(usize);

impl Did {
    /// Whether the fast path relayed the frame.
    pub fn relayed(self) -> bool {
        matches!(self, Self::ToServers | Self::ToClient)
    }

    /// The reason it did not.
    pub fn reason(self) -> Option<Reason> {
        match self {
            Self::Not(ReasonIndex(index)) => Reason::ALL.get(index).copied(),
            _ => None,
        }
    }

    /// The words for tables.
    pub fn label(self) -> String {
        match (self, self.reason()) {
            (Self::ToServers, _) => "to servers".to_owned(),
            (Self::ToClient, _) => "to client".to_owned(),
            (_, Some(reason)) => format!("{}: {}", reason.class().label(), reason.label()),
            (_, None) => "ignored".to_owned(),
        }
    }
}

/// The client table is told of a relayed message once, and the same by both.
fn record(frame: &[u8], kernel: &Run, host: &Outcome) -> Result<(), String> {
    let [found] = kernel.records[..] else {
        return Err(format!("{} records of a relayed message", kernel.records.len()));
    };
    let seen = host.seen.as_ref().ok_or("the host has seen no message")?;
    let ours = record::relayed(&mut frame.to_vec(), seen, found.ifindex, BootTime::default());
    let ours = ours.ok_or("the host makes no record of it")?;
    // Which path it went, and when, is all that may differ.
    equal("record", &found, &Event { path: found.path, timestamp: found.timestamp, ..ours })
}

/// Compares the two.
///
/// # Errors
/// The part of the contract that does not hold.
pub fn compare(tables: &Tables, frame: &[u8], kernel: &Run, host: &Outcome) -> Result<Did, String> {
    match (kernel.action, &kernel.moved[..]) {
        (
            Action::Redirect,
            &[Moved { interface, counter: Counter::Request(slot), by: 1 }, ref besides @ ..],
        ) => {
            let group = to_servers(host, interface, slot, besides)?;
            behind_addresses(&kernel.frame, &host.frame)?;
            token(tables, &kernel.frame, host, group)?;
            punts(tables, kernel, host, group, interface)?;
            record(frame, kernel, host)?;
            Ok(Did::ToServers)
        }
        (
            Action::Redirect,
            &[
                Moved { interface: 0, counter: Counter::Copies, by: 1 },
                Moved { interface, counter: Counter::Request(slot), by: 1 },
                ref besides @ ..,
            ],
        ) => {
            let group = to_servers(host, interface, slot, besides)?;
            only_copy(tables, kernel, host, group)?;
            punts(tables, kernel, host, group, interface)?;
            record(frame, kernel, host)?;
            Ok(Did::ToServers)
        }
        (Action::Redirect, &[Moved { interface, counter: Counter::Reply(slot), by: 1 }]) => {
            let Verdict::ToClient { interface: ours, message } = host.verdict else {
                return Err("the kernel sends to a client".to_owned());
            };
            equal("interface and message type", &(interface, slot), &(ours, message_slot(message)))?;
            no_punts(kernel)?;
            if kernel.frame != host.frame {
                return Err("the frames differ".to_owned());
            }
            record(frame, kernel, host)?;
            Ok(Did::ToClient)
        }
        (Action::Pass, &[]) => {
            untouched(frame, kernel)?;
            match host.verdict {
                Verdict::Not { reason, .. } if reason.class() == Class::Ignored => Ok(Did::Ignored),
                _ => Err("the kernel ignores it".to_owned()),
            }
        }
        (action, &[Moved { interface, counter: Counter::Reason(reason), by: 1 }]) => {
            no_punts(kernel)?;
            let expected = if reason.class() == Class::Dropped { Action::Drop } else { Action::Pass };
            equal("action", &action, &expected)?;
            if action == Action::Pass {
                untouched(frame, kernel)?;
            }
            if reason.class() != Class::SlowPath {
                equal("verdict", &Verdict::Not { interface, reason }, &host.verdict)?;
            }
            Ok(Did::Not(ReasonIndex(reason.index())))
        }
        (action, moved) => Err(format!("action {action:?} with counters {moved:?}")),
    }
}

/// The host sends to servers as well, from the same interface; the group, and bit i for its server i.
fn to_servers(host: &Outcome, interface: u32, slot: usize, besides: &[Moved]) -> Result<(u32, u32), String> {
    let Verdict::ToServers { interface: ours, group, message, servers, remarks } = host.verdict else {
        return Err("the kernel sends to servers".to_owned());
    };
    equal("interface and message type", &(interface, slot), &(ours, message_slot(message)))?;
    equal("counters besides", &besides.to_vec(), &counted(interface, remarks))?;
    Ok((group, servers))
}

/// The counters of what is remarkable about a relayed request.
fn counted(interface: u32, remarks: u32) -> Vec<Moved> {
    let counters = [
        (remark::OPTION82_LEFT_OUT, Counter::LeftOut),
        (remark::SWAPPED_SECS, Counter::SwappedSecs),
        (remark::TO_HOLDER, Counter::ToHolder),
    ];
    let remarked = counters.into_iter().filter(|(bit, _)| remarks & bit != 0);
    remarked.map(|(_, counter)| Moved { interface, counter, by: 1 }).collect()
}

fn equal<T: PartialEq + std::fmt::Debug>(what: &str, kernel: &T, host: &T) -> Result<(), String> {
    if kernel == host { Ok(()) } else { Err(format!("{what}: kernel {kernel:?}, host {host:?}")) }
}

fn untouched(frame: &[u8], kernel: &Run) -> Result<(), String> {
    if kernel.frame == frame { no_punts(kernel) } else { Err("a passed frame was changed".to_owned()) }
}

/// The Ethernet addresses of a copy are not written yet: the token stands there, or what came in.
fn behind_addresses(left: &[u8], right: &[u8]) -> Result<(), String> {
    let same = left.len() == right.len() && left.get(12..) == right.get(12..);
    if same { Ok(()) } else { Err("the copies differ behind the Ethernet addresses".to_owned()) }
}

/// A request that only one server can have is finished at once.
fn only_copy(
    tables: &Tables,
    kernel: &Run,
    host: &Outcome,
    (group, wanted): (u32, u32),
) -> Result<(), String> {
    let wanted = tables.groups[group as usize]
        .servers
        .iter()
        .enumerate()
        .filter(|(index, _)| wanted & 1 << index != 0);
    let reachable: Vec<_> =
        wanted.filter_map(|(index, server)| Some((index, server, server.fast_hop()?))).collect();
    let [(index, server, hop)] = &reachable[..] else {
        return Err(format!("a single copy where {} servers can be reached", reachable.len()));
    };
    let server = Server {
        address: server.address.octets(),
        vrf: server.vrf,
        ifindex: hop.ifindex,
        next_mac: hop.next_mac,
        port_mac: hop.port_mac,
    };
    if kernel.frame == host.copy(*index, &server) {
        Ok(())
    } else {
        Err("the single copy differs".to_owned())
    }
}

/// A group alternates between two slots; and the token says whether not all copies of it are of one form.
fn token(tables: &Tables, frame: &[u8], host: &Outcome, (group, wanted): (u32, u32)) -> Result<(), String> {
    let mut octets = frame.to_vec();
    let len = octets.len();
    let ready = tables.groups[group as usize].mask(|server| server.fast_hop().is_some()) & wanted;
    let cut = host.cut.near & ready != 0;
    match token_of(&SliceFrame::new(&mut octets, 0, len)) {
        Some(token) if u32::from(token.slot) / 2 == group && token.cut == cut => Ok(()),
        other => Err(format!("token {other:?} in a frame for group {group}")),
    }
}

/// Servers without a next hop get their copy by way of the daemon, once, unless they are to have none.
fn punts(
    tables: &Tables,
    kernel: &Run,
    host: &Outcome,
    (group, wanted): (u32, u32),
    interface: u32,
) -> Result<(), String> {
    let servers = &tables.groups[group as usize].servers;
    debug_assert!(servers.len() <= MAX_SERVERS);
    let pending = servers
        .iter()
        .enumerate()
        .filter(|(index, server)| server.fast_hop().is_none() && wanted & 1 << index != 0)
        .fold(0, |mask, (index, _)| mask | 1 << index);
    if pending == 0 {
        return no_punts(kernel);
    }
    let [punt] = &kernel.punts[..] else {
        return Err(format!("{} records for unresolved servers", kernel.punts.len()));
    };
    let Punt { group: to, servers, interface: from, cut, frame } = punt;
    if host.cut.near != 0 || cut.near != 0 {
        equal("what near servers get less of", cut, &host.cut)?;
    }
    equal("punted record", &(*to, *servers, *from), &(group, pending, interface))?;
    behind_addresses(frame, &host.frame)
}

fn no_punts(kernel: &Run) -> Result<(), String> {
    if kernel.punts.is_empty() { Ok(()) } else { Err("a copy was handed to the daemon".to_owned()) }
}
