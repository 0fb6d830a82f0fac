//! The failover watch: which server answers whom, at which `secs`, how fast, and what that says.
//!
//! Servers in failover share clients between them by a hash, and answer those of their partner only when `secs` has grown:
//! above 3 in ISC dhcpd (`load balance max seconds`), from 6 on in Windows. A server that never gets the requests
//! therefore does not look dead; half of the clients merely wait some seconds. The relay sees every request and
//! every answer, so it can tell. It is fed with the same messages as the table, and keeps counts of the last hour.

mod counts;
mod episode;
mod finding;
mod followed;

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{BuildHasher as _, RandomState},
    net::Ipv4Addr,
};

use relay_common::{event::Event, wire::bootp};

use self::{
    counts::{InterfaceCounts, Window, secs_slot},
    followed::Followed,
};
use super::{BootTime, Interface, Policy, client::Hardware};

pub use counts::{GroupCounts, LATENCIES, SECS, ServerCounts};
pub use finding::{Finding, Names};

const DISCOVER: u8 = 1;
const OFFER: u8 = 2;
const REQUEST: u8 = 3;
const ACK: u8 = 5;
const NAK: u8 = 6;

/// The watch.
#[derive(Debug)]
pub struct Watch {
    policy: Policy,
    hasher: RandomState,
    /// By interface index: what its clients' names are made with, the same whatever its index becomes.
    seats: Vec<u32>,
    /// The next that is free.
    free: u32,
    followed: Followed,
    servers: BTreeMap<(u32, Ipv4Addr), Window<ServerCounts>>,
    groups: BTreeMap<u32, Window<GroupCounts>>,
    interfaces: BTreeMap<u32, Window<InterfaceCounts>>,
}

impl Watch {
    /// One that has seen nothing.
    pub fn new(policy: Policy) -> Self {
        let free = policy.interfaces.len() as u32;
        Self {
            policy,
            seats: (0..free).collect(),
            free,
            hasher: RandomState::new(),
            followed: Followed::default(),
            servers: BTreeMap::new(),
            groups: BTreeMap::new(),
            interfaces: BTreeMap::new(),
        }
    }

    /// Follows a new configuration. `interface` and `group` tell what has become of an index, `None`: it is gone, and what was
    /// counted for it is forgotten. Attempts that are under way begin anew where an interface has other servers now.
    pub fn reconfigure(
        &mut self,
        policy: Policy,
        interface: impl Fn(u32) -> Option<u32>,
        group: impl Fn(u32) -> Option<u32>,
    ) {
        let mut seats = vec![None; policy.interfaces.len()];
        for (old, &seat) in (0u32..).zip(&self.seats) {
            let Some(new) = interface(old) else { continue };
            let servers = |policy: &Policy, index| policy.interface(index).map(|known| known.servers.clone());
            if servers(&self.policy, old) == servers(&policy, new)
                && let Some(place) = seats.get_mut(new as usize)
            {
                *place = Some(seat);
            }
        }
        let mut free = self.free;
        self.seats = seats
            .into_iter()
            .map(|seat| {
                seat.unwrap_or_else(|| {
                    free += 1;
                    free - 1
                })
            })
            .collect();
        self.free = free;
        let configured: BTreeSet<(u32, Ipv4Addr)> = policy
            .interfaces
            .iter()
            .flatten()
            .flat_map(|of| of.servers.iter().map(|server| (of.group, server.address)))
            .collect();
        self.servers = std::mem::take(&mut self.servers)
            .into_iter()
            .filter_map(|((old, server), window)| Some(((group(old)?, server), window)))
            .filter(|(key, _)| configured.contains(key))
            .collect();
        self.groups = std::mem::take(&mut self.groups)
            .into_iter()
            .filter_map(|(old, window)| Some((group(old)?, window)))
            .collect();
        self.interfaces = std::mem::take(&mut self.interfaces)
            .into_iter()
            .filter_map(|(old, window)| Some((interface(old)?, window)))
            .collect();
        self.policy = policy;
    }

    /// Takes one message in.
    pub fn observe(&mut self, event: &Event, now: BootTime) {
        let at = BootTime::from_nanos(event.timestamp).min(now);
        match (event.op, event.message) {
            (bootp::BOOTREQUEST, DISCOVER | REQUEST) => self.asked(event, at),
            (bootp::BOOTREPLY, OFFER | ACK | NAK) => self.answered(event, at),
            _ => {}
        }
    }

    /// What is known of a server of a group, in the last hour.
    pub fn server(&self, group: u32, server: Ipv4Addr, now: BootTime) -> ServerCounts {
        self.servers.get(&(group, server)).map(|window| window.hour(now)).unwrap_or_default()
    }

    /// What is known of a group, in the last hour.
    pub fn group(&self, group: u32, now: BootTime) -> GroupCounts {
        self.groups.get(&group).map(|window| window.hour(now)).unwrap_or_default()
    }

    /// What was counted of a server of a group since the start.
    pub fn server_ever(&self, group: u32, server: Ipv4Addr) -> ServerCounts {
        self.servers.get(&(group, server)).map(Window::ever).unwrap_or_default()
    }

    /// What was counted of a group since the start.
    pub fn group_ever(&self, group: u32) -> GroupCounts {
        self.groups.get(&group).map(Window::ever).unwrap_or_default()
    }

    fn name(&self, event: &Event) -> u64 {
        let seat = self.seats.get(event.interface as usize).copied().unwrap_or(event.interface);
        self.hasher.hash_one((seat, Hardware::of(event)))
    }

    fn asked(&mut self, event: &Event, at: BootTime) {
        let Some(interface) = self.policy.interface(event.interface) else { return };
        let (name, group) = (self.name(event), interface.group);
        let episode = self.followed.begin(name, at);
        if event.message == DISCOVER {
            episode.discover(event, at);
            let counts = self.groups.entry(group).or_default().now(at);
            counts.discovers[secs_slot(event.secs)] += 1;
        } else {
            episode.request(event, at);
        }
    }

    fn answered(&mut self, event: &Event, at: BootTime) {
        let server = Ipv4Addr::from(event.source);
        let Some(interface) = self.policy.interface(event.interface) else {
            return self.passed(event, server, at);
        };
        let number = interface.server_in(event.vrf, server).and_then(|number| u8::try_from(number).ok());
        let Some(number) = number else { return };
        let group = interface.group;
        let name = self.name(event);
        let Some(episode) = self.followed.get_mut(name) else { return };
        let counts = self.servers.entry((group, server)).or_default().now(at);
        if event.message != OFFER {
            if let Some(took) = episode.answer(event, at) {
                counts.answered(event.message == NAK, took);
            }
            return;
        }
        let Some(offer) = episode.offer(event, number, at) else { return };
        counts.offered(offer.secs, offer.took, offer.first_of_server);
        let counts = self.groups.entry(group).or_default().now(at);
        counts.different += u64::from(offer.differs);
        if let Some(waited) = offer.first_of_all {
            counts.clients[secs_slot(offer.secs)] += 1;
            self.interfaces.entry(event.interface).or_default().now(at).served(offer.secs, waited);
        }
    }

    /// The answer to a renewal that only passes: the interface is not known, the server is.
    fn passed(&mut self, event: &Event, server: Ipv4Addr, at: BootTime) {
        let is_its = |interface: &&Interface| interface.server_in(event.vrf, server).is_some();
        let Some(interface) = self.policy.interfaces.iter().flatten().find(is_its) else { return };
        let counts = self.servers.entry((interface.group, server)).or_default().now(at);
        counts.passed(event.message == NAK);
    }
}
