//! Where ours goes, and what it is made of: RFC 3046 section 2.1, RFC 2132 section 3.2, and the layouts of RFC 3046,
//! 3527, 5010, 5107 and 6607 octet by octet.

use super::{Case, Expect, bare, case, chained, discover, from_client, patched, relayed, relayed_as};
use crate::generate::spec::Checksum;
use crate::oracle::world::World;

/// What interface 9 inserts: circuit-id and remote-id.
const BASIC: &[u8] = b"\x52\x12\x01\x08eth0.100\x02\x06\x02\x00\x00\x00\x00\x01";
/// Interface 8: circuit-id, link selection, flags, server identifier override, VSS by name, VSS control.
const FULL: &[u8] = &[
    0x52, 0x21, 0x01, 0x08, b'e', b't', b'h', b'0', b'.', b'3', b'0', b'0', 0x05, 0x04, 10, 7, 8, 1, 0x0a,
    0x01, 0x00, 0x0b, 0x04, 10, 7, 8, 1, 0x97, 0x04, 0x00, b'r', b'e', b'd', 0x98, 0x00,
];
/// Where the flags are in it.
const FLAGS: usize = 20;
/// Interface 10: an odd number of octets.
const ODD: &[u8] = b"\x52\x07\x01\x05cust1";
/// Interface 14.
const P306: &[u8] = &[82, 15, 1, 4, b'p', b'3', b'0', b'6', 10, 1, 0, 11, 4, 192, 168, 66, 2];
/// Interface 17: VSS by VPN identifier.
const VPN: &[u8] =
    &[82, 23, 1, 3, b'c', b'1', b'6', 5, 4, 192, 168, 117, 2, 0x97, 0x08, 1, 0, 0, 4, 0, 0, 0, 1, 0x98, 0];
const D: &[u8] = &[53, 1, 1];
const END: &[u8] = &[255];
/// An authentication option (RFC 3118): protocol, algorithm, replay detection, and 20 octets.
const AUTH: &[u8] =
    &[90, 31, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 7, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9];

fn name(len: usize) -> Vec<u8> {
    [&[12, len as u8][..], &vec![b'n'; len]].concat()
}

/// The cases.
pub fn cases(world: &World) -> Vec<Case> {
    let mut cases = places(world);
    cases.extend(values(world));
    cases.extend(others(world));
    cases
}

/// Where END stands, and what is behind it.
fn places(world: &World) -> Vec<Case> {
    let on =
        |number, name, given: Vec<u8>, expected: Vec<u8>| relayed_as(world, name, number, given, expected);
    let padded = |name, given: &[&[u8]], expected: &[&[u8]]| {
        on(9, name, discover(&given.concat()), discover(&expected.concat()))
    };
    let tight = |name, given: &[&[u8]], expected: &[&[u8]]| {
        on(9, name, bare(&given.concat()), bare(&expected.concat()))
    };
    let long = |len: usize| [D, &name(len), END].concat();
    let with = |len: usize| [D, &name(len), BASIC, END].concat();
    vec![
        padded("ours goes where END stands, END behind it, padding is used up", &[D, END], &[D, BASIC, END]),
        tight("END as the last octet makes the message grow by ours", &[D, END], &[D, BASIC, END]),
        tight("at an odd offset as well", &[D, &name(4), END], &[D, &name(4), BASIC, END]),
        tight("at an even offset as well", &[D, &name(5), END], &[D, &name(5), BASIC, END]),
        padded("PAD before END stays", &[D, &[0, 0, 0], END], &[D, &[0, 0, 0], BASIC, END]),
        padded(
            "PAD between options stays",
            &[&[0], D, &[0, 0], &name(3), END],
            &[&[0], D, &[0, 0], &name(3), BASIC, END],
        ),
        tight("without END ours goes behind the last option, and END behind it", &[D], &[D, BASIC, END]),
        tight(
            "without END but with padding ours goes behind the padding",
            &[D, &[0; 57]],
            &[D, &[0; 57], BASIC, END],
        ),
        tight(
            "what stands behind END is not sent on: it becomes zeros",
            &[D, END, &[0xff; 40]],
            &[D, BASIC, END, &[0; 20]],
        ),
        tight("all of it, also behind ours", &[D, END, &[0; 30], &[7; 30]], &[D, BASIC, END, &[0; 40]]),
        tight("when it is less than ours, it is overwritten", &[D, END, &[0xff; 7]], &[D, BASIC, END]),
        tight("an option 82 behind END is none", &[D, END, &[82, 2, 1, 0]], &[D, BASIC, END]),
        tight(
            "padding that is too short is used up before the message grows",
            &[D, END, &[0; 6]],
            &[D, BASIC, END],
        ),
        // 240 + 3 + 2 + 34 + 20 + 1 is 300.
        on(9, "ours fits 300 octets exactly", discover(&long(34)), discover(&with(34))),
        on(9, "one octet more makes it 301", discover(&long(35)), bare(&with(35))),
        on(
            9,
            "a message of exactly 300 whose END is last grows to 320",
            discover(&long(54)),
            bare(&with(54)),
        ),
        on(10, "an odd length at an odd offset", bare(&[D, END].concat()), bare(&[D, ODD, END].concat())),
        on(
            10,
            "an odd length at an even offset",
            bare(&[D, &name(1), END].concat()),
            bare(&[D, &name(1), ODD, END].concat()),
        ),
        on(
            10,
            "an odd length with an odd message behind it",
            bare(&[D, END, &[0; 30]].concat()),
            bare(&[D, ODD, END, &[0; 21]].concat()),
        ),
        padded("with a checksum left to the network card", &[D, END], &[D, BASIC, END])
            .with(|spec| spec.checksum = Checksum::Partial),
        tight("octets behind the datagram do not get into what is inserted", &[D, END], &[D, BASIC, END])
            .with(|spec| (spec.slack, spec.padding) = (vec![0xdd; 30], vec![0xcc; 18])),
        unsummed(tight("without a checksum", &[D, END], &[D, BASIC, END])),
        tight(
            "RFC 3118: with option 90 the message grows by exactly what is inserted",
            &[D, AUTH, END, &[0; 40]],
            &[D, AUTH, BASIC, END, &[0; 40]],
        )
        .slow("authenticated"),
        tight(
            "RFC 3118: what stands behind END moves along unchanged",
            &[D, AUTH, END, &[1, 2, 3, 0, 4]],
            &[D, AUTH, BASIC, END, &[1, 2, 3, 0, 4]],
        )
        .slow("authenticated"),
    ]
}

fn unsummed(case: Case) -> Case {
    let mut case = case.with(|spec| spec.checksum = Checksum::Zero);
    if let Expect::Server(frame) = &mut case.expect {
        frame[40..42].fill(0);
    }
    case
}

/// What is inserted.
fn values(world: &World) -> Vec<Case> {
    let on = |number, name, value: &[u8]| {
        relayed_as(world, name, number, bare(&[D, END].concat()), bare(&[D, value, END].concat()))
    };
    let long = [&[82, 255, 1, 253][..], &[b'x'; 253]].concat();
    vec![
        on(8, "RFC 3046, 3527, 5010, 5107, 6607: sub-options 1, 5, 10, 11, 151 and 152, flags 0", FULL),
        on(8, "RFC 5010 section 4: flags are 0x80 for a unicast", &patched(FULL.to_vec(), FLAGS, &[0x80]))
            .unicast(world)
            .with(|spec| (spec.source, spec.source_port) = ([10, 7, 8, 99], 68)),
        on(8, "a unicast Ethernet address under an IP broadcast is no unicast", FULL)
            .with(|spec| spec.destination_mac = crate::oracle::world::mac(spec.device)),
        on(8, "a broadcast from a client that has an address is a broadcast", FULL)
            .with(|spec| spec.source = [10, 7, 8, 99]),
        on(17, "RFC 6607 section 4.1: VSS by VPN identifier", VPN),
        on(14, "from a double tag, with a checksum in any case", P306)
            .with(|spec| spec.checksum = Checksum::Zero),
        on(19, "255 octets of sub-options", &long),
    ]
}

/// What gets none, and what does not change that.
fn others(world: &World) -> Vec<Case> {
    let discovers = |options: &[&[u8]]| discover(&options.concat());
    let overloaded =
        |which: u8, at: usize, octets: &[u8]| patched(discovers(&[D, &[52, 1, which], END]), at, octets);
    let filled = |which: u8, at: usize, octets: &[u8]| {
        patched(discovers(&[D, &[52, 1, which], BASIC, END]), at, octets)
    };
    let bootp = discovers(&[&[0; 60]])[..300].to_vec();
    let bootp = patched(bootp, 236, &[0; 4]);
    let into = |name, kind: u8| {
        let given = discovers(&[&name_first(kind), END]);
        relayed_as(world, name, 9, given, discovers(&[&name_first(kind), BASIC, END]))
    };
    vec![
        relayed_as(
            world,
            "plain BOOTP gets none, and our address on its own subnet as giaddr",
            8,
            bootp.clone(),
            patched(bootp.clone(), 24, &[10, 7, 8, 1]),
        ),
        relayed(world, "a cookie without option 53 is plain BOOTP", 9, discovers(&[&name(4), END])),
        relayed_as(
            world,
            "the giaddr of a DHCP message is the one of the interface",
            15,
            discovers(&[D, END]),
            patched(
                discovers(&[
                    D,
                    &[82, 19, 1, 3, b'c', b'1', b'5', 2, 6, 2, 0, 0, 0, 0, 15, 5, 4, 192, 168, 115, 2],
                    END,
                ]),
                24,
                &[10, 255, 0, 15],
            ),
        ),
        relayed(world, "an interface without [interface.option82] inserts none", 3, discovers(&[D, END])),
        relayed(
            world,
            "RFC 3046 section 2.1.1: only the first relay inserts",
            9,
            chained(discovers(&[D, END])),
        ),
        into("a REQUEST gets it", 3),
        into("a DECLINE gets it", 4),
        into("a RELEASE gets it", 7),
        into("an INFORM gets it", 8),
        into("a message type that no RFC knows gets it", 99),
        relayed_as(
            world,
            "RFC 2131 section 4.1: file and sname with options in them are not touched",
            9,
            overloaded(3, 44, &[12, 2, b'a', b'b', 255]),
            filled(3, 44, &[12, 2, b'a', b'b', 255]),
        )
        .slow("overload"),
        relayed_as(
            world,
            "an option 82 in a sname that is not overloaded is text",
            9,
            overloaded(1, 44, &[82, 2, 1, 0, 255]),
            filled(1, 44, &[82, 2, 1, 0, 255]),
        )
        .slow("overload"),
        case(
            "RFC 3046 section 2.1.1: an option 82 hidden in file",
            from_client(world, 9, overloaded(1, 108, &[82, 2, 1, 0, 255])),
            Expect::Dropped("untrusted_option82"),
        )
        .slow("overload"),
        relayed(world, "an option 52 of no octets says nothing about file", 1, {
            patched(discovers(&[&[52, 0], D, END]), 108, &[82, 2, 1, 0, 255])
        })
        .slow("overload"),
        relayed(world, "an option 52 of no octets at the very end", 1, bare(&[D, &[52, 0]].concat()))
            .slow("overload"),
        case(
            "an option 82 hidden behind another option in sname",
            from_client(world, 1, overloaded(2, 44, &[0, 12, 1, 7, 82, 2, 1, 0, 255])),
            Expect::Dropped("untrusted_option82"),
        )
        .slow("overload"),
        case(
            "an option 82 that shows is refused although others may hide",
            from_client(world, 9, discovers(&[D, &[52, 1, 3, 82, 2, 1, 0], END])),
            Expect::Dropped("untrusted_option82"),
        )
        .slow("overload"),
    ]
}

/// Options of which the message type is not the first.
fn name_first(kind: u8) -> Vec<u8> {
    [&name(4)[..], &[53, 1, kind]].concat()
}
