//! What is learnt of leases from a server that was asked about them, and not from a client's dialogue.

use std::{net::Ipv4Addr, time::Duration};

use super::{Table, changes::Row};
use crate::clients::{
    action::{Action, Ignored, StepKind},
    client::{Client, Lease, State},
    time::BootTime,
};

/// Servers tell times in seconds: what differs by less is of the same age.
const SAME_AGE: Duration = Duration::from_secs(2);

impl Table {
    /// Takes over a lease as a server knows it, unless the table knows something newer of the client or of the address.
    /// A dialogue that the client has going goes on.
    ///
    /// # Errors
    /// `Duplicate` when the table knows as much or more; else why the lease cannot be in this table.
    pub fn learn(&mut self, row: &Row, now: BootTime, actions: &mut Vec<Action>) -> Result<(), Ignored> {
        let interface = self.policy.interface(row.key.interface).ok_or(Ignored::NoInterface)?;
        if interface.vrf != row.key.vrf {
            return Err(Ignored::OtherVrf);
        }
        if !interface.has_server(row.lease.server) {
            return Err(Ignored::NotAServer);
        }
        if row.lease.expires <= now {
            return Err(Ignored::NoLease);
        }
        let is_newer = |known: &Lease| row.lease.since > known.since.after(SAME_AGE);
        let holder = self.holder(row.key.vrf, row.lease.address).and_then(Client::held);
        let own = self.find(&row.key).and_then(Client::held);
        if [holder, own].into_iter().flatten().any(|known| !is_newer(known)) {
            return Err(Ignored::Duplicate);
        }
        let number = match self.index.by_key(&self.clients, &row.key) {
            Some(number) => number,
            None => self.create(Client {
                on_link: row.on_link,
                ..Client::new(row.key, row.hardware, State::Requesting)
            })?,
        };
        self.bind_as(number, row.lease, StepKind::Recovered, actions);
        Ok(())
    }

    /// Ends the lease of whoever holds an address, of which a server says that nobody does.
    pub fn disown(&mut self, vrf: u32, address: Ipv4Addr, now: BootTime, actions: &mut Vec<Action>) {
        if let Some(number) = self.index.by_address(&self.clients, vrf, address) {
            self.end(number, State::Expired, now, actions);
        }
    }
}
