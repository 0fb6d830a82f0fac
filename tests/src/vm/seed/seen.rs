//! What was seen in the article's laboratory, read as the article prints it: who has which message by which relay, and
//! what option 82 said.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context, Result};

use super::{LAST_XID, RelayHost, Seed};
use crate::lab::frame::{Direction, Packet};
use crate::lab::scenario::{Seen, Step};
use crate::lab::{Capture, wait};

/// For everything that is waited for under emulation.
pub const DEADLINE: Duration = Duration::from_secs(90);

/// Sub-options of option 82, and what the flags hold for a client's unicast (RFC 5010).
pub const CIRCUIT_ID: u8 = 1;
pub const LINK_SELECTION: u8 = 5;
pub const FLAGS: u8 = 10;
pub const SERVER_ID_OVERRIDE: u8 = 11;
pub const UNICAST: u8 = 0x80;

const REQUESTED_ADDRESS: u8 = 50;
const SERVER_IDENTIFIER: u8 = 54;
const RELAY_INFORMATION: u8 = 82;

/// Everything at the servers and at the client.
pub struct Observed {
    pub servers: [Seen; 2],
    pub client: Seen,
}

impl Observed {
    /// Takes it when a last request has come through both relays to both servers, and the client has every reply that
    /// servers gave to relays.
    pub fn settled(seed: &Seed, at_servers: &[Capture; 2], at_client: &Capture) -> Result<Self> {
        let last = seed.last_request()?;
        for capture in at_servers {
            capture.wait_for("the last request from both relays", DEADLINE, |frames| {
                let packets = frames.iter().filter_map(|frame| frame.packet().ok());
                let of_host = packets.filter(|packet| is_last(packet) && sender(packet) == Some(last));
                (of_host.count() >= seed.relays.len()).then_some(())
            })?;
        }
        let seen = |capture: &Capture| {
            Seen(capture.dhcp().into_iter().filter(|(_, packet)| !is_last(packet)).collect())
        };
        wait::until("every reply is at the client", DEADLINE, || {
            let observed = Self { servers: at_servers.each_ref().map(seen), client: seen(at_client) };
            let all_there = [Step::Offer, Step::Ack, Step::Nak].iter().all(|step| {
                let of = |seen: &Seen, direction| seen.of(direction, *step).len();
                let sent: usize = observed.servers.iter().map(|seen| of(seen, Direction::Outgoing)).sum();
                of(&observed.client, Direction::Incoming) == sent
            });
            Ok(all_there.then_some(observed))
        })
    }

    /// How many messages of a step a server has through a relay.
    pub fn through(&self, server: usize, relay: &RelayHost, step: Step) -> usize {
        let arrived = self.servers[server].of(Direction::Incoming, step);
        arrived.iter().filter(|packet| giaddr(packet) == Some(relay.loopback)).count()
    }

    /// How many a server has at all.
    pub fn arrived(&self, server: usize, step: Step) -> usize {
        self.servers[server].of(Direction::Incoming, step).len()
    }

    /// How many replies of a step a server gave.
    pub fn given(&self, server: usize, step: Step) -> usize {
        self.servers[server].of(Direction::Outgoing, step).len()
    }

    /// The only message of a step that the client sent.
    pub fn sent(&self, step: Step) -> Result<&Packet> {
        let sent = self.client.of(Direction::Outgoing, step);
        anyhow::ensure!(sent.len() == 1, "the client sent {} of {step:?}", sent.len());
        Ok(sent[0])
    }
}

impl std::fmt::Display for Observed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { servers: [s1, s2], client } = self;
        write!(formatter, "at s1:\n{s1}at s2:\n{s2}at the client:\n{client}")
    }
}

/// Who the message says the server is (54).
pub fn server_identifier(packet: &Packet) -> Option<Ipv4Addr> {
    address_in(packet, SERVER_IDENTIFIER)
}

/// The address that a client asks for (50).
pub fn requested(packet: &Packet) -> Option<Ipv4Addr> {
    address_in(packet, REQUESTED_ADDRESS)
}

/// What a reply leases.
pub fn leased(packet: &Packet) -> Option<Ipv4Addr> {
    Some(packet.bootp().ok()?.yiaddr())
}

/// The relay that a message went through.
pub fn giaddr(packet: &Packet) -> Option<Ipv4Addr> {
    Some(packet.bootp().ok()?.giaddr())
}

/// The sub-options of the one option 82 in a message, in order.
pub fn sub_options(packet: &Packet) -> Result<Vec<(u8, Vec<u8>)>> {
    let value = packet.bootp()?.option(RELAY_INFORMATION).context("there is no option 82")?;
    let mut rest = value.as_slice();
    let mut all = Vec::new();
    while let [code, length, after @ ..] = rest {
        let (value, after) =
            after.split_at_checked(usize::from(*length)).context("a sub-option runs past the end")?;
        all.push((*code, value.to_vec()));
        rest = after;
    }
    anyhow::ensure!(rest.is_empty(), "an octet too much in option 82");
    Ok(all)
}

fn address_in(packet: &Packet, code: u8) -> Option<Ipv4Addr> {
    let octets: [u8; 4] = packet.bootp().ok()?.option(code)?.try_into().ok()?;
    Some(octets.into())
}

fn sender(packet: &Packet) -> Option<[u8; 6]> {
    Some(packet.bootp().ok()?.chaddr())
}

fn is_last(packet: &Packet) -> bool {
    packet.bootp().is_ok_and(|bootp| bootp.xid() == LAST_XID)
}
