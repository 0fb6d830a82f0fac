//! The interfaces of the world that insert option 82, with the octets they insert as literals, after the layouts of
//! RFC 3046, 3527, 5010, 5107, 6607 and 6925.
//!
//! | interface | device, VLANs | inserts | what is special |
//! | --- | --- | --- | --- |
//! | 8 | c0, 300 | 1, 5, 10, 11, 151, 152 | clients in VRF 7, giaddr is a loopback of VRF 9, discard |
//! | 9 | c0, 301 | 1, 2 | discard |
//! | 10 | c0, 302 | 1, an odd length | forward |
//! | 11 | c0, 303 | 1, 10, 11 | append |
//! | 12 | c0, 304 | 1, 2, 12 | replace |
//! | 13 | c0, 305 | 1 | trusted, append |
//! | 14 | c0, 306 (88a8) 7 | 1, 10, 11 | trusted, replace, checksum always |
//! | 15 | c1, 20 | 1, 2, 5 | replace; shares its giaddr with 16 and 17 |
//! | 16 | c1, 21 | 1, 5, 10, 11 | trusted, forward |
//! | 17 | c1, 22 | 1, 5, 151, 152 | append; the circuit-id of 16 |
//! | 18 | c1, 23 | 1, 2 | replace; `max_message_size` 400 |
//! | 19 | c1, 24 | 255 octets | append; `max_message_size` 9000, above every MTU |
//! | 20 | c1, 25 | 1, an odd length | trusted, discard; servers with `min_secs` 0, 3 and 300 |
//! | 21 | c1, 26 | 1 | replace; a server with `min_secs` 5 |
//! | 23 | c1, 28 | 1, 10, 150, 152, 151 | Cisco's numbers |
//! | 22 | c1, 27 | 1 | clients in VRF 7; the giaddr of 15 to 17, and the address of 5, which is in another VRF |

use super::{C0, C1, CLIENT_VRF, Interface, interface};

/// What is done with a request that has option 82 already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    Discard,
    Forward,
    Append,
    Replace,
}

/// The option 82 of an interface.
#[derive(Clone, Debug)]
pub struct Option82 {
    /// The sub-options, with flags of 0.
    pub value: Vec<u8>,
    /// Where the flags octet of sub-option 10 is in it.
    pub flags_at: Option<usize>,
    pub policy: Policy,
    pub trusted: bool,
    /// 150 is link selection and 152 server identifier override.
    pub cisco: bool,
}

/// A client whose messages were seen.
#[derive(Clone, Debug)]
pub struct Client {
    pub xid: [u8; 4],
    pub chaddr: [u8; 16],
    /// Number of the interface it is behind.
    pub interface: usize,
}

impl Interface {
    /// The value of option 82 for a request that came by unicast or by broadcast; empty when there is none.
    pub fn agent(&self, unicast: bool) -> Vec<u8> {
        let Some(option82) = &self.option82 else { return Vec::new() };
        let mut value = option82.value.clone();
        if let (Some(at), true) = (option82.flags_at, unicast) {
            value[at] = 0x80;
        }
        value
    }
}

/// Interfaces 8 to 23.
pub(super) fn interfaces() -> Vec<Interface> {
    let shared = [10, 255, 0, 15];
    let inserts = |value: &[&[u8]], flags_at, policy, trusted| {
        Some(Option82 { value: value.concat(), flags_at, policy, trusted, cisco: false })
    };
    let long = [&[1, 253][..], &[b'x'; 253]].concat();
    vec![
        Interface {
            group: 2,
            vrf: CLIENT_VRF,
            giaddr: [10, 255, 0, 8],
            source: [10, 255, 0, 8],
            option82: inserts(
                &[
                    b"\x01\x08eth0.300",
                    &[5, 4, 10, 7, 8, 1],
                    &[10, 1, 0],
                    &[11, 4, 10, 7, 8, 1],
                    b"\x97\x04\x00red\x98\x00",
                ],
                Some(18),
                Policy::Discard,
                false,
            ),
            ..interface(C0, [300, 0], [10, 7, 8, 1])
        },
        Interface {
            option82: inserts(
                &[b"\x01\x08eth0.100", &[2, 6, 2, 0, 0, 0, 0, 1]],
                None,
                Policy::Discard,
                false,
            ),
            ..interface(C0, [301, 0], [192, 168, 61, 2])
        },
        Interface {
            option82: inserts(&[b"\x01\x05cust1"], None, Policy::Forward, false),
            ..interface(C0, [302, 0], [192, 168, 62, 2])
        },
        Interface {
            option82: inserts(
                &[b"\x01\x04p303", &[10, 1, 0], &[11, 4, 192, 168, 63, 2]],
                Some(8),
                Policy::Append,
                false,
            ),
            ..interface(C0, [303, 0], [192, 168, 63, 2])
        },
        Interface {
            option82: inserts(
                &[b"\x01\x04p304", &[2, 6, 2, 0, 0, 0, 0xaa, 11], &[12, 3, 1, 2, 3]],
                None,
                Policy::Replace,
                false,
            ),
            ..interface(C0, [304, 0], [192, 168, 64, 2])
        },
        Interface {
            option82: inserts(&[b"\x01\x06p305.0"], None, Policy::Append, true),
            ..interface(C0, [305, 0], [192, 168, 65, 2])
        },
        Interface {
            tpid: 0x88a8,
            always_checksum: true,
            option82: inserts(
                &[b"\x01\x04p306", &[10, 1, 0], &[11, 4, 192, 168, 66, 2]],
                Some(8),
                Policy::Replace,
                true,
            ),
            ..interface(C0, [306, 7], [192, 168, 66, 2])
        },
        Interface {
            giaddr: shared,
            source: shared,
            option82: inserts(
                &[b"\x01\x03c15", &[2, 6, 2, 0, 0, 0, 0, 15], &[5, 4, 192, 168, 115, 2]],
                None,
                Policy::Replace,
                false,
            ),
            ..interface(C1, [20, 0], [192, 168, 115, 2])
        },
        Interface {
            giaddr: shared,
            source: shared,
            option82: inserts(
                &[b"\x01\x03c16", &[5, 4, 192, 168, 116, 2], &[10, 1, 0], &[11, 4, 192, 168, 116, 2]],
                Some(13),
                Policy::Forward,
                true,
            ),
            ..interface(C1, [21, 0], [192, 168, 116, 2])
        },
        Interface {
            giaddr: shared,
            source: shared,
            option82: inserts(
                &[b"\x01\x03c16", &[5, 4, 192, 168, 117, 2], &[151, 8, 1, 0, 0, 4, 0, 0, 0, 1], &[152, 0]],
                None,
                Policy::Append,
                false,
            ),
            ..interface(C1, [22, 0], [192, 168, 117, 2])
        },
        Interface {
            max_message: 400,
            option82: inserts(
                &[b"\x01\x08eth0.100", &[2, 6, 2, 0, 0, 0, 0, 1]],
                None,
                Policy::Replace,
                false,
            ),
            ..interface(C1, [23, 0], [192, 168, 118, 2])
        },
        Interface {
            max_message: 9000,
            option82: inserts(&[&long], None, Policy::Append, false),
            ..interface(C1, [24, 0], [192, 168, 119, 2])
        },
        Interface {
            group: 4,
            option82: inserts(&[b"\x01\x03c20"], None, Policy::Discard, true),
            ..interface(C1, [25, 0], [192, 168, 120, 2])
        },
        Interface {
            group: 5,
            option82: inserts(&[b"\x01\x04p321"], None, Policy::Replace, false),
            ..interface(C1, [26, 0], [192, 168, 121, 2])
        },
        Interface {
            vrf: CLIENT_VRF,
            giaddr: shared,
            source: shared,
            option82: inserts(&[b"\x01\x03c22"], None, Policy::Forward, false),
            ..interface(C1, [27, 0], [192, 168, 85, 2])
        },
        Interface {
            giaddr: [10, 255, 0, 23],
            source: [10, 255, 0, 23],
            option82: Some(Option82 {
                value: [
                    &b"\x01\x03c23"[..],
                    &[10, 1, 0],
                    &[150, 4, 192, 168, 123, 2],
                    &[152, 4, 192, 168, 123, 2],
                    b"\x97\x04\x00red",
                ]
                .concat(),
                flags_at: Some(7),
                policy: Policy::Replace,
                trusted: false,
                cisco: true,
            }),
            ..interface(C1, [28, 0], [192, 168, 123, 2])
        },
    ]
}

/// One client behind each interface whose giaddr is shared, and one of interface 1.
pub(super) fn clients() -> Vec<Client> {
    let client = |interface: usize| {
        let number = interface as u8;
        let mut chaddr = [0; 16];
        chaddr[..6].copy_from_slice(&[2, 0, 0, 0xcc, 1, number]);
        Client { xid: [0xc1, 0x1e, 0x27, number], chaddr, interface }
    };
    [1, 5, 6, 15, 16, 17, 22, 25, 26, 27, 32].map(client).to_vec()
}
