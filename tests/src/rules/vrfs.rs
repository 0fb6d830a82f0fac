//! Servers of one group in several VRFs: those in the clients' own get option 82 without virtual subnet selection (RFC 6607),
//! and what comes back from there has none. Interfaces 26 to 29.

use super::{
    CLIENT, Case, Expect, LEASED, bare, case, chained, copy_for, delivered, discover, from_client,
    from_server, offer, patched,
};
use crate::generate::spec::Checksum;
use crate::oracle::world::{S2, World, mac};

const D: &[u8] = &[53, 1, 1];
const END: &[u8] = &[255];
const HOST: &[u8] = &[12, 3, b'f', b'o', b'o'];
/// Ours on interface 26 without the VPN, flags at 10, and with it.
const P307: &[u8] = &[82, 15, 1, 4, b'p', b'3', b'0', b'7', 10, 1, 0, 11, 4, 10, 9, 26, 1];
const BLUE: &[u8] = &[0x97, 5, 0, b'b', b'l', b'u', b'e', 0x98, 0];
/// Ours on interface 27, all of whose servers are in other VRFs.
const RED: &[u8] = &[82, 14, 1, 4, b'p', b'3', b'0', b'7', 0x97, 4, 0, b'r', b'e', b'd', 0x98, 0];
/// The same without 152.
const RED_ANSWERED: &[u8] = &[82, 12, 1, 4, b'p', b'3', b'0', b'7', 0x97, 4, 0, b'r', b'e', b'd'];
/// The circuit-id of both.
const CIRCUIT: &[u8] = &[82, 6, 1, 4, b'p', b'3', b'0', b'7'];
/// Ours on interface 28 without the VPN; 152 is server identifier override.
const C28: &[u8] = &[82, 11, 1, 3, b'c', b'2', b'8', 152, 4, 192, 168, 88, 2];
const GLOBAL: &[u8] = &[0x97, 1, 255];
/// Ours on interface 29, which says nothing but the VPN.
const ONLY: &[u8] = &[82, 12, 151, 8, 1, 0, 0, 4, 0, 0, 0, 2, 152, 0];
const AUTH: &[u8] =
    &[90, 31, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 7, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9];

fn and(option: &[u8], more: &[u8]) -> Vec<u8> {
    let mut longer = [option, more].concat();
    longer[1] += more.len() as u8;
    longer
}

/// The first octets of one message, and as many zeros behind them as make it as long as another.
fn as_long(message: Vec<u8>, as_this: &[u8]) -> Vec<u8> {
    let mut message = message;
    message.resize(as_this.len(), 0);
    message
}

/// What a request with these octets before END becomes: in the copies for servers of the VRF `near`, and in the others.
fn split(world: &World, name: &'static str, number: usize, near: u32, forms: [Vec<u8>; 3]) -> Case {
    let [given, to_near, to_far] = forms;
    let group = &world.groups[world.interfaces[number - 1].group];
    let wanted = group.servers.iter().filter(|server| server.min_secs == 0);
    let copy = |server: &crate::oracle::world::Server| {
        let payload = if server.vrf == near { &to_near } else { &to_far };
        copy_for(world, number, server, payload.clone())
    };
    let spec = from_client(world, number, given);
    Case { name, spec, expect: Expect::Copies(wanted.map(copy).collect()), slow: None }
}

fn requests(world: &World) -> Vec<Case> {
    let tight = |name, number, near: u32, before: &[u8], short: &[u8], long: &[u8]| {
        let far = bare(&[before, long, END].concat());
        let near_one = as_long(bare(&[before, short, END].concat()), &far);
        split(world, name, number, near, [bare(&[before, END].concat()), near_one, far])
    };
    let long = and(P307, BLUE);
    let unsummed = |mut case: Case| {
        case.spec.checksum = Checksum::Zero;
        if let Expect::Copies(copies) = &mut case.expect {
            copies.iter_mut().for_each(|copy| copy[40..42].fill(0));
        }
        case
    };
    let padded = [D, END].concat();
    let authenticated = |number, name, near: u32, short: &[u8], long: &[u8]| {
        let with = |ours: &[u8]| bare(&[D, AUTH, ours, END, &[1, 2, 3]].concat());
        split(world, name, number, near, [with(&[]), with(short), with(long)]).slow("authenticated")
    };
    vec![
        split(
            world,
            "RFC 6607: a server in the clients' VRF is not told the VPN, those of other VRFs are",
            26,
            9,
            [discover(&padded), discover(&[D, P307, END].concat()), discover(&[D, &long, END].concat())],
        ),
        tight("the copies are of one length, what is shorter ends with zeros", 26, 9, D, P307, &long),
        tight("at the other parity as well", 26, 9, &[D, &[12, 1, b'n']].concat(), P307, &long),
        tight("an even number of octets, at either parity", 28, 0, D, C28, &and(C28, GLOBAL)),
        tight("the other one", 28, 0, &[D, &[12, 2, b'n', b'n']].concat(), C28, &and(C28, GLOBAL)),
        tight("of nothing but the VPN nothing is left", 29, 9, D, &[], ONLY),
        tight("where no server is near all get the VPN", 27, u32::MAX, D, &[], RED),
        unsummed(tight("a checksum that is not there is not made up", 26, 9, D, P307, &long)),
        authenticated(26, "RFC 3118: what is authenticated becomes shorter instead", 9, P307, &long),
        authenticated(29, "RFC 3118: and stays as it was where nothing is inserted", 9, &[], ONLY),
        case(
            "a giaddr of ours in the VRF of any server is a loop or a forgery",
            from_client(world, 28, patched(chained(discover(&padded)), 24, &[10, 9, 0, 2])),
            Expect::Dropped("own_giaddr"),
        ),
    ]
}

fn replies(world: &World) -> Vec<Case> {
    // From 10.9.0.20 in VRF 9.
    let from_vrf_9 = |case: Case| {
        case.with(|spec| (spec.device, spec.destination_mac, spec.source) = (S2, mac(S2), [10, 9, 0, 20]))
    };
    let to = |name, number, given: &[&[u8]]| {
        let given = offer(world, number, &given.concat(), 0);
        let left = offer(world, number, &[HOST, END].concat(), 300);
        delivered(world, name, number, given, left, (CLIENT, LEASED))
    };
    let refused = |name, number, given: &[&[u8]], reason| {
        let spec = from_server(world, number, offer(world, number, &given.concat(), 300));
        case(name, spec, Expect::Dropped(reason))
    };
    let client = |number: u8, message: Vec<u8>| {
        let chaddr = [2, 0, 0, 0xcc, 1, number];
        patched(patched(message, 4, &[0xc1, 0x1e, 0x27, number]), 28, &chaddr)
    };
    let none = || offer(world, 26, &[HOST, END].concat(), 300);
    let whereto = ([2, 0, 0, 0xcc, 1, 26], LEASED);
    let answered = and(P307, &BLUE[..7]);
    vec![
        from_vrf_9(to("ours from the clients' VRF has no VPN in it", 26, &[P307, HOST, END])),
        from_vrf_9(to(
            "nor has it with the flags of a unicast",
            26,
            &[&patched(P307.to_vec(), 10, &[0x80]), HOST, END],
        )),
        to("ours from another VRF has", 26, &[&answered, HOST, END]),
        from_vrf_9(to("the VPN tells it from one with the same circuit-id", 27, &[RED_ANSWERED, HOST, END])),
        to("by Cisco's numbers from the main table, where it is near", 28, &[C28, HOST, END]),
        from_vrf_9(to("and from another VRF with the VPN", 28, &[&and(C28, GLOBAL), HOST, END])),
        refused("from another VRF the form without the VPN is nobody's", 26, &[P307, END], "unknown_circuit")
            .slow("foreign_option82"),
        from_vrf_9(refused(
            "nor that with it from the clients' VRF",
            26,
            &[&answered, END],
            "unknown_circuit",
        ))
        .slow("foreign_option82"),
        from_vrf_9(refused(
            "a near server that adds 152 looked at nothing",
            26,
            &[&and(P307, &[152, 0]), END],
            "vss_ignored",
        ))
        .slow("foreign_option82"),
        from_vrf_9(to("by the circuit-id alone from the clients' VRF", 26, &[CIRCUIT, HOST, END]))
            .slow("foreign_option82"),
        from_vrf_9(delivered(
            world,
            "without option 82 the client table tells, from whichever VRF",
            26,
            client(26, none()),
            client(26, none()),
            whereto,
        )),
    ]
}

/// The cases.
pub fn cases(world: &World) -> Vec<Case> {
    let mut cases = requests(world);
    cases.extend(replies(world));
    cases
}
