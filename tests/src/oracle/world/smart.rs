//! The interfaces of the world that have several addresses, one after another of which a client's requests go out with.
//!
//! | interface | device, VLANs | addresses | what is special |
//! | --- | --- | --- | --- |
//! | 24 | c1, 29 | 192.168.124.2, .126.2 (30), .127.2 (31) | no option 82, 2 DISCOVERs each |
//! | 25 | c1, 30 | 192.168.125.2, .128.2 (32) | giaddr is a loopback; 1, 5, 10, 11; 1 DISCOVER each |

use super::{C1, Interface, Option82, Policy, interface};

/// How far a client has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Number of the interface.
    pub interface: usize,
    pub chaddr: [u8; 16],
    /// Number of the address that its last DISCOVER went out with.
    pub at: usize,
    /// DISCOVERs with it since anybody answered.
    pub unanswered: u32,
    /// Number of the address of its last OFFER or ACK, 0 when there was none.
    pub answered: usize,
}

/// Interfaces 24 and 25, and their further addresses, from 30 on.
pub(super) fn interfaces() -> [Vec<Interface>; 2] {
    let plain = |host: u8| Interface { tries: 2, ..interface(C1, [29, 0], [192, 168, host, 2]) };
    let loopback = |host: u8| Interface {
        tries: 1,
        giaddr: [10, 255, 0, 25],
        source: [10, 255, 0, 25],
        option82: Some(Option82 {
            value: [
                &b"\x01\x03c25"[..],
                &[5, 4, 192, 168, host, 2],
                &[10, 1, 0],
                &[11, 4, 192, 168, host, 2],
            ]
            .concat(),
            flags_at: Some(13),
            policy: Policy::Append,
            trusted: false,
            cisco: false,
        }),
        ..interface(C1, [30, 0], [192, 168, host, 2])
    };
    let further = [
        Interface { further_of: 24, ..plain(126) },
        Interface { further_of: 24, ..plain(127) },
        Interface { further_of: 25, ..loopback(128) },
    ];
    [vec![plain(124), loopback(125)], further.to_vec()]
}

/// A client for each place that one can have come to.
pub(super) fn attempts() -> Vec<Attempt> {
    let places = [
        (24, 24, 1, 0),
        (24, 24, 2, 0),
        (24, 31, 2, 0),
        (24, 24, 0, 30),
        (24, 30, 1, 0),
        (25, 25, 0, 0),
        (25, 25, 1, 0),
        (25, 32, 1, 0),
        (25, 25, 0, 32),
    ];
    let attempt = |(number, (interface, at, unanswered, answered)): (u8, (usize, usize, u32, usize))| {
        let mut chaddr = [0; 16];
        chaddr[..6].copy_from_slice(&[2, 0, 0, 0xcc, 2, number]);
        Attempt { interface, chaddr, at, unanswered, answered }
    };
    (1..).zip(places).map(attempt).collect()
}
