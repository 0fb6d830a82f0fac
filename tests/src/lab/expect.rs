//! What must be true of every dialogue behind a relay, whichever relay it is.
//!
//! The frames at the servers and at the client are compared with each other, not with a recording: a client that had
//! to repeat itself on a slow machine changes the counts on both sides.

use anyhow::{Context, Result, ensure};

use super::compare::routed;
use super::frame::{Checksum, Direction, Packet};
use super::relay::Relay;
use super::scenario::{Observed, Seen, Step};
use super::topology::{EDGE, RelayHost, Topology, UPSTREAM};

/// Checks a whole life: requests at the servers, replies at the client, renewal and release through the router.
pub fn whole_life(topology: &Topology, relay: &dyn Relay, seen: &Observed) -> Result<()> {
    for step in [Step::Discover, Step::Select] {
        broadcasts_reach_every_server(topology, seen, step).with_context(|| format!("{step:?}"))?;
    }
    replies_reach_the_client(topology, seen)?;
    for step in [Step::Renew, Step::Release] {
        unicasts_go_straight(topology, relay, seen, step).with_context(|| format!("{step:?}"))?;
    }
    direct_replies_come_straight(topology, seen).context("replies to the client itself")
}

/// Every server has every broadcast of the client once from every relay: giaddr set, one hop more, nothing else
/// changed.
pub fn broadcasts_reach_every_server(topology: &Topology, seen: &Observed, step: Step) -> Result<()> {
    let sent = seen.client.of(Direction::Outgoing, step);
    ensure!(!sent.is_empty(), "the client sent none");
    for (server, at_server) in topology.servers.iter().zip(&seen.servers) {
        let arrived = at_server.of(Direction::Incoming, step);
        let expected = sent.len() * topology.relays.len();
        ensure!(arrived.len() == expected, "{} of {expected} at {}", arrived.len(), server.host.name());
        for relay in &topology.relays {
            let of_relay: Vec<_> = arrived.iter().filter(|packet| giaddr_is(packet, relay)).collect();
            ensure!(of_relay.len() == sent.len(), "{} via {}", of_relay.len(), relay.host.name());
            for (packet, original) in of_relay.iter().zip(&sent) {
                addressed_and_sound(packet)?;
                ensure!(packet.ip.destination == server.address, "sent to {}", packet.ip.destination);
                ensure!(
                    packet.payload == relayed(&original.payload, relay),
                    "altered: {original} became {packet}"
                );
            }
        }
    }
    Ok(())
}

/// Every reply a server sent to a relay arrived at the client, unchanged and in a frame to the client alone, and the
/// client received no other.
pub fn replies_reach_the_client(topology: &Topology, seen: &Observed) -> Result<()> {
    let mut sent: Vec<&Packet> = Vec::new();
    for step in [Step::Offer, Step::Ack, Step::Nak] {
        let of_servers = seen.servers.iter().flat_map(|server| server.of(Direction::Outgoing, step));
        sent.extend(of_servers.filter(|packet| topology.relays.iter().any(|relay| giaddr_is(packet, relay))));
    }
    ensure!(!sent.is_empty(), "no server replied through a relay");
    let mut unmatched: Vec<&Packet> = relayed_replies(&seen.client);
    for reply in sent {
        let place = unmatched.iter().position(|packet| packet.payload == reply.payload);
        let packet = unmatched.remove(place.with_context(|| format!("not at the client: {reply}"))?);
        ensure!(packet.ip.header_checksum_right, "wrong checksum: {packet}");
        ensure!(packet.udp.checksum == Checksum::Right, "checksum of {packet}");
        ensure!((packet.udp.source, packet.udp.destination) == (67, 68), "ports of {packet}");
        if packet.bootp()?.flags() == 0 {
            ensure!(
                packet.ethernet.destination == seen.client_mac,
                "not to the client's own address: {packet}"
            );
            ensure!(packet.ip.destination == packet.bootp()?.yiaddr(), "not to yiaddr: {packet}");
        }
    }
    ensure!(unmatched.is_empty(), "no server sent what the client received: {}", unmatched[0]);
    Ok(())
}

/// The client's unicasts reach their server through the router untouched, and nobody else; a relay that also relays
/// what only passes through is known for it and adds its copies.
pub fn unicasts_go_straight(
    topology: &Topology,
    relay: &dyn Relay,
    seen: &Observed,
    step: Step,
) -> Result<()> {
    let sent = seen.client.of(Direction::Outgoing, step);
    ensure!(!sent.is_empty(), "the client sent none");
    for (server, at_server) in topology.servers.iter().zip(&seen.servers) {
        let arrived = at_server.of(Direction::Incoming, step);
        let (direct, relayed): (Vec<&Packet>, Vec<&Packet>) = arrived
            .into_iter()
            .partition(|packet| packet.bootp().is_ok_and(|bootp| bootp.giaddr().is_unspecified()));
        let expected: Vec<_> = sent.iter().filter(|packet| packet.ip.destination == server.address).collect();
        ensure!(
            direct.len() == expected.len(),
            "{} of {} at {}",
            direct.len(),
            expected.len(),
            server.host.name()
        );
        let (router, next) = (topology.relays[0].host.mac(UPSTREAM)?, server.host.mac(EDGE)?);
        for (packet, original) in direct.iter().zip(expected) {
            ensure!(packet.ip.source == seen.leased, "from {}", packet.ip.source);
            ensure!(
                packet.octets == routed(&original.octets, router, next),
                "more than routed: {original} became {packet}"
            );
        }
        // A client whose ACK is late (a failover server waits for its partner) goes on by broadcast, which every relay
        // relays. Unicasts pass through the clients' router only, which is one of the relays.
        let broadcasts = sent.iter().filter(|packet| packet.ip.destination.is_broadcast()).count();
        let transit = if relay.relays_transit() { sent.len() - broadcasts } else { 0 };
        let copies = broadcasts * topology.relays.len() + transit;
        ensure!(relayed.len() == copies, "{} relayed copies at {}", relayed.len(), server.host.name());
    }
    Ok(())
}

/// What servers sent to the client itself (the acknowledgements of renewals) came through the router untouched.
pub fn direct_replies_come_straight(topology: &Topology, seen: &Observed) -> Result<()> {
    let router = topology.relays[0].host.mac(EDGE)?;
    let sent: Vec<&Packet> = seen.servers.iter().flat_map(Seen::direct_replies_sent).collect();
    ensure!(!sent.is_empty(), "no server sent any");
    for reply in sent {
        let expected = routed(&reply.octets, router, seen.client_mac);
        let arrived = seen.client.direct_replies_received().any(|packet| packet.octets == expected);
        ensure!(arrived, "not as routed at the client: {reply}");
    }
    Ok(())
}

/// The replies that came through a relay, as the client received them.
pub(super) fn relayed_replies(client: &Seen) -> Vec<&Packet> {
    let incoming = client.0.iter().filter(|(direction, _)| *direction == Direction::Incoming);
    incoming
        .map(|(_, packet)| packet)
        .filter(|packet| packet.bootp().is_ok_and(|bootp| !bootp.giaddr().is_unspecified()))
        .collect()
}

fn giaddr_is(packet: &Packet, relay: &RelayHost) -> bool {
    packet.bootp().is_ok_and(|bootp| bootp.giaddr() == relay.address)
}

/// Ports of a relay to a server, checksums right or left to the device, sizes of a real message.
fn addressed_and_sound(packet: &Packet) -> Result<()> {
    ensure!(packet.ip.header_checksum_right, "wrong IP checksum: {packet}");
    ensure!(packet.udp.checksum != Checksum::Wrong, "wrong UDP checksum: {packet}");
    ensure!((packet.udp.source, packet.udp.destination) == (67, 67), "ports of {packet}");
    ensure!(packet.ip.fragment & 0x3fff == 0, "fragmented: {packet}");
    ensure!(packet.payload.len() >= 300, "shorter than 300: {packet}");
    Ok(())
}

/// What the rules of RFC 1542 make of a client's message.
fn relayed(message: &[u8], relay: &RelayHost) -> Vec<u8> {
    let mut relayed = message.to_vec();
    relayed[3] += 1;
    relayed[24..28].copy_from_slice(&relay.address.octets());
    relayed
}
