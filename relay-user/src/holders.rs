//! Who offered or gave an address, for the rules' server affinity: the fast path's own map where there is one, because a
//! dialogue may take either path from one message to the next; ordinary memory where there is none.

use std::{cell::RefCell, collections::HashMap, sync::Arc};

use aya::maps::{self, MapData};
use relay_common::abi::{Holder, HolderKey};

use crate::{fastpath::Abi, leases::Leases};

/// How many are remembered without a fast path, as many as in its map.
const ROOM: usize = 65_536;

/// The map of the fast path.
pub type KernelMap = maps::HashMap<MapData, Abi<HolderKey>, Abi<Holder>>;

/// Who holds what.
pub struct Holders {
    lately: Lately,
    leases: Arc<Leases>,
}

/// Who offered or gave an address a while ago at the most.
enum Lately {
    /// In the kernel.
    Kernel(RefCell<KernelMap>),
    /// Here.
    Memory(RefCell<HashMap<HolderKey, Holder>>),
}

impl Holders {
    /// In the fast path's map, if there is one; and the leases of the client table.
    pub fn new(map: Option<KernelMap>, leases: Arc<Leases>) -> Self {
        let lately =
            map.map_or_else(|| Lately::Memory(RefCell::default()), |map| Lately::Kernel(RefCell::new(map)));
        Self { lately, leases }
    }

    /// In memory alone, and of no leases.
    pub fn without_leases() -> Self {
        Self::new(None, Arc::new(Leases::nowhere()))
    }

    /// Who holds it.
    pub fn get(&self, key: HolderKey) -> Option<Holder> {
        match &self.lately {
            // What cannot be read is not known: the request goes to all servers.
            Lately::Kernel(map) => map.borrow().get(&Abi(key), 0).ok().map(|Abi(holder)| holder),
            Lately::Memory(map) => map.borrow().get(&key).copied(),
        }
    }

    /// Remembers it.
    pub fn set(&self, key: HolderKey, holder: Holder) {
        match &self.lately {
            Lately::Kernel(map) => {
                if let Err(error) = map.borrow_mut().insert(Abi(key), Abi(holder), 0) {
                    tracing::debug!("the holder of an address is not remembered: {error}");
                }
            }
            Lately::Memory(map) => {
                let mut map = map.borrow_mut();
                // Dialogues are short and leases are published: beginning anew costs a client that has chosen one message to
                // all servers.
                if map.len() >= ROOM && !map.contains_key(&key) {
                    map.clear();
                }
                map.insert(key, holder);
            }
        }
    }

    /// The server of a client's lease.
    pub fn lessor(&self, vrf: u32, key: &HolderKey) -> Option<[u8; 4]> {
        self.leases.lessor(vrf, key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_does_not_grow_without_end() {
        let holders = Holders::without_leases();
        let holder = Holder { server: [10, 0, 0, 1], xid: [0; 4], asked: 0 };
        for number in 0..=ROOM as u32 {
            let key = HolderKey { interface: number, address: [0; 4], chaddr: [0; 6], zero: 0 };
            holders.set(key, holder);
        }
        let last = HolderKey { interface: ROOM as u32, address: [0; 4], chaddr: [0; 6], zero: 0 };
        assert_eq!(holders.get(last), Some(holder));
        let Lately::Memory(map) = &holders.lately else { panic!("there is no kernel here") };
        assert_eq!(map.borrow().len(), 1);
    }
}
