//! Leases that are known already: those of the store after a start, and those of the table when the configuration
//! changes under it.

use super::{Table, Used, changes::Row};
use crate::clients::{
    action::{Action, Ignored},
    client::{Client, State},
    key::Key,
    policy::Policy,
    time::BootTime,
};

impl Table {
    /// Takes a stored lease in, as bound. The row counts as stored.
    ///
    /// # Errors
    /// The interface is not there or in another VRF, the lease has run out, there is no room, or the client or its
    /// address is in the table already: what was heard since the start is newer than what was stored before.
    pub fn adopt(&mut self, row: &Row, now: BootTime, actions: &mut Vec<Action>) -> Result<(), Ignored> {
        let interface = self.policy.interface(row.key.interface).ok_or(Ignored::NoInterface)?;
        if interface.vrf != row.key.vrf {
            return Err(Ignored::OtherVrf);
        }
        if row.lease.expires <= now {
            return Err(Ignored::NoLease);
        }
        if self.find(&row.key).is_some() || self.holder(row.key.vrf, row.lease.address).is_some() {
            return Err(Ignored::Duplicate);
        }
        let number = self.create(Client {
            on_link: row.on_link,
            lease: Some(row.lease),
            stored: true,
            ..Client::new(row.key, row.hardware, State::Bound)
        })?;
        self.index.insert_address(&self.clients, number);
        self.route(number, actions);
        self.publish(number, actions);
        self.arm(number, row.lease.expires);
        Ok(())
    }

    /// Follows a new configuration. `moved` tells the new index of an interface, `None` where there is none any more:
    /// its clients are forgotten, and so are those of an interface that is in another VRF now. Where there are more
    /// clients than may be now, they stay.
    pub fn reconfigure(
        &mut self,
        policy: Policy,
        moved: impl Fn(u32) -> Option<u32>,
        now: BootTime,
        actions: &mut Vec<Action>,
    ) {
        let goes_to = |interface: u32, vrf: u32| {
            moved(interface).filter(|&to| policy.interface(to).is_some_and(|interface| interface.vrf == vrf))
        };
        let all: Vec<u32> = self.clients.iter().map(|(number, _)| number).collect();
        for &number in &all {
            let Some(client) = self.clients.get(number) else { continue };
            if goes_to(client.key.interface, client.key.vrf).is_none() {
                if client.state.is_bound() {
                    self.end(number, State::Expired, now, actions);
                }
                if self.clients.get(number).is_some() {
                    self.forget(number, actions);
                }
            } else if policy.interface(client.key.interface).is_none_or(|interface| !interface.host_routes)
                || goes_to(client.key.interface, client.key.vrf) != Some(client.key.interface)
            {
                // Routes name the interface by its old index: away with them before it means another.
                self.unroute(number, actions);
            }
        }
        let gone = std::mem::take(&mut self.gone);
        self.gone = gone
            .into_iter()
            .map(|mut key| {
                // Not to be taken for a key of the interface that has the number now.
                key.interface = moved(key.interface).unwrap_or(key.interface | Key::GONE);
                key
            })
            .collect();
        let mut used = vec![Used::default(); policy.interfaces.len().max(1)];
        for &number in &all {
            let Some(client) = self.clients.get_mut(number) else { continue };
            let (was, idle) = (client.key, client.state.is_idle());
            let Some(to) = goes_to(was.interface, was.vrf) else { continue };
            client.key.interface = to;
            self.index.remove_key(&was, number);
            for index in [0, to as usize] {
                used[index].entries += 1;
                used[index].idle += u32::from(idle);
            }
        }
        self.used = used;
        self.policy = policy;
        for &number in &all {
            if self.clients.get(number).is_some() {
                self.index.insert_key(&self.clients, number);
                self.route(number, actions);
                self.publish(number, actions);
            }
        }
    }
}
