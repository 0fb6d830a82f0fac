//! Row 5: where option 82 goes, and what is behind it (RFC 3046 section 2.1: the last option).

use super::case::{Case, kept, relayed, relayed_as, request, unicast};
use super::network::{CISCO, LOOP, OURS, OVERRIDE, PLAIN, QINQ, VPN};

const DISCOVER: &[u8] = &[53, 1, 1];
const NAME: &[u8] = &[12, 4, b'n', b'a', b'm', b'e'];
const END: &[u8] = &[255];
/// Fills a message up to a length.
const FILL: [u8; 255] = [7; 255];

/// Options of which END is the last octet of `length`.
fn tight(length: usize) -> Vec<u8> {
    // Cookie, option 53, END, code and length of the filling option.
    let fill = length - 240 - 3 - 1 - 2;
    request(&[DISCOVER, &[43, fill as u8], &FILL[..fill], END], 0)
}

/// The same with ours.
fn tight_with(length: usize, ours: &[u8]) -> Vec<u8> {
    let fill = length - 240 - 3 - 1 - 2;
    request(&[DISCOVER, &[43, fill as u8], &FILL[..fill], ours, END], 0)
}

pub(crate) fn cases() -> Vec<Case> {
    let plain = request(&[DISCOVER, END], 300);
    let mut cases = vec![
        relayed(
            "5, END in the middle: ours goes into the padding behind it",
            &OURS,
            plain.clone(),
            &request(&[DISCOVER, OURS.ours, END], 300),
        ),
        relayed(
            "5, Cisco's numbers: 150, 152, and a VPN without VSS-control",
            &CISCO,
            plain.clone(),
            &request(&[DISCOVER, CISCO.ours, END], 300),
        ),
        relayed(
            "5, END is the last octet: the message grows",
            &OURS,
            tight(300),
            &tight_with(300, OURS.ours),
        ),
        relayed(
            "5, one octet of padding behind END is used up before the message grows",
            &OURS,
            request(&[&tight(299)[240..]], 300),
            &tight_with(299, OURS.ours),
        ),
        relayed(
            "5, several PADs before END",
            &OURS,
            request(&[DISCOVER, &[0; 5], END], 300),
            &request(&[DISCOVER, &[0; 5], OURS.ours, END], 300),
        ),
        relayed(
            "5, PADs between options",
            &OURS,
            request(&[&[0, 0], DISCOVER, &[0], NAME, END], 300),
            &request(&[&[0, 0], DISCOVER, &[0], NAME, OURS.ours, END], 300),
        ),
        relayed(
            "5, no END, the message ends with an option",
            &OURS,
            request(&[DISCOVER, NAME], 0),
            &request(&[DISCOVER, NAME, OURS.ours, END], 0),
        ),
        relayed(
            "5, no END, the message ends with PADs",
            &OURS,
            request(&[DISCOVER], 300),
            &request(&[DISCOVER, &[0; 57], OURS.ours, END], 0),
        ),
        relayed(
            "5, 0xFF filler behind END: what is behind ours is zero",
            &OURS,
            request(&[DISCOVER, END, &[0xff; 40]], 0),
            &request(&[DISCOVER, OURS.ours, END], 284),
        ),
        relayed(
            "5, junk behind END does not leak, though ours is longer",
            &OURS,
            request(&[DISCOVER, END, &[0xaa; 10]], 0),
            &request(&[DISCOVER, OURS.ours, END], 0),
        ),
        kept(
            "5, junk behind END is not ours to change where nothing is inserted",
            &PLAIN,
            request(&[DISCOVER, END, &[0xff; 56]], 0),
        ),
    ];
    cases.extend(layouts(&plain));
    // Room behind the frame differs with its length: 42 octets at some, none at others.
    for (name, length) in [
        ("5, a frame of 320 octets grows", 320 - 46),
        ("5, a frame of 321 octets grows", 321 - 46),
        ("5, a frame of 342 octets grows", 342 - 46),
        ("5, a frame of 384 octets grows", 384 - 46),
        ("5, a frame of 447 octets grows", 447 - 46),
        ("5, a frame of 448 octets grows", 448 - 46),
    ] {
        cases.push(relayed(name, &OURS, tight(length), &tight_with(length, OURS.ours)));
    }
    cases
}

fn layouts(plain: &[u8]) -> Vec<Case> {
    let layout = |name, interface: &super::network::Interface| {
        let ours = request(&[DISCOVER, interface.ours, END], 300);
        relayed(name, interface, plain.to_vec(), &ours)
    };
    let mut by_unicast = OVERRIDE.ours.to_vec();
    by_unicast[13] = 0x80;
    let renewal = request(&[&[53, 1, 3], END], 300);
    vec![
        layout("5, RFC 3527: link selection with a loopback giaddr", &LOOP),
        layout("5, RFC 5107, RFC 5010: override and flags, flags 0 for a broadcast", &OVERRIDE),
        relayed_as(
            "15, RFC 5010: a renewal to our address is relayed with flags 0x80",
            &OVERRIDE,
            unicast(&OVERRIDE, renewal.clone()),
            &request(&[&[53, 1, 3], &by_unicast, END], 300),
        ),
        relayed_as(
            "15, a renewal to our address where no flags are sent",
            &OURS,
            unicast(&OURS, renewal),
            &request(&[&[53, 1, 3], OURS.ours, END], 300),
        ),
        layout("5, RFC 6607: VSS, with 152 behind it", &VPN),
        layout("5, the circuit-id of two tags", &QINQ),
    ]
}
