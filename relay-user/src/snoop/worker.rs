//! The thread: takes records, drives table, watch and store, and answers between two messages.

mod follow;

use std::{
    io,
    os::fd::AsFd as _,
    path::PathBuf,
    sync::{Arc, mpsc},
    time::Duration,
};

pub use follow::Next;
use nix::{
    poll::PollTimeout,
    sys::{
        time::TimeSpec,
        timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags},
    },
};
use tokio::sync::broadcast;

use super::{
    Known, Labels, Rings,
    inbox::{Lost, Waker},
    ordered::Ordered,
    rings::{Reached, sleep},
    step,
    storage::Storage,
};
use crate::{
    clients::{Action, BootTime, Table, watch::Watch},
    config::ResolvedConfig,
    control::leases::StepRow,
    hosts::{Tally, Wanted},
    leasequery::{Places, Recovery, Sender, Start},
    leases::{Changes, Leases},
    slowpath::State,
};

/// Deadlines are looked at this often at the most: leases that end one after the other wake nobody for each.
const COARSE: Duration = Duration::from_millis(100);

/// Records are left to gather for this many milliseconds. While they come, the rings are looked into that often, and nobody is
/// woken: it costs the packet path an interrupt, several times what relaying does.
const GATHER: u8 = 1;

/// Rounds of records before a question or the end: as much as the rings hold, however fast a flood fills them again.
const CATCH_UP: usize = 8;

/// What the daemon tells the thread.
pub(super) enum Order {
    Rings(Box<Rings>),
    Configure(Known),
    Follow(Box<Next>, mpsc::SyncSender<()>),
    Places(Places),
    Ask(Box<dyn FnOnce(&View<'_>) + Send>),
    End,
}

/// What can be looked at between two messages.
pub struct View<'a> {
    /// The clients.
    pub table: &'a Table,
    /// The servers.
    pub watch: &'a Watch,
    /// Names of interfaces.
    pub labels: &'a Labels,
    /// What is configured.
    pub config: &'a ResolvedConfig,
    /// What servers were asked for leases.
    pub recovery: &'a Recovery,
    /// What else is counted.
    pub tallies: Tallies,
    /// By the clock of the table.
    pub now: BootTime,
}

/// What the thread counts besides what the table does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tallies {
    /// Records of the slow path that there was no room for.
    pub lost: Lost,
    /// Changes written to the store.
    pub stored: u64,
    /// Why leases are not stored now.
    pub store_error: Option<String>,
    /// Leases that the map `leases` had no room for.
    pub unpublished: u64,
    /// Host routes.
    pub hosts: Tally,
}

pub(super) struct Worker {
    table: Table,
    watch: Watch,
    labels: Labels,
    config: Arc<ResolvedConfig>,
    state: Arc<State>,
    orders: mpsc::Receiver<Order>,
    waker: Waker,
    timer: TimerFd,
    rings: Option<Box<Rings>>,
    steps: broadcast::Sender<Arc<StepRow>>,
    hosts: Arc<Wanted>,
    leases: Arc<Leases>,
    changes: Changes,
    recovery: Recovery,
    queries: Option<Sender>,
    ordered: Ordered,
    actions: Vec<Action>,
}

impl Worker {
    pub(super) fn new(
        state: Arc<State>,
        known: Known,
        config: Arc<ResolvedConfig>,
        orders: mpsc::Receiver<Order>,
        waker: Waker,
        (steps, leases, hosts): (broadcast::Sender<Arc<StepRow>>, Arc<Leases>, Arc<Wanted>),
        (recovery, queries): (Recovery, Option<Sender>),
    ) -> io::Result<Self> {
        let Known { policy, vrfs } = known;
        let flags = TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK;
        Ok(Self {
            table: Table::new(policy.clone(), BootTime::now()?),
            watch: Watch::new(policy),
            labels: Labels::of(&config).within(&vrfs),
            config,
            state,
            orders,
            waker,
            timer: TimerFd::new(ClockId::CLOCK_BOOTTIME, flags)?,
            rings: None,
            steps,
            hosts,
            leases,
            changes: Changes::default(),
            recovery,
            queries,
            ordered: Ordered::default(),
            actions: Vec::new(),
        })
    }

    pub(super) fn run(mut self, state_dir: PathBuf) {
        let mut storage = Storage::new(state_dir);
        loop {
            storage.turn(&mut self.table, &self.labels, &mut self.actions);
            self.act();
            self.leases.write(&mut self.changes);
            // Stored leases are in the table now, if there are any.
            self.hosts.settle();
            if let Err(error) = self.recover(storage.take_start()) {
                tracing::error!("servers are not asked for leases: {error}");
            }
            match self.obey(&storage).and_then(|goes_on| Ok((goes_on, self.take()?))) {
                Ok((true, false)) => {}
                Ok((true, true)) => continue,
                Ok((false, _)) => break,
                Err(error) => {
                    tracing::error!("the client table ends, relaying goes on: {error}");
                    break;
                }
            }
            if let Err(error) = self.wait(storage.rest(&self.table)) {
                tracing::error!(
                    "the client table cannot wait for records and ends, relaying goes on: {error}"
                );
                break;
            }
        }
        storage.finish(&mut self.table, &self.labels);
    }

    /// Sleeps until there is something to do.
    fn wait(&mut self, rest: Option<Duration>) -> io::Result<()> {
        let now = BootTime::now()?;
        let expiry = self.table.next_deadline().map(|deadline| deadline.max(now.after(COARSE)));
        let wake =
            [expiry, rest.map(|rest| now.after(rest)), self.recovery.deadline()].into_iter().flatten().min();
        match wake.filter(|wake| *wake < BootTime::NEVER) {
            Some(wake) => {
                let at = TimeSpec::from_duration(Duration::from_nanos(wake.nanos()));
                self.timer.set(Expiration::OneShot(at), TimerSetTimeFlags::TFD_TIMER_ABSTIME)?;
            }
            None => self.timer.unset()?,
        }
        let others = [self.waker.as_fd(), self.timer.as_fd()];
        match &mut self.rings {
            Some(rings) => rings.wait(others, GATHER),
            None => sleep(others, PollTimeout::NONE).map(|_| ()),
        }
    }

    /// Carries out what the daemon has asked for; false is the end, before which all records are taken.
    fn obey(&mut self, storage: &Storage) -> io::Result<bool> {
        self.waker.calm();
        loop {
            match self.orders.try_recv() {
                Ok(Order::Rings(rings)) => self.rings = Some(rings),
                Ok(Order::Configure(known)) => self.configure(known)?,
                Ok(Order::Follow(next, done)) => {
                    self.follow(*next)?;
                    // Nobody may be waiting any more.
                    let _ = done.send(());
                }
                Ok(Order::Places(places)) => self.recovery.follow(places),
                Ok(Order::Ask(question)) => {
                    // Who asks wants to be told of what was relayed before.
                    self.catch_up()?;
                    question(&self.view(storage)?);
                }
                Ok(Order::End) | Err(mpsc::TryRecvError::Disconnected) => {
                    self.catch_up()?;
                    return Ok(false);
                }
                Err(mpsc::TryRecvError::Empty) => return Ok(true),
            }
        }
    }

    /// Takes all records that are there now, unless they come faster than they are taken.
    fn catch_up(&mut self) -> io::Result<()> {
        for _ in 0..CATCH_UP {
            if !self.take()? {
                break;
            }
        }
        Ok(())
    }

    fn view(&self, storage: &Storage) -> io::Result<View<'_>> {
        let (stored, trouble) = storage.state();
        Ok(View {
            table: &self.table,
            watch: &self.watch,
            labels: &self.labels,
            config: &self.config,
            recovery: &self.recovery,
            tallies: Tallies {
                lost: self.state.events.lost(),
                stored,
                store_error: trouble.map(str::to_owned),
                unpublished: self.leases.refused(),
                hosts: self.hosts.tally(),
            },
            now: BootTime::now()?,
        })
    }

    fn configure(&mut self, known: Known) -> io::Result<()> {
        let Known { policy, vrfs } = known;
        self.labels = self.labels.clone().within(&vrfs);
        if policy != *self.table.policy() {
            let now = BootTime::now()?;
            self.table.reconfigure(policy.clone(), Some, now, &mut self.actions);
            self.watch.reconfigure(policy, Some, Some);
            self.act();
            self.leases.write(&mut self.changes);
        }
        Ok(())
    }

    /// Takes the records that are there, up to a bound, in the order of time. Returns whether there may be more.
    fn take(&mut self) -> io::Result<bool> {
        let now = BootTime::now()?;
        let mut ordered = std::mem::take(&mut self.ordered);
        self.state.events.take(&mut ordered);
        let reached = match &mut self.rings {
            Some(rings) => rings.take(now, &mut ordered),
            None => Reached { time: now, more: false },
        };
        ordered.up_to(reached.time, |event| {
            self.watch.observe(&event, now);
            // What changes nothing has been counted by the table.
            let done = self.table.handle(&event, now, &mut self.actions);
            self.recovery.observe(&event, done, &self.table, now);
            self.act();
        });
        self.ordered = ordered;
        self.table.expire(now, &mut self.actions);
        self.act();
        self.leases.write(&mut self.changes);
        Ok(reached.more || !self.ordered.is_empty())
    }

    /// Takes what servers have answered to leasequeries, and sends what is to be asked now. `start` is given once.
    fn recover(&mut self, start: Option<Start>) -> io::Result<()> {
        let Some(sender) = &mut self.queries else { return Ok(()) };
        let now = BootTime::now()?;
        if let Some(start) = start {
            self.recovery.begin(&start, &self.table, now);
        }
        for (server, answer) in self.state.lease_answers.take() {
            self.recovery.answer(server, &answer, &mut self.table, now, &mut self.actions);
        }
        while let Some(query) = self.recovery.poll(&self.table, now) {
            sender.send(&query);
        }
        self.act();
        self.leases.write(&mut self.changes);
        Ok(())
    }

    /// Does what the table wants done.
    fn act(&mut self) {
        for action in self.actions.drain(..) {
            match action {
                Action::Step(step) if self.steps.receiver_count() > 0 => {
                    let client =
                        self.table.client(step.client).filter(|client| client.hardware == step.hardware);
                    // Nobody may be following any more.
                    let _ = self.steps.send(Arc::new(step::row(&step, client, &self.labels)));
                }
                Action::Install(host) => self.hosts.install(host),
                Action::Remove(host) => self.hosts.remove(host),
                Action::Publish(lease) => self.changes.publish(&lease),
                Action::Withdraw { vrf, address } => self.changes.withdraw(vrf, address),
                Action::Step(_) => {}
            }
            if self.changes.is_full() {
                self.leases.write(&mut self.changes);
            }
        }
    }
}
