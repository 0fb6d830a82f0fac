//! Where a reply goes: RFC 2131 section 4.1, RFC 1542 section 5.4.

use super::{CLIENT, Case, LEASED, delivered, offer, patched};
use crate::oracle::world::World;

const HTYPE: usize = 1;
const FLAGS: usize = 10;
const CIADDR: usize = 12;
const YIADDR: usize = 16;
const CHADDR: usize = 28;
const TYPE: usize = 242;
const RENEWED: [u8; 4] = [192, 168, 60, 101];
const EVERYONE: ([u8; 6], [u8; 4]) = ([0xff; 6], [255; 4]);
const ACK: (usize, &[u8]) = (TYPE, &[5]);
const NAK: (usize, &[u8]) = (TYPE, &[6]);

/// Name, changes to an OFFER by offset, Ethernet and IPv4 destination.
type Row<'a> = (&'static str, &'a [(usize, &'a [u8])], ([u8; 6], [u8; 4]));

/// The cases.
pub fn cases(world: &World) -> Vec<Case> {
    let table: &[Row<'_>] = &[
        ("an ACK without the broadcast flag goes to yiaddr", &[ACK], (CLIENT, LEASED)),
        ("the broadcast flag makes it a broadcast", &[(FLAGS, &[0x80, 0])], EVERYONE),
        ("the other fifteen flags mean nothing", &[(FLAGS, &[0x7f, 0xff])], (CLIENT, LEASED)),
        ("a NAK is broadcast without the flag", &[NAK, (YIADDR, &[0; 4])], EVERYONE),
        ("a NAK is broadcast even with ciaddr and yiaddr", &[NAK, (CIADDR, &RENEWED)], EVERYONE),
        ("ciaddr goes before yiaddr", &[ACK, (CIADDR, &RENEWED)], (CLIENT, RENEWED)),
        (
            "ciaddr goes before the broadcast flag",
            &[ACK, (CIADDR, &RENEWED), (FLAGS, &[0x80, 0])],
            (CLIENT, RENEWED),
        ),
        (
            "an ACK to an INFORM has no yiaddr and goes to ciaddr",
            &[ACK, (CIADDR, &RENEWED), (YIADDR, &[0; 4])],
            (CLIENT, RENEWED),
        ),
        ("without any address it is a broadcast", &[ACK, (YIADDR, &[0; 4])], EVERYONE),
        ("hlen 0 cannot be unicast", &[(HTYPE, &[1, 0])], EVERYONE),
        ("hlen 8 cannot be unicast", &[(HTYPE, &[1, 8])], EVERYONE),
        ("an htype other than Ethernet cannot be unicast", &[(HTYPE, &[32, 6])], EVERYONE),
        ("a multicast chaddr cannot be unicast", &[(CHADDR, &[3])], EVERYONE),
        ("a broadcast chaddr cannot be unicast", &[(CHADDR, &[0xff; 6])], EVERYONE),
        ("a chaddr of zeros cannot be unicast", &[(CHADDR, &[0; 6])], EVERYONE),
        ("plain BOOTP goes to yiaddr", &[(236, &[0; 7])], (CLIENT, LEASED)),
        ("an unknown message type goes to yiaddr", &[(TYPE, &[99])], (CLIENT, LEASED)),
    ];
    table
        .iter()
        .map(|&(name, changes, to)| {
            let message = changes
                .iter()
                .fold(offer(world, 1, &[255], 300), |message, &(at, octets)| patched(message, at, octets));
            delivered(world, name, 1, message.clone(), message, to)
        })
        .collect()
}
