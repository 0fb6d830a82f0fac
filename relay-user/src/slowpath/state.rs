//! What the slow path shares with the rest of the daemon: the tables it reads and the counters it writes.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write as _,
    os::unix::net::UnixStream,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use bytemuck::Zeroable as _;
use relay_common::abi::Counters;

use crate::{
    fastpath::counters::add, leasequery::answers::Answers, renumber::Renumber, snoop::inbox::Inbox,
    tables::Tables,
};

/// The tables of one moment, and the ports on which XDP has looked at a frame before the slow path does.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// For the rules.
    pub tables: Arc<Tables>,
    /// Interface indexes of the ports with XDP.
    pub fast_ports: BTreeSet<u32>,
}

/// What the slow path has counted.
#[derive(Debug)]
struct Counted {
    by_interface: BTreeMap<u32, Counters>,
    /// Of interfaces that are gone, together.
    gone: Counters,
}

impl Default for Counted {
    fn default() -> Self {
        Self { by_interface: BTreeMap::new(), gone: Counters::zeroed() }
    }
}

/// Shared by the slow path's thread and the daemon.
#[derive(Debug, Default)]
pub struct State {
    view: RwLock<Arc<View>>,
    counters: Mutex<Counted>,
    /// Wakes the thread of the slow path.
    waker: Mutex<Option<UnixStream>>,
    /// Records for the client table.
    pub events: Inbox,
    /// What servers answered to leasequeries.
    pub lease_answers: Answers,
    /// Frames and datagrams that could not be sent.
    pub send_errors: AtomicU64,
    /// Copies that the fast path left to the slow path.
    pub punts: AtomicU64,
    /// Frames lost in full receive buffers.
    pub receive_drops: AtomicU64,
}

impl State {
    /// The tables as they are now.
    pub fn view(&self) -> Arc<View> {
        Arc::clone(&self.view.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces them; a frame is relayed by one view or the other, never by parts of both.
    pub fn publish(&self, view: View) {
        *self.view.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(view);
        if let Some(mut waker) = self.waker.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            // Full: it is about to wake. Closed: it has ended, and whoever tells it anything hears that.
            let _ = waker.write(&[0]);
        }
    }

    /// Who follows the view is woken when it is replaced, and not only by frames. The stream must not block.
    pub(super) fn wakes(&self, waker: UnixStream) {
        *self.waker.lock().unwrap_or_else(PoisonError::into_inner) = Some(waker);
    }

    /// The counters of an interface, 0 for what belongs to none.
    pub fn counters(&self, interface: u32) -> Counters {
        self.lock().by_interface.get(&interface).copied().unwrap_or_else(Counters::zeroed)
    }

    /// The counters of all interfaces together that a configuration before this one had and this one has not.
    pub fn gone(&self) -> Counters {
        self.lock().gone
    }

    /// Counters follow their interfaces to other numbers; of those of interfaces that are gone the sum is kept.
    pub(super) fn renumber(&self, renumber: &Renumber) {
        let mut counted = self.lock();
        let before = std::mem::take(&mut counted.by_interface);
        counted.gone = renumber.gone(&before).fold(counted.gone, add);
        counted.by_interface = renumber.all(before);
    }

    pub(super) fn count(&self, interface: u32, change: impl FnOnce(&mut Counters)) {
        change(self.lock().by_interface.entry(interface).or_insert_with(Counters::zeroed));
    }

    pub(super) fn send_failed(&self, count: usize) {
        self.send_errors.fetch_add(count as u64, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Counted> {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
