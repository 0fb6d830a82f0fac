//! A table with its surroundings: what the actions have led to is kept, so that a test can look at it.

use std::{collections::BTreeMap, net::Ipv4Addr, time::Duration};

use relay_common::event::Event;
use relay_user::clients::{
    Action, BootTime, Change, Client, Ignored, Interface, Key, Policy, Published, Row, Server, StepKind,
    Table,
};

pub(crate) struct World {
    pub(crate) table: Table,
    pub(crate) now: BootTime,
    /// Host routes: Ethernet address by (VRF, interface, address).
    pub(crate) routes: BTreeMap<(u32, u32, Ipv4Addr), [u8; 6]>,
    /// The kernel's map.
    pub(crate) published: BTreeMap<(u32, Ipv4Addr), Published>,
    /// The store.
    pub(crate) rows: BTreeMap<Key, Row>,
    /// Steps since they were last looked at.
    pub(crate) steps: Vec<StepKind>,
}

pub(crate) const A: &str = "10.0.41.10";
pub(crate) const B: &str = "10.0.41.11";
/// Server of interface 3, in VRF 20.
pub(crate) const C: &str = "10.0.42.10";

/// Interfaces 1 and 2 in the main table with servers A and B there, 1 with host routes; interface 3 in VRF 10 with
/// server C in VRF 20, with host routes.
pub(crate) fn policy(clients_max: u32) -> Policy {
    let interface = |vrf, server_vrf, servers: &[&str], host_routes| Interface {
        vrf,
        group: server_vrf,
        servers: servers
            .iter()
            .map(|server| Server { address: super::event::ip(server), vrf: server_vrf, min_secs: 0 })
            .collect(),
        clients_max,
        host_routes,
    };
    Policy {
        interfaces: vec![
            None,
            Some(interface(0, 0, &[A, B], true)),
            Some(interface(0, 0, &[A, B], false)),
            Some(interface(10, 20, &[C], true)),
        ],
        clients_max: clients_max.saturating_mul(2),
        unfinished: Duration::from_secs(60),
        linger: Duration::from_secs(10),
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(policy(1000))
    }

    pub(crate) fn with(policy: Policy) -> Self {
        let now = BootTime::from_nanos(1_000 * super::event::SECOND);
        Self {
            table: Table::new(policy, now),
            now,
            routes: BTreeMap::new(),
            published: BTreeMap::new(),
            rows: BTreeMap::new(),
            steps: Vec::new(),
        }
    }

    /// One message, now.
    pub(crate) fn hear(&mut self, event: Event) -> Result<(), Ignored> {
        let mut actions = Vec::new();
        let event = if event.timestamp == 0 { Event { timestamp: self.now.nanos(), ..event } } else { event };
        let done = self.table.handle(&event, self.now, &mut actions);
        self.apply(&actions);
        done
    }

    pub(crate) fn wait(&mut self, duration: Duration) {
        self.now = self.now.after(duration);
        let mut actions = Vec::new();
        self.table.expire(self.now, &mut actions);
        self.apply(&actions);
    }

    pub(crate) fn apply(&mut self, actions: &[Action]) {
        for action in actions {
            match *action {
                Action::Step(step) => self.steps.push(step.kind),
                Action::Install(host) => {
                    self.routes.insert((host.vrf, host.interface, host.address), host.mac);
                }
                Action::Remove(host) => {
                    let removed = self.routes.remove(&(host.vrf, host.interface, host.address));
                    assert_eq!(
                        removed,
                        Some(host.mac),
                        "a route is removed that was not installed: {host:?}"
                    );
                }
                Action::Publish(lease) => {
                    self.published.insert((lease.vrf, lease.address), lease);
                }
                Action::Withdraw { vrf, address } => {
                    let removed = self.published.remove(&(vrf, address));
                    assert!(removed.is_some(), "{address} is withdrawn that was not published");
                }
            }
        }
        self.save(usize::MAX / 2);
    }

    /// Takes at most `max` changes into the store.
    pub(crate) fn save(&mut self, max: usize) {
        let mut changes = Vec::new();
        self.table.take_changes(max, &mut changes);
        for change in changes {
            match change {
                Change::Put(row) => {
                    self.rows.insert(row.key, row);
                }
                Change::Delete(mut key) => {
                    // Of an interface that is gone, by the number it had.
                    key.interface &= !Key::GONE;
                    assert!(self.rows.remove(&key).is_some(), "a row is deleted that is not there: {key:?}");
                }
            }
        }
    }

    pub(crate) fn steps(&mut self) -> Vec<StepKind> {
        std::mem::take(&mut self.steps)
    }

    /// The client that the message is from.
    pub(crate) fn client(&self, event: &Event) -> Option<&Client> {
        self.table.find(&Key::of(event)?)
    }
}
