//! A step of a client as those who follow get to see it, with every server's offer.

use std::time::{SystemTime, UNIX_EPOCH};

use super::Labels;
use crate::{
    clients::{Client, Hardware, Step, StepKind},
    control::leases::{OfferRow, StepRow},
};

/// `02:00:00:00:00:01`, of any length.
pub(crate) fn colons(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect::<Vec<_>>().join(":")
}

pub(crate) fn hardware(hardware: &Hardware) -> Option<String> {
    (hardware.len > 0).then(|| colons(hardware.octets()))
}

pub(crate) fn offers(client: &Client) -> Vec<OfferRow> {
    client
        .offers
        .iter()
        .map(|offer| OfferRow {
            server: offer.server,
            server_id: offer.server_id,
            address: offer.address,
            lease_seconds: offer.lease,
        })
        .collect()
}

pub(super) fn row(step: &Step, client: Option<&Client>, labels: &Labels) -> StepRow {
    let label = labels.get(step.interface);
    let given = |address: std::net::Ipv4Addr| (!address.is_unspecified()).then_some(address);
    let lease = client.and_then(Client::held).filter(|_| {
        use StepKind::{Bound, Recovered, Renewed, TakenOver};
        matches!(step.kind, Bound | Renewed | TakenOver | Recovered)
    });
    StepRow {
        unix_milliseconds: SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_millis() as u64),
        interface: label.map(|label| label.name.clone()).unwrap_or_default(),
        vlan: label.and_then(|label| label.vlan.clone()),
        vrf: label.and_then(|label| label.vrf.clone()),
        mac: hardware(&step.hardware),
        step: step.kind.label().to_owned(),
        address: given(step.address),
        server: given(step.server),
        lease_seconds: lease.map(|lease| lease.seconds),
        xid: client.map_or(0, |client| client.dialogue.xid),
        secs: client.map_or(0, |client| client.dialogue.secs),
        offers: client.map(offers).unwrap_or_default(),
    }
}
