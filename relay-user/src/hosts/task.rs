//! The task that makes the kernel's tables what is wanted.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::Ipv4Addr,
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

use tokio::task::JoinHandle;

use super::{
    Devices, Entry, Wanted,
    kernel::{self, Outcome, Route},
    table,
    wanted::{Key, Work},
};
use crate::{
    clients::Host,
    nexthop::request::{RequestError, Requests},
    quota::Quota,
};

/// The running task. Dropping it ends it and leaves what is installed in place: clients keep their routes over a restart, and
/// the next daemon knows them again.
#[derive(Debug)]
pub struct HostRoutes {
    wanted: Arc<Wanted>,
    task: JoinHandle<()>,
}

impl HostRoutes {
    /// Starts it, in the network namespace of the calling thread and within a runtime.
    ///
    /// # Errors
    /// No netlink socket.
    pub fn start(wanted: Arc<Wanted>, devices: Devices) -> io::Result<Self> {
        let requests = Requests::open_strict()?;
        wanted.follow(devices);
        let state = State {
            requests,
            wanted: Arc::clone(&wanted),
            installed: BTreeMap::new(),
            found: BTreeSet::new(),
            complaints: Quota::default(),
        };
        Ok(Self { wanted, task: tokio::spawn(state.run()) })
    }

    /// The devices are these now.
    pub fn follow(&self, devices: Devices) {
        self.wanted.follow(devices);
    }
}

impl Drop for HostRoutes {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct State {
    requests: Requests,
    wanted: Arc<Wanted>,
    installed: BTreeMap<Key, Entry>,
    /// Routes of an earlier daemon that are wanted still.
    found: BTreeSet<Route>,
    complaints: Quota<String>,
}

impl State {
    async fn run(mut self) {
        let wanted = Arc::clone(&self.wanted);
        let mut begun = false;
        loop {
            match wanted.take() {
                Some(Work::All(hosts, devices)) => {
                    if !std::mem::replace(&mut begun, true)
                        && let Err(error) = self.clear(&hosts, &devices).await
                    {
                        tracing::warn!("host routes of an earlier daemon may be left in the kernel: {error}");
                    }
                    self.all(hosts, &devices).await;
                }
                Some(Work::Some(changed, devices)) => {
                    for (key, host) in changed {
                        self.bring(key, host, &devices, false).await;
                    }
                }
                None => {}
            }
            wanted.changed.notified().await;
        }
    }

    /// Takes away what an earlier daemon has installed and nobody wants now; the rest counts as not there, and is put in place
    /// again.
    async fn clear(&mut self, hosts: &[Host], devices: &Devices) -> Result<(), RequestError> {
        let entries: Vec<Entry> = hosts.iter().filter_map(|host| entry(host, devices)).collect();
        let routes: BTreeSet<Route> = entries.iter().map(Route::of).collect();
        let neighbours: BTreeSet<(u32, Ipv4Addr)> =
            entries.iter().map(|entry| (entry.ifindex, entry.address)).collect();
        let mut removed = 0;
        for route in kernel::routes(&mut self.requests).await? {
            if routes.contains(&route) {
                self.found.insert(route);
            } else {
                kernel::remove_route(&mut self.requests, route).await?;
                removed += 1;
            }
        }
        for (ifindex, address) in kernel::neighbours(&mut self.requests).await? {
            if !neighbours.contains(&(ifindex, address)) {
                kernel::remove_neighbour(&mut self.requests, ifindex, address).await?;
            }
        }
        if removed > 0 {
            tracing::info!(removed, "host routes of an earlier daemon taken away");
        }
        Ok(())
    }

    /// Everything once more.
    async fn all(&mut self, hosts: Vec<Host>, devices: &Devices) {
        let wanted: BTreeMap<Key, Host> =
            hosts.into_iter().map(|host| ((host.vrf, host.address), host)).collect();
        let gone: Vec<Key> = self.installed.keys().filter(|key| !wanted.contains_key(key)).copied().collect();
        for key in gone {
            self.bring(key, None, devices, false).await;
        }
        for (key, host) in wanted {
            self.bring(key, Some(host), devices, true).await;
        }
    }

    /// Brings one address to what is wanted. `anew`: what was installed may be gone from the kernel.
    async fn bring(&mut self, key: Key, host: Option<Host>, devices: &Devices, anew: bool) {
        let next = host.and_then(|host| entry(&host, devices));
        let last = self.installed.get(&key).copied();
        if next == last && !anew {
            return;
        }
        if let Some(last) = last
            && next.map(|next| Route::of(&next)) != Some(Route::of(&last))
        {
            let removed = self.remove(&last).await;
            self.heard(key.1, removed.map(|()| Outcome::Done));
            self.installed.remove(&key);
        }
        if let Some(next) = next {
            let known = last.is_some_and(|last| Route::of(&last) == Route::of(&next));
            if self.install(&next, known).await {
                self.installed.insert(key, next);
            } else {
                self.installed.remove(&key);
            }
        }
        self.wanted.installed.store(self.installed.len() as u64, Ordering::Relaxed);
    }

    /// Route and neighbour; whether the route is there.
    async fn install(&mut self, entry: &Entry, known: bool) -> bool {
        let route = Route::of(entry);
        let known = known || self.found.contains(&route);
        let made = kernel::add_route(&mut self.requests, route).await;
        let made = made.map(|outcome| if known { Outcome::Done } else { outcome });
        if !self.heard(entry.address, made) {
            return false;
        }
        // A stranger's neighbour serves the route as well.
        let made = kernel::set_neighbour(&mut self.requests, entry).await;
        self.heard(entry.address, made);
        true
    }

    async fn remove(&mut self, entry: &Entry) -> Result<(), RequestError> {
        self.found.remove(&Route::of(entry));
        kernel::remove_route(&mut self.requests, Route::of(entry)).await?;
        kernel::remove_neighbour(&mut self.requests, entry.ifindex, entry.address).await
    }

    /// Counts and logs what has not worked; whether it has.
    fn heard(&mut self, address: Ipv4Addr, outcome: Result<Outcome, RequestError>) -> bool {
        let why = match outcome {
            Ok(Outcome::Done) => return true,
            Ok(Outcome::Conflict) => {
                self.wanted.conflicts.fetch_add(1, Ordering::Relaxed);
                "somebody else has a route or a permanent neighbour for it, which stays".to_owned()
            }
            Err(error) => {
                self.wanted.failures.fetch_add(1, Ordering::Relaxed);
                error.to_string()
            }
        };
        if let Some(suppressed) = self.complaints.admit(&why, Instant::now()) {
            tracing::warn!(%address, suppressed, "no host route: {why}");
        }
        false
    }
}

/// What a host is in the kernel; `None` while its device is not there or not up.
fn entry(host: &Host, devices: &Devices) -> Option<Entry> {
    let device = devices.get(&host.interface).filter(|device| device.up)?;
    Some(Entry { table: table(host.vrf), address: host.address, ifindex: device.ifindex, mac: host.mac })
}
