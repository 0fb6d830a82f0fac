//! Rows 3 and 4: requests that carry option 82 already (RFC 3046 section 2.1).

use super::case::{Case, chained, kept, refused, relayed, request};
use super::network::{APPEND, FORWARD, LOOP, OURS, PLAIN, REPLACE, TRUSTED};

const DISCOVER: &[u8] = &[53, 1, 1];
const THEIRS: &[u8] = &[82, 4, 1, 2, 7, 7];
const MORE: &[u8] = &[82, 5, 2, 3, 8, 8, 8];
/// Sub-option 1 claims nine octets and has one.
const BROKEN: &[u8] = &[82, 3, 1, 9, 7];
const NAME: &[u8] = &[12, 4, b'n', b'a', b'm', b'e'];
const END: &[u8] = &[255];

pub(crate) fn cases() -> Vec<Case> {
    let theirs = request(&[DISCOVER, THEIRS, END], 300);
    let empty = request(&[DISCOVER, &[82, 0], END], 300);
    let untrusted = "untrusted_option82";
    let mut cases = vec![
        refused(
            "3, RFC 3046 2.1: a client's option 82, no option 82 configured",
            &PLAIN,
            theirs.clone(),
            untrusted,
        ),
        refused("3, RFC 3046 2.1: a client's option 82, policy discard", &OURS, theirs.clone(), untrusted),
        refused("3, RFC 3046 2.1: a client's option 82, policy forward", &FORWARD, theirs.clone(), untrusted),
        refused("3, RFC 3046 2.1: a client's option 82, policy append", &APPEND, theirs.clone(), untrusted),
        refused("3, RFC 3046 2.1: a client's empty option 82", &OURS, empty, untrusted),
        kept(
            "3, RFC 3046 2.1: of a trusted circuit it goes on, without a second one",
            &TRUSTED,
            theirs.clone(),
        ),
        relayed(
            "3, RFC 3046 2.1: of a trusted circuit with policy replace ours takes its place",
            &REPLACE,
            theirs.clone(),
            &request(&[DISCOVER, REPLACE.ours, END], 300),
        ),
    ];
    cases.extend(behind_a_relay(&chained(theirs)));
    cases
}

fn behind_a_relay(theirs: &[u8]) -> Vec<Case> {
    let of = |options: &[&[u8]]| chained(request(options, 300));
    let two = of(&[DISCOVER, THEIRS, NAME, MORE, END]);
    // RFC 3396: one option in two parts.
    let split = of(&[DISCOVER, &[82, 3, 1, 4, 7], &[82, 3, 7, 7, 7], END]);
    vec![
        relayed(
            "4, RFC 3046 2.1: append puts ours behind theirs, before END",
            &APPEND,
            theirs.to_vec(),
            &of(&[DISCOVER, THEIRS, APPEND.ours, END]),
        ),
        relayed(
            "4, RFC 3046 2.1: append on a trusted circuit",
            &TRUSTED,
            theirs.to_vec(),
            &of(&[DISCOVER, THEIRS, TRUSTED.ours, END]),
        ),
        relayed(
            "4, RFC 3046 2.1: replace leaves only ours",
            &REPLACE,
            theirs.to_vec(),
            &of(&[DISCOVER, REPLACE.ours, END]),
        ),
        kept("4, RFC 3046 2.1: forward changes hops alone", &FORWARD, theirs.to_vec()),
        kept("4, RFC 3046 2.1: without a configured option 82 hops alone change", &PLAIN, theirs.to_vec()),
        refused("4, RFC 3046 2.1: discard", &OURS, theirs.to_vec(), "option82_policy"),
        refused(
            "4, RFC 3046 2.1: discard, behind a loopback giaddr",
            &LOOP,
            theirs.to_vec(),
            "option82_policy",
        ),
        relayed(
            "4, RFC 3046 2.1: append to two instances",
            &APPEND,
            two.clone(),
            &of(&[DISCOVER, THEIRS, NAME, MORE, APPEND.ours, END]),
        ),
        relayed(
            "4, RFC 3046 2.1: replace takes out both of two instances",
            &REPLACE,
            two.clone(),
            &of(&[DISCOVER, NAME, REPLACE.ours, END]),
        )
        .slow("rearranged"),
        kept("4, RFC 3046 2.1: forward leaves two instances", &FORWARD, two.clone()),
        refused("4, RFC 3046 2.1: discard, two instances", &OURS, two, "option82_policy"),
        relayed(
            "4, RFC 3396: append to an option in two parts leaves the parts",
            &APPEND,
            split.clone(),
            &of(&[DISCOVER, &[82, 3, 1, 4, 7], &[82, 3, 7, 7, 7], APPEND.ours, END]),
        ),
        relayed(
            "4, RFC 3396: replace takes out both parts",
            &REPLACE,
            split,
            &of(&[DISCOVER, REPLACE.ours, END]),
        )
        .slow("rearranged"),
        relayed(
            "4, RFC 3046 2.0: sub-options that run past the option are not looked at, append",
            &APPEND,
            of(&[DISCOVER, BROKEN, END]),
            &of(&[DISCOVER, BROKEN, APPEND.ours, END]),
        ),
        relayed(
            "4, RFC 3046 2.0: sub-options that run past the option are not looked at, replace",
            &REPLACE,
            of(&[DISCOVER, BROKEN, END]),
            &of(&[DISCOVER, REPLACE.ours, END]),
        ),
        kept(
            "4, RFC 3046 2.0: sub-options that run past the option are not looked at, forward",
            &FORWARD,
            of(&[DISCOVER, BROKEN, END]),
        ),
        relayed(
            "4, replace of an option 82 that is not the last option",
            &REPLACE,
            of(&[DISCOVER, THEIRS, NAME, END]),
            &of(&[DISCOVER, NAME, REPLACE.ours, END]),
        )
        .slow("rearranged"),
        relayed(
            "4, replace of a longer option keeps the length of the message",
            &REPLACE,
            of(&[DISCOVER, &[82, 40], &[1; 40], END]),
            &of(&[DISCOVER, REPLACE.ours, END]),
        ),
    ]
}
