//! The rules against everything that pins them without a kernel: the oracle, the golden frames of ISC dhcrelay and the
//! table of single cases. The tests run these, and so does the program that the mutants are built into.

pub mod golden;
pub mod reach;

use std::collections::BTreeMap;

use relay_common::abi::ClientKey;
use relay_common::{Class, Verdict, remark};

use crate::generate::{Frames, Kind};
use crate::host::{self, Maps, Outcome};
use crate::oracle::world::{Lease, World};
use crate::oracle::{self, Decision};
use crate::rules::{self, Expect};
use reach::Reach;

/// How many frames of each kind came to what.
pub type Totals = BTreeMap<(Kind, String), usize>;

/// Compares rules and oracle over as many generated frames; what they came to, and by which rules.
///
/// # Errors
/// The first difference, with the frame.
pub fn oracle(seed: u64, frames: usize) -> Result<(Totals, Reach), String> {
    let world = World::new();
    let maps = Maps::new(&world);
    let mut totals = Totals::new();
    let mut reach = Reach::default();
    for (number, generated) in Frames::new(&world, seed).take(frames).enumerate() {
        let outcome = host::run(&maps, &generated.frame, generated.device);
        let (decision, rules) = oracle::decide(&world, generated.device, &generated.frame);
        agree(&maps, &generated.frame, &outcome, &decision).map_err(|difference| {
            format!(
                "frame {number} of seed {seed:#x} ({}) on device {}: {difference}\n{}",
                generated.kind.label(),
                generated.device,
                hex(&generated.frame)
            )
        })?;
        *totals.entry((generated.kind, word(&outcome.verdict))).or_default() += 1;
        reach.note(rules, !matches!(outcome.verdict, Verdict::Not { .. }));
    }
    Ok((totals, reach))
}

/// Whether rules and oracle agree on one frame.
fn agree(maps: &Maps, frame: &[u8], outcome: &Outcome, decision: &Decision) -> Result<(), String> {
    let heard = maps.heard.borrow_mut().drain(..).next();
    let attempted = maps.attempted.borrow_mut().drain(..).next();
    let renewed = maps.renewed.borrow_mut().drain(..).next();
    let holds = maps.held.borrow_mut().drain(..).next();
    let difference = |what: &str| {
        let frame = hex(&outcome.frame);
        Err(format!("{what}\nrules: {:?}\n{frame}\noracle: {}", outcome.verdict, show(decision)))
    };
    match (outcome.verdict, decision) {
        (Verdict::Not { reason, .. }, Decision::Not(reasons)) => {
            if !reasons.contains(&reason.label()) {
                return difference("another reason");
            }
            if outcome.frame != frame {
                return difference("a frame that is not relayed was changed");
            }
        }
        (
            Verdict::ToServers { interface, group, message, servers, remarks },
            Decision::Servers {
                interface: number,
                message: kind,
                left_out,
                swapped,
                record,
                remembered,
                attempt,
                held,
                renewed: lease,
                alone,
                copies,
            },
        ) => {
            if (interface as usize, message) != (*number, *kind) {
                return difference("another interface or message type");
            }
            let expected = if *left_out { remark::OPTION82_LEFT_OUT } else { 0 }
                | if *swapped { remark::SWAPPED_SECS } else { 0 }
                | if *alone { remark::TO_HOLDER } else { 0 };
            if remarks != expected {
                return difference("other remarks");
            }
            let copies_now = maps.copies(group, servers, outcome);
            if copies_now != *copies {
                return difference("other copies");
            }
            if heard != expected_client(maps, *record, &copies_now[0]).filter(|_| *remembered) {
                return difference("another client is remembered");
            }
            if attempted != attempt.as_ref().map(host::attempt) {
                return difference("another attempt is remembered");
            }
            if holds != held.as_ref().map(host::holder) {
                return difference("another holder is remembered");
            }
            if renewed.map(|lease| (lease.server, lease.chaddr)) != lease.as_ref().map(renewal) {
                return difference("another lease is renewed");
            }
        }
        (
            Verdict::ToClient { interface, message },
            Decision::Client { interface: number, message: kind, attempt, held, frame },
        ) => {
            if holds != held.as_ref().map(host::holder) {
                return difference("another holder is remembered");
            }
            if attempted != attempt.as_ref().map(host::attempt) {
                return difference("another attempt is remembered");
            }
            if (interface as usize, message) != (*number, *kind) {
                return difference("another interface or message type");
            }
            if outcome.frame != *frame {
                return difference("another frame");
            }
        }
        _ => return difference("another verdict"),
    }
    Ok(())
}

/// Of a lease: its server, and the client.
fn renewal(lease: &Lease) -> ([u8; 4], [u8; 16]) {
    let mut chaddr = [0; 16];
    chaddr[..6].copy_from_slice(&lease.chaddr);
    (lease.server, chaddr)
}

/// The client of a copy, as it is remembered.
fn expected_client(maps: &Maps, record: usize, copy: &[u8]) -> Option<(ClientKey, u32)> {
    let message = copy.get(42..)?;
    let realm = maps.interfaces.get(record - 1)?.realm;
    let (xid, chaddr) = (*message.get(4..)?.first_chunk()?, *message.get(28..)?.first_chunk()?);
    Some((ClientKey::new(realm, xid, chaddr), record as u32))
}

/// Runs the table of single cases; the number of cases.
///
/// # Errors
/// Every case that comes out otherwise.
pub fn rules() -> Result<usize, String> {
    let world = World::new();
    let maps = Maps::new(&world);
    let cases = rules::cases(&world);
    let failures: Vec<String> = cases
        .iter()
        .filter_map(|case| {
            let frame = case.spec.frame();
            let outcome = host::run(&maps, &frame, case.spec.device);
            meets(&maps, &frame, &outcome, &case.expect).err().map(|why| format!("{}: {why}", case.name))
        })
        .collect();
    if failures.is_empty() { Ok(cases.len()) } else { Err(failures.join("\n")) }
}

/// Runs the table of single cases through the oracle, which was written apart from it; the number of cases.
///
/// # Errors
/// Every case that comes out otherwise.
pub fn oracle_and_rules() -> Result<usize, String> {
    let world = World::new();
    let cases = rules::cases(&world);
    let failures: Vec<String> = cases
        .iter()
        .filter_map(|case| {
            let (decision, _) = oracle::decide(&world, case.spec.device, &case.spec.frame());
            let agreed = match (&case.expect, &decision) {
                (Expect::Server(expected), Decision::Servers { copies, .. }) => same(&copies[0], expected),
                (Expect::Copies(expected), Decision::Servers { copies, .. }) => all_same(copies, expected),
                (Expect::Client(expected), Decision::Client { frame, .. }) => same(frame, expected),
                (
                    Expect::Ignored(label)
                    | Expect::Passed(label)
                    | Expect::SlowPath(label)
                    | Expect::Dropped(label),
                    Decision::Not(reasons),
                ) if reasons.contains(label) || reasons.contains(&case.slow.unwrap_or(label)) => Ok(()),
                _ => Err(show(&decision)),
            };
            agreed.err().map(|why| format!("{}: {why}", case.name))
        })
        .collect();
    if failures.is_empty() { Ok(cases.len()) } else { Err(failures.join("\n")) }
}

/// Whether the outcome is what a case expects.
fn meets(maps: &Maps, frame: &[u8], outcome: &Outcome, expect: &Expect) -> Result<(), String> {
    let (class, label) = match (expect, outcome.verdict) {
        (Expect::Server(expected), Verdict::ToServers { group, servers, .. }) => {
            let copies = maps.copies(group, servers, outcome);
            return same(&copies[0], expected);
        }
        (Expect::Copies(expected), Verdict::ToServers { group, servers, .. }) => {
            return all_same(&maps.copies(group, servers, outcome), expected);
        }
        (Expect::Client(expected), Verdict::ToClient { .. }) => return same(&outcome.frame, expected),
        (Expect::Ignored(label), _) => (Class::Ignored, *label),
        (Expect::Passed(label), _) => (Class::Passed, *label),
        (Expect::SlowPath(label), _) => (Class::SlowPath, *label),
        (Expect::Dropped(label), _) => (Class::Dropped, *label),
        (_, verdict) => return Err(format!("{verdict:?}, not relayed as expected")),
    };
    match outcome.verdict {
        Verdict::Not { reason, .. } if reason.class() == class && reason.label() == label => {
            if outcome.frame == frame { Ok(()) } else { Err("the frame was changed".to_owned()) }
        }
        verdict => Err(format!("{verdict:?}, not {label} ({})", class.label())),
    }
}

fn all_same(left: &[Vec<u8>], right: &[Vec<u8>]) -> Result<(), String> {
    if left.len() != right.len() {
        return Err(format!("{} copies, not {}", left.len(), right.len()));
    }
    left.iter().zip(right).try_for_each(|(left, right)| same(left, right))
}

fn same(left: &[u8], right: &[u8]) -> Result<(), String> {
    if left == right {
        return Ok(());
    }
    let at = left.iter().zip(right).take_while(|(left, right)| left == right).count();
    Err(format!("differs at octet {at}\nis\n{}\nnot\n{}", hex(left), hex(right)))
}

/// The word for a verdict in tables.
pub fn word(verdict: &Verdict) -> String {
    match verdict {
        Verdict::ToServers { .. } => "to servers".to_owned(),
        Verdict::ToClient { .. } => "to client".to_owned(),
        Verdict::Not { reason, .. } => reason.label().to_owned(),
    }
}

/// The totals as a table: verdicts down, kinds across.
pub fn table(totals: &Totals) -> String {
    let mut words: Vec<&String> = totals.keys().map(|(_, word)| word).collect();
    words.sort();
    words.dedup();
    let mut text = format!("{:24}", "");
    for kind in Kind::ALL {
        text += &format!("{:>12}", kind.label());
    }
    for word in words {
        text += &format!("\n{word:24}");
        for kind in Kind::ALL {
            text += &format!("{:>12}", totals.get(&(kind, word.clone())).copied().unwrap_or(0));
        }
    }
    text
}

/// Sixteen octets a line, each line with its offset.
pub fn hex(octets: &[u8]) -> String {
    let line = |(number, line): (usize, &[u8])| {
        let octets: Vec<String> = line.iter().map(|octet| format!("{octet:02x}")).collect();
        format!("{:04x}  {}\n", number * 16, octets.join(" "))
    };
    octets.chunks(16).enumerate().map(line).collect()
}

fn show(decision: &Decision) -> String {
    match decision {
        Decision::Not(reasons) => format!("not relayed: {}", reasons.join(" or ")),
        Decision::Servers { interface, message, copies, .. } => {
            let servers = copies.len();
            format!("to {servers} servers, interface {interface}, type {message}\n{}", hex(&copies[0]))
        }
        Decision::Client { interface, message, frame, .. } => {
            format!("to client, interface {interface}, type {message}\n{}", hex(frame))
        }
    }
}
