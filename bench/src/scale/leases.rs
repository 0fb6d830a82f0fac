//! What leases cost: the same frames with none, with some and with a million of them in the map `leases`.
//!
//! A DISCOVER has nothing to do with it. A renewal is looked for in the small table of those who were heard lately, and in
//! `leases` when it is not there: here it never is, because more clients renew in turn than the small table has room for. Who is
//! known to have a lease has one server instead of all, and the lease is then one that is being renewed: it is bound again before its
//! client has its turn again.

use std::net::Ipv4Addr;

use anyhow::{Context as _, Result, ensure};
use aya::maps::{HashMap, Map, MapData};
use bytemuck::Zeroable as _;
use relay_common::abi::{Lease, LeaseKey, lease_state};
use relay_tests::{
    lab::build::{BOOTREQUEST, Bootp, Datagram},
    subject::Mode,
};

use crate::{
    cost::{FED, Prepared, above_empty},
    figures::{Samples, table},
    goals::Goal,
    ours::{Ours, Programs},
    rig::{CLIENT_PORT, RELAY, Rig, pin},
    tools::{Action, Tools},
};

/// None, one for each client that renews, and as many as the relay has room for.
const LEASES: [u32; 3] = [0, FED * ROUNDS, 1_000_000];
/// Clients that renew in turn: more than twice what the relay remembers without the map.
const ROUNDS: u32 = 32;
/// Measurements of each frame.
const REPEATS: u32 = ROUNDS;
type Key = [u8; size_of::<LeaseKey>()];
type Value = [u8; size_of::<Lease>()];

struct Row {
    leases: u32,
    discover: Samples,
    renewal: Samples,
}

/// # Errors
/// The laboratory or the relay does not come up, or a frame meets another verdict than expected.
pub(super) fn run() -> Result<(String, Vec<Goal>)> {
    let rows: Vec<Row> = LEASES.iter().map(|&leases| one(leases)).collect::<Result<_>>()?;
    let first = rows.first().context("no sizes")?;
    let (discover, renewal) = (first.discover.median(), first.renewal.median());
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            vec![
                row.leases.to_string(),
                format!("**{:.2}**", row.discover.median() / discover),
                format!("**{:.2}**", row.renewal.median() / renewal),
                row.discover.to_string(),
                row.renewal.to_string(),
            ]
        })
        .collect();
    let last = rows.last().context("no sizes")?;
    let aims = vec![
        Goal::at_most(
            format!("a DISCOVER with {} leases, of one with none", last.leases),
            (super::GOAL, last.discover.median() / discover),
            "",
        ),
        Goal::at_most("a renewal, likewise", (super::GOAL, last.renewal.median() / renewal), "").because(
            "the lease is looked up and marked; in a hash table of this size its bucket and element are in no cache, nor is where \
            their pages are, and the renewal that it is compared with finds an empty table",
        ),
    ];
    let head = ["leases", "DISCOVER, × none", "renewal, × none", "DISCOVER, ns", "renewal, ns"];
    Ok((table(&head, &cells), aims))
}

fn one(leases: u32) -> Result<Row> {
    let rig = Rig::new("leases", super::SERVERS, 1)?;
    let relay = Ours::with(&rig.relay, Mode::Native, &configuration(&rig.servers))?;
    let mut map = Leases::fill(&relay, leases, rig.servers[0])?;
    let programs = Programs::of(&rig.relay, CLIENT_PORT)?;
    let mut tools = Tools::with_templates(1, FED)?;
    let empty = tools.program("empty")?;
    let device = rig.relay.ifindex(CLIENT_PORT)?;
    let prepared = |frames| Prepared { frames, device, verdict: Action::Redirect };
    let discover = prepared(vec![rig.discover()]);
    let rounds: Vec<Prepared> =
        (0..ROUNDS).map(|round| Ok(prepared(renewals(&rig, round, leases)?))).collect::<Result<_>>()?;
    let mut row = Row { leases, discover: Samples::default(), renewal: Samples::default() };
    rig.relay.enter(|| -> Result<()> {
        pin(1)?;
        // A round in advance, for what the first use of anything costs.
        for repeat in 0..REPEATS + ROUNDS {
            let round = repeat % ROUNDS;
            let renewal = &rounds[round as usize];
            for (samples, case) in [(&mut row.discover, &discover), (&mut row.renewal, renewal)] {
                tools.set_frames(&case.frames)?;
                let spent = above_empty(&mut tools, "again", &programs.ingress, &empty, case)?;
                if repeat >= ROUNDS {
                    samples.push(spent);
                }
            }
            map.bind(clients_of(round, leases).take_while(|_| leases != 0))?;
        }
        Ok(())
    })??;
    let (alone, renewed) = (relay.to_holder()?, if leases == 0 { 0 } else { (REPEATS + ROUNDS) * FED });
    ensure!(alone == u64::from(renewed), "{alone} of {renewed} renewals went to the server of the lease");
    Ok(row)
}

fn configuration(servers: &[Ipv4Addr]) -> String {
    let servers: Vec<String> = servers.iter().map(|server| format!("\"{server}\"")).collect();
    format!(
        "clients_max = 1048576\n\n[[server_group]]\nname = \"core\"\nservers = [{}]\n\n\
         [[interface]]\nname = \"{CLIENT_PORT}\"\nserver_group = \"core\"\nclients_max = 1048576\n\n\
         [interface.option82]\nserver_id_override = true\n",
        servers.join(", ")
    )
}

/// The client that has the lease of a number.
fn client(number: u32) -> ([u8; 6], Ipv4Addr) {
    let [a, b, c, d] = number.to_be_bytes();
    ([2, 0, a, b, c, d], Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 128, 0, 0)) + number))
}

/// The map `leases`, filled as the daemon does it, which does not know of these and leaves them alone.
struct Leases {
    entries: HashMap<MapData, Key, Value>,
    server: Ipv4Addr,
}

impl Leases {
    fn fill(relay: &Ours, leases: u32, server: Ipv4Addr) -> Result<Self> {
        let map = MapData::from_pin(relay.pins().join("leases"))?;
        let mut filled = Self { entries: HashMap::try_from(Map::HashMap(map))?, server };
        filled.bind(0..leases)?;
        Ok(filled)
    }

    fn bind(&mut self, clients: impl Iterator<Item = u32>) -> Result<()> {
        for number in clients {
            let (mac, address) = client(number);
            let mut lease = Lease {
                expires: u64::MAX,
                seconds: u32::MAX,
                interface: 1,
                server: self.server.octets(),
                hlen: 6,
                state: lease_state::BOUND,
                ..Lease::zeroed()
            };
            lease.chaddr[..6].copy_from_slice(&mac);
            let key = LeaseKey { vrf: 0, address: address.octets() };
            let (key, value): (Key, Value) = (bytemuck::cast(key), bytemuck::cast(lease));
            self.entries.insert(key, value, 0)?;
        }
        Ok(())
    }
}

/// Those who renew in one round, spread over all leases: as many as one measurement feeds.
fn clients_of(round: u32, leases: u32) -> impl Iterator<Item = u32> {
    let clients = FED * ROUNDS;
    (round * FED..(round + 1) * FED)
        .map(move |turn| (u64::from(turn) * u64::from(leases.max(clients)) / u64::from(clients)) as u32)
}

/// Their unicast renewals.
fn renewals(rig: &Rig, round: u32, leases: u32) -> Result<Vec<Vec<u8>>> {
    let relay = rig.relay.mac(CLIENT_PORT)?;
    Ok(clients_of(round, leases)
        .map(|number| {
            let (mac, address) = client(number);
            let mut message = Bootp::new(BOOTREQUEST, Some(3), mac);
            message.ciaddr = address;
            let mut datagram = Datagram::from_client(mac, &message);
            datagram.destination_mac = relay;
            datagram.source = address;
            datagram.destination = RELAY;
            datagram.frame()
        })
        .collect())
}
