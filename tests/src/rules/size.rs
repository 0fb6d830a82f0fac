//! How large a message may become: RFC 3046 section 2.1, RFC 2132 section 9.10. What would be too large goes on without
//! option 82.

use super::{Case, bare, chained, discover, patched, relayed, relayed_as};
use crate::oracle::world::World;

/// What interfaces 9 and 18 insert: 20 octets.
const BASIC: &[u8] = b"\x52\x12\x01\x08eth0.100\x02\x06\x02\x00\x00\x00\x00\x01";
const D: &[u8] = &[53, 1, 1];
const END: &[u8] = &[255];
const THEIRS: &[u8] = &[82, 4, 1, 2, 7, 7];

/// A DISCOVER of so many octets, with these options, whose last octet is END.
fn filled(len: usize, options: &[u8]) -> Vec<u8> {
    let mut list = [D, options].concat();
    while 241 + list.len() < len {
        let value = (len - 241 - list.len() - 2).min(200);
        // No single octet can be left over for the last option.
        let value = if len - 241 - list.len() - 2 - value == 1 { value - 1 } else { value };
        list.extend([43, value as u8]);
        list.extend(vec![9; value]);
    }
    list.extend(END);
    let message = bare(&list);
    assert_eq!(message.len(), len, "the case is built as it says");
    message
}

/// The message with BASIC, END and what stands behind it.
fn with(message: &[u8], option82: &[u8]) -> Vec<u8> {
    [&message[..message.len() - 1], option82, END].concat()
}

/// The cases.
pub fn cases(world: &World) -> Vec<Case> {
    // Each by the length it has with ours in it.
    let fits = |name, number: usize, len: usize, options: &[u8], ours: &[u8]| {
        let given = filled(len - ours.len(), options);
        relayed_as(world, name, number, given.clone(), with(&given, ours))
    };
    let left_out = |name, number: usize, len: usize, options: &[u8], ours: &[u8]| {
        relayed(world, name, number, filled(len - ours.len(), options))
    };
    let full: &[u8] = &[
        b"\x52\x21\x01\x08eth0.300",
        &[5, 4, 10, 7, 8, 1, 10, 1, 0, 11, 4, 10, 7, 8, 1][..],
        b"\x97\x04\x00red\x98\x00",
    ]
    .concat();
    let long: &[u8] = &[&[82, 255, 1, 253][..], &[b'x'; 253]].concat();
    let client = |size: u16| [&[57, 2][..], &size.to_be_bytes()].concat();
    vec![
        fits("one octet below max_message_size", 18, 399, &[], BASIC),
        fits("max_message_size exactly", 18, 400, &[], BASIC),
        left_out("one octet above max_message_size it is left out", 18, 401, &[], BASIC),
        fits("1471 octets", 9, 1471, &[], BASIC),
        fits("1472 octets are the MTU and the default of max_message_size", 9, 1472, &[], BASIC),
        left_out("1473 octets are too much", 9, 1473, &[], BASIC),
        fits("the MTU toward the servers exactly", 8, 1372, &[], full),
        left_out("one octet above the MTU toward the servers it is left out", 8, 1373, &[], full),
        fits("257 octets of ours up to the MTU", 19, 1472, &[], long),
        left_out("the MTU counts even where max_message_size is larger", 19, 1473, &[], long),
        fits("576 octets are nothing special", 9, 577, &[], BASIC),
        relayed(
            world,
            "a message that is above max_message_size already gets none, even into its padding",
            18,
            patched(bare(&[D, END, &[0; 200]].concat()), 10, &[0x80]),
        ),
        relayed_as(
            world,
            "a message of max_message_size gets it into its padding",
            18,
            bare(&[D, END, &[0; 156]].concat()),
            bare(&[D, BASIC, END, &[0; 136]].concat()),
        ),
        relayed(
            world,
            "a message that gets none is not held to max_message_size",
            18,
            chained(bare(&[D, END, &[0; 700]].concat())),
        ),
        relayed_as(
            world,
            "replace takes theirs out even where ours does not fit, and the length stays",
            18,
            chained(bare(&[D, THEIRS, END, &[0; 200]].concat())),
            chained(bare(&[D, END, &[0; 206]].concat())),
        ),
        relayed_as(
            world,
            "nothing but zeros is then behind END",
            18,
            chained(bare(&[D, THEIRS, END, &[0xff; 200]].concat())),
            chained(bare(&[D, END, &[0; 206]].concat())),
        ),
        relayed_as(
            world,
            "and no END where there was none",
            18,
            chained(bare(&[D, &[43, 160], &[9; 160], THEIRS].concat())),
            chained(bare(&[D, &[43, 160], &[9; 160], &[0; 6]].concat())),
        ),
        fits("option 57 of 0x05dc has two octets that count", 9, 1400, &client(0x05dc), BASIC),
        fits("option 57 of 0x0240 is 576, not 512", 9, 576, &client(0x0240), BASIC),
        left_out("577 octets are above an option 57 of 576", 9, 577, &client(0x0240), BASIC),
        left_out("an option 57 below the message itself", 9, 500, &client(400), BASIC),
        relayed(
            world,
            "an option 57 below the message counts even when ours fits the padding",
            9,
            discover(&[D, &client(299), END].concat()),
        ),
        relayed(world, "an option 57 of zero is a size too", 9, discover(&[D, &client(0), END].concat())),
        fits("an option 57 of one octet is ignored", 9, 500, &[57, 1, 1], BASIC),
        fits("an option 57 of three octets is ignored", 9, 500, &[57, 3, 0, 1, 0], BASIC),
        fits("an empty option 57 is ignored", 9, 500, &[57, 0], BASIC),
        left_out("of two options 57 the last counts", 9, 500, &[client(1400), client(450)].concat(), BASIC),
        fits(
            "of two options 57 the last counts, also when it is the larger",
            9,
            500,
            &[client(450), client(1400)].concat(),
            BASIC,
        ),
    ]
}
