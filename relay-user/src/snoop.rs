//! Lease snooping: from the records of both paths to the client table, and from the table to whoever wants to know.
//!
//! One thread owns the table, the failover watch and the writer of the store. It sleeps until a record, a deadline or
//! an order comes. Nothing of relaying waits for it: what it cannot take in time is lost from the table, not from
//! the network, and is counted.
//!
//! | module | concept |
//! | --- | --- |
//! | `answer` | what the table says about itself |
//! | `inbox` | where the slow path leaves its records |
//! | `rings` | where the fast path leaves its records |
//! | `ordered` | the records of both in the order of time |
//! | `policy` | what the table is told of the configuration |
//! | `storage` | the store of leases, kept open or opened again |
//! | `step` | what a client has come to, for those who follow |
//! | `worker` | the thread |

pub mod answer;
pub mod inbox;
pub(crate) mod ordered;
mod policy;
mod rings;
mod step;
mod storage;
mod worker;

use std::{
    io,
    sync::{Arc, mpsc},
    thread::JoinHandle,
    time::Duration,
};

use tokio::sync::broadcast;

pub use policy::{Known, Label, Labels, policy};
pub use rings::Rings;
pub use worker::{Next, Tallies, View};

use crate::{
    config::ResolvedConfig,
    control::leases::StepRow,
    hosts::Wanted,
    leasequery::{Places, Recovery, Sender},
    leases::Leases,
    slowpath::State,
};
use inbox::Waker;
use worker::{Order, Worker};

/// Steps that are kept for those who follow; one who is further behind is told how many it has missed.
const STEPS: usize = 4096;
/// How long an answer may take: a table of a million clients is looked through in a fraction of it.
const PATIENCE: Duration = Duration::from_secs(10);

/// The running thread; dropping it stores what is to be stored and ends it.
pub struct Snoop {
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

/// For asking and telling the thread.
#[derive(Clone)]
pub struct Handle {
    orders: mpsc::Sender<Order>,
    waker: Waker,
    steps: broadcast::Sender<Arc<StepRow>>,
}

impl Snoop {
    /// Starts the thread. Leases are stored where `config` says and published in `leases`; `hosts` is told who is to have a host
    /// route; servers are asked for leases by `queries`, if there is that.
    ///
    /// # Errors
    /// There can be no more threads or file descriptors.
    pub fn start(
        state: Arc<State>,
        known: Known,
        config: Arc<ResolvedConfig>,
        leases: Arc<Leases>,
        hosts: Arc<Wanted>,
        queries: (Recovery, Option<Sender>),
    ) -> io::Result<Self> {
        let waker = Waker::new()?;
        let (orders, received) = mpsc::channel();
        let (steps, _) = broadcast::channel(STEPS);
        let handle = Handle { orders, waker: waker.clone(), steps: steps.clone() };
        state.events.wakes(waker.clone());
        state.lease_answers.wakes(waker.clone());
        let state_dir = config.relay.state_dir.clone();
        let worker = Worker::new(state, known, config, received, waker, (steps, leases, hosts), queries)?;
        let thread =
            std::thread::Builder::new().name("clients".to_owned()).spawn(move || worker.run(state_dir))?;
        Ok(Self { handle, thread: Some(thread) })
    }

    /// For asking and telling the thread.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for Snoop {
    fn drop(&mut self) {
        if self.handle.tell(Order::End).is_ok()
            && let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of the client table ended with a panic");
        }
    }
}

impl Handle {
    /// Hands over the rings that the fast path writes its records to.
    ///
    /// # Errors
    /// The thread has ended.
    pub fn take_rings(&self, rings: Rings) -> io::Result<()> {
        self.tell(Order::Rings(Box::new(rings)))
    }

    /// Tells of what a change of the machine means for the table.
    ///
    /// # Errors
    /// The thread has ended.
    pub fn configure(&self, known: Known) -> io::Result<()> {
        self.tell(Order::Configure(known))
    }

    /// Goes over to another configuration, and returns when that is done. For a thread that may block.
    ///
    /// # Errors
    /// The thread has ended.
    pub fn follow_configuration(&self, next: Next) -> io::Result<()> {
        let (done, wait) = mpsc::sync_channel(1);
        self.tell(Order::Follow(Box::new(next), done))?;
        wait.recv().map_err(|_| io::Error::other("the thread of the client table has ended"))
    }

    /// Tells where clients are, for those who are asked about.
    ///
    /// # Errors
    /// The thread has ended.
    pub fn places(&self, places: Places) -> io::Result<()> {
        self.tell(Order::Places(places))
    }

    /// Looks at the table between two messages. For a thread that may block.
    ///
    /// # Errors
    /// A sentence that says why there is no answer.
    pub fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&View<'_>) -> T + Send + 'static,
    ) -> Result<T, String> {
        let (reply, answer) = mpsc::sync_channel(1);
        let ask = Order::Ask(Box::new(move |view| {
            // Nobody may be waiting any more.
            let _ = reply.send(question(view));
        }));
        self.tell(ask).map_err(|error| error.to_string())?;
        answer
            .recv_timeout(PATIENCE)
            .map_err(|_| "the client table does not answer; the log may say why".to_owned())
    }

    /// Every step of every client from now on.
    pub fn follow(&self) -> broadcast::Receiver<Arc<StepRow>> {
        self.steps.subscribe()
    }

    /// How many follow.
    pub fn followers(&self) -> usize {
        self.steps.receiver_count()
    }

    fn tell(&self, order: Order) -> io::Result<()> {
        self.orders.send(order).map_err(|_| io::Error::other("the thread of the client table has ended"))?;
        self.waker.wake();
        Ok(())
    }
}
