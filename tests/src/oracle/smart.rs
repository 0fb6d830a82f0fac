//! The oracle's smart relay: `docs/rules.md`, Several addresses.

use super::octets::four;
use super::options::Options;
use super::rule::Rule;
use super::world::{Attempt, World};

fn known(world: &World, first: usize, message: &[u8]) -> Option<Attempt> {
    let mine = |attempt: &&Attempt| attempt.interface == first && attempt.chaddr == message[28..44];
    world.attempts.iter().find(mine).cloned()
}

/// The number of the address that a client's request goes out with, and how far it has come with a DISCOVER.
pub(super) fn request(
    world: &World,
    first: usize,
    message: &[u8],
    options: &Options,
    rules: &mut Vec<Rule>,
) -> (usize, Option<Attempt>) {
    let interface = &world.interfaces[first - 1];
    let Some(kind) = options.kind().filter(|_| interface.tries != 0) else { return (first, None) };
    let ring = world.addresses_of(first);
    let mut attempt = known(world, first, message).unwrap_or(Attempt {
        interface: first,
        chaddr: message[28..44].try_into().expect("sixteen octets"),
        at: first,
        unanswered: 0,
        answered: 0,
    });
    if kind == 1 {
        if attempt.unanswered >= u32::from(interface.tries) {
            let place = ring.iter().position(|&number| number == attempt.at).expect("it is one of them");
            attempt.at = ring[(place + 1) % ring.len()];
            attempt.unanswered = 0;
            rules.push(if attempt.at == first { Rule::SmartRound } else { Rule::SmartNext });
        } else {
            rules.push(Rule::SmartStays);
        }
        attempt.unanswered += 1;
        return (attempt.at, Some(attempt));
    }
    if attempt.answered != 0 {
        rules.push(Rule::SmartAnswered);
        return (attempt.answered, None);
    }
    let about = match (four(message, 12), options.last(50)) {
        ([0, 0, 0, 0], Some(&[a, b, c, d])) => [a, b, c, d],
        (ciaddr, _) => ciaddr,
    };
    let of_its_subnet = ring.into_iter().find(|&number| {
        let one = &world.interfaces[number - 1];
        assert_eq!(one.prefix, 24, "the oracle knows no other");
        about != [0; 4] && one.address[..3] == about[..3]
    });
    rules.push(if of_its_subnet.is_some() { Rule::SmartSubnet } else { Rule::SmartUnknown });
    (of_its_subnet.unwrap_or(first), None)
}

/// How far the client of a reply for this address has come.
pub(super) fn reply(world: &World, number: usize, message: &[u8], kind: u8) -> Option<Attempt> {
    let first = world.first(number);
    let counts = world.interfaces[first - 1].tries != 0 && four(message, 16) != [0; 4];
    if !counts || (kind != 2 && kind != 5) {
        return None;
    }
    let before = known(world, first, message).map_or(0, |attempt| attempt.at);
    Some(Attempt {
        interface: first,
        chaddr: message[28..44].try_into().expect("sixteen octets"),
        at: if kind == 5 { first } else { before },
        unanswered: 0,
        answered: number,
    })
}
