//! Rows 28 to 30 and 36: option 82 is taken out of replies, and nothing else (RFC 3046 section 2.2).

use super::case::{Case, answer, answered, patched, reply, with_options};
use super::network::{Interface, LOOP, OURS, PLAIN, S1, TRUSTED};

const OFFER: &[u8] = &[53, 1, 2];
const SERVER: &[u8] = &[54, 4, 10, 0, 41, 10];
const END: &[u8] = &[255];
const SNAME: usize = 44;

/// A reply with and without some options; 300 octets at least when it leaves.
fn stripped(name: &'static str, with: &[&[u8]], without: &[&[u8]]) -> Case {
    answered(name, &OURS, reply(&OURS, with, 0), &reply(&OURS, without, 300))
}

pub(crate) fn cases() -> Vec<Case> {
    [places(), instances(), lengths(), authentication()].concat()
}

fn places() -> Vec<Case> {
    // Option 60 of 55 octets: what some relays lose with the option before it.
    let vendor = [&[60, 55][..], &[b'v'; 55]].concat();
    let long = [&[43, 255][..], &[7; 255]].concat();
    let overloaded = |agent: &[u8], in_sname: &[u8]| {
        patched(reply(&OURS, &[OFFER, &[52, 1, 2], agent, SERVER, END], 300), SNAME, in_sname)
    };
    let mut bootp = answer(&PLAIN);
    bootp.options.clear();
    let bootp = patched(bootp.bytes(), 240, OURS.ours);
    vec![
        stripped(
            "28, RFC 3046 2.2: the first option",
            &[OURS.ours, OFFER, SERVER, END],
            &[OFFER, SERVER, END],
        ),
        stripped("28, RFC 3046 2.2: in the middle", &[OFFER, OURS.ours, SERVER, END], &[OFFER, SERVER, END]),
        stripped(
            "28, RFC 3046 2.2: the last option",
            &[OFFER, SERVER, OURS.ours, END],
            &[OFFER, SERVER, END],
        ),
        stripped(
            "28, RFC 3046 2.2: option 60 of 55 octets behind it",
            &[OFFER, OURS.ours, &vendor, END],
            &[OFFER, &vendor, END],
        ),
        stripped(
            "28, RFC 3046 2.2: options of 255 octets around it",
            &[OFFER, &long, OURS.ours, &long, &[0, 0, 0], SERVER, END],
            &[OFFER, &long, &long, &[0, 0, 0], SERVER, END],
        ),
        stripped("28, RFC 3046 2.2: no END", &[OFFER, OURS.ours, SERVER], &[OFFER, SERVER]),
        stripped(
            "28, RFC 3046 2.2: PADs before and behind it stay",
            &[OFFER, &[0, 0], OURS.ours, &[0], SERVER, END],
            &[OFFER, &[0, 0], &[0], SERVER, END],
        ),
        answered(
            "28, RFC 2132 9.3: in the options field and in sname",
            &OURS,
            overloaded(OURS.ours, &[OURS.ours, END].concat()),
            &patched(overloaded(&[], &[0; 19]), SNAME + OURS.ours.len(), END),
        )
        .slow("overload"),
        answered("28, RFC 1534: nothing is an option in a BOOTP reply", &PLAIN, bootp.clone(), &bootp),
    ]
}

fn instances() -> Vec<Case> {
    let theirs: &[u8] = &[82, 4, 1, 2, 7, 7];
    // RFC 3396: the option in two parts, cut within the circuit-id.
    let (first, second) = OURS.ours[2..].split_at(4);
    let part = |octets: &[u8]| [&[82, octets.len() as u8][..], octets].concat();
    let chain = |name, with: &[&[u8]], without: &[&[u8]]| {
        answered(name, &TRUSTED, reply(&TRUSTED, with, 0), &reply(&TRUSTED, without, 300))
    };
    vec![
        stripped(
            "28, RFC 3046 2.2: twice",
            &[OFFER, OURS.ours, SERVER, OURS.ours, END],
            &[OFFER, SERVER, END],
        )
        .slow("many_options"),
        stripped(
            "28, RFC 3396: in two parts",
            &[OFFER, &part(first), SERVER, &part(second), END],
            &[OFFER, SERVER, END],
        )
        .slow("many_options"),
        stripped(
            "28, RFC 3046 2.2: ours and another's, and nobody below is trusted",
            &[OFFER, theirs, OURS.ours, SERVER, END],
            &[OFFER, SERVER, END],
        )
        .slow("many_options"),
        chain(
            "28, RFC 3046 2.1: the device below keeps its own, ours is behind it",
            &[OFFER, theirs, TRUSTED.ours, SERVER, END],
            &[OFFER, theirs, SERVER, END],
        )
        .slow("many_options"),
        chain(
            "28, RFC 3046 2.1: the device below keeps its own, ours is before it",
            &[OFFER, TRUSTED.ours, SERVER, theirs, END],
            &[OFFER, SERVER, theirs, END],
        )
        .slow("many_options"),
        chain(
            "28, RFC 3046 2.1: ours alone is taken out on a trusted circuit too",
            &[OFFER, TRUSTED.ours, SERVER, END],
            &[OFFER, SERVER, END],
        ),
    ]
}

fn lengths() -> Vec<Case> {
    let filler = |length: usize| [&[43, length as u8][..], &vec![7; length]].concat();
    let mut in_long_frame = stripped(
        "29, what is behind the reply in the frame does not leak",
        &[OFFER, OURS.ours, END],
        &[OFFER, END],
    );
    in_long_frame.sent[0].1.extend([0xee; 50]);
    let junk = reply(&OURS, &[OFFER, OURS.ours, END, &[0xee; 30]], 0);
    let junk_left = reply(&OURS, &[OFFER, END, &[0xee; 30]], 300);
    let exact = |name, fill: usize| {
        stripped(name, &[OFFER, &filler(fill), OURS.ours, END], &[OFFER, &filler(fill), END])
    };
    let as_it_is = |name, interface: &Interface, octets: &[u8]| {
        answered(name, interface, reply(interface, &[OFFER, END], octets.len()), octets)
    };
    let padded = reply(&PLAIN, &[OFFER, END], 300);
    let short = |name, length: usize| answered(name, &PLAIN, reply(&PLAIN, &[OFFER, END], length), &padded);
    let larger = reply(&LOOP, &[OFFER, LOOP.ours, END], 548);
    vec![
        in_long_frame,
        answered("29, RFC 3046 2.2: what is behind END moves up and stays as it is", &OURS, junk, &junk_left),
        exact("29, RFC 1542 2.1: 299 octets are left, and one is added", 299 - 240 - 3 - 2 - 1),
        exact("29, RFC 1542 2.1: 300 octets are left", 300 - 240 - 3 - 2 - 1),
        exact("29, RFC 1542 2.1: 301 octets are left", 301 - 240 - 3 - 2 - 1),
        exact("29, a long reply shrinks by the option", 250),
        answered(
            "29, padding to 548 octets moves up",
            &LOOP,
            larger.clone(),
            &reply(&LOOP, &[OFFER, END], 548 - LOOP.ours.len()),
        ),
        short("30, RFC 1542 2.1: a reply of 244 octets is padded", 244),
        short("30, RFC 1542 2.1: a reply of 299 octets is padded", 299),
        as_it_is("30, a reply of 300 octets stays", &PLAIN, &padded),
        as_it_is("30, a reply of 576 octets stays", &PLAIN, &reply(&PLAIN, &[OFFER, END], 576)),
        answered(
            "30, RFC 951: a reply of 236 octets is padded",
            &PLAIN,
            with_options(&answer(&PLAIN), &[], 0)[..236].to_vec(),
            &patched(with_options(&answer(&PLAIN), &[], 300), 236, &[0; 4]),
        ),
        Case::new(
            "30, RFC 951: a reply of 235 octets is none",
            S1.host + 1,
            super::case::from_server(&S1, PLAIN.giaddr, padded[..235].to_vec()),
        )
        .counted(0, "truncated"),
    ]
}

/// RFC 3118 section 2: nothing but hops, giaddr and option 82 may change on the way.
fn authentication() -> Vec<Case> {
    let authentic = [&[90, 15, 1, 1, 0][..], &[5; 12]].concat();
    let of = |interface: &Interface, agent: &[u8], behind: &[u8]| {
        reply(interface, &[OFFER, &authentic, agent, END, behind], 0)
    };
    vec![
        answered(
            "36, RFC 3118 2: a reply shrinks by option 82 and is not padded",
            &OURS,
            of(&OURS, OURS.ours, &[0xaa; 5]),
            &of(&OURS, &[], &[0xaa; 5]),
        )
        .slow("authenticated"),
        answered(
            "36, RFC 3118 2: a short reply stays as it is",
            &PLAIN,
            of(&PLAIN, &[], &[]),
            &of(&PLAIN, &[], &[]),
        ),
    ]
}
