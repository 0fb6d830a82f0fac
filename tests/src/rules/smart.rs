//! Which of an interface's addresses a client's request goes out with, and whose the reply to each of them is: smart relay,
//! RFC 3527 section 3. How far each client has come is in `oracle/world/smart.rs`.

use super::{Case, LEASED, chained, delivered, discover, offer, patched, relayed, relayed_as};
use crate::oracle::world::World;

const D: &[u8] = &[53, 1, 1, 255];
const R: &[u8] = &[53, 1, 3, 255];

/// The hardware address of the client that has come to the place of this number.
fn client(number: u8) -> [u8; 6] {
    [2, 0, 0, 0xcc, 2, number]
}

/// Its message.
fn of(number: u8, options: &[u8]) -> Vec<u8> {
    patched(discover(options), 28, &client(number))
}

/// Ours of interface 25, by the last but one octet of its address, which is at two places.
fn c25(subnet: u8) -> Vec<u8> {
    vec![82, 20, 1, 3, b'c', b'2', b'5', 5, 4, 192, 168, subnet, 2, 10, 1, 0, 11, 4, 192, 168, subnet, 2]
}

/// The cases.
pub fn cases(world: &World) -> Vec<Case> {
    let goes_with = |name, number, message: Vec<u8>| relayed(world, name, number, message);
    let selecting = &[53, 1, 3, 50, 4, 192, 168, 126, 100, 54, 4, 10, 0, 41, 10, 255];
    let inserted = |name, number, client: u8, subnet| {
        let with = [&[53, 1, 1][..], &c25(subnet), &[255]].concat();
        relayed_as(world, name, number, of(client, D), of(client, &with))
    };
    let offered = |name, number, agent: &[u8]| {
        let given = offer(world, number, &[agent, &[255]].concat(), 300);
        delivered(world, name, number, given, offer(world, number, &[255], 300), (super::CLIENT, LEASED))
    };
    vec![
        goes_with("a client's first DISCOVER goes with the first address", 24, discover(D)),
        goes_with("one DISCOVER of two without an answer", 24, of(1, D)),
        goes_with("two without an answer: the next address", 30, of(2, D)),
        goes_with("two without an answer with the last: the first again", 24, of(3, D)),
        goes_with("after an answer the next DISCOVER is with the first", 24, of(4, D)),
        goes_with("a REQUEST goes with the address of the OFFER", 30, of(4, selecting)),
        goes_with("a DECLINE too", 30, of(4, &[53, 1, 4, 255])),
        goes_with("a REQUEST without an OFFER that is known goes with the first", 24, of(5, R)),
        goes_with("a REQUEST does not count", 24, of(2, R)),
        goes_with(
            "a lease that is not known is of the subnet of ciaddr",
            31,
            patched(of(5, R), 12, &[192, 168, 127, 9]),
        ),
        goes_with("or of option 50", 30, of(5, selecting)),
        goes_with("of another subnet it goes with the first", 24, patched(of(5, R), 12, &[192, 168, 125, 9])),
        goes_with(
            "plain BOOTP goes with the first",
            24,
            patched(patched(discover(&[]), 236, &[0; 4]), 28, &client(2)),
        ),
        goes_with("a relay's DISCOVER keeps its giaddr", 24, chained(of(2, D))),
        inserted("RFC 3527: the giaddr stays, link selection names the address", 25, 6, 125),
        inserted("RFC 3527: one without an answer, and it names the next", 32, 7, 128),
        inserted("RFC 3527: after the last it names the first", 25, 8, 125),
        offered("a reply to a further address comes from that", 30, &[]),
        offered("ours with a further address comes from that", 32, &c25(128)),
        offered("ours with the first one comes from the first", 25, &c25(125)),
        offered(
            "of ours in another order link selection tells the address",
            32,
            &[82, 11, 5, 4, 192, 168, 128, 2, 1, 3, b'c', b'2', b'5'],
        )
        .slow("foreign_option82"),
        offered("of the circuit-id alone it is the first", 25, &[82, 5, 1, 3, b'c', b'2', b'5'])
            .slow("foreign_option82"),
    ]
}
