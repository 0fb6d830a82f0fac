//! DHCPLEASEQUERY and its three answers as octets (RFC 4388 section 6).
//!
//! Eight options of a message whose checks are done (the rules have walked its options) are read, and option 82 as it is. A
//! general DHCP library would bring a DNS library into a daemon that runs as root, and gives option 82 in parts only.

use std::net::Ipv4Addr;

use relay_common::wire::bootp::{self, message, option};

use crate::clients::Hardware;

/// IP address lease time: in an answer, what is left of it.
const LEASE: u8 = 51;
const PARAMETERS: u8 = 55;
const T1: u8 = 58;
const T2: u8 = 59;
const CLIENT_ID: u8 = 61;
/// Seconds since the client's last message (client-last-transaction-time).
const LAST_TRANSACTION: u8 = 91;

/// What is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// Who holds this address.
    Address(Ipv4Addr),
    /// What the client with this hardware address holds.
    Hardware(Hardware),
}

/// What a server says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The address is the server's to give, and nobody holds it.
    Unassigned,
    /// The server knows nothing of it.
    Unknown,
    /// A client holds it.
    Active,
}

/// An answer. What an answer without a client leaves out is zero or `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Of the query.
    pub xid: u32,
    /// What is said.
    pub standing: Standing,
    /// Of which address (`ciaddr`).
    pub address: Ipv4Addr,
    /// The client's hardware address.
    pub hardware: Hardware,
    /// Its client identifier.
    pub client_id: Option<Vec<u8>>,
    /// Seconds that are left of its lease.
    pub lease: Option<u32>,
    /// Seconds until T1.
    pub t1: Option<u32>,
    /// Seconds until T2.
    pub t2: Option<u32>,
    /// Seconds since the client was last heard of.
    pub last_transaction: Option<u32>,
    /// What the server calls itself.
    pub server_id: Option<Ipv4Addr>,
    /// Option 82 of the client's last message, as it was.
    pub agent: Option<Vec<u8>>,
}

/// A query. The answer goes to `giaddr`, port 67.
pub(super) fn query(xid: u32, giaddr: Ipv4Addr, subject: &Subject) -> Vec<u8> {
    let mut octets = vec![0; bootp::COOKIE];
    octets[bootp::OP] = bootp::BOOTREQUEST;
    octets[bootp::XID..bootp::XID + 4].copy_from_slice(&xid.to_be_bytes());
    octets[bootp::GIADDR..bootp::GIADDR + 4].copy_from_slice(&giaddr.octets());
    match subject {
        Subject::Address(address) => {
            octets[bootp::CIADDR..bootp::CIADDR + 4].copy_from_slice(&address.octets());
        }
        Subject::Hardware(hardware) => {
            octets[bootp::HTYPE] = bootp::ETHERNET;
            octets[bootp::HLEN] = hardware.octets().len() as u8;
            octets[bootp::CHADDR..bootp::CHADDR + bootp::CHADDR_LEN].copy_from_slice(&hardware.octets);
        }
    }
    octets.extend(bootp::MAGIC);
    octets.extend([option::MESSAGE_TYPE, 1, message::LEASEQUERY]);
    let wanted = [LEASE, option::SERVER_ID, T1, T2, CLIENT_ID, option::RELAY_AGENT, LAST_TRANSACTION];
    octets.extend([PARAMETERS, wanted.len() as u8]);
    octets.extend(wanted);
    octets.push(option::END);
    octets.resize(octets.len().max(bootp::MIN_LEN), 0);
    octets
}

/// Reads an answer; `None` for what is none.
pub fn parse(octets: &[u8]) -> Option<Answer> {
    let (fixed, mut rest) = octets.split_at_checked(bootp::OPTIONS)?;
    if fixed[bootp::OP] != bootp::BOOTREPLY || fixed[bootp::COOKIE..] != bootp::MAGIC {
        return None;
    }
    let mut standing = None;
    let mut hardware = Hardware { len: fixed[bootp::HLEN].min(16), octets: [0; 16] };
    let len = usize::from(hardware.len);
    hardware.octets[..len].copy_from_slice(&fixed[bootp::CHADDR..bootp::CHADDR + len]);
    let quad = |at: usize| fixed[at..].first_chunk::<4>().copied();
    let mut answer = Answer {
        xid: u32::from_be_bytes(quad(bootp::XID)?),
        standing: Standing::Unknown,
        address: quad(bootp::CIADDR)?.into(),
        hardware,
        client_id: None,
        lease: None,
        t1: None,
        t2: None,
        last_transaction: None,
        server_id: None,
        agent: None,
    };
    loop {
        let (code, value) = match rest {
            [option::PAD, tail @ ..] => {
                rest = tail;
                continue;
            }
            [] | [option::END, ..] => break,
            [code, len, tail @ ..] => {
                let (value, tail) = tail.split_at_checked(usize::from(*len))?;
                rest = tail;
                (*code, value)
            }
            _ => return None,
        };
        let quad = || value.try_into().ok();
        let number = || quad().map(u32::from_be_bytes);
        match (code, value) {
            (option::MESSAGE_TYPE, [kind]) => {
                standing = Some(match *kind {
                    message::LEASEUNASSIGNED => Standing::Unassigned,
                    message::LEASEUNKNOWN => Standing::Unknown,
                    message::LEASEACTIVE => Standing::Active,
                    _ => return None,
                });
            }
            (LEASE, _) => answer.lease = number(),
            (T1, _) => answer.t1 = number(),
            (T2, _) => answer.t2 = number(),
            (LAST_TRANSACTION, _) => answer.last_transaction = number(),
            (option::SERVER_ID, _) => answer.server_id = quad().map(Ipv4Addr::from),
            // RFC 3396: what is longer than 255 octets comes in parts.
            (CLIENT_ID, _) => answer.client_id.get_or_insert_default().extend(value),
            (option::RELAY_AGENT, _) => answer.agent.get_or_insert_default().extend(value),
            _ => {}
        }
    }
    Some(Answer { standing: standing?, ..answer })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIADDR: Ipv4Addr = Ipv4Addr::new(192, 168, 60, 2);

    fn hardware(last: u8) -> Hardware {
        let mut octets = [0; 16];
        octets[..6].copy_from_slice(&[2, 0, 0, 0, 0, last]);
        Hardware { len: 6, octets }
    }

    #[test]
    fn a_query_about_an_address_has_it_in_ciaddr_and_names_no_client() {
        let octets = query(0x0102_0304, GIADDR, &Subject::Address([192, 168, 60, 9].into()));
        assert_eq!(octets.len(), 300);
        assert_eq!(octets[..4], [1, 0, 0, 0]);
        assert_eq!(octets[4..8], [1, 2, 3, 4]);
        assert_eq!(octets[12..16], [192, 168, 60, 9]);
        assert_eq!(octets[24..28], GIADDR.octets());
        assert_eq!(octets[28..236], [0; 208]);
        assert_eq!(
            octets[236..253],
            [99, 130, 83, 99, 53, 1, 10, 55, 7, 51, 54, 58, 59, 61, 82, 91, 255][..]
        );
    }

    #[test]
    fn a_query_about_a_client_has_its_hardware_address_and_no_address() {
        let octets = query(7, GIADDR, &Subject::Hardware(hardware(9)));
        assert_eq!(octets[..4], [1, 1, 6, 0]);
        assert_eq!(octets[12..16], [0; 4]);
        assert_eq!(octets[28..34], [2, 0, 0, 0, 0, 9]);
    }

    fn answered(options: &[u8]) -> Option<Answer> {
        let mut octets = query(7, GIADDR, &Subject::Hardware(hardware(9)));
        octets[0] = bootp::BOOTREPLY;
        octets[12..16].copy_from_slice(&[192, 168, 60, 9]);
        octets.truncate(bootp::OPTIONS);
        octets.extend(options);
        parse(&octets)
    }

    #[test]
    fn an_answer_says_who_holds_the_address_since_when_and_for_how_long() {
        let answer = answered(&[
            53, 1, 13, 0, 51, 4, 0, 0, 7, 8, 58, 4, 0, 0, 0, 9, 59, 4, 0, 0, 0, 10, 91, 4, 0, 0, 0, 60, 54,
            4, 10, 0, 41, 10, 61, 3, 0, 65, 66, 82, 3, 1, 1, 7, 255, 99,
        ])
        .expect("an answer");
        assert_eq!(
            answer,
            Answer {
                xid: 7,
                standing: Standing::Active,
                address: [192, 168, 60, 9].into(),
                hardware: hardware(9),
                client_id: Some(vec![0, 65, 66]),
                lease: Some(1800),
                t1: Some(9),
                t2: Some(10),
                last_transaction: Some(60),
                server_id: Some([10, 0, 41, 10].into()),
                agent: Some(vec![1, 1, 7]),
            }
        );
    }

    #[test]
    fn an_option_that_comes_in_parts_is_joined_and_one_of_a_wrong_length_says_nothing() {
        let answer = answered(&[82, 2, 1, 2, 53, 1, 13, 82, 2, 7, 8, 51, 3, 1, 1, 1]).expect("an answer");
        assert_eq!((answer.agent, answer.lease), (Some(vec![1, 2, 7, 8]), None));
    }

    #[test]
    fn what_is_no_answer_is_none() {
        for options in [
            &[][..],
            &[255],
            &[53, 1, 5],
            &[53, 1, 10],
            &[53, 1, 14],
            &[53, 1, 13, 51],
            &[53, 1, 13, 51, 9, 1],
        ] {
            assert_eq!(answered(options), None, "{options:?}");
        }
        assert_eq!(parse(&query(7, GIADDR, &Subject::Hardware(hardware(9)))), None, "a query");
        assert_eq!(parse(&[2; 240]), None, "without the cookie");
        assert_eq!(parse(&[2; 100]), None, "too short");
    }
}
