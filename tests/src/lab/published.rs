//! What operators published of two servers in failover behind one and two relays, told from what was seen: which
//! duplicates there are, and which of the two servers answers.

use anyhow::{Result, ensure};

use super::frame::{Direction, Packet};
use super::scenario::{Observed, Step};
use super::topology::{RelayHost, Topology};

/// Two relays, two servers. Every broadcast of the client is at both servers once from each relay (what
/// [`super::expect::whole_life`] has found already); both offers and both acknowledgements of the answering server go
/// back, one through each relay, and the client has them all. Renewal and release are at the answering server alone.
pub fn duplicates(topology: &Topology, seen: &Observed) -> Result<()> {
    ensure!(topology.relays.len() == 2, "the case has two relays");
    let answering = one_server_answers(topology, seen)?;
    let server = &seen.servers[answering];
    for (asked, answered) in [(Step::Discover, Step::Offer), (Step::Select, Step::Ack)] {
        for relay in &topology.relays {
            let via = |direction, step| {
                server.of(direction, step).iter().filter(|packet| is_via(packet, relay)).count()
            };
            let (requests, replies) = (via(Direction::Incoming, asked), via(Direction::Outgoing, answered));
            ensure!(
                requests >= 1 && requests == replies,
                "via {}: {requests} {asked:?}, {replies} {answered:?}",
                relay.address
            );
            let at_client = seen.client.of(Direction::Incoming, answered);
            let at_client = at_client.iter().filter(|packet| is_via(packet, relay)).count();
            ensure!(
                at_client >= replies,
                "{at_client} of {replies} {answered:?} via {} at the client",
                relay.address
            );
        }
    }
    Ok(())
}

/// Returns the index of the server that made the offers; the other one declined every DISCOVER, of each relay, for the
/// sake of load balance. Nothing is said about acknowledgements: as soon as the other server has its partner's lease
/// update (a few milliseconds), it acknowledges a REQUEST that names its partner, too, and before that logs
/// `lease owned by peer`.
pub fn one_server_answers(topology: &Topology, seen: &Observed) -> Result<usize> {
    ensure!(seen.servers.len() == 2, "the case has two servers");
    let offers = |server: usize| seen.servers[server].of(Direction::Outgoing, Step::Offer).len();
    let answering = usize::from(offers(0) == 0);
    let silent = 1 - answering;
    ensure!(offers(answering) > 0 && offers(silent) == 0, "offers: {} and {}", offers(0), offers(1));
    let log = &seen.server_logs[silent];
    for relay in &topology.relays {
        let declined = format!("via {}: load balance to peer dhcp-failover", relay.address);
        ensure!(
            log.iter().any(|line| line.contains("DHCPDISCOVER") && line.contains(&declined)),
            "the silent server does not say {declined:?}:\n{}",
            log.join("\n")
        );
    }
    Ok(answering)
}

/// Whether a packet went through this relay on behalf of a client that has no address yet.
fn is_via(packet: &Packet, relay: &RelayHost) -> bool {
    packet.bootp().is_ok_and(|bootp| bootp.giaddr() == relay.address && bootp.ciaddr().is_unspecified())
}
