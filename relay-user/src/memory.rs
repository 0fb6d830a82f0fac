//! What the rules remember from one message to the next: in the fast path's own maps where there are some, because a
//! dialogue may take either path from one message to the next; in ordinary memory where there are none.

use std::{cell::RefCell, collections::HashMap, hash::Hash, sync::Arc};

use aya::maps::{self, MapData};
use bytemuck::Pod;
use relay_common::abi::{Attempt, AttemptKey, ClientKey, Holder, HolderKey};

use crate::{fastpath::Abi, leases::Leases, renumber::Renumber};

/// How much is remembered of each kind without a fast path, as much as in its maps.
const ROOM: usize = 65_536;

/// A map of the fast path.
pub type KernelMap<K, V> = maps::HashMap<MapData, Abi<K>, Abi<V>>;

/// The maps of the fast path that both paths write.
pub struct KernelMaps {
    /// Who offered or gave an address.
    pub holders: KernelMap<HolderKey, Holder>,
    /// On which interface a client was heard.
    pub clients: KernelMap<ClientKey, u32>,
    /// How far a client has come with an interface's addresses.
    pub attempts: KernelMap<AttemptKey, Attempt>,
}

/// Everything that is remembered.
pub struct Memory {
    /// Who offered or gave an address to a client.
    pub holders: Remembered<HolderKey, Holder>,
    /// On which interface a client was heard.
    pub clients: Remembered<ClientKey, u32>,
    /// How far a client has come with an interface's addresses.
    pub attempts: Remembered<AttemptKey, Attempt>,
    leases: Arc<Leases>,
}

impl Memory {
    /// In the fast path's maps, if there are some; and the leases of the client table.
    pub fn new(maps: Option<KernelMaps>, leases: Arc<Leases>) -> Self {
        match maps {
            Some(KernelMaps { holders, clients, attempts }) => Self {
                holders: Remembered::Kernel(RefCell::new(holders)),
                clients: Remembered::Kernel(RefCell::new(clients)),
                attempts: Remembered::Kernel(RefCell::new(attempts)),
                leases,
            },
            None => Self {
                holders: Remembered::default(),
                clients: Remembered::default(),
                attempts: Remembered::default(),
                leases,
            },
        }
    }

    /// In memory alone, and of no leases.
    pub fn without_leases() -> Self {
        Self::new(None, Arc::new(Leases::nowhere()))
    }

    /// Whether it is in ordinary memory.
    pub fn is_here(&self) -> bool {
        matches!(self.clients, Remembered::Here(_))
    }

    /// Takes over what is not known here yet, under its new numbers.
    pub fn take_over(&self, old: &Self, renumber: &Renumber) {
        self.holders.take_over(&old.holders, |key, holder| Some((renumber.holder(key)?, holder)));
        self.attempts.take_over(&old.attempts, |key, attempt| renumber.attempt(key, attempt));
        self.take_over_clients(old, renumber);
    }

    /// The same of where clients were heard alone: without the others a message goes to more servers than it need, or with
    /// the first address again; without this, its reply goes nowhere.
    pub fn take_over_clients(&self, old: &Self, renumber: &Renumber) {
        self.clients.take_over(&old.clients, |key, interface| renumber.heard(key, interface));
    }

    /// As [`Leases::renew`].
    pub fn renew(&self, vrf: u32, key: &HolderKey) -> Option<[u8; 4]> {
        self.leases.renew(vrf, key)
    }
}

/// One kind of it.
pub enum Remembered<K, V> {
    /// In the kernel.
    Kernel(RefCell<KernelMap<K, V>>),
    /// Here.
    Here(RefCell<HashMap<K, V>>),
}

impl<K, V> Default for Remembered<K, V> {
    fn default() -> Self {
        Self::Here(RefCell::default())
    }
}

impl<K: Pod + Eq + Hash, V: Pod> Remembered<K, V> {
    /// What is remembered of it.
    pub fn get(&self, key: K) -> Option<V> {
        match self {
            // What cannot be read is not known: the rules have an answer to that.
            Self::Kernel(map) => map.borrow().get(&Abi(key), 0).ok().map(|Abi(value)| value),
            Self::Here(map) => map.borrow().get(&key).copied(),
        }
    }

    fn take_over(&self, old: &Self, renumbered: impl Fn(K, V) -> Option<(K, V)>) {
        let keep = |key: K, value: V| {
            if let Some((key, value)) = renumbered(key, value)
                && self.get(key).is_none()
            {
                self.set(key, value);
            }
        };
        match old {
            // Reading begins anew where an entry goes away meanwhile.
            Self::Kernel(map) => map
                .borrow()
                .iter()
                .take(2 * ROOM)
                .filter_map(Result::ok)
                .for_each(|(Abi(key), Abi(value))| keep(key, value)),
            Self::Here(map) => map.borrow().iter().for_each(|(key, value)| keep(*key, *value)),
        }
    }

    /// Remembers it.
    pub fn set(&self, key: K, value: V) {
        match self {
            Self::Kernel(map) => {
                if let Err(error) = map.borrow_mut().insert(Abi(key), Abi(value), 0) {
                    tracing::debug!("a message is not remembered: {error}");
                }
            }
            Self::Here(map) => {
                let mut map = map.borrow_mut();
                // Dialogues are short and leases are published: beginning anew costs a client in the middle of one little.
                if map.len() >= ROOM && !map.contains_key(&key) {
                    map.clear();
                }
                map.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_does_not_grow_without_end() {
        let clients = Memory::without_leases().clients;
        let key = |number| ClientKey::new(number, [0; 4], [0; 16]);
        for number in 0..=ROOM as u32 {
            clients.set(key(number), number);
        }
        assert_eq!(clients.get(key(ROOM as u32)), Some(ROOM as u32));
        let Remembered::Here(map) = &clients else { panic!("there is no kernel here") };
        assert_eq!(map.borrow().len(), 1);
    }
}
