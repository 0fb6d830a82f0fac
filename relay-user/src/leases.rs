//! The leases of bound clients as the rest of the machine sees them: published by the client table, read by the rules of both
//! paths (server affinity) and by other BPF programs. With a fast path that is its map `leases`, else memory.

use std::{
    collections::HashMap,
    net::Ipv4Addr,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use relay_common::abi::{HolderKey, Lease, LeaseKey, lease_state};

use crate::{
    clients::{Published, State},
    fastpath::{KernelLeases, Refusals},
    quota::Quota,
};

/// Where leases are published.
pub struct Leases {
    place: Place,
    refused: AtomicU64,
    complaints: Mutex<Quota<&'static str>>,
}

enum Place {
    /// One who writes at a time: the client table its batches, the slow path what it has read before.
    Kernel(Mutex<KernelLeases>),
    Memory(Mutex<HashMap<LeaseKey, Lease>>),
    Nowhere,
}

impl Leases {
    /// In the fast path's map.
    pub fn in_kernel(map: KernelLeases) -> Self {
        Self::at(Place::Kernel(Mutex::new(map)))
    }

    /// In memory, for the rules of a daemon without a fast path.
    pub fn in_memory() -> Self {
        Self::at(Place::Memory(Mutex::default()))
    }

    /// Not at all: there is no fast path, and the rules do not ask.
    pub fn nowhere() -> Self {
        Self::at(Place::Nowhere)
    }

    fn at(place: Place) -> Self {
        Self { place, refused: AtomicU64::new(0), complaints: Mutex::default() }
    }

    /// The server of the lease of an address in a VRF, if it is this client's and bound: from now on it is being renewed.
    pub fn renew(&self, vrf: u32, client: &HolderKey) -> Option<[u8; 4]> {
        let key = LeaseKey { vrf, address: client.address };
        match &self.place {
            Place::Kernel(map) => {
                let mut map = locked(map);
                let mut lease = map.get(key)?;
                let server = lease.renew(client)?;
                if let Err(error) = map.replace(key, lease) {
                    tracing::debug!("a renewal is not remembered: {error}");
                }
                Some(server)
            }
            Place::Memory(map) => locked(map).get_mut(&key)?.renew(client),
            Place::Nowhere => None,
        }
    }

    /// Leases that are not published, because there was no room for them or the kernel refused.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Publishes and withdraws what has changed; nothing is left of it then.
    pub fn write(&self, changes: &mut Changes) {
        if changes.all.is_empty() {
            return;
        }
        changes.settle();
        match &self.place {
            Place::Kernel(map) => {
                let map = locked(map);
                // First what makes room.
                self.heard(map.remove(&changes.withdrawn));
                self.heard(map.put(&changes.keys, &changes.leases));
            }
            Place::Memory(map) => {
                let mut map = locked(map);
                changes.withdrawn.iter().for_each(|key| _ = map.remove(key));
                map.extend(changes.keys.iter().copied().zip(changes.leases.iter().copied()));
            }
            Place::Nowhere => {}
        }
    }

    fn heard(&self, refusals: Refusals) {
        let Some(error) = refusals.first else { return };
        self.refused.fetch_add(refusals.count as u64, Ordering::Relaxed);
        let mut complaints = locked(&self.complaints);
        if let Some(suppressed) = complaints.admit(&"leases", Instant::now()) {
            tracing::warn!(
                leases = refusals.count,
                suppressed,
                "not in the map \"leases\" until they are renewed, relaying goes on: {error}"
            );
        }
    }
}

/// Each of them is whole between two calls, whatever became of the one who had it.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is to be published and withdrawn with the next batch.
#[derive(Debug, Default)]
pub struct Changes {
    /// In the order in which it came: the last word about an address counts.
    all: Vec<(LeaseKey, Option<Lease>)>,
    withdrawn: Vec<LeaseKey>,
    keys: Vec<LeaseKey>,
    leases: Vec<Lease>,
}

impl Changes {
    /// So many make a batch.
    pub const BATCH: usize = 4096;

    /// A lease is to be published, in place of what may be there for the address.
    pub fn publish(&mut self, lease: &Published) {
        let Published { vrf, address, interface, hardware, server, seconds, state, expires } = *lease;
        let value = Lease {
            expires: expires.nanos(),
            seconds,
            interface,
            server: server.octets(),
            chaddr: hardware.octets,
            hlen: hardware.len,
            state: match state {
                State::Renewing => lease_state::RENEWING,
                State::Rebinding => lease_state::REBINDING,
                _ => lease_state::BOUND,
            },
            zero: 0,
        };
        self.all.push((LeaseKey { vrf, address: address.octets() }, Some(value)));
    }

    /// A lease is to be withdrawn.
    pub fn withdraw(&mut self, vrf: u32, address: Ipv4Addr) {
        self.all.push((LeaseKey { vrf, address: address.octets() }, None));
    }

    /// Whether there are enough for a batch.
    pub fn is_full(&self) -> bool {
        self.all.len() >= Self::BATCH
    }

    /// Keeps the last word about each address.
    fn settle(&mut self) {
        self.withdrawn.clear();
        self.keys.clear();
        self.leases.clear();
        // Stable: what was said later about an address stays behind.
        self.all.sort_by_key(|(key, _)| *key);
        for index in 0..self.all.len() {
            let (key, change) = self.all[index];
            if self.all.get(index + 1).is_some_and(|(next, _)| *next == key) {
                continue;
            }
            match change {
                Some(lease) => {
                    self.keys.push(key);
                    self.leases.push(lease);
                }
                None => self.withdrawn.push(key),
            }
        }
        self.all.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clients::{BootTime, Hardware};

    const CLIENT: HolderKey =
        HolderKey { interface: 3, address: [192, 168, 60, 31], chaddr: [2, 0, 0, 0, 0, 1], zero: 0 };

    fn lease(server: u8) -> Published {
        let mut octets = [0; 16];
        octets[..6].copy_from_slice(&CLIENT.chaddr);
        Published {
            vrf: 10,
            address: CLIENT.address.into(),
            interface: 3,
            hardware: Hardware { len: 6, octets },
            server: Ipv4Addr::new(10, 0, 41, server),
            seconds: 3600,
            state: State::Bound,
            expires: BootTime::from_nanos(5).after(Duration::from_secs(3600)),
        }
    }

    #[test]
    fn the_last_word_about_an_address_counts() {
        let leases = Leases::in_memory();
        let mut changes = Changes::default();
        changes.publish(&lease(10));
        changes.withdraw(10, lease(10).address);
        changes.publish(&lease(11));
        leases.write(&mut changes);
        assert_eq!(leases.renew(10, &CLIENT), Some([10, 0, 41, 11]));
        // Bound again: if it stayed, it could be renewed.
        changes.publish(&lease(10));
        leases.write(&mut changes);
        changes.publish(&lease(10));
        changes.withdraw(10, lease(10).address);
        leases.write(&mut changes);
        assert_eq!(leases.renew(10, &CLIENT), None);
    }

    #[test]
    fn a_lease_is_renewed_once_until_its_server_has_answered() {
        let leases = Leases::in_memory();
        let mut changes = Changes::default();
        for server in [10, 11] {
            changes.publish(&lease(server));
            leases.write(&mut changes);
            assert_eq!(leases.renew(10, &CLIENT), Some([10, 0, 41, server]));
            assert_eq!(leases.renew(10, &CLIENT), None, "nothing has come back");
        }
        for state in [State::Renewing, State::Rebinding] {
            changes.publish(&Published { state, ..lease(10) });
            leases.write(&mut changes);
            assert_eq!(leases.renew(10, &CLIENT), None, "{state:?}");
        }
    }

    #[test]
    fn a_lease_is_nobody_elses() {
        let leases = Leases::in_memory();
        let mut changes = Changes::default();
        changes.publish(&lease(10));
        leases.write(&mut changes);
        assert_eq!(leases.renew(0, &CLIENT), None, "another VRF");
        for other in [
            HolderKey { interface: 4, ..CLIENT },
            HolderKey { chaddr: [2, 0, 0, 0, 0, 2], ..CLIENT },
            HolderKey { address: [192, 168, 60, 32], ..CLIENT },
        ] {
            assert_eq!(leases.renew(10, &other), None, "{other:?}");
        }
        assert_eq!(leases.renew(10, &CLIENT), Some([10, 0, 41, 10]), "the client itself");
        let token_ring = Published { hardware: Hardware { len: 16, ..lease(10).hardware }, ..lease(10) };
        changes.publish(&token_ring);
        leases.write(&mut changes);
        assert_eq!(leases.renew(10, &CLIENT), None, "a longer hardware address");
    }
}
