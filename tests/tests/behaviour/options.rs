//! Rows 6 to 8 and 36: what else is among the options of a request.

use super::case::{Case, chained, kept, patched, refused, relayed, request};
use super::network::{APPEND, OURS, PLAIN, REPLACE, TRUSTED};

const DISCOVER: &[u8] = &[53, 1, 1];
const END: &[u8] = &[255];
const THEIRS: &[u8] = &[82, 4, 1, 2, 7, 7];
const SNAME: usize = 44;
const FILE: usize = 108;

pub(crate) fn cases() -> Vec<Case> {
    [kinds(), walk(), overload(), authentication()].concat()
}

fn kinds() -> Vec<Case> {
    let behind = chained(request(&[THEIRS, DISCOVER, END], 300));
    let no_type = request(&[&[12, 1, b'n'], END], 300);
    vec![
        relayed(
            "6, option 53 behind option 82",
            &APPEND,
            behind,
            &chained(request(&[THEIRS, DISCOVER, APPEND.ours, END], 300)),
        ),
        relayed(
            "6, option 53 as the last option",
            &OURS,
            request(&[&[12, 1, b'n'], DISCOVER, END], 300),
            &request(&[&[12, 1, b'n'], DISCOVER, OURS.ours, END], 300),
        ),
        kept("6, RFC 1534: a cookie without option 53 is BOOTP", &OURS, no_type),
        refused(
            "6, RFC 2132 9.6: option 53 of two octets",
            &OURS,
            request(&[&[53, 2, 1, 1], END], 300),
            "malformed_options",
        ),
        refused(
            "6, RFC 2132 9.6: option 53 of no octet",
            &PLAIN,
            request(&[&[53, 0], END], 300),
            "malformed_options",
        ),
        relayed(
            "6, RFC 2131 4.1: the unknown type 11 is relayed",
            &OURS,
            request(&[&[53, 1, 11], END], 300),
            &request(&[&[53, 1, 11], OURS.ours, END], 300),
        ),
        kept("6, RFC 2131 4.1: the unknown type 250 is relayed", &PLAIN, request(&[&[53, 1, 250], END], 300)),
    ]
}

fn walk() -> Vec<Case> {
    let many = |count: usize| (0..count).flat_map(|number| [224, 1, number as u8]).collect::<Vec<u8>>();
    let inserted = |name, options: &[u8]| {
        relayed(
            name,
            &OURS,
            request(&[DISCOVER, options, END], 0),
            &request(&[DISCOVER, options, OURS.ours, END], 0),
        )
    };
    let longest = [&[43, 255][..], &[7; 255]].concat();
    let no_value = request(&[DISCOVER], 0);
    vec![
        inserted("7, 60 options", &many(60)),
        inserted("7, 130 options", &many(130)).slow("many_options"),
        inserted("7, an option of 255 octets", &longest),
        inserted("7, two options of 255 octets", &longest.repeat(2)),
        inserted("7, an option of no octet", &[80, 0]),
        refused(
            "7, RFC 2132: an option that runs one octet past the end",
            &OURS,
            request(&[DISCOVER, &[55, 4, 1, 3, 6]], 0),
            "malformed_options",
        ),
        refused(
            "7, RFC 2132: an option that runs past the end, without option 82 configured",
            &PLAIN,
            request(&[DISCOVER, &[55, 255, 1, 3, 6]], 0),
            "malformed_options",
        ),
        refused(
            "7, RFC 2132: an option without a length",
            &OURS,
            [no_value, vec![55]].concat(),
            "malformed_options",
        ),
        kept("7, what is behind END is not an option", &PLAIN, request(&[DISCOVER, END, &[55, 255, 1]], 0)),
    ]
}

fn overload() -> Vec<Case> {
    let both: &[u8] = &[52, 1, 3];
    let in_fields = |options: &[&[u8]]| {
        let file = patched(request(options, 300), FILE, &[67, 4, b'b', b'o', b'o', b't', 255]);
        patched(file, SNAME, &[66, 3, b't', b'f', b't', 255])
    };
    let agent_in = |at: usize, options: &[&[u8]]| {
        patched(request(options, 300), at, &[&[66, 1, b't'], THEIRS, END].concat())
    };
    let blanked = |at: usize, options: &[&[u8]]| {
        patched(request(options, 300), at, &[&[66, 1, b't'][..], &[0; 6], END].concat())
    };
    vec![
        relayed(
            "8, RFC 2132 9.3: options in file and sname stay, ours goes into the options field",
            &OURS,
            in_fields(&[DISCOVER, both, END]),
            &in_fields(&[DISCOVER, both, OURS.ours, END]),
        )
        .slow("overload"),
        kept("8, RFC 2132 9.3: nothing inserted, nothing changed", &PLAIN, in_fields(&[DISCOVER, both, END]))
            .slow("overload"),
        refused(
            "8, RFC 3046 2.1: a client's option 82 in sname",
            &OURS,
            agent_in(SNAME, &[DISCOVER, &[52, 1, 2], END]),
            "untrusted_option82",
        )
        .slow("overload"),
        refused(
            "8, RFC 3046 2.1: a client's option 82 in file",
            &PLAIN,
            agent_in(FILE, &[DISCOVER, &[52, 1, 1], END]),
            "untrusted_option82",
        )
        .slow("overload"),
        kept(
            "8, RFC 3046 2.1: of a trusted circuit no second one is added to that in file",
            &TRUSTED,
            agent_in(FILE, &[DISCOVER, &[52, 1, 1], END]),
        )
        .slow("overload"),
        relayed(
            "8, RFC 3046 2.1: replace overwrites the one in sname with PAD",
            &REPLACE,
            agent_in(SNAME, &[DISCOVER, &[52, 1, 2], END]),
            &blanked(SNAME, &[DISCOVER, &[52, 1, 2], REPLACE.ours, END]),
        )
        .slow("overload"),
        relayed(
            "8, what is in file is not an option where option 52 does not say so",
            &OURS,
            agent_in(FILE, &[DISCOVER, &[52, 1, 2], END]),
            &agent_in(FILE, &[DISCOVER, &[52, 1, 2], OURS.ours, END]),
        )
        .slow("overload"),
    ]
}

/// RFC 3118 section 2: a relay may change hops, giaddr and option 82, nothing else.
fn authentication() -> Vec<Case> {
    let authentic = [&[90, 15, 1, 1, 0][..], &[5; 12]].concat();
    let junk: &[u8] = &[0xaa; 20];
    let of = |options: &[&[u8]]| request(&[DISCOVER, &authentic, &options.concat()], 0);
    vec![
        kept("36, RFC 3118 2: without option 82 hops and giaddr alone change", &PLAIN, of(&[END, junk])),
        relayed(
            "36, RFC 3118 2: it grows by what is inserted, and what is behind END moves along",
            &OURS,
            of(&[END, junk]),
            &of(&[OURS.ours, END, junk]),
        )
        .slow("authenticated"),
        relayed(
            "36, RFC 3118 2: zeros behind END are not used up",
            &OURS,
            of(&[END, &[0; 40]]),
            &of(&[OURS.ours, END, &[0; 40]]),
        )
        .slow("authenticated"),
        relayed(
            "36, RFC 3118 2: replace takes out exactly theirs",
            &REPLACE,
            chained(of(&[THEIRS, END, junk])),
            &chained(of(&[REPLACE.ours, END, junk])),
        )
        .slow("authenticated"),
        kept("36, RFC 3118 2: forwarded as it is", &PLAIN, chained(of(&[THEIRS, END, junk]))),
    ]
}
