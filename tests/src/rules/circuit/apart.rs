//! Replies to plain BOOTP, with options in `file`, and with authentication.

use super::super::{CLIENT, LEASED, case, delivered, from_server, message, offer, patched};
use super::{BASIC, Case, END, Expect, FOREIGN, HOST, TRUSTED};
use crate::lab::build::{BOOTREPLY, Bootp};
use crate::oracle::world::World;

/// The cases.
pub(super) fn cases(world: &World) -> Vec<Case> {
    const AUTH: &[u8] = &[90, 11, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 7];
    let bootp = |giaddr: [u8; 4]| {
        let mut reply = Bootp::new(BOOTREPLY, None, CLIENT);
        (reply.yiaddr, reply.giaddr) = (LEASED.into(), giaddr.into());
        patched(message(&reply, &[], 300), 236, &[0; 4])
    };
    let own = |number: usize| world.interfaces[number - 1].address;
    let exact = |name, number, given: &[&[u8]], left: &[&[u8]]| {
        let (given, left) =
            (offer(world, number, &given.concat(), 0), offer(world, number, &left.concat(), 0));
        delivered(world, name, number, given, left, (CLIENT, LEASED))
    };
    let overloaded = |number: usize, option: &[u8], file: &[u8]| {
        patched(offer(world, number, &[&[52, 1, 1], option, END].concat(), 300), 108, file)
    };
    let hidden = |name, number: usize, given: Vec<u8>, left: Vec<u8>| {
        delivered(world, name, number, given, left, (CLIENT, LEASED)).slow("overload")
    };
    vec![
        delivered(
            world,
            "a reply to plain BOOTP comes to our address on the client subnet, which no other shares",
            15,
            bootp(own(15)),
            bootp(own(15)),
            (CLIENT, LEASED),
        )
        .with(|spec| spec.destination = own(15)),
        case(
            "a reply to DHCP does not",
            from_server(world, 15, patched(offer(world, 15, END, 300), 24, &own(15))),
            Expect::Dropped("wrong_giaddr"),
        )
        .with(|spec| spec.destination = own(15)),
        exact("RFC 3118: a reply with option 90 is not padded", 9, &[AUTH, END], &[AUTH, END]),
        exact(
            "RFC 3118: and shrinks by exactly what is taken out",
            9,
            &[AUTH, BASIC, HOST, END, &[1, 0, 2]],
            &[AUTH, HOST, END, &[1, 0, 2]],
        )
        .slow("authenticated"),
        exact(
            "RFC 3118: nothing is taken out on a trusted interface, nothing changes",
            13,
            &[AUTH, FOREIGN, END],
            &[AUTH, FOREIGN, END],
        ),
        hidden(
            "overload alone changes nothing",
            9,
            overloaded(9, &[], &[12, 1, 7, 255]),
            overloaded(9, &[], &[12, 1, 7, 255]),
        ),
        hidden(
            "an option 82 in file becomes PAD where none is inserted",
            1,
            overloaded(1, &[], &[12, 1, 7, 82, 2, 1, 0, 66, 1, 8, 255]),
            overloaded(1, &[], &[12, 1, 7, 0, 0, 0, 0, 66, 1, 8, 255]),
        ),
        hidden(
            "an option 82 in file becomes PAD beside ours",
            9,
            overloaded(9, BASIC, &[82, 2, 1, 0, 255]),
            overloaded(9, &[], &[0, 0, 0, 0, 255]),
        ),
        hidden(
            "a trusted interface leaves a foreign one in file",
            13,
            overloaded(13, TRUSTED, &[82, 2, 1, 0, 255]),
            overloaded(13, &[], &[82, 2, 1, 0, 255]),
        ),
    ]
}
