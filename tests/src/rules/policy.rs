//! Requests that bring option 82 along: RFC 3046 section 2.1.1, and the four policies. Theirs first, ours second.
//! Servers that are left out for their `min_secs`, too, because that is a relay's policy as well.

use super::{Case, Expect, bare, case, chained, discover, from_client, patched, relayed, relayed_as};
use crate::oracle::world::World;

const D: &[u8] = &[53, 1, 1];
const END: &[u8] = &[255];
const THEIRS: &[u8] = &[82, 4, 1, 2, 7, 7];
/// Whose sub-option runs past the end: none of our business here.
const BROKEN: &[u8] = &[82, 3, 1, 200, 7];
/// What interface 11 inserts, flags at 10.
const APPENDED: &[u8] = &[82, 15, 1, 4, b'p', b'3', b'0', b'3', 10, 1, 0, 11, 4, 192, 168, 63, 2];
/// What interface 12 inserts.
const REPLACED: &[u8] = &[82, 19, 1, 4, b'p', b'3', b'0', b'4', 2, 6, 2, 0, 0, 0, 0xaa, 11, 12, 3, 1, 2, 3];
/// What interface 14 inserts.
const P306: &[u8] = &[82, 15, 1, 4, b'p', b'3', b'0', b'6', 10, 1, 0, 11, 4, 192, 168, 66, 2];
const AUTH: &[u8] = &[90, 11, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 7];
const SECS: usize = 8;

/// The cases.
pub fn cases(world: &World) -> Vec<Case> {
    let mut cases = kept(world);
    cases.extend(replaced(world));
    cases.extend(seconds(world));
    cases
}

fn kept(world: &World) -> Vec<Case> {
    let refused = |name, number, options: &[&[u8]]| {
        let spec = from_client(world, number, chained(discover(&options.concat())));
        case(name, spec, Expect::Dropped("option82_policy"))
    };
    let to = |name, number, given: &[&[u8]], expected: &[&[u8]]| {
        let (given, expected) = (chained(discover(&given.concat())), chained(discover(&expected.concat())));
        relayed_as(world, name, number, given, expected)
    };
    let direct = |name, number, given: &[&[u8]]| relayed(world, name, number, discover(&given.concat()));
    let hidden = |octets: &[u8]| patched(discover(&[D, &[52, 1, 1], END].concat()), 108, octets);
    vec![
        refused("discard drops it", 9, &[D, THEIRS, END]),
        refused("discard drops an empty one", 9, &[D, &[82, 0], END]),
        refused("discard drops two", 9, &[THEIRS, D, THEIRS, END]),
        refused("discard drops it on a trusted interface, too", 20, &[D, THEIRS, END]),
        case(
            "discard drops the one that is hidden in file",
            from_client(world, 9, chained(hidden(&[82, 2, 1, 0, 255]))),
            Expect::Dropped("option82_policy"),
        )
        .slow("overload"),
        case(
            "a giaddr of our own goes before the policy",
            from_client(world, 9, patched(discover(&[D, THEIRS, END].concat()), 24, &[192, 168, 61, 2])),
            Expect::Dropped("own_giaddr"),
        ),
        to("forward changes nothing but hops", 10, &[D, THEIRS, END], &[D, THEIRS, END]),
        to("forward keeps two", 10, &[THEIRS, D, THEIRS, END], &[THEIRS, D, THEIRS, END]),
        to("forward keeps what is broken", 10, &[D, BROKEN, END], &[D, BROKEN, END]),
        to("so does an interface without [interface.option82]", 1, &[D, THEIRS, END], &[D, THEIRS, END]),
        to("append puts ours behind theirs", 11, &[D, THEIRS, END], &[D, THEIRS, APPENDED, END]),
        to(
            "append leaves theirs where it is",
            11,
            &[THEIRS, D, &[12, 1, 7], END],
            &[THEIRS, D, &[12, 1, 7], APPENDED, END],
        ),
        to("append behind two", 11, &[D, THEIRS, BROKEN, END], &[D, THEIRS, BROKEN, APPENDED, END]),
        to(
            "append for a relay's unicast has the flags of a unicast",
            11,
            &[D, THEIRS, END],
            &[D, THEIRS, &patched(APPENDED.to_vec(), 10, &[0x80]), END],
        )
        .unicast(world),
        relayed(
            world,
            "append has nothing to append to when there is none",
            11,
            chained(discover(&[D, END].concat())),
        ),
        case(
            "append does not make a client trusted",
            from_client(world, 11, discover(&[D, THEIRS, END].concat())),
            Expect::Dropped("untrusted_option82"),
        ),
        direct(
            "RFC 3046 section 2.1.1: a trusted circuit's own is kept, without a second",
            13,
            &[D, THEIRS, END],
        ),
        direct("also where the policy is discard, which is for relays", 20, &[THEIRS, D, END]),
        direct("also where the policy is forward", 16, &[THEIRS, D, THEIRS, END]),
        relayed(world, "one that is hidden in file counts as there", 13, hidden(&[82, 2, 1, 0, 255]))
            .slow("overload"),
    ]
}

fn replaced(world: &World) -> Vec<Case> {
    let vendor: &[u8] = &[&[60, 55][..], &[b'v'; 55]].concat();
    let padded = |name, given: &[&[u8]], expected: &[&[u8]]| {
        let (given, expected) = (chained(discover(&given.concat())), chained(discover(&expected.concat())));
        relayed_as(world, name, 12, given, expected)
    };
    let tight = |name, given: &[&[u8]], expected: &[&[u8]]| {
        let (given, expected) = (chained(bare(&given.concat())), chained(bare(&expected.concat())));
        relayed_as(world, name, 12, given, expected)
    };
    let larger: &[u8] = &[&[82, 40][..], &[1, 38], &[5; 38]].concat();
    let overloaded =
        |given: &[u8], file: &[u8]| chained(patched(bare(&[D, &[52, 1, 3], given, END].concat()), 108, file));
    vec![
        padded("replace puts ours in the place of theirs", &[D, THEIRS, END], &[D, REPLACED, END]),
        padded("replace of a larger one keeps the length", &[D, larger, END], &[D, REPLACED, END]),
        padded("replace of an empty one", &[D, &[82, 0], END], &[D, REPLACED, END]),
        padded("replace of a broken one", &[D, BROKEN, END], &[D, REPLACED, END]),
        tight("replace without slack grows by the difference", &[D, THEIRS, END], &[D, REPLACED, END]),
        tight(
            "replace of a larger one without slack keeps the length with zeros",
            &[D, larger, END],
            &[D, REPLACED, END, &[0; 21]],
        ),
        tight(
            "replace of one that ends one octet behind ours",
            &[D, &[82, 20, 1, 18], &[5; 18], END],
            &[D, REPLACED, END, &[0]],
        ),
        tight("replace of one as long as ours", &[D, &[82, 19, 1, 17], &[5; 17], END], &[D, REPLACED, END]),
        tight("replace over octets behind END", &[D, THEIRS, END, &[0xff; 3]], &[D, REPLACED, END]),
        padded(
            "replace loses none of an option 60 of 55 octets behind it",
            &[D, THEIRS, vendor, END],
            &[D, vendor, REPLACED, END],
        )
        .slow("rearranged"),
        padded(
            "replace of the first of all options",
            &[THEIRS, D, &[0, 0], END],
            &[D, &[0, 0], REPLACED, END],
        )
        .slow("rearranged"),
        padded("replace takes out two", &[THEIRS, D, BROKEN, END], &[D, REPLACED, END]).slow("rearranged"),
        padded("RFC 3396: replace takes out both halves", &[D, THEIRS, THEIRS, END], &[D, REPLACED, END])
            .slow("rearranged"),
        tight("replace without END", &[&[0], D, THEIRS, vendor], &[&[0], D, vendor, REPLACED, END])
            .slow("rearranged"),
        tight(
            "RFC 3118: replace with option 90 changes the length by exactly the difference",
            &[D, AUTH, larger, END, &[0; 9]],
            &[D, AUTH, REPLACED, END, &[0; 9]],
        )
        .slow("authenticated"),
        relayed_as(
            world,
            "replace overwrites the one in file with PAD",
            12,
            overloaded(&[], &[12, 1, 7, 82, 2, 1, 0, 66, 1, 8, 255]),
            overloaded(REPLACED, &[12, 1, 7, 0, 0, 0, 0, 66, 1, 8, 255]),
        )
        .slow("overload"),
        relayed_as(
            world,
            "replace takes out the one that shows and the one in file",
            12,
            overloaded(THEIRS, &[82, 2, 1, 0, 255]),
            overloaded(REPLACED, &[0, 0, 0, 0, 255]),
        )
        .slow("overload"),
        relayed_as(
            world,
            "a trusted circuit's own is replaced where the policy is replace",
            14,
            discover(&[D, THEIRS, END].concat()),
            discover(&[D, P306, END].concat()),
        ),
        case(
            "replace does not make a client trusted",
            from_client(world, 12, discover(&[D, THEIRS, END].concat())),
            Expect::Dropped("untrusted_option82"),
        ),
        relayed(world, "replace has nothing to replace", 12, chained(discover(&[D, END].concat()))),
    ]
}

fn seconds(world: &World) -> Vec<Case> {
    let secs = |secs: u16| patched(bare(&[D, END].concat()), SECS, &secs.to_be_bytes());
    let ours: &[u8] = &[82, 6, 1, 4, b'p', b'3', b'2', b'1'];
    let late = |name, seconds: u16| {
        let expected = patched(bare(&[D, ours, END].concat()), SECS, &seconds.to_be_bytes());
        relayed_as(world, name, 21, secs(seconds), expected)
    };
    let early =
        |name, seconds| case(name, from_client(world, 21, secs(seconds)), Expect::Dropped("min_secs"));
    vec![
        early("secs 0 is below min_secs 5", 0),
        early("secs 4 is below it", 4),
        late("secs 5 is not", 5),
        late("secs 6 is not", 6),
        late("secs 0x0500 is 5 in the wrong byte order, and goes on as it came", 0x0500),
        early("secs 0x0400 is 4 in the wrong byte order", 0x0400),
        late("secs 0x0401 is 1025", 0x0401),
        late("secs 0xffff is the most there is", 0xffff),
    ]
}
