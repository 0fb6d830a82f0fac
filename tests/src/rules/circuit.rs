//! Whose client a reply is for, and which instances of option 82 are taken out of it: RFC 3046 section 2.2, RFC 3396,
//! RFC 5010, RFC 6607 section 4.

mod apart;
mod foreign;
mod shared;

use super::{CLIENT, Case, Expect, LEASED, case, delivered, from_server, offer, patched};
use crate::oracle::world::World;

const HOST: &[u8] = &[12, 3, b'f', b'o', b'o'];
const END: &[u8] = &[255];
const FOREIGN: &[u8] = &[82, 4, 1, 2, 7, 7];
/// Ours on interface 9.
const BASIC: &[u8] = b"\x52\x12\x01\x08eth0.100\x02\x06\x02\x00\x00\x00\x00\x01";
/// Ours on interface 8, without sub-option 152.
const ANSWERED: &[u8] = &[
    0x52, 0x1f, 0x01, 0x08, b'e', b't', b'h', b'0', b'.', b'3', b'0', b'0', 0x05, 0x04, 10, 7, 8, 1, 0x0a,
    0x01, 0x00, 0x0b, 0x04, 10, 7, 8, 1, 0x97, 0x04, 0x00, b'r', b'e', b'd',
];
/// Ours on interface 11, flags at 10.
const P303: &[u8] = &[82, 15, 1, 4, b'p', b'3', b'0', b'3', 10, 1, 0, 11, 4, 192, 168, 63, 2];
/// Ours on interface 13, which is trusted.
const TRUSTED: &[u8] = &[82, 8, 1, 6, b'p', b'3', b'0', b'5', b'.', b'0'];
/// Ours on interface 14, likewise, flags at 10.
const P306: &[u8] = &[82, 15, 1, 4, b'p', b'3', b'0', b'6', 10, 1, 0, 11, 4, 192, 168, 66, 2];
/// Ours on interface 23, by Cisco's numbers.
const CISCO: &[u8] = &[
    82, 26, 1, 3, b'c', b'2', b'3', 10, 1, 0, 150, 4, 192, 168, 123, 2, 152, 4, 192, 168, 123, 2, 151, 4, 0,
    b'r', b'e', b'd',
];
/// The value of an option with other octets behind it.
fn and(option: &[u8], more: &[u8]) -> Vec<u8> {
    let mut longer = [option, more].concat();
    longer[1] += more.len() as u8;
    longer
}

/// Two instances of it, the first of so many octets.
fn split(option: &[u8], at: usize) -> Vec<u8> {
    let value = &option[2..];
    let (left, right) = value.split_at(at);
    [&[82, left.len() as u8][..], left, &[82, right.len() as u8], right].concat()
}

/// The cases.
pub fn cases(world: &World) -> Vec<Case> {
    let mut cases = ours(world);
    cases.extend(several(world));
    cases.extend(foreign::cases(world));
    cases.extend(shared::cases(world));
    cases.extend(apart::cases(world));
    cases
}

fn to(world: &World, name: &'static str, number: usize, given: &[&[u8]], left: &[&[u8]]) -> Case {
    let given = offer(world, number, &given.concat(), 0);
    delivered(world, name, number, given, offer(world, number, &left.concat(), 300), (CLIENT, LEASED))
}

fn dropped(world: &World, name: &'static str, number: usize, given: &[&[u8]], reason: &'static str) -> Case {
    case(
        name,
        from_server(world, number, offer(world, number, &given.concat(), 300)),
        Expect::Dropped(reason),
    )
}

/// One instance, exactly ours.
fn ours(world: &World) -> Vec<Case> {
    let vendor: &[u8] = &[&[60, 55][..], &[b'v'; 55]].concat();
    let unicast = patched(P303.to_vec(), 10, &[0x80]);
    let long: &[u8] = &[&[82, 255, 1, 253][..], &[b'x'; 253]].concat();
    vec![
        to(world, "ours in last place is taken out", 9, &[HOST, BASIC, END], &[HOST, END]),
        to(world, "ours in front is taken out", 9, &[BASIC, HOST, END], &[HOST, END]),
        to(
            world,
            "ours before an option 60 of 55 octets loses none of it",
            9,
            &[BASIC, vendor, END],
            &[vendor, END],
        ),
        to(world, "ours between others is taken out", 9, &[HOST, BASIC, vendor, END], &[HOST, vendor, END]),
        to(world, "ours without END behind it is taken out", 9, &[HOST, BASIC], &[HOST]),
        to(world, "255 octets of ours are taken out", 19, &[HOST, long, END], &[HOST, END]),
        to(world, "ours with the flags of a broadcast", 11, &[HOST, P303, END], &[HOST, END]),
        to(world, "ours with the flags of a unicast", 11, &[HOST, &unicast, END], &[HOST, END]),
        dropped(
            world,
            "other flags are not ours, but the circuit-id is",
            11,
            &[&patched(P303.to_vec(), 10, &[0x40]), END],
            "",
        )
        .arrives(world, 11, &[END]),
        to(
            world,
            "RFC 6607: ours without 152, the server looked at the VPN",
            8,
            &[HOST, ANSWERED, END],
            &[HOST, END],
        ),
        to(
            world,
            "RFC 6607: the same with the flags of a unicast",
            8,
            &[&patched(ANSWERED.to_vec(), 20, &[0x80]), END],
            &[END],
        ),
        dropped(
            world,
            "RFC 6607 section 4.2: with 152 it did not, and its address is from another network",
            8,
            &[HOST, &and(ANSWERED, &[152, 0]), END],
            "vss_ignored",
        ),
        dropped(
            world,
            "the same with the flags of a unicast",
            8,
            &[&and(&patched(ANSWERED.to_vec(), 20, &[0x80]), &[152, 0]), END],
            "vss_ignored",
        ),
        to(world, "by Cisco's numbers 152 is not VSS-control", 23, &[HOST, CISCO, END], &[HOST, END]),
        dropped(
            world,
            "nor in another order",
            23,
            &[&[82, 17, 152, 4, 192, 168, 123, 2, 1, 3, b'c', b'2', b'3', 151, 4, 0, b'r', b'e', b'd'], END],
            "",
        )
        .arrives(world, 23, &[END]),
        to(world, "ours on a trusted interface is taken out", 13, &[HOST, TRUSTED, END], &[HOST, END]),
        to(
            world,
            "ours with the flags of a unicast on a trusted interface is taken out",
            14,
            &[HOST, &patched(P306.to_vec(), 10, &[0x80]), END],
            &[HOST, END],
        ),
        to(
            world,
            "what is one octet short of 300 gets that octet",
            9,
            &[&[43, 51], &[9; 51], BASIC, END, &[0, 0]],
            &[&[43, 51], &[9; 51], END, &[0, 0]],
        ),
        to(world, "a reply without any on an interface that inserts it", 9, &[HOST, END], &[HOST, END]),
        to(world, "option 82 behind END is not there", 9, &[END, FOREIGN], &[END, FOREIGN]),
    ]
}

impl Case {
    /// Instead of being dropped it is left to the slow path, which delivers it with these options left.
    fn arrives(self, world: &World, number: usize, left: &[&[u8]]) -> Self {
        let payload = offer(world, number, &left.concat(), 300);
        let like = delivered(world, self.name, number, vec![0; 300], payload, (CLIENT, LEASED));
        Self { expect: like.expect, ..self }.slow("foreign_option82")
    }
}

/// More than one instance.
fn several(world: &World) -> Vec<Case> {
    let many = |case: Case| case.slow("many_options");
    vec![
        many(to(
            world,
            "ours and a foreign one are both taken out",
            9,
            &[FOREIGN, HOST, BASIC, END],
            &[HOST, END],
        )),
        many(to(world, "whichever comes first", 9, &[BASIC, FOREIGN, HOST, END], &[HOST, END])),
        many(to(
            world,
            "a trusted interface keeps the foreign one for the relay below",
            13,
            &[HOST, FOREIGN, TRUSTED, END],
            &[HOST, FOREIGN, END],
        )),
        many(to(
            world,
            "a trusted interface keeps the order of what is left",
            13,
            &[TRUSTED, HOST, FOREIGN, END],
            &[HOST, FOREIGN, END],
        )),
        many(to(
            world,
            "RFC 3046 section 2.2: ours twice is taken out twice, and nothing else of a trusted interface",
            13,
            &[TRUSTED, FOREIGN, HOST, TRUSTED, END],
            &[FOREIGN, HOST, END],
        )),
        many(to(world, "ours twice and nothing else", 13, &[TRUSTED, HOST, TRUSTED, END], &[HOST, END])),
        many(to(
            world,
            "ours with both values of the flags is twice ours",
            14,
            &[P306, HOST, &patched(P306.to_vec(), 10, &[0x80]), END],
            &[HOST, END],
        )),
        many(to(
            world,
            "a trusted interface keeps two foreign ones",
            13,
            &[FOREIGN, HOST, FOREIGN, END],
            &[FOREIGN, HOST, FOREIGN, END],
        )),
        many(to(
            world,
            "RFC 3396: ours in two instances is joined",
            9,
            &[HOST, &split(BASIC, 10), END],
            &[HOST, END],
        )),
        many(to(
            world,
            "RFC 3396: ours split within the circuit-id is joined",
            9,
            &[&split(BASIC, 5), HOST, END],
            &[HOST, END],
        )),
        many(dropped(
            world,
            "two foreign ones name no circuit",
            9,
            &[FOREIGN, HOST, FOREIGN, END],
            "unknown_circuit",
        )),
        many(dropped(
            world,
            "RFC 6607: 152 in the one that is ours counts among several",
            8,
            &[FOREIGN, &and(ANSWERED, &[152, 0]), END],
            "vss_ignored",
        )),
    ]
}
