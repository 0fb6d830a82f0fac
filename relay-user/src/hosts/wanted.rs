//! Which hosts are wanted: written by the client table, read by the task.

use std::{
    collections::{HashMap, HashSet},
    net::Ipv4Addr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::Notify;

use super::Devices;
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
    /// Where the interfaces are that the hosts name.
    devices: Arc<Devices>,
    changed: HashSet<Key>,
    /// Everything is to be looked at once more.
    anew: bool,
    settled: bool,
    /// Interfaces are being renumbered: nobody looks.
    hidden: bool,
}

/// What there is to do, and the devices that go with it.
#[derive(Debug)]
pub(super) enum Work {
    /// These are wanted, and nothing else.
    All(Vec<Host>, Arc<Devices>),
    /// What is wanted now for the addresses of which something has changed.
    Some(Vec<(Key, Option<Host>)>, Arc<Devices>),
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
            state.anew = true;
            drop(state);
            self.changed.notify_one();
        }
    }

    /// Interfaces are about to be renumbered: until [`Self::show`], what is wanted changes without anybody seeing it, so that no
    /// route is taken away that is wanted again a moment later, or is made by the number of another interface.
    pub fn hide(&self) {
        self.lock().hidden = true;
    }

    /// Hosts go by the numbers of these devices now.
    pub fn show(&self, devices: Devices) {
        let mut state = self.lock();
        (state.hidden, state.anew, state.devices) = (false, true, Arc::new(devices));
        drop(state);
        self.changed.notify_one();
    }

    /// The devices are these now.
    pub(super) fn follow(&self, devices: Devices) {
        let mut state = self.lock();
        if *state.devices == devices {
            return;
        }
        // What was on a device that went down or away is not in the kernel any more.
        (state.anew, state.devices) = (true, Arc::new(devices));
        drop(state);
        self.changed.notify_one();
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

    /// What there is to do, which is done then; `None` while nobody may look.
    pub(super) fn take(&self) -> Option<Work> {
        let mut state = self.lock();
        if state.hidden || !state.settled {
            return None;
        }
        let devices = Arc::clone(&state.devices);
        let changed = std::mem::take(&mut state.changed);
        if std::mem::take(&mut state.anew) {
            return Some(Work::All(state.hosts.values().copied().collect(), devices));
        }
        let changed = changed.into_iter().map(|key| (key, state.hosts.get(&key).copied())).collect();
        Some(Work::Some(changed, devices))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hosts::Device;

    fn host(interface: u32) -> Host {
        Host { vrf: 0, address: [192, 168, 60, 31].into(), interface, mac: [2; 6] }
    }

    fn devices(interface: u32) -> Devices {
        Devices::from([(interface, Device { ifindex: 7, up: true, flushes: 0 })])
    }

    #[test]
    fn while_interfaces_are_renumbered_nobody_sees_a_host_by_a_number_that_is_not_its_devices() {
        let wanted = Wanted::default();
        wanted.follow(devices(1));
        wanted.install(host(1));
        assert!(wanted.take().is_none(), "not all that was stored is known yet");
        wanted.settle();
        let Some(Work::All(hosts, known)) = wanted.take() else { panic!("everything is new") };
        assert_eq!((hosts, &*known), (vec![host(1)], &devices(1)));
        wanted.hide();
        wanted.remove(host(1));
        wanted.install(host(2));
        assert!(wanted.take().is_none());
        wanted.show(devices(2));
        let Some(Work::All(hosts, known)) = wanted.take() else { panic!("everything is looked at") };
        assert_eq!((hosts, &*known), (vec![host(2)], &devices(2)));
        wanted.remove(host(2));
        let Some(Work::Some(changed, known)) = wanted.take() else { panic!("one has changed") };
        assert_eq!((changed, &*known), (vec![((0, host(2).address), None)], &devices(2)));
    }
}
