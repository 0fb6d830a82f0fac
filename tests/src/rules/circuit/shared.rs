//! Replies to a giaddr that several interfaces share: 15, 16 and 17, and 5 and 6, which insert nothing.

use super::super::{LEASED, case, delivered, from_server, offer, patched};
use super::{Case, END, Expect, FOREIGN, HOST, and, dropped, to};
use crate::oracle::world::World;

/// Ours on interfaces 15, 16 and 17, which share their giaddr; the last without 152.
const C15: &[u8] = &[82, 19, 1, 3, b'c', b'1', b'5', 2, 6, 2, 0, 0, 0, 0, 15, 5, 4, 192, 168, 115, 2];
const C16: &[u8] =
    &[82, 20, 1, 3, b'c', b'1', b'6', 5, 4, 192, 168, 116, 2, 10, 1, 0, 11, 4, 192, 168, 116, 2];
const C17: &[u8] = &[82, 21, 1, 3, b'c', b'1', b'6', 5, 4, 192, 168, 117, 2, 151, 8, 1, 0, 0, 4, 0, 0, 0, 1];

/// The cases.
pub(super) fn cases(world: &World) -> Vec<Case> {
    let known = |number: usize, message: Vec<u8>| {
        let client = world.clients.iter().find(|client| client.interface == number);
        let client = client.expect("one client behind each of them");
        patched(patched(message, 4, &client.xid), 28, &client.chaddr)
    };
    let client = |number: u8| [2, 0, 0, 0xcc, 1, number];
    let by_table = |name, number: usize| {
        let given = known(number, offer(world, number, &[HOST, END].concat(), 300));
        let whereto = (client(number as u8), LEASED);
        delivered(world, name, number, given.clone(), given, whereto)
    };
    vec![
        to(world, "ours tells the interface", 15, &[HOST, C15, END], &[HOST, END]),
        to(world, "ours of the second, trusted", 16, &[HOST, C16, END], &[HOST, END]),
        to(
            world,
            "ours of the second with the flags of a unicast",
            16,
            &[&patched(C16.to_vec(), 15, &[0x80]), HOST, END],
            &[HOST, END],
        ),
        to(world, "ours of the third, which differs by its VSS", 17, &[HOST, C17, END], &[HOST, END]),
        dropped(
            world,
            "ours of the third, but the server ignored the VSS",
            17,
            &[&and(C17, &[152, 0]), END],
            "vss_ignored",
        ),
        dropped(
            world,
            "a foreign one, even if one of them is trusted",
            16,
            &[FOREIGN, END],
            "unknown_circuit",
        )
        .slow("foreign_option82"),
        dropped(world, "the circuit-id of the second", 16, &[&[82, 5, 1, 3, b'c', b'1', b'6'], END], "")
            .arrives(world, 16, &[END]),
        dropped(
            world,
            "the same with the VSS of the third",
            17,
            &[&[82, 15, 151, 8, 1, 0, 0, 4, 0, 0, 0, 1, 1, 3, b'c', b'1', b'6'], END],
            "",
        )
        .arrives(world, 17, &[END]),
        to(
            world,
            "several, one of them ours: a trusted one keeps the others",
            16,
            &[FOREIGN, C16, END],
            &[FOREIGN, END],
        )
        .slow("many_options"),
        to(world, "several, one of them ours: all go", 15, &[FOREIGN, C15, END], &[END]).slow("many_options"),
        by_table("without option 82 the client table tells", 16),
        by_table("where two have no option 82 as well", 6),
        case(
            "a client that is not in it",
            from_server(world, 15, patched(offer(world, 15, END, 300), 4, &[0xbe, 0xef])),
            Expect::Dropped("ambiguous_giaddr"),
        ),
        case(
            "a client of another giaddr",
            from_server(world, 15, known(6, offer(world, 15, END, 300))),
            Expect::Dropped("ambiguous_giaddr"),
        ),
        case(
            "a known client with another transaction",
            from_server(world, 15, patched(known(15, offer(world, 15, END, 300)), 7, &[99])),
            Expect::Dropped("ambiguous_giaddr"),
        ),
    ]
}
