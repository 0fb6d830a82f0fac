//! What the client table says about itself, as both ends of the control socket know it.
//!
//! As for [`super::model`]: names are never taken away and never change their meaning.

use std::{collections::BTreeMap, net::Ipv4Addr};

use serde::{Deserialize, Serialize};

use crate::clients::{Ignored, State};

/// The answer to `leases`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leases {
    /// Clients in the table, before any filter.
    pub clients: u64,
    /// Those that the question is about, by interface and address.
    pub leases: Vec<LeaseRow>,
}

/// A client in the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseRow {
    /// The device.
    pub interface: String,
    /// The tags, `100` or `200.7`; `None`: untagged.
    pub vlan: Option<String>,
    /// The VRF; `None`: the main table.
    pub vrf: Option<String>,
    /// Its hardware address, `02:00:00:00:00:01`.
    pub mac: Option<String>,
    /// The first octets of its client identifier, in hexadecimal digits; `None`: it goes by its hardware address.
    pub client_id: Option<String>,
    /// Where it stands: one of the labels of [`State`].
    pub state: String,
    /// Its address, or the one it had.
    pub address: Option<Ipv4Addr>,
    /// The server whose ACK came last.
    pub server: Option<Ipv4Addr>,
    /// What that server calls itself (option 54).
    pub server_id: Option<Ipv4Addr>,
    /// Lease time of the last ACK; 4294967295 is without end.
    pub lease_seconds: Option<u32>,
    /// Renewal time T1 of the last ACK, where the server has set one.
    pub t1_seconds: Option<u32>,
    /// Rebinding time T2 of the last ACK, where the server has set one.
    pub t2_seconds: Option<u32>,
    /// Since the last ACK.
    pub age_seconds: Option<u64>,
    /// Until the lease ends; `None`: it holds none, or one without end.
    pub expires_in_seconds: Option<u64>,
    /// Transaction identifier of its last message.
    pub xid: u32,
    /// `secs` of its last message.
    pub secs: u16,
    /// What the servers have offered it last.
    pub offers: Vec<OfferRow>,
}

/// What one server offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferRow {
    /// Where the OFFER came from.
    pub server: Ipv4Addr,
    /// What the server calls itself (option 54).
    pub server_id: Ipv4Addr,
    /// The address offered.
    pub address: Ipv4Addr,
    /// Lease time offered.
    pub lease_seconds: u32,
}

/// One line of `events`: a step of a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRow {
    /// Since 1970-01-01 UTC.
    pub unix_milliseconds: u64,
    /// The device.
    pub interface: String,
    /// The tags.
    pub vlan: Option<String>,
    /// The VRF.
    pub vrf: Option<String>,
    /// Hardware address.
    pub mac: Option<String>,
    /// What it is: one of the labels of [`crate::clients::StepKind`].
    pub step: String,
    /// The address in question.
    pub address: Option<Ipv4Addr>,
    /// The server in question.
    pub server: Option<Ipv4Addr>,
    /// Lease time, where a lease begins or is extended.
    pub lease_seconds: Option<u32>,
    /// Transaction identifier.
    pub xid: u32,
    /// `secs` of the client's last message.
    pub secs: u16,
    /// Every server's offer in this dialogue.
    pub offers: Vec<OfferRow>,
}

/// In place of lines that the reader of `events` was too slow for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Missed {
    /// How many.
    pub missed: u64,
}

/// The answer to `servers`: what the failover watch has seen in the last hour.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Servers {
    /// Every server group.
    pub groups: Vec<GroupWatch>,
    /// What it says, in words.
    pub findings: Vec<FindingRow>,
}

/// What a group did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupWatch {
    /// Its name.
    pub name: String,
    /// The VRF of its servers that have none of their own; `None`: the main table.
    pub vrf: Option<String>,
    /// DISCOVERs by `secs`: 0 to 9, and 10 for everything above.
    pub discovers: Vec<u32>,
    /// Clients by the `secs` at which the first OFFER came, likewise.
    pub clients: Vec<u32>,
    /// Its servers.
    pub servers: Vec<ServerWatch>,
}

/// What a server did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerWatch {
    /// Its address.
    pub address: Ipv4Addr,
    /// The VRF it is reached through; `None`: the main table.
    pub vrf: Option<String>,
    /// From which `secs` on it is asked.
    pub min_secs: u16,
    /// Clients it has offered an address.
    pub clients: u32,
    /// OFFERs by `secs`: 0 to 9, and 10 for everything above.
    pub offers: Vec<u32>,
    /// ACKs.
    pub acks: u32,
    /// NAKs.
    pub naks: u32,
    /// Answers by how long they took: below 1 ms, below 2 ms, below 4 ms, … and the last for 16 s and more.
    pub latencies: Vec<u32>,
}

/// Something an operator should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingRow {
    /// Something may be wrong; else it is only good to know.
    pub warning: bool,
    /// The sentence.
    pub text: String,
}

/// The client table in `stats`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientStats {
    /// Clients in the table.
    pub clients: u64,
    /// Those of them that hold a lease.
    pub bound: u64,
    /// How many there may be.
    pub clients_max: u64,
    /// Messages that were looked at.
    pub messages: u64,
    /// Messages that changed nothing, by reason.
    pub ignored: BTreeMap<String, u64>,
    /// Those of them that came from where they cannot come from: somebody may have forged them.
    pub suspicious: u64,
    /// Clients' messages that made no entry because the table is as large as it may become.
    pub limit_reached: u64,
    /// Messages other than DISCOVERs that the table did not learn of, because it did not keep up.
    pub events_lost: u64,
    /// DISCOVERs that it did not learn of: in a flood, those come last.
    #[serde(default)]
    pub discovers_lost: u64,
    /// Changes that were written to the store.
    pub stored: u64,
    /// Why leases are not stored now.
    pub store_error: Option<String>,
    /// Leases that are missing from the map `leases`, because it was full or the kernel refused.
    #[serde(default)]
    pub unpublished: u64,
    /// Clients with a host route.
    #[serde(default)]
    pub host_routes: u64,
    /// Times a route or neighbour was left alone because somebody else has one for the address.
    #[serde(default)]
    pub host_route_conflicts: u64,
    /// Times the kernel refused a route or a neighbour.
    #[serde(default)]
    pub host_route_failures: u64,
    /// What servers were asked for leases; `None`: nothing, it is off.
    #[serde(default)]
    pub leasequery: Option<LeasequeryStats>,
}

/// What servers were asked for leases (RFC 4388), and what they said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeasequeryStats {
    /// Queries sent, repeated ones included.
    pub sent: u64,
    /// Those of them that were repeated.
    pub retries: u64,
    /// Addresses and clients that a server said nothing of, although it answers otherwise.
    pub unanswered: u64,
    /// DHCPLEASEACTIVE received.
    pub active: u64,
    /// DHCPLEASEUNASSIGNED received.
    pub unassigned: u64,
    /// DHCPLEASEUNKNOWN received.
    pub unknown: u64,
    /// Leases that the table learnt so.
    pub recovered: u64,
    /// Leases of the table that a server knew newer.
    pub updated: u64,
    /// Stored leases that were taken out because nobody holds the address any more.
    pub withdrawn: u64,
    /// Leases of which no interface could be told.
    pub unplaced: u64,
    /// Leases of which the server did not say when they end.
    pub incomplete: u64,
    /// Leases that the table did not take.
    pub refused: u64,
    /// Answers to nothing that was asked, or asked too long ago.
    pub unsolicited: u64,
    /// There is more to ask.
    pub asking: bool,
}

/// Which clients a question is about; a client has to fit all that is given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// The device, or device and tags: `eth1`, `eth1.100`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
    /// The VRF.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vrf: Option<String>,
    /// The hardware address, with colons, small letters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
    /// The address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Ipv4Addr>,
    /// The state, by its label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
}

impl Filter {
    /// Whether a step is asked for; of a state, a step knows nothing.
    pub fn admits(&self, step: &StepRow) -> bool {
        let Self { interface, vrf, mac, address, state: _ } = self;
        let word = || match &step.vlan {
            Some(vlan) => format!("{}.{vlan}", step.interface),
            None => step.interface.clone(),
        };
        interface.as_ref().is_none_or(|wanted| *wanted == step.interface || *wanted == word())
            && vrf.as_ref().is_none_or(|wanted| Some(wanted) == step.vrf.as_ref())
            && mac.as_ref().is_none_or(|wanted| Some(wanted) == step.mac.as_ref())
            && address.is_none_or(|wanted| {
                step.address == Some(wanted) || step.offers.iter().any(|offer| offer.address == wanted)
            })
    }

    /// The state that is asked for.
    ///
    /// # Errors
    /// A sentence that names those there are.
    pub fn state(&self) -> Result<Option<State>, String> {
        let Some(wanted) = &self.state else { return Ok(None) };
        State::ALL.into_iter().find(|state| state.label() == wanted).map(Some).ok_or_else(|| {
            let known: Vec<&str> = State::ALL.iter().map(|state| state.label()).collect();
            format!("there is no state {wanted:?}; there are: {}", known.join(", "))
        })
    }
}

/// Counts by reason, every reason present.
pub fn ignored(count: impl Fn(Ignored) -> u64) -> BTreeMap<String, u64> {
    Ignored::ALL.into_iter().map(|reason| (reason.label().to_owned(), count(reason))).collect()
}
