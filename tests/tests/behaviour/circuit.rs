//! Rows 27 and 31: which interface the option 82 of a reply names.

use super::case::{Case, answered, lost, reply};
use super::network::{CISCO, Interface, LOOP, OURS, OVERRIDE, PLAIN, QINQ, TRUSTED, VPN};

const OFFER: &[u8] = &[53, 1, 2];
const END: &[u8] = &[255];

fn agent(sub_options: &[&[u8]]) -> Vec<u8> {
    let value = sub_options.concat();
    [&[82, value.len() as u8][..], &value].concat()
}

/// The offer comes with this option 82 and is delivered without.
fn found(name: &'static str, interface: &Interface, agent: &[u8]) -> Case {
    let offer = |agent: &[u8]| reply(interface, &[OFFER, agent, END], 300);
    answered(name, interface, offer(agent), &offer(&[]))
}

/// The offer comes with this option 82 and is dropped by the daemon, which reads it.
fn unknown(name: &'static str, interface: &Interface, agent: &[u8]) -> Case {
    lost(name, interface, reply(interface, &[OFFER, agent, END], 300), "unknown_circuit")
        .slow("foreign_option82")
}

pub(crate) fn cases() -> Vec<Case> {
    let mut by_unicast = OVERRIDE.ours.to_vec();
    by_unicast[13] = 0x80;
    let circuit: &[u8] = &[1, 7, b'e', b't', b'h', b'0', b'.', b'1', b'0'];
    let remote: &[u8] = &[2, 6, 2, 0, 0, 0, 0, 2];
    let b: &[u8] = &[1, 1, b'B'];
    let longest = [&[1, 253][..], &[b'x'; 253]].concat();
    let mut cases = vec![
        found("27, RFC 3046 2.2: exactly ours", &OURS, OURS.ours),
        found("27, RFC 3046 2.2: one of two interfaces with one giaddr", &OVERRIDE, OVERRIDE.ours),
        found("27, RFC 3046 2.2: the other of two interfaces with one giaddr", &LOOP, LOOP.ours),
        found("27, RFC 5010: flags as they were after a unicast", &OVERRIDE, &by_unicast),
        found("27, 802.1ad: a reply carries both tags", &QINQ, QINQ.ours),
        found("27, RFC 3046 2.0: sub-options in another order", &OURS, &agent(&[remote, circuit]))
            .slow("foreign_option82"),
        found("27, a server that sends the circuit-id alone back", &OURS, &agent(&[circuit]))
            .slow("foreign_option82"),
        found("27, a sub-option more", &LOOP, &agent(&[b, &[5, 4, 192, 168, 67, 2], &[9, 2, 1, 1]]))
            .slow("foreign_option82"),
        found("31, Cisco's numbers: 152 is not VSS-control", &CISCO, CISCO.ours),
        found("27, no option 82 configured: whatever there is is taken out", &PLAIN, &agent(&[b])),
        unknown("27, a circuit-id of no interface", &LOOP, &agent(&[&[1, 2, b'z', b'z']])),
        unknown("27, the circuit-id of an interface with another giaddr", &LOOP, &agent(&[circuit])),
        unknown(
            "27, a circuit-id that begins as ours does",
            &OURS,
            &agent(&[&[1, 6, b'e', b't', b'h', b'0', b'.', b'1'], remote]),
        ),
        unknown("27, a circuit-id of no octet", &LOOP, &agent(&[&[1, 0]])),
        unknown("27, a circuit-id of 253 octets", &LOOP, &agent(&[&longest])),
        unknown("27, no circuit-id", &OURS, &agent(&[remote])),
        unknown("27, an empty option 82", &OURS, &agent(&[])),
        unknown("27, a remote-id that is not ours", &OURS, &agent(&[circuit, &[2, 6, 2, 0, 0, 0, 0, 9]])),
        unknown("27, a sub-option that runs past the option", &OURS, &agent(&[circuit, &[2, 9, 2]])),
        unknown("27, a sub-option without a length", &OURS, &agent(&[circuit, &[2]])),
    ];
    cases.extend(vpn());
    cases
}

fn vpn() -> Vec<Case> {
    let circuit: &[u8] = &[1, 3, b'c', b'2', b'2'];
    let red: &[u8] = &[151, 4, 0, b'r', b'e', b'd'];
    let control: &[u8] = &[152, 0];
    let theirs = agent(&[&[1, 2, 9, 9]]);
    let offer = reply(&VPN, &[OFFER, VPN.ours, END], 300);
    let reordered = |sub_options: &[&[u8]]| reply(&VPN, &[OFFER, &agent(sub_options), END], 300);
    let kept = reply(&TRUSTED, &[OFFER, &theirs, END], 300);
    vec![
        found("31, RFC 6607: without 152 the server has looked at the VPN", &VPN, &agent(&[circuit, red])),
        lost("31, RFC 6607: with 152 it has not", &VPN, offer, "vss_ignored"),
        lost(
            "31, RFC 6607: with 152 somewhere else",
            &VPN,
            reordered(&[control, red, circuit]),
            "vss_ignored",
        )
        .slow("foreign_option82"),
        found("31, RFC 6607: 151 before the circuit-id", &VPN, &agent(&[red, circuit]))
            .slow("foreign_option82"),
        unknown("31, RFC 6607: another VPN", &VPN, &agent(&[circuit, &[151, 4, 0, b'b', b'l', b'u']])),
        unknown("31, RFC 6607: no VPN", &VPN, &agent(&[circuit])),
        answered(
            "27, RFC 3046 2.1: of a trusted circuit it is for the device below",
            &TRUSTED,
            kept.clone(),
            &kept,
        ),
    ]
}
