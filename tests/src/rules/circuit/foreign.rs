//! Replies whose option 82 is not exactly ours: another's, or ours as a server with a mind of its own returns it.

use super::{BASIC, Case, END, FOREIGN, HOST, and, dropped, to};
use crate::oracle::world::World;

/// The cases.
pub(super) fn cases(world: &World) -> Vec<Case> {
    let arrives = |name, number, given: &[u8]| {
        dropped(world, name, number, &[given, END], "").arrives(world, number, &[END])
    };
    let unknown = |name, number, given: &[u8]| {
        dropped(world, name, number, &[HOST, given, END], "unknown_circuit").slow("foreign_option82")
    };
    vec![
        to(
            world,
            "on a trusted interface it is the device below's, and kept",
            13,
            &[HOST, FOREIGN, END],
            &[HOST, FOREIGN, END],
        ),
        to(
            world,
            "on a trusted interface an empty one is kept",
            13,
            &[&[82, 0], HOST, END],
            &[&[82, 0], HOST, END],
        ),
        to(world, "where none is inserted it is taken out", 1, &[HOST, FOREIGN, END], &[HOST, END]),
        arrives(
            "RFC 3046 section 2.2: a server may leave sub-options out, the circuit-id is enough",
            9,
            &BASIC_CIRCUIT,
        ),
        arrives("and may add others", 9, &and(BASIC, &[9, 2, 1, 1])),
        arrives("or change their order", 9, b"\x52\x12\x02\x06\x02\x00\x00\x00\x00\x01\x01\x08eth0.100"),
        arrives("of a circuit-id that occurs twice the first counts", 9, &and(BASIC, &[1, 1, 7])),
        unknown("the second does not", 9, &[&[82, 13, 1, 1, 7][..], &BASIC_CIRCUIT[2..]].concat()),
        unknown("a circuit-id of nobody's", 9, FOREIGN),
        unknown("a remote-id that is not ours", 9, &and(&BASIC_CIRCUIT, &[2, 6, 2, 0, 0, 0, 0, 2])),
        unknown("a remote-id where we send none", 11, &[82, 10, 1, 4, b'p', b'3', b'0', b'3', 2, 2, 7, 7]),
        unknown("a circuit-id that is the beginning of ours", 9, b"\x52\x09\x01\x07eth0.10"),
        unknown("a circuit-id that ours is the beginning of", 9, b"\x52\x0b\x01\x09eth0.1000"),
        unknown("an empty circuit-id", 9, &[82, 2, 1, 0]),
        unknown("an empty option", 9, &[82, 0]),
        unknown("no circuit-id", 9, &[82, 8, 2, 6, 2, 0, 0, 0, 0, 1]),
        unknown("a sub-option that runs past the end", 9, &and(BASIC, &[9, 2, 1])),
        unknown("a sub-option without a length", 9, &and(BASIC, &[9])),
        unknown("a VSS where we send none", 9, &and(BASIC, &[151, 1, 255])),
        unknown("no VSS where we send one", 8, b"\x52\x0a\x01\x08eth0.300"),
        dropped(
            world,
            "RFC 6607: 152 in one that has our circuit-id",
            8,
            &[b"\x52\x12\x01\x08eth0.300\x97\x04\x00red\x98\x00", END],
            "vss_ignored",
        )
        .slow("foreign_option82"),
        arrives("RFC 6607: the same without 152", 8, b"\x52\x10\x01\x08eth0.300\x97\x04\x00red"),
    ]
}

/// The circuit-id of interface 9 alone.
const BASIC_CIRCUIT: [u8; 12] = *b"\x52\x0a\x01\x08eth0.100";
