//! From an answer to a row of the table: which interface the client is on, and what the ACK must have said.

use std::time::Duration;

use relay_common::event::Event;

use super::{Answer, Places, Server, ago, asker::Item};
use crate::clients::{BootTime, Key, Lease, Row};

/// Why the answer is of no use.
pub(super) enum Unusable {
    /// No interface can be told.
    NoPlace,
    /// It does not say until when.
    NoLease,
}

/// The lease that an answer tells of.
pub(super) fn row(
    places: &Places,
    server: Server,
    item: &Item,
    answer: &Answer,
    now: BootTime,
) -> Result<Row, Unusable> {
    let by_agent = answer.agent.as_ref().and_then(|value| places.by_agent(server, value));
    let on_subnet = |interface: u32| {
        places
            .get(interface)
            .filter(|place| place.subnets.iter().any(|subnet| subnet.contains(answer.address)))
    };
    let (place, on_link) = match (by_agent, on_subnet(item.interface)) {
        (Some(place), _) => (place, !place.may_be_chained),
        // It showed itself there, or nobody else has the subnet.
        (None, Some(place)) => (place, true),
        (None, None) => (places.by_address(server, answer.address).ok_or(Unusable::NoPlace)?, true),
    };
    let left = answer.lease.filter(|left| *left > 0).ok_or(Unusable::NoLease)?;
    let age = answer.last_transaction.unwrap_or(0);
    let client_id = answer.client_id.as_deref().unwrap_or_default();
    let mut event = Event {
        interface: place.interface,
        vrf: place.vrf,
        hlen: answer.hardware.len,
        chaddr: answer.hardware.octets,
        client_id_len: client_id.len().min(255) as u8,
        ..bytemuck::Zeroable::zeroed()
    };
    for (to, from) in event.client_id.iter_mut().zip(client_id) {
        *to = *from;
    }
    let key = Key::of(&event).ok_or(Unusable::NoPlace)?;
    // What is left of each, and what has gone of it: as the ACK had it.
    let whole = |left: Option<u32>| left.map_or(0, |left| left.saturating_add(age));
    let lease = Lease {
        address: answer.address,
        hardware: answer.hardware,
        server: server.1,
        server_id: answer.server_id.unwrap_or(server.1),
        seconds: if left == u32::MAX { left } else { whole(Some(left)) },
        t1: whole(answer.t1),
        t2: whole(answer.t2),
        // Without it, nobody can say that it is newer than anything.
        since: answer.last_transaction.map_or(BootTime::default(), |age| ago(now, age)),
        expires: match left {
            u32::MAX => BootTime::NEVER,
            left => now.after(Duration::from_secs(left.into())),
        },
    };
    Ok(Row { key, hardware: answer.hardware, on_link, lease })
}
