//! Row 10: a request never becomes longer than the configured maximum, the egress MTU or what the client takes (RFC 3046
//! section 2.1); rather it goes on without option 82.

use super::case::{Case, chained, kept, relayed, request};
use super::network::{
    APPEND, Interface, MAX_MESSAGE, NARROW, NARROW_MTU, NARROW_PLAIN, OURS, PLAIN, REPLACE,
};

/// A DISCOVER of exactly `length` octets when `ours` is not counted: some options, what fills it up, `ours`, END.
fn of(options: &[u8], length: usize, ours: &[u8]) -> Vec<u8> {
    let mut fill = length - 240 - 3 - options.len() - 1;
    let mut filling = Vec::new();
    while fill > 0 {
        // No rest of one octet: an option has at least two.
        let value = if fill - 2 > 255 { fill.min(200) } else { fill - 2 };
        filling.extend([43, value as u8]);
        filling.resize(filling.len() + value, 7);
        fill -= value + 2;
    }
    request(&[&[53, 1, 1], options, &filling, ours, &[255]], 0)
}

/// With ours the message has `result` octets, and that is not too many.
fn fits(name: &'static str, interface: &Interface, options: &[u8], result: usize) -> Case {
    let length = result - interface.ours.len();
    relayed(name, interface, of(options, length, &[]), &of(options, length, interface.ours))
}

/// With ours it would have `result` octets: it goes on without.
fn too_long(name: &'static str, interface: &Interface, options: &[u8], result: usize) -> Case {
    kept(name, interface, of(options, result - interface.ours.len(), &[]))
        .counted(interface.index, "option82_left_out")
}

pub(crate) fn cases() -> Vec<Case> {
    const ROOM: usize = NARROW_MTU - 28;
    let padded = [of(&[], MAX_MESSAGE - 30, &[]), vec![0; 30]].concat();
    let padded_with = [of(&[], MAX_MESSAGE - 30, OURS.ours), vec![0; 30 - OURS.ours.len()]].concat();
    let theirs: &[u8] = &[82, 4, 1, 2, 7, 7];
    vec![
        fits("10, RFC 3046 2.1: one octet below the maximum", &OURS, &[], MAX_MESSAGE - 1),
        fits("10, RFC 3046 2.1: the maximum", &OURS, &[], MAX_MESSAGE),
        too_long(
            "10, RFC 3046 2.1: one octet above the maximum it goes without",
            &OURS,
            &[],
            MAX_MESSAGE + 1,
        ),
        relayed("10, what fits into the padding does not make it longer", &OURS, padded, &padded_with),
        fits("10, RFC 3046 2.1: one octet below the egress MTU", &NARROW, &[], ROOM - 1),
        fits("10, RFC 3046 2.1: the egress MTU", &NARROW, &[], ROOM),
        too_long("10, RFC 3046 2.1: one octet above the egress MTU it goes without", &NARROW, &[], ROOM + 1),
        too_long(
            "10, RFC 791: above the egress MTU already it goes without and in fragments",
            &NARROW,
            &[],
            ROOM + 100,
        )
        .slow("egress_mtu"),
        kept("10, RFC 791: without option 82 the egress MTU is filled", &NARROW_PLAIN, of(&[], ROOM, &[])),
        kept("10, RFC 791: above the egress MTU in fragments", &NARROW_PLAIN, of(&[], ROOM + 1, &[]))
            .slow("egress_mtu"),
        kept("10, RFC 791: 1472 octets over the narrow port", &NARROW_PLAIN, of(&[], 1472, &[]))
            .slow("egress_mtu"),
        kept("10, 1472 octets fill a frame", &PLAIN, of(&[], 1472, &[])),
        kept(
            "10, what gets nothing inserted is not limited to the maximum",
            &OURS,
            chained(of(&[], 1472, &[])),
        ),
        fits("10, RFC 2132 9.10: option 57 is reached", &OURS, &[57, 2, 0x02, 0x40], 576),
        too_long("10, RFC 2132 9.10: one octet above option 57", &OURS, &[57, 2, 0x02, 0x40], 577),
        fits("10, RFC 2132 9.10: one octet below option 57", &OURS, &[57, 2, 0x02, 0x40], 575),
        fits("10, RFC 2132 9.10: option 57 above the maximum", &OURS, &[57, 2, 0x05, 0xdc], MAX_MESSAGE),
        too_long(
            "10, RFC 2132 9.10: option 57 does not raise the maximum",
            &OURS,
            &[57, 2, 0x05, 0xdc],
            MAX_MESSAGE + 1,
        ),
        fits(
            "10, RFC 2132 9.10: the first octet of option 57 is the high one",
            &OURS,
            &[57, 2, 0x40, 0x02],
            600,
        ),
        too_long(
            "10, RFC 2132 9.10: option 57 below the message as it came",
            &OURS,
            &[57, 2, 0x01, 0x00],
            400,
        ),
        fits("10, option 57 of one octet says nothing", &OURS, &[57, 1, 0x02], 600),
        kept(
            "10, append above the maximum leaves theirs alone",
            &APPEND,
            chained(of(theirs, MAX_MESSAGE, &[])),
        )
        .counted(APPEND.index, "option82_left_out"),
        relayed(
            "10, replace above the maximum takes theirs out only",
            &REPLACE,
            chained(of(theirs, MAX_MESSAGE + 1, &[])),
            &chained([of(&[], MAX_MESSAGE + 1 - theirs.len(), &[]), vec![0; theirs.len()]].concat()),
        )
        .counted(REPLACE.index, "option82_left_out")
        .slow("rearranged"),
    ]
}
