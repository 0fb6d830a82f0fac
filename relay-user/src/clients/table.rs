//! The client table: messages in, actions out, no clock and no socket of its own.
//!
//! [`Table::handle`] takes every message that was relayed or has passed. What it means for a client is in `request` (messages
//! from clients) and `reply` (messages from servers); `lifecycle` is where leases begin and end, `index` finds
//! entries by key, by (hardware address, xid) and by address, `changes` tells the store what is new, `adopt` takes
//! stored leases in and follows a new configuration, `learn` takes in what servers say when they are asked.

mod adopt;
mod changes;
mod index;
mod learn;
mod lifecycle;
mod reply;
mod request;

use std::{collections::HashSet, net::Ipv4Addr};

use relay_common::{event::Event, wire::bootp};

pub use self::changes::{Change, Row};
use self::index::Index;
use super::{
    action::{Action, Ignored},
    client::{Client, State},
    key::Key,
    policy::Policy,
    slab::Slab,
    time::BootTime,
    wheel::Wheel,
};

/// All clients.
#[derive(Debug)]
pub struct Table {
    policy: Policy,
    clients: Slab<Client>,
    index: Index,
    wheel: Wheel,
    /// By interface index; index 0 is the sum.
    used: Vec<Used>,
    ignored: [u64; Ignored::ALL.len()],
    handled: u64,
    /// Numbers of clients whose row in the store is out of date. Those that are not any more may be among them.
    unsaved: Vec<u32>,
    /// Keys whose row in the store is to go.
    gone: HashSet<Key>,
}

/// How many entries there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Used {
    entries: u32,
    /// Those of them in a state that [`State::is_idle`].
    idle: u32,
}

impl Table {
    /// An empty table.
    pub fn new(policy: Policy, now: BootTime) -> Self {
        let used = vec![Used::default(); policy.interfaces.len().max(1)];
        Self {
            policy,
            clients: Slab::default(),
            index: Index::default(),
            wheel: Wheel::new(now),
            used,
            ignored: [0; Ignored::ALL.len()],
            handled: 0,
            unsaved: Vec::new(),
            gone: HashSet::new(),
        }
    }

    /// Takes one message in, after everything that was due by `now`, and adds to `actions` what is to be done.
    ///
    /// # Errors
    /// Why the message changed nothing; that has been counted.
    pub fn handle(&mut self, event: &Event, now: BootTime, actions: &mut Vec<Action>) -> Result<(), Ignored> {
        self.expire(now, actions);
        self.handled += 1;
        // A lease counts from its ACK, not from when the daemon came round to reading of it.
        let at = match BootTime::from_nanos(event.timestamp) {
            at if at > now || event.timestamp == 0 => now,
            at => at,
        };
        let done = match event.op {
            _ if event.message == bootp::message::BOOTP => Err(Ignored::Bootp),
            bootp::BOOTREQUEST => self.request(event, at, actions),
            bootp::BOOTREPLY => self.reply(event, at, actions),
            _ => Err(Ignored::OtherType),
        };
        if let Err(reason) = done {
            self.ignored[reason as usize] += 1;
        }
        done
    }

    /// Ends the leases that have run out by `now`, and forgets the clients whose time is over.
    pub fn expire(&mut self, now: BootTime, actions: &mut Vec<Action>) {
        while let Some(number) = self.wheel.due(now) {
            self.time_out(number, now, actions);
        }
    }

    /// When [`Self::expire`] has something to do again, at the earliest; `None` while nothing is to come.
    pub fn next_deadline(&self) -> Option<BootTime> {
        self.wheel.next()
    }

    /// A client by its number in a [`super::Step`].
    pub fn client(&self, number: u32) -> Option<&Client> {
        self.clients.get(number)
    }

    /// A client by its key.
    pub fn find(&self, key: &Key) -> Option<&Client> {
        self.clients.get(self.index.by_key(&self.clients, key)?)
    }

    /// The client that holds an address in a VRF.
    pub fn holder(&self, vrf: u32, address: Ipv4Addr) -> Option<&Client> {
        self.clients.get(self.index.by_address(&self.clients, vrf, address)?)
    }

    /// Every client, in no order.
    pub fn clients(&self) -> impl Iterator<Item = &Client> {
        self.clients.iter().map(|(_, client)| client)
    }

    /// How many clients there are.
    pub fn len(&self) -> usize {
        self.clients.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Messages handled, those that changed nothing included.
    pub fn handled(&self) -> u64 {
        self.handled
    }

    /// How many hold a lease. Looks at all of them.
    pub fn bound(&self) -> usize {
        self.clients().filter(|client| client.state.is_bound()).count()
    }

    /// How many clients an interface has.
    pub fn len_of(&self, interface: u32) -> u32 {
        self.used.get(interface as usize).map_or(0, |used| used.entries)
    }

    /// How many messages changed nothing, by reason.
    pub fn ignored(&self, reason: Ignored) -> u64 {
        self.ignored[reason as usize]
    }

    /// What is known of the configuration.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Moves a client to another state, and keeps the counts.
    fn set_state(&mut self, number: u32, state: State) {
        let Some(client) = self.clients.get_mut(number) else { return };
        let (before, interface) = (client.state, client.key.interface);
        client.state = state;
        let change = i32::from(state.is_idle()) - i32::from(before.is_idle());
        for index in [0, interface as usize] {
            self.used[index].idle = self.used[index].idle.saturating_add_signed(change);
        }
    }

    /// Whether there are more idle entries than half of what there may be at all: entries that nothing depends on
    /// must not keep out those that something does.
    fn is_crowded(&self, interface: u32, more: u32) -> bool {
        let own = self.policy.interface(interface).map_or(0, |interface| interface.clients_max);
        self.used[interface as usize].idle + more > own / 2
            || self.used[0].idle + more > self.policy.clients_max / 2
    }

    /// Makes an entry, if there may be one more.
    fn create(&mut self, client: Client) -> Result<u32, Ignored> {
        let interface = client.key.interface;
        let own = self.policy.interface(interface).map_or(0, |interface| interface.clients_max);
        let idle = client.state.is_idle();
        if self.used[interface as usize].entries >= own
            || self.used[0].entries >= self.policy.clients_max
            || (idle && self.is_crowded(interface, 1))
        {
            return Err(Ignored::Limit);
        }
        for index in [0, interface as usize] {
            self.used[index].entries += 1;
            self.used[index].idle += u32::from(idle);
        }
        let number = self.clients.insert(client);
        self.index.insert_key(&self.clients, number);
        Ok(number)
    }
}
