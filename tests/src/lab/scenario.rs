//! One client's life behind a relay: discover, offer, request, ack, renewal, release, with every frame at the servers
//! and at the client kept. The relay, the client and the network are parameters.

use std::fmt;
use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context, Result};
use dhcproto::v4::MessageType;

use crate::peers::{Client, Dhclient, Dhcpcd, Dhcpd, FailoverPair, Udhcpc, failover};

use super::build::{BOOTREPLY, BOOTREQUEST, Bootp, Datagram};
use super::capture::Capture;
use super::expect;
use super::frame::{Direction, Packet};
use super::namespace::Namespace;
use super::packet::{Deliver, PacketSocket};
use super::relay::Relay;
use super::topology::{EDGE, Topology};
use super::wait;

const DEADLINE: Duration = Duration::from_secs(20);

/// The transaction of the frame that ends a scenario: what it meets everywhere came after everything else.
const LAST_XID: u32 = 0x1a57_f4a3;

/// Which client program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientKind {
    Dhclient,
    Udhcpc,
    Dhcpcd,
}

impl ClientKind {
    /// Starts the program.
    pub fn start(self, host: &Namespace, interface: &str) -> Result<Box<dyn Client>> {
        Ok(match self {
            Self::Dhclient => Box::new(Dhclient::start(host, interface)?),
            Self::Udhcpc => Box::new(Udhcpc::start(host, interface)?),
            Self::Dhcpcd => Box::new(Dhcpcd::start(host, interface)?),
        })
    }
}

/// Everything seen in a scenario.
pub struct Observed {
    /// The address the client was given.
    pub leased: Ipv4Addr,
    /// The client's hardware address.
    pub client_mac: [u8; 6],
    /// The DHCP frames at each server, in the order of [`Topology::servers`].
    pub servers: Vec<Seen>,
    /// The DHCP frames at the client.
    pub client: Seen,
    /// The log of each server.
    pub server_logs: Vec<Vec<String>>,
}

/// The DHCP frames at one interface, in order.
pub struct Seen(pub Vec<(Direction, Packet)>);

/// A step of the client's life, told from the message itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Discover,
    Offer,
    /// A REQUEST that answers an OFFER (it has a server identifier).
    Select,
    /// A REQUEST of a client that has the address (it has ciaddr).
    Renew,
    Ack,
    Nak,
    Release,
}

impl Step {
    /// Which step a packet is, if it is one.
    pub fn of(packet: &Packet) -> Option<Self> {
        let bootp = packet.bootp().ok()?;
        Some(match packet.message_type()? {
            MessageType::Discover => Self::Discover,
            MessageType::Offer => Self::Offer,
            MessageType::Request if bootp.option(54).is_some() => Self::Select,
            MessageType::Request if !bootp.ciaddr().is_unspecified() => Self::Renew,
            MessageType::Ack => Self::Ack,
            MessageType::Nak => Self::Nak,
            MessageType::Release => Self::Release,
            _ => return None,
        })
    }
}

impl Seen {
    /// The packets of one step in one direction.
    pub fn of(&self, direction: Direction, step: Step) -> Vec<&Packet> {
        let of_step =
            self.0.iter().filter(|(way, packet)| *way == direction && Step::of(packet) == Some(step));
        of_step.map(|(_, packet)| packet).collect()
    }

    /// Replies sent without a relay's address: to the client itself.
    pub(super) fn direct_replies_sent(&self) -> impl Iterator<Item = &Packet> {
        self.direct_replies(Direction::Outgoing)
    }

    /// The same where they arrive.
    pub(super) fn direct_replies_received(&self) -> impl Iterator<Item = &Packet> {
        self.direct_replies(Direction::Incoming)
    }

    fn direct_replies(&self, direction: Direction) -> impl Iterator<Item = &Packet> {
        let of_direction = self.0.iter().filter(move |(way, _)| *way == direction);
        of_direction.map(|(_, packet)| packet).filter(|packet| {
            packet.bootp().is_ok_and(|bootp| bootp.op() == BOOTREPLY && bootp.giaddr().is_unspecified())
        })
    }

    /// The steps that arrived, in order.
    pub fn arrived(&self) -> Vec<Step> {
        let incoming = self.0.iter().filter(|(way, _)| *way == Direction::Incoming);
        incoming.filter_map(|(_, packet)| Step::of(packet)).collect()
    }
}

/// Runs one client of `kind` through its life in `topology`, with `relay` on every relay host and ISC dhcpd on the
/// servers (two of them are a failover pair).
pub fn life_of_a_client(topology: &Topology, relay: &dyn Relay, kind: ClientKind) -> Result<Observed> {
    let servers = Servers::start(topology)?;
    let relays = topology.start_relays(relay)?;
    let at_servers = topology
        .servers
        .iter()
        .map(|server| Capture::start(&server.host, EDGE))
        .collect::<Result<Vec<_>>>()?;
    let host = topology.client("c1")?;
    let at_client = Capture::start(&host, EDGE)?;

    let client = kind.start(&host, EDGE)?;
    let leased = client.bound()?;
    client.renew()?;
    client.release()?;
    finish(topology, &at_servers)?;
    let (at_servers, at_client) = settled(&at_servers, &at_client)?;

    relay.before_end()?;
    drop(relays);
    Ok(Observed {
        leased,
        client_mac: host.mac(EDGE)?,
        servers: at_servers,
        client: at_client,
        server_logs: servers.logs(),
    })
}

/// The configuration of the client subnet. T1 is short because dhclient renews at no other time, and the lease is long
/// enough for a slow machine.
pub fn subnets(pool: &str) -> String {
    format!(
        r"ping-check false;
default-lease-time 120;
max-lease-time 120;
option dhcp-renewal-time 1;
option dhcp-rebinding-time 100;
subnet 10.0.41.0 netmask 255.255.255.0 {{ }}
subnet 192.168.60.0 netmask 255.255.255.0 {{
    option subnet-mask 255.255.255.0;
    option broadcast-address 192.168.60.255;
    option routers 192.168.60.1;
    pool {{
        {pool}
        range 192.168.60.100 192.168.60.119;
    }}
}}
"
    )
}

enum Servers {
    One(Box<Dhcpd>),
    Two(Box<FailoverPair>),
}

impl Servers {
    fn start(topology: &Topology) -> Result<Self> {
        let place = |number: usize| {
            let server = topology.servers.get(number).context("a server host")?;
            Ok::<_, anyhow::Error>(failover::Place {
                host: &server.host,
                interface: EDGE,
                address: server.address,
            })
        };
        if topology.servers.len() == 1 {
            let configuration = format!("authoritative;\nddns-update-style none;\n{}", subnets(""));
            return Ok(Self::One(Box::new(Dhcpd::start(place(0)?.host, EDGE, &configuration)?)));
        }
        let subnets = subnets(r#"failover peer "dhcp-failover";"#);
        Ok(Self::Two(Box::new(FailoverPair::start(&place(0)?, &place(1)?, &subnets)?)))
    }

    fn logs(&self) -> Vec<Vec<String>> {
        match self {
            Self::One(server) => vec![server.process().lines()],
            Self::Two(pair) => vec![pair.primary.process().lines(), pair.secondary.process().lines()],
        }
    }
}

/// Sends a last BOOTP request from another client and waits until every server has it from every relay: frames keep
/// their order, so whatever else the relays had to say has arrived before it.
fn finish(topology: &Topology, at_servers: &[Capture]) -> Result<()> {
    let host = topology.client("last")?;
    let mac = host.mac(EDGE)?;
    let mut message = Bootp::new(BOOTREQUEST, None, mac);
    message.xid = LAST_XID;
    PacketSocket::open(&host, EDGE, Deliver::Nothing)?.send(&Datagram::from_client(mac, &message).frame())?;
    for capture in at_servers {
        capture.wait_for("the last request from every relay", DEADLINE, |frames| {
            let packets = frames.iter().filter_map(|frame| frame.packet().ok());
            let last = packets.filter(|packet| packet.bootp().is_ok_and(|bootp| bootp.xid() == LAST_XID));
            (last.count() >= topology.relays.len()).then_some(())
        })?;
    }
    Ok(())
}

/// Takes what was seen once every reply that servers sent to relays has come to the client: dhcpd may hold an ACK back
/// for a quarter of a second (`max-ack-delay`).
fn settled(at_servers: &[Capture], at_client: &Capture) -> Result<(Vec<Seen>, Seen)> {
    let replies = |servers: &[Seen]| -> usize {
        let all = servers.iter().flat_map(|server| &server.0);
        let outgoing = all.filter(|(direction, _)| *direction == Direction::Outgoing);
        outgoing
            .filter(|(_, packet)| packet.bootp().is_ok_and(|bootp| !bootp.giaddr().is_unspecified()))
            .count()
    };
    let requests = |servers: &[Seen]| -> usize {
        let all = servers.iter().flat_map(Seen::arrived);
        all.filter(|step| *step == Step::Renew).count()
    };
    let acks = |servers: &[Seen]| {
        servers.iter().map(|seen| seen.of(Direction::Outgoing, Step::Ack).len()).sum::<usize>()
    };
    wait::until("the replies are at the client", DEADLINE, || {
        let before: Vec<Seen> = at_servers.iter().map(seen).collect();
        let client = seen(at_client);
        let after: Vec<Seen> = at_servers.iter().map(seen).collect();
        let stable = replies(&before) == replies(&after);
        // Every renewing REQUEST is acknowledged by the server it reached.
        let answered = acks(&after) >= requests(&after);
        let arrived = expect::relayed_replies(&client).len() == replies(&after);
        let direct = after.iter().map(|server| server.direct_replies_sent().count()).sum::<usize>();
        let arrived = arrived && client.direct_replies_received().count() == direct;
        Ok((stable && answered && arrived).then_some((after, client)))
    })
}

fn seen(capture: &Capture) -> Seen {
    let packets = capture.dhcp().into_iter();
    Seen(packets.filter(|(_, packet)| packet.bootp().is_ok_and(|bootp| bootp.xid() != LAST_XID)).collect())
}

impl fmt::Display for Observed {
    /// Every frame, for a failed assertion's message.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "leased {}", self.leased)?;
        for (number, server) in self.servers.iter().enumerate() {
            writeln!(formatter, "at server {}:\n{server}", number + 1)?;
        }
        writeln!(formatter, "at the client:\n{}", self.client)
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (direction, packet) in &self.0 {
            writeln!(formatter, "  {direction:?} {packet}")?;
        }
        Ok(())
    }
}
