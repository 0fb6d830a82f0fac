//! Which hosts are wanted: written by the client table, read by the task.

use std::{
    collections::{HashMap, HashSet},
    net::Ipv4Addr,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::Notify;

use crate::clients::Host;

/// VRF and address.
pub(super) type Key = (u32, Ipv4Addr);

/// What is wanted, and what has become of it.
#[derive(Debug, Default)]
pub struct Wanted {
    state: Mutex<State>,
    pub(super) changed: Notify,
    pub(super) installed: AtomicU64,
    pub(super) conflicts: AtomicU64,
    pub(super) failures: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    hosts: HashMap<Key, Host>,
    changed: HashSet<Key>,
    settled: bool,
}

/// How it went so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Host routes that are installed.
    pub installed: u64,
    /// Routes and neighbours that were left alone because a stranger has one for the address.
    pub conflicts: u64,
    /// What the kernel refused.
    pub failures: u64,
}

impl Wanted {
    /// A host is wanted, in place of what may have been wanted for its address.
    pub fn install(&self, host: Host) {
        let key = (host.vrf, host.address);
        self.change(key, |hosts| {
            hosts.insert(key, host);
        });
    }

    /// A host is not wanted any more.
    pub fn remove(&self, host: Host) {
        let key = (host.vrf, host.address);
        self.change(key, |hosts| {
            hosts.remove(&key);
        });
    }

    /// All hosts that were wanted before the last end of the daemon are wanted again by now: what else is in the kernel may
    /// go.
    pub fn settle(&self) {
        let mut state = self.lock();
        if !std::mem::replace(&mut state.settled, true) {
            drop(state);
            self.changed.notify_one();
        }
    }

    /// How it went so far.
    pub fn tally(&self) -> Tally {
        Tally {
            installed: self.installed.load(Ordering::Relaxed),
            conflicts: self.conflicts.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
        }
    }

    fn change(&self, key: Key, change: impl FnOnce(&mut HashMap<Key, Host>)) {
        let mut state = self.lock();
        change(&mut state.hosts);
        let first = state.changed.is_empty();
        state.changed.insert(key);
        drop(state);
        if first {
            self.changed.notify_one();
        }
    }

    pub(super) fn is_settled(&self) -> bool {
        self.lock().settled
    }

    /// The addresses of which something has changed, with what is wanted for them now.
    pub(super) fn take(&self) -> Vec<(Key, Option<Host>)> {
        let mut state = self.lock();
        let changed = std::mem::take(&mut state.changed);
        changed.into_iter().map(|key| (key, state.hosts.get(&key).copied())).collect()
    }

    /// Everything that is wanted; nothing has changed since.
    pub(super) fn all(&self) -> Vec<Host> {
        let mut state = self.lock();
        state.changed.clear();
        state.hosts.values().copied().collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
