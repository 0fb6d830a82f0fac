//! The task that turns events into published snapshots.
//!
//! Act at once, then gather: the first event of a burst starts a pass immediately, what follows within a few milliseconds
//! shares the next one. Passes ask the kernel for the present state, so neither a lost nor a reordered event can leave a
//! wrong answer behind for longer than until the next pass.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
    time::sleep_until,
};

use super::{
    NextHopError, Snapshot, Target,
    events::{Changes, Events, Interest, LinkChange},
    host::{self, HostView},
    moves,
    neighbour::{Neighbours, PROBE_INTERVAL, Upkeep},
    request::{RequestError, Requests},
    resolve::resolve_all,
};

/// Least time between two passes.
const GATHER: Duration = Duration::from_millis(5);
/// Under constant churn a pass may take this share of the time: 1 in `1 + REST`.
const REST: u32 = 3;
/// After a pass that failed.
const RETRY: Duration = Duration::from_secs(1);

/// How the watcher works; the default is for production.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    pub upkeep: Upkeep,
    /// Everything is read again this often, for what the kernel does not announce: a path MTU that was learned or expired,
    /// a sysctl that changes which route is chosen, a listing that stayed interrupted. 10 s.
    pub resync: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { upkeep: Upkeep::Managed, resync: Duration::from_secs(10) }
    }
}

/// Follows the next hops of a set of servers until [`Watcher::shutdown`], or until it is dropped.
#[derive(Debug)]
pub struct Watcher {
    commands: mpsc::Sender<Command>,
    task: JoinHandle<()>,
    losses: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Command {
    SetTargets(Vec<Target>, oneshot::Sender<()>),
    Shutdown,
}

impl Watcher {
    /// Opens the sockets in the calling thread's network namespace, reads the host and resolves the targets once; what
    /// the receiver holds then is complete, with neighbours that have yet to answer as pending.
    ///
    /// # Errors
    /// No netlink socket, or the host cannot be read.
    pub async fn start(
        targets: Vec<Target>,
        options: Options,
    ) -> Result<(Self, watch::Receiver<Arc<Snapshot>>), NextHopError> {
        // Subscribed before the first reading, so that nothing is missed in between.
        let events = Events::open().map_err(NextHopError::Socket)?;
        let requests = Requests::open().map_err(NextHopError::Socket)?;
        let losses = Arc::new(AtomicU64::new(0));
        let (publish, receiver) = watch::channel(Arc::new(Snapshot::default()));
        let mut state = State {
            requests,
            neighbours: Neighbours::new(options.upkeep),
            interest: Interest::default(),
            targets: BTreeSet::new(),
            host: Arc::default(),
            stale: Stale::ALL,
            resync: options.resync,
            publish,
        };
        state.set_targets(targets);
        state.pass().await.map_err(NextHopError::Host)?;
        let (commands, receive_commands) = mpsc::channel(4);
        let task = tokio::spawn(run(state, events, receive_commands, Arc::clone(&losses)));
        Ok((Self { commands, task, losses }, receiver))
    }

    /// Replaces the set of servers. On return the new ones are resolved once and published.
    ///
    /// # Errors
    /// [`NextHopError::Stopped`].
    pub async fn set_targets(&self, targets: Vec<Target>) -> Result<(), NextHopError> {
        let (done, wait) = oneshot::channel();
        let command = Command::SetTargets(targets, done);
        self.commands.send(command).await.map_err(|_| NextHopError::Stopped)?;
        wait.await.map_err(|_| NextHopError::Stopped)
    }

    /// How often events were lost (socket overrun) and everything was read again.
    pub fn losses(&self) -> u64 {
        self.losses.load(Ordering::Relaxed)
    }

    /// Stops, and undoes in the kernel's neighbour table what was done there; entries of others stay.
    ///
    /// # Errors
    /// [`NextHopError::Stopped`] when the task had already ended.
    pub async fn shutdown(self) -> Result<(), NextHopError> {
        self.commands.send(Command::Shutdown).await.map_err(|_| NextHopError::Stopped)?;
        self.task.await.map_err(|_| NextHopError::Stopped)
    }
}

/// What of the host view must be read again before the next pass.
#[derive(Debug, Clone, Copy, Default)]
struct Stale {
    links: bool,
    addresses: bool,
    /// Events were lost: devices may have gone down and come up again.
    unheard: bool,
}

impl Stale {
    const ALL: Self = Self { links: true, addresses: true, unheard: false };
}

struct State {
    requests: Requests,
    neighbours: Neighbours,
    interest: Interest,
    targets: BTreeSet<Target>,
    host: Arc<HostView>,
    stale: Stale,
    resync: Duration,
    publish: watch::Sender<Arc<Snapshot>>,
}

async fn run(
    mut state: State,
    mut events: Events,
    mut commands: mpsc::Receiver<Command>,
    losses: Arc<AtomicU64>,
) {
    let mut waiting: Vec<oneshot::Sender<()>> = Vec::new();
    // The earliest time of the next pass by events, and when the next one is due without any.
    let mut rested = Instant::now() + GATHER;
    let mut resync = Instant::now() + state.resync;
    let mut due: Option<Instant> = None;
    loop {
        if due.is_some_and(|due| due <= Instant::now()) {
            let began = Instant::now();
            if resync <= began {
                state.stale = Stale { unheard: state.stale.unheard, ..Stale::ALL };
                resync = began + state.resync;
            }
            let result = state.pass().await;
            let ended = Instant::now();
            rested = ended + GATHER.max((ended - began) * REST);
            due = match result {
                Ok(()) => {
                    for done in waiting.drain(..) {
                        // A caller that no longer waits is no concern of the task.
                        let _ = done.send(());
                    }
                    None
                }
                Err(error) => {
                    tracing::warn!(%error, "next hops cannot be read; trying again");
                    Some(ended + RETRY)
                }
            };
        }
        let routine = match state.neighbours.upkeep() {
            Upkeep::Managed | Upkeep::Nothing => resync,
            Upkeep::Probe => resync.min(rested + PROBE_INTERVAL),
        };
        tokio::select! {
            // Events last: they must not keep off a shutdown or the periodic reading, however many there are.
            biased;
            command = commands.recv() => match command {
                Some(Command::SetTargets(targets, done)) => {
                    state.set_targets(targets);
                    waiting.push(done);
                    due = Some(Instant::now());
                }
                Some(Command::Shutdown) | None => break,
            },
            () = sleep_until(due.unwrap_or(routine).into()) => {
                due = due.or(Some(Instant::now()));
            }
            changes = events.next(&state.interest) => match changes {
                Ok(changes) => {
                    losses.fetch_add(u64::from(changes.lost), Ordering::Relaxed);
                    if state.note(changes) {
                        due = due.or(Some(rested));
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "netlink events have ended; next hops are no longer followed");
                    break;
                }
            },
        }
    }
    state.release_all().await;
}

impl State {
    fn set_targets(&mut self, targets: Vec<Target>) {
        self.interest.servers = targets.iter().map(|target| target.server).collect();
        self.targets = targets.into_iter().collect();
    }

    /// Takes changes in; true when a pass is needed.
    fn note(&mut self, changes: Changes) -> bool {
        let Changes { links, addresses, next_hops, lost } = changes;
        for change in links {
            match change {
                LinkChange::Set(link) if self.host.links.get(&link.index) != Some(&link) => {
                    Arc::make_mut(&mut self.host).set(link);
                }
                LinkChange::Gone(index) if self.host.links.contains_key(&index) => {
                    Arc::make_mut(&mut self.host).remove(index);
                }
                LinkChange::Set(_) | LinkChange::Gone(_) => {}
            }
        }
        self.stale.links |= lost;
        self.stale.unheard |= lost;
        self.stale.addresses |= lost | addresses;
        next_hops | lost | addresses
    }

    /// Reads what is stale, resolves every target and publishes the result if it differs.
    async fn pass(&mut self) -> Result<(), RequestError> {
        if self.stale.links {
            let links = host::read_links(&mut self.requests).await?;
            if self.host.links != links || self.stale.unheard {
                Arc::make_mut(&mut self.host).set_all(links, self.stale.unheard);
            }
            (self.stale.links, self.stale.unheard) = (false, false);
        }
        if self.stale.addresses {
            let addresses = host::read_addresses(&mut self.requests).await?;
            if self.host.addresses != addresses {
                Arc::make_mut(&mut self.host).addresses = addresses;
            }
            self.stale.addresses = false;
        }
        let result = resolve_all(&mut self.requests, &mut self.neighbours, &self.host, &self.targets).await;
        // Also after a failure: whatever is in care by now is watched. Events of this pass are still in the socket.
        self.interest.neighbours = self.neighbours.keys().collect();
        let snapshot = Snapshot { next_hops: result?, host: Arc::clone(&self.host) };
        moves::tell(&self.publish.borrow().host, &self.host);
        self.publish.send_if_modified(|published| {
            let changed = **published != snapshot;
            if changed {
                *published = Arc::new(snapshot);
            }
            changed
        });
        Ok(())
    }

    async fn release_all(&mut self) {
        let all = self.neighbours.keys().collect();
        self.neighbours.release(&mut self.requests, all).await;
    }
}
