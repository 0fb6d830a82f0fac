//! What to ask whom, and what becomes of the answers. No clock, no socket: [`Recovery::poll`] is asked until it has nothing
//! more to send, [`Recovery::deadline`] says when to ask it again. `scan` is what a start gives reason to ask, `demand` what
//! clients do.

mod demand;
mod scan;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    hash::{BuildHasher as _, RandomState},
    net::Ipv4Addr,
};

use super::{
    Answer, Pace, Places, Server, Standing, Subject, Subnet,
    asker::{Asker, Item, Turn, Voice},
    message::query,
    report::{Finding, Heard},
    row::{Unusable, row},
};
use crate::{
    clients::{Action, BootTime, Ignored, Lease, Row, Table},
    control::leases::LeasequeryStats,
};

/// A query to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// To whom.
    pub server: Server,
    /// From which address: the giaddr.
    pub source: Ipv4Addr,
    /// The DHCP message.
    pub message: Vec<u8>,
}

/// All of it.
pub struct Recovery {
    /// `None`: nothing is ever asked.
    pace: Option<Pace>,
    places: Places,
    askers: BTreeMap<Server, Asker>,
    heard: BTreeMap<Server, Heard>,
    /// Whether the clients' subnets are to be asked about, and which have been given to the askers.
    begun: Option<BootTime>,
    wanted: bool,
    given: BTreeSet<(u32, Subnet)>,
    /// Stored leases that nobody has confirmed since the start, by the clients' VRF.
    stale: HashSet<(u32, Ipv4Addr)>,
    /// When something was last asked about because of a client.
    demanded: HashMap<(u32, Subject), BootTime>,
    tally: LeasequeryStats,
    xids: RandomState,
    last_xid: u64,
    /// The end of the scan has been told.
    told: bool,
}

impl Recovery {
    /// One that asks at this pace; with `None` it never does.
    pub fn new(pace: Option<Pace>) -> Self {
        Self {
            pace,
            places: Places::default(),
            askers: BTreeMap::new(),
            heard: BTreeMap::new(),
            begun: None,
            wanted: false,
            given: BTreeSet::new(),
            stale: HashSet::new(),
            demanded: HashMap::new(),
            tally: LeasequeryStats::default(),
            xids: RandomState::new(),
            last_xid: 0,
            told: true,
        }
    }

    /// Whether it asks at all.
    pub fn is_on(&self) -> bool {
        self.pace.is_some()
    }

    /// What it has counted.
    pub fn tally(&self) -> LeasequeryStats {
        let unanswered = self.askers.values().map(|asker| asker.unanswered).sum();
        let asking = self.askers.values().any(Asker::is_scanning);
        LeasequeryStats { unanswered, asking, ..self.tally }
    }

    /// What an operator should know.
    pub fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (&(_, server), asker) in &self.askers {
            match asker.voice {
                Voice::Silent { .. } | Voice::Tried { .. } => findings.push(Finding::Silent { server }),
                Voice::Unheard | Voice::Answers => {}
            }
        }
        for (&(_, server), heard) in &self.heard {
            findings.extend(heard.finding(server));
        }
        findings
    }

    /// Follows the configuration and the machine.
    pub fn follow(&mut self, places: Places) {
        let Some(pace) = self.pace.filter(|_| places != self.places) else { return };
        self.places = places;
        let servers: BTreeSet<Server> =
            self.places.iter().flat_map(|place| place.servers.iter().copied()).collect();
        self.askers.retain(|server, _| servers.contains(server));
        self.heard.retain(|server, _| servers.contains(server));
        for server in servers {
            self.askers.entry(server).or_insert_with(|| Asker::new(pace));
        }
        self.widen();
    }

    /// Follows interfaces to other indexes, before [`Self::follow`]; `None`: it is gone, and nothing is asked about it.
    pub fn renumber(&mut self, interface: impl Fn(u32) -> Option<u32>) {
        self.given = std::mem::take(&mut self.given)
            .into_iter()
            .filter_map(|(old, subnet)| Some((interface(old)?, subnet)))
            .collect();
        self.demanded = std::mem::take(&mut self.demanded)
            .into_iter()
            .filter_map(|((old, subject), when)| Some(((interface(old)?, subject), when)))
            .collect();
        self.askers.values_mut().for_each(|asker| asker.renumber(&interface));
    }

    /// The next query to be sent now, if there is one. A stored lease is asked about although the table has it, unless
    /// the client has been heard of since.
    pub fn poll(&mut self, table: &Table, now: BootTime) -> Option<Query> {
        let begun = self.begun?;
        let servers: Vec<Server> = self.askers.keys().copied().collect();
        for server in servers {
            let Some(asker) = self.askers.get_mut(&server) else { continue };
            let places = &self.places;
            let is_moot = |item: &Item| {
                let Some(place) = places.get(item.interface) else { return true };
                match item.subject {
                    Subject::Address(address) => {
                        let heard = table.holder(place.vrf, address).and_then(|client| client.held());
                        place.own.contains(&address) || heard.is_some_and(|lease| lease.since >= begun)
                    }
                    Subject::Hardware(_) => item
                        .client
                        .is_some_and(|key| table.find(&key).is_some_and(|client| client.held().is_some())),
                }
            };
            let (xid, item) = match asker.turn(now, is_moot) {
                Turn::First(item) => {
                    self.last_xid += 1;
                    let xid = self.xids.hash_one((now, self.last_xid)) as u32;
                    asker.sent(xid, item, now);
                    (xid, item)
                }
                Turn::Again(xid, item) => {
                    self.tally.retries += 1;
                    (xid, item)
                }
                Turn::FellSilent => {
                    tracing::warn!("{}", Finding::Silent { server: server.1 });
                    continue;
                }
                Turn::Rest => continue,
            };
            self.tally.sent += 1;
            return Some(Query {
                server,
                source: item.giaddr,
                message: query(xid, item.giaddr, &item.subject),
            });
        }
        self.tell_the_end();
        None
    }

    fn tell_the_end(&mut self) {
        if self.told || self.askers.values().any(Asker::is_scanning) {
            return;
        }
        self.told = true;
        let LeasequeryStats { recovered, withdrawn, unplaced, .. } = self.tally;
        tracing::info!(recovered, withdrawn, unplaced, "the servers have been asked for leases (leasequery)");
        for finding in self.findings() {
            tracing::warn!("{finding}");
        }
    }

    /// When there may be something to send again.
    pub fn deadline(&self) -> Option<BootTime> {
        self.begun?;
        self.askers.values().filter_map(Asker::deadline).min()
    }

    /// Takes in what a server answered.
    pub fn answer(
        &mut self,
        server: Server,
        answer: &Answer,
        table: &mut Table,
        now: BootTime,
        actions: &mut Vec<Action>,
    ) {
        let item = self.askers.get_mut(&server).and_then(|asker| asker.answered(answer.xid));
        let about = |item: &Item| match item.subject {
            Subject::Address(address) => address == answer.address,
            Subject::Hardware(_) => true,
        };
        let Some(item) = item.filter(about) else {
            self.tally.unsolicited += 1;
            return;
        };
        tracing::debug!(server = %server.1, ?answer, "leasequery answered");
        let heard = self.heard.entry(server).or_default();
        heard.note(answer.standing);
        match answer.standing {
            Standing::Unknown => self.tally.unknown += 1,
            Standing::Unassigned => {
                self.tally.unassigned += 1;
                self.unassigned(&item, table, now, actions);
            }
            Standing::Active => {
                self.tally.active += 1;
                match row(&self.places, server, &item, answer, now) {
                    Ok(row) => self.learn(&row, table, now, actions),
                    Err(Unusable::NoPlace) => self.tally.unplaced += 1,
                    Err(Unusable::NoLease) => self.tally.incomplete += 1,
                }
            }
        }
    }

    /// Nobody holds the address: a lease that was only stored is over. What was heard since the start is newer.
    fn unassigned(&mut self, item: &Item, table: &mut Table, now: BootTime, actions: &mut Vec<Action>) {
        let Subject::Address(address) = item.subject else { return };
        let (Some(place), Some(begun)) = (self.places.get(item.interface), self.begun) else { return };
        let before = |lease: &Lease| lease.since < begun;
        if self.stale.remove(&(place.vrf, address))
            && table.holder(place.vrf, address).and_then(|client| client.held()).is_some_and(before)
        {
            table.disown(place.vrf, address, now, actions);
            self.tally.withdrawn += 1;
        }
    }

    fn learn(&mut self, row: &Row, table: &mut Table, now: BootTime, actions: &mut Vec<Action>) {
        let was_known = table.holder(row.key.vrf, row.lease.address).is_some();
        let done = table.learn(row, now, actions);
        // Confirmed, or contradicted by something newer: either way not merely stored any more.
        self.stale.remove(&(row.key.vrf, row.lease.address));
        match done {
            Ok(()) if !was_known => self.tally.recovered += 1,
            Ok(()) => self.tally.updated += 1,
            Err(Ignored::Duplicate) => {}
            Err(reason) => {
                self.tally.refused += 1;
                tracing::debug!(address = %row.lease.address, reason = reason.label(), "a lease is not taken over");
            }
        }
    }
}
