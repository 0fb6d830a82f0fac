//! What the daemon says about itself: gathered on every change, so that an answer never waits for the daemon's work.

mod present;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, atomic::Ordering},
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use bytemuck::Zeroable as _;
use relay_common::{Reason, abi::Counters};
use tokio::sync::{broadcast, mpsc, oneshot};

use super::paths::Paths;
use crate::{
    control::{
        Command, Question, Refusal, Source,
        leases::{ClientStats, StepRow},
        model::{Count, InterfaceStats, Reloaded, Stats, Status, messages, reasons},
    },
    metrics::{self, Facts},
    nexthop::Snapshot,
    slowpath::State,
    snoop::{self, answer},
};
use present::Present;

/// How many may follow the events at one time: each takes one of the control socket's places.
const FOLLOWERS: usize = 16;

/// Answers the control socket and the metrics listener.
pub(super) struct Answers {
    path: PathBuf,
    started: Instant,
    started_unix: u64,
    state: Arc<State>,
    present: RwLock<Present>,
    snoop: snoop::Handle,
    reloads: Reloads,
}

/// Where orders to read the configuration again go; each takes the outcome back.
pub(super) type Reloads = mpsc::Sender<oneshot::Sender<Result<Reloaded, Refusal>>>;

impl Answers {
    pub(super) fn new(
        path: &Path,
        paths: &Paths,
        machine: &Snapshot,
        snoop: snoop::Handle,
        reloads: Reloads,
    ) -> Self {
        let answers = Self {
            path: path.to_owned(),
            started: Instant::now(),
            started_unix: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
            state: Arc::clone(paths.state()),
            present: RwLock::default(),
            snoop,
            reloads,
        };
        answers.update(paths, machine);
        answers
    }

    /// Takes over the present state of the daemon.
    pub(super) fn update(&self, paths: &Paths, machine: &Snapshot) {
        self.hold().update(paths, machine);
    }

    /// Keeps everybody from asking for what is about to change its numbers.
    pub(super) fn hold(&self) -> Held<'_> {
        Held(self.present.write().unwrap_or_else(PoisonError::into_inner))
    }

    fn present(&self) -> RwLockReadGuard<'_, Present> {
        self.present.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn status(&self, present: &Present) -> Option<Status> {
        Some(Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            started_unix: self.started_unix,
            uptime_seconds: self.started.elapsed().as_secs(),
            config: self.path.display().to_string(),
            fast_path: present.fast_path.clone()?,
            ports: present.ports.clone(),
            interfaces: present.interfaces.clone(),
            groups: present.groups.clone(),
        })
    }

    /// `clients` is the table's part.
    fn stats(&self, present: &Present, clients: ClientStats) -> Result<Stats, String> {
        let nobody = self.counters(present, 0)?;
        let mut punts_lost = nobody.fast.punts_lost + self.gone(present).fast.punts_lost;
        let mut interfaces = Vec::new();
        for interface in &present.interfaces {
            let both = self.counters(present, interface.index)?;
            punts_lost += both.fast.punts_lost;
            interfaces.push(both.stats(interface.index, &interface.name, interface.vlan.as_deref()));
        }
        Ok(Stats {
            interfaces,
            unattributed: nobody.reasons(),
            copies: nobody.count(|counters| counters.copies),
            send_errors: self.state.send_errors.load(Ordering::Relaxed),
            receive_drops: self.state.receive_drops.load(Ordering::Relaxed),
            punts: self.state.punts.load(Ordering::Relaxed),
            punts_lost,
            cuts_lost: nobody.fast.cuts_lost + nobody.slow.cuts_lost,
            clients: ClientStats {
                events_lost: clients.events_lost + nobody.fast.events_lost,
                discovers_lost: clients.discovers_lost + nobody.fast.discovers_lost,
                ..clients
            },
        })
    }

    fn counters(&self, present: &Present, interface: u32) -> Result<Both, String> {
        let fast = match &present.kernel {
            Some(reader) => reader.counters(interface).map_err(|error| error.to_string())?,
            None => Counters::zeroed(),
        };
        Ok(Both { fast, slow: self.state.counters(interface) })
    }

    /// Of all interfaces that are not there any more.
    fn gone(&self, present: &Present) -> Both {
        let fast = present.kernel.as_ref().map_or_else(Counters::zeroed, |reader| reader.gone());
        Both { fast, slow: self.state.gone() }
    }
}

impl metrics::Source for Answers {
    fn facts(&self) -> Result<Facts, String> {
        let table = self.snoop.ask(answer::facts)?;
        let present = self.present();
        Ok(Facts {
            status: self.status(&present).ok_or("the daemon does not know yet how it stands")?,
            stats: self.stats(&present, table.stats.clone())?,
            gone: self.gone(&present).stats(0, "", None),
            table,
        })
    }
}

impl Source for Answers {
    fn answer(&self, question: &Question) -> Result<Vec<u8>, String> {
        let json = match question.command {
            Command::Status => serde_json::to_vec(&self.status(&self.present())),
            Command::Stats => {
                let clients = self.snoop.ask(answer::stats)?;
                serde_json::to_vec(&self.stats(&self.present(), clients)?)
            }
            Command::Leases => {
                let (filter, state) = (question.filter.clone(), question.filter.state()?);
                serde_json::to_vec(&self.snoop.ask(move |view| answer::leases(view, &filter, state))?)
            }
            Command::Servers => serde_json::to_vec(&self.snoop.ask(answer::servers)?),
            Command::Reload => return Err("\"reload\" is carried out, not answered".to_owned()),
            Command::Events => return Err("\"events\" is followed, not answered".to_owned()),
        };
        json.map_err(|error| format!("the answer cannot be written as JSON: {error}"))
    }

    fn reload(&self) -> Result<Vec<u8>, Refusal> {
        let ended = || Refusal::from("the daemon is ending".to_owned());
        let (outcome, wait) = oneshot::channel();
        self.reloads.blocking_send(outcome).map_err(|_| ended())?;
        let reloaded = wait.blocking_recv().map_err(|_| ended())??;
        serde_json::to_vec(&reloaded)
            .map_err(|error| Refusal::from(format!("the answer cannot be written as JSON: {error}")))
    }

    fn follow(&self) -> Result<broadcast::Receiver<Arc<StepRow>>, String> {
        if self.snoop.followers() >= FOLLOWERS {
            return Err(format!("{FOLLOWERS} follow the events already; end one of them"));
        }
        Ok(self.snoop.follow())
    }
}

/// The present state, which nobody else sees while it is held.
pub(super) struct Held<'a>(RwLockWriteGuard<'a, Present>);

impl Held<'_> {
    /// Takes over the present state of the daemon.
    pub(super) fn update(&mut self, paths: &Paths, machine: &Snapshot) {
        *self.0 = Present::gather(paths, machine);
    }
}

/// The counters of one interface by both paths.
struct Both {
    fast: Counters,
    slow: Counters,
}

impl Both {
    fn count(&self, of: impl Fn(&Counters) -> u64) -> Count {
        Count { fast: of(&self.fast), slow: of(&self.slow) }
    }

    fn stats(&self, index: u32, name: &str, vlan: Option<&str>) -> InterfaceStats {
        InterfaceStats {
            index,
            name: name.to_owned(),
            vlan: vlan.map(str::to_owned),
            requests: messages(|slot| self.count(|counters| counters.requests[slot])),
            replies: messages(|slot| self.count(|counters| counters.replies[slot])),
            option82_left_out: self.count(|counters| counters.option82_left_out),
            swapped_secs: self.count(|counters| counters.swapped_secs),
            to_holder: self.count(|counters| counters.to_holder),
            reasons: self.reasons(),
        }
    }

    fn reasons(&self) -> std::collections::BTreeMap<String, Count> {
        reasons(|reason: Reason| self.count(|counters| counters.reasons[reason.index()]))
    }
}
