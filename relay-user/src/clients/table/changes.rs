//! What the store has to be told: rows of leases, collected by entry and taken when the store is ready for more.
//!
//! Nothing is queued. An entry is marked, and its row is made when it is taken: a lease that is renewed ten times while
//! the disk is slow is written once, and what waits can never be more than there are clients and rows.

use super::Table;
use crate::clients::{
    client::{Client, Hardware, Lease},
    key::Key,
};

/// A lease as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Whose it is.
    pub key: Key,
    /// The hardware address of the client's last message.
    pub hardware: Hardware,
    /// As [`Client::on_link`].
    pub on_link: bool,
    /// The lease.
    pub lease: Lease,
}

/// One thing to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The row is as this.
    Put(Row),
    /// There is no such row.
    Delete(Key),
}

impl Table {
    /// Takes at most `max` changes that have not been taken yet, and adds them to `into`.
    pub fn take_changes(&mut self, max: usize, into: &mut Vec<Change>) {
        let end = into.len() + max;
        let gone: Vec<Key> = self.gone.iter().take(max).copied().collect();
        for key in gone {
            self.gone.remove(&key);
            into.push(Change::Delete(key));
        }
        while into.len() < end {
            let Some(number) = self.unsaved.pop() else { break };
            let Some(client) = self.clients.get_mut(number).filter(|client| !client.saved) else { continue };
            client.saved = true;
            if let Some(row) = row(client) {
                client.stored = true;
                into.push(Change::Put(row));
            }
        }
    }

    /// Whether there are changes to be taken.
    pub fn has_changes(&self) -> bool {
        !self.gone.is_empty() || !self.unsaved.is_empty()
    }

    /// Every row there should be, for a store that has lost what it had.
    pub fn save_all(&mut self) {
        let bound: Vec<u32> = self
            .clients
            .iter()
            .filter(|(_, client)| client.state.is_bound())
            .map(|(number, _)| number)
            .collect();
        for number in bound {
            self.save(number);
        }
    }

    /// The row of an entry is out of date.
    pub(super) fn save(&mut self, number: u32) {
        let Some(client) = self.clients.get_mut(number) else { return };
        // A row that was to go is overwritten instead.
        client.stored |= self.gone.remove(&client.key);
        if std::mem::take(&mut client.saved) {
            self.unsaved.push(number);
        }
    }

    /// The row of an entry is to go.
    pub(super) fn unsave(&mut self, number: u32) {
        let Some(client) = self.clients.get_mut(number) else { return };
        client.saved = true;
        if std::mem::take(&mut client.stored) {
            self.gone.insert(client.key);
        }
    }
}

fn row(client: &Client) -> Option<Row> {
    let lease = *client.held()?;
    Some(Row { key: client.key, hardware: client.hardware, on_link: client.on_link, lease })
}
