//! Rows 1, 2, 9, 13 and 16 to 18: the fixed fields of requests.

use super::case::{Case, chained, kept, patched, refused, relayed, request};
use super::network::{ALL, APPEND, Interface, LATE, LOOP, LOOPBACK, OURS, PLAIN, S1, S2, STANDBY};

const DISCOVER: &[u8] = &[53, 1, 1, 12, 4, b'n', b'a', b'm', b'e', 255];

/// Offsets of fields in a message.
const HTYPE: usize = 1;
const HLEN: usize = 2;
const HOPS: usize = 3;
const SECS: usize = 8;
const GIADDR: usize = 24;
const CHADDR: usize = 28;

fn discover() -> Vec<u8> {
    request(&[DISCOVER], 300)
}

/// 300 octets without the cookie.
fn bootp() -> Vec<u8> {
    patched(discover(), 236, &[0; 64])
}

fn hops(hops: u8) -> Vec<u8> {
    patched(discover(), HOPS, &[hops])
}

fn giaddr(octets: [u8; 4]) -> Vec<u8> {
    patched(discover(), GIADDR, &octets)
}

fn secs(octets: [u8; 2]) -> Vec<u8> {
    patched(discover(), SECS, &octets)
}

pub(crate) fn cases() -> Vec<Case> {
    [addresses(), fields(), servers()].concat()
}

fn addresses() -> Vec<Case> {
    let foreign = giaddr([192, 168, 170, 1]);
    vec![
        kept("1, RFC 1542 4.1.1: hops 0 becomes 1", &PLAIN, hops(0)),
        kept("1, RFC 1542 4.1.1: one below the limit goes on", &PLAIN, hops(15)),
        refused("1, RFC 1542 4.1.1: at the limit of 16 it is dropped", &PLAIN, hops(16), "hop_limit"),
        refused("1, RFC 1542 4.1.1: above the limit it is dropped", &PLAIN, hops(17), "hop_limit"),
        refused("1, RFC 1542 4.1.1: hops never wrap around", &PLAIN, hops(255), "hop_limit"),
        refused(
            "1, RFC 1542 4.1.1: the limit holds for relayed requests",
            &PLAIN,
            patched(chained(discover()), HOPS, &[16]),
            "hop_limit",
        ),
        kept("2, RFC 1542 4.1.1: a giaddr of 0 becomes the interface's address", &PLAIN, discover()),
        kept("2, RFC 1542 4.1.1: another relay's giaddr stays, only hops change", &PLAIN, foreign.clone()),
        kept("2, RFC 3046 2.1: with another relay's giaddr no option 82 is added", &OURS, foreign.clone()),
        kept("2, RFC 3046 2.1: nor with policy append", &APPEND, chained(discover())),
        kept("2, RFC 1542 4.1.1: nor is it replaced by a loopback giaddr", &LOOP, foreign),
        refused(
            "2, RFC 3046 2.1.1: this interface's giaddr from outside",
            &PLAIN,
            giaddr([192, 168, 60, 2]),
            "own_giaddr",
        ),
        refused(
            "2, RFC 3046 2.1.1: another interface's giaddr",
            &PLAIN,
            giaddr([192, 168, 61, 2]),
            "own_giaddr",
        ),
        refused(
            "2, RFC 3046 2.1.1: our address toward the servers",
            &OURS,
            giaddr([10, 0, 41, 1]),
            "own_giaddr",
        ),
        refused("2, RFC 3046 2.1.1: the loopback giaddr", &LOOP, giaddr(LOOPBACK.octets()), "own_giaddr"),
        kept("9, RFC 1542: BOOTP without a cookie goes on, padding and all", &PLAIN, bootp()),
        kept("9, RFC 3046 2.1: BOOTP gets no option 82", &OURS, bootp()),
        kept(
            "9, RFC 1542 4.1.1: BOOTP gets the client interface's giaddr behind a loopback too",
            &LOOP,
            bootp(),
        ),
        kept("9, RFC 951: a message of its 236 fixed octets goes on", &PLAIN, bootp()[..236].to_vec()),
        refused("9, RFC 951: one octet less is no message", &PLAIN, bootp()[..235].to_vec(), "truncated"),
        kept("9, RFC 951: 239 octets hold no cookie", &OURS, discover()[..239].to_vec()),
        // Everything that comes out anywhere is compared: nothing of a request goes back to the clients.
        kept("16, RFC 1542 4.1.1: a broadcast is not sent back to where it came from", &PLAIN, discover()),
    ]
}

fn fields() -> Vec<Case> {
    let hlen = |hlen: u8| patched(discover(), HLEN, &[hlen]);
    vec![
        kept("17, RFC 1542: hlen 0", &PLAIN, hlen(0)),
        kept("17, RFC 1542: hlen 8", &PLAIN, hlen(8)),
        kept("17, RFC 1542: hlen 16", &PLAIN, hlen(16)),
        refused("17, RFC 951: hlen 17 is longer than chaddr", &PLAIN, hlen(17), "bad_hlen"),
        refused("17, RFC 951: hlen 255", &PLAIN, hlen(255), "bad_hlen"),
        kept("17, RFC 1542: htype 32 (InfiniBand)", &PLAIN, patched(hlen(0), HTYPE, &[32])),
        kept("17, RFC 1542: chaddr multicast", &PLAIN, patched(discover(), CHADDR, &[3])),
        kept("17, RFC 1542: chaddr zero", &PLAIN, patched(discover(), CHADDR, &[0; 6])),
        refused("17, RFC 951: op 3", &PLAIN, patched(discover(), 0, &[3]), "bad_op"),
        refused("17, RFC 951: op 0", &PLAIN, patched(discover(), 0, &[0]), "bad_op"),
    ]
}

fn servers() -> Vec<Case> {
    let both = Interface { servers: &[S1, S2], ..STANDBY };
    let late = Interface { servers: &[S2], ..LATE };
    let to_all = |name, kind: &[u8]| {
        let end = [&[53, 1], kind, &[255]].concat();
        let ours = [&[53, 1], kind, ALL.ours, &[255]].concat();
        relayed(name, &ALL, request(&[&end], 300), &request(&[&ours], 300))
    };
    vec![
        to_all("13, RFC 2131: DISCOVER is at every server once", &[1]),
        to_all("13, RFC 2131: REQUEST is at every server once", &[3]),
        to_all("13, RFC 2131: DECLINE is at every server once", &[4]),
        to_all("13, RFC 2131: RELEASE is at every server once", &[7]),
        to_all("13, RFC 2131: INFORM is at every server once", &[8]),
        to_all("13, RFC 2131: a type nobody knows is at every server once", &[200]),
        kept("13, RFC 1542: BOOTP is at every server once", &ALL, bootp()),
        kept("18, RFC 1542 3.1: below the threshold the standby gets nothing", &STANDBY, secs([0, 2])),
        kept("18, RFC 1542 3.1: at the threshold both get it", &both, secs([0, 3])),
        kept("18, RFC 1542 3.1: above the threshold both get it", &both, secs([0, 4])),
        kept("18, secs in the wrong byte order, below the threshold", &STANDBY, secs([2, 0]))
            .counted(STANDBY.index, "swapped_secs"),
        kept("18, secs in the wrong byte order, at the threshold", &both, secs([3, 0]))
            .counted(STANDBY.index, "swapped_secs"),
        kept("18, 0x0101 is 257 seconds either way", &both, secs([1, 1])),
        refused(
            "18, RFC 1542 3.1: below every server's threshold it is dropped",
            &LATE,
            secs([0, 2]),
            "min_secs",
        ),
        kept("18, RFC 1542 3.1: and not at it", &late, secs([0, 3])),
    ]
}
