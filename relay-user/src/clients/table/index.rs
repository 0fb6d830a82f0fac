//! Three ways to an entry: by key for what clients send, by (hardware address, xid) for what servers answer, and by
//! (VRF, address) for who holds what.
//!
//! Each is a hash table of entry numbers, five octets an entry; the keys are read from the entries themselves. Clients
//! choose their identifiers, so the hash is a keyed one (SipHash): nobody can make all of them collide.

use std::{
    hash::{BuildHasher, Hash, RandomState},
    net::Ipv4Addr,
};

use hashbrown::HashTable;

use crate::clients::{
    client::{Client, Hardware},
    key::Key,
    slab::Slab,
};

/// Dialogues of one hardware address and xid that are told apart. More have no other purpose than to be searched.
pub(super) const SAME_DIALOGUE: usize = 8;

#[derive(Debug, Default)]
pub(super) struct Index {
    hasher: RandomState,
    keys: HashTable<u32>,
    dialogues: HashTable<u32>,
    addresses: HashTable<u32>,
}

impl Index {
    fn hash(&self, value: impl Hash) -> u64 {
        self.hasher.hash_one(value)
    }

    pub(super) fn by_key(&self, clients: &Slab<Client>, key: &Key) -> Option<u32> {
        let is = |number: &u32| clients.get(*number).is_some_and(|client| client.key == *key);
        self.keys.find(self.hash(key), is).copied()
    }

    pub(super) fn by_address(&self, clients: &Slab<Client>, vrf: u32, address: Ipv4Addr) -> Option<u32> {
        let is = |number: &u32| clients.get(*number).is_some_and(|client| holds(client, vrf, address));
        self.addresses.find(self.hash((vrf, address)), is).copied()
    }

    /// Every client of which the last message had this xid and came from this hardware address.
    pub(super) fn by_dialogue(
        &self,
        clients: &Slab<Client>,
        hardware: Hardware,
        xid: u32,
    ) -> impl Iterator<Item = u32> {
        self.dialogues.iter_hash(self.hash((hardware, xid))).copied().filter(move |&number| {
            clients
                .get(number)
                .is_some_and(|client| client.dialogue.xid == xid && client.hardware == hardware)
        })
    }

    pub(super) fn insert_key(&mut self, clients: &Slab<Client>, number: u32) {
        let Some(client) = clients.get(number) else { return };
        let (hash, hasher) = (self.hash(client.key), &self.hasher);
        let rehash = |other: &u32| clients.get(*other).map_or(0, |client| hasher.hash_one(client.key));
        self.keys.insert_unique(hash, number, rehash);
    }

    pub(super) fn insert_dialogue(&mut self, clients: &Slab<Client>, number: u32) {
        let Some(client) = clients.get(number) else { return };
        let (hash, hasher) = (self.hash((client.hardware, client.dialogue.xid)), &self.hasher);
        let rehash = |other: &u32| {
            clients.get(*other).map_or(0, |client| hasher.hash_one((client.hardware, client.dialogue.xid)))
        };
        self.dialogues.insert_unique(hash, number, rehash);
    }

    pub(super) fn insert_address(&mut self, clients: &Slab<Client>, number: u32) {
        let Some((vrf, address)) = clients.get(number).and_then(held) else { return };
        let (hash, hasher) = (self.hash((vrf, address)), &self.hasher);
        let rehash = |other: &u32| clients.get(*other).and_then(held).map_or(0, |held| hasher.hash_one(held));
        self.addresses.insert_unique(hash, number, rehash);
    }

    pub(super) fn remove_key(&mut self, key: &Key, number: u32) {
        remove(&mut self.keys, self.hasher.hash_one(key), number);
    }

    pub(super) fn remove_dialogue(&mut self, hardware: Hardware, xid: u32, number: u32) {
        remove(&mut self.dialogues, self.hasher.hash_one((hardware, xid)), number);
    }

    pub(super) fn remove_address(&mut self, vrf: u32, address: Ipv4Addr, number: u32) {
        remove(&mut self.addresses, self.hasher.hash_one((vrf, address)), number);
    }
}

fn remove(table: &mut HashTable<u32>, hash: u64, number: u32) {
    if let Ok(entry) = table.find_entry(hash, |other| *other == number) {
        entry.remove();
    }
}

/// The address an entry is found by: that of its last lease, from binding until [`Index::remove_address`].
fn held(client: &Client) -> Option<(u32, Ipv4Addr)> {
    client.lease.as_ref().map(|lease| (client.key.vrf, lease.address))
}

fn holds(client: &Client, vrf: u32, address: Ipv4Addr) -> bool {
    held(client) == Some((vrf, address))
}
