//! The interfaces of the world whose servers are in several VRFs.
//!
//! | interface | device, VLANs | inserts | what is special |
//! | --- | --- | --- | --- |
//! | 26 | c0, 307 | 1, 10, 11, 151, 152 | clients in VRF 9; replace; an odd length |
//! | 27 | c1, 31 | 1, 151, 152 | clients in VRF 7; append; the giaddr and the circuit-id of 26 |
//! | 28 | c1, 32 | 1, 152, 151 | clients in the main table, which is global to 151; Cisco's numbers; append; checksum always |
//! | 29 | c1, 33 | 151, 152 | clients in VRF 9; forward; 1 server needs `secs` of 3 |

use super::{
    C0, C1, CLIENT_VRF, Interface, Option82, Policy, S0, S1, S2, SERVER_VRF, Server, interface, server,
};

/// Their numbers.
pub(super) const INTERFACES: [usize; 4] = [26, 27, 28, 29];

impl Interface {
    /// The value of option 82 for a server in a VRF: one that is in the clients' own VPN is not told which that is.
    pub fn agent_in(&self, vrf: u32, unicast: bool) -> Vec<u8> {
        let whole = self.agent(unicast);
        let cisco = self.option82.as_ref().is_some_and(|option82| option82.cisco);
        let (mut rest, mut without, mut global) = (&whole[..], Vec::new(), false);
        while let [code, len, behind @ ..] = rest {
            let (value, behind) = behind.split_at(usize::from(*len));
            match code {
                151 => global = value == [255],
                152 if !cisco => {}
                _ => without.extend([&[*code, *len], value].concat()),
            }
            rest = behind;
        }
        // The main table is a VPN only where it is said to be the global one.
        if self.vrf == vrf && (vrf != 0 || global) { without } else { whole }
    }

    /// Whether a server in a VRF gets less than what is configured.
    pub fn is_near(&self, vrf: u32) -> bool {
        self.agent_in(vrf, false) != self.agent(false)
    }
}

/// Their servers: in the main table, in VRF 9, and one of the main table that is not resolved.
pub(super) fn servers() -> Vec<Server> {
    vec![
        server([10, 0, 41, 20], S0),
        server([10, 9, 0, 20], S2),
        Server { min_secs: 3, ..server([10, 9, 0, 21], S2) },
        server([10, 0, 42, 20], S1),
        server([10, 0, 43, 20], 0),
    ]
}

/// Interfaces 26 to 29.
pub(super) fn interfaces() -> Vec<Interface> {
    let option82 = |value: &[&[u8]], flags_at, policy, cisco| {
        Some(Option82 { value: value.concat(), flags_at, policy, trusted: false, cisco })
    };
    let shared = [10, 255, 0, 26];
    let own = [10, 255, 0, 28];
    vec![
        Interface {
            group: 6,
            vrf: SERVER_VRF,
            giaddr: shared,
            source: shared,
            option82: option82(
                &[b"\x01\x04p307", &[10, 1, 0], &[11, 4, 10, 9, 26, 1], b"\x97\x05\x00blue\x98\x00"],
                Some(8),
                Policy::Replace,
                false,
            ),
            ..interface(C0, [307, 0], [10, 9, 26, 1])
        },
        Interface {
            group: 6,
            vrf: CLIENT_VRF,
            giaddr: shared,
            source: shared,
            option82: option82(&[b"\x01\x04p307", b"\x97\x04\x00red\x98\x00"], None, Policy::Append, false),
            ..interface(C1, [31, 0], [10, 7, 27, 1])
        },
        Interface {
            group: 6,
            giaddr: own,
            source: own,
            always_checksum: true,
            option82: option82(
                &[b"\x01\x03c28", &[152, 4, 192, 168, 88, 2], &[151, 1, 255]],
                None,
                Policy::Append,
                true,
            ),
            ..interface(C1, [32, 0], [192, 168, 88, 2])
        },
        Interface {
            group: 6,
            vrf: SERVER_VRF,
            option82: option82(&[&[151, 8, 1, 0, 0, 4, 0, 0, 0, 2], &[152, 0]], None, Policy::Forward, false),
            ..interface(C1, [33, 0], [10, 9, 29, 1])
        },
    ]
}
