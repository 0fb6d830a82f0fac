//! The thread that writes: one batch at a time, tried again until it is in the file.
//!
//! The daemon's own thread never waits for the disk. While a batch cannot be written, further changes stay marked in
//! the table (`take_changes`), so nothing grows however long a disk is full.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::{BATCH, Clocks, INTERVAL, Store, StoreError};
use crate::clients::table::{Change, Table};

/// Time between two tries of a batch.
const RETRY: Duration = Duration::from_secs(1);

/// What goes into the file together.
#[derive(Debug, Default)]
pub struct Batch {
    /// The changes.
    pub changes: Vec<Change>,
    /// Names of the interfaces by index.
    pub names: Arc<BTreeMap<u32, String>>,
}

/// What became of a batch.
#[derive(Debug)]
pub enum Report {
    /// It is in the file.
    Written {
        /// How many changes it had.
        changes: usize,
        /// How long the commit took.
        took: Duration,
    },
    /// It could not be written, and will be tried again every second. Told for each try.
    Failed(StoreError),
    /// The file had to be begun anew: the table is to be stored whole, by [`Table::save_all`].
    Lost(super::SetAside),
}

/// The daemon's end of the thread.
#[derive(Debug)]
pub struct Writer {
    batches: Option<SyncSender<Batch>>,
    reports: Receiver<Report>,
    thread: Option<JoinHandle<()>>,
    busy: bool,
    last: Option<Instant>,
}

impl Writer {
    /// Starts the thread.
    ///
    /// # Errors
    /// There can be no more threads.
    pub fn start(store: Store, clocks: Clocks) -> Result<Self, StoreError> {
        let (batches, inbox) = sync_channel(1);
        // A report for each batch and failures: more than one waits only if nobody looks.
        let (outbox, reports) = sync_channel(16);
        let path = store.path().to_owned();
        let thread = thread::Builder::new()
            .name("leases".to_owned())
            .spawn(move || work(store, clocks, &inbox, &outbox))
            .map_err(|source| StoreError::File { path, source })?;
        Ok(Self { batches: Some(batches), reports, thread: Some(thread), busy: false, last: None })
    }

    /// Hands the thread what is new in the table, if it is ready for it and its time has come. To be called several
    /// times a second. Returns what has become of earlier batches.
    ///
    /// # Errors
    /// The thread has ended.
    pub fn turn(
        &mut self,
        table: &mut Table,
        names: &Arc<BTreeMap<u32, String>>,
        now: Instant,
    ) -> Result<Vec<Report>, StoreError> {
        let mut reports = Vec::new();
        loop {
            match self.reports.try_recv() {
                Ok(report) => {
                    self.busy &= !matches!(report, Report::Written { .. });
                    reports.push(report);
                }
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return Err(StoreError::Ended),
            }
        }
        let early = self.last.is_some_and(|last| now.saturating_duration_since(last) < INTERVAL);
        if !self.busy && !early && table.has_changes() {
            let mut batch = Batch { changes: Vec::new(), names: names.clone() };
            table.take_changes(BATCH, &mut batch.changes);
            if !batch.changes.is_empty() {
                let sender = self.batches.as_ref().ok_or(StoreError::Ended)?;
                // There is room for one, and the thread has none.
                sender.try_send(batch).map_err(|_| StoreError::Ended)?;
                self.busy = true;
            }
            self.last = Some(now);
        }
        Ok(reports)
    }

    /// Whether a batch is being written: its report is to come.
    pub fn is_busy(&self) -> bool {
        self.busy
    }

    /// Stores what is still to be stored, and ends the thread, within `patience`.
    ///
    /// # Errors
    /// What was last wrong; the thread is then left to itself.
    pub fn finish(
        mut self,
        table: &mut Table,
        names: &Arc<BTreeMap<u32, String>>,
        patience: Duration,
    ) -> Result<(), StoreError> {
        let end = Instant::now() + patience;
        let mut last = StoreError::Ended;
        loop {
            self.last = None;
            for report in self.turn(table, names, Instant::now())? {
                if let Report::Failed(error) = report {
                    last = error;
                }
            }
            if !self.busy && !table.has_changes() {
                break;
            }
            if self.busy {
                match self.reports.recv_timeout(end.saturating_duration_since(Instant::now())) {
                    Ok(Report::Written { .. }) => self.busy = false,
                    Ok(Report::Failed(error)) => last = error,
                    Ok(Report::Lost(_)) => table.save_all(),
                    Err(_) => return Err(last),
                }
            }
        }
        self.batches = None;
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(())) => Ok(()),
            _ => Err(StoreError::Ended),
        }
    }
}

fn work(store: Store, clocks: Clocks, inbox: &Receiver<Batch>, outbox: &SyncSender<Report>) {
    let path = store.path().to_owned();
    let mut store = Some(store);
    while let Ok(batch) = inbox.recv() {
        loop {
            let begin = Instant::now();
            let report = match write(&mut store, &path, &batch, &clocks) {
                Ok(None) => Report::Written { changes: batch.changes.len(), took: begin.elapsed() },
                Ok(Some(lost)) => Report::Lost(lost),
                Err(error) => Report::Failed(error),
            };
            let (again, failed) = match report {
                Report::Written { .. } => (false, false),
                Report::Failed(_) => (true, true),
                Report::Lost(_) => (true, false),
            };
            if failed {
                // Nobody may be looking; then the next report says the same.
                if outbox
                    .try_send(report)
                    .is_err_and(|error| matches!(error, std::sync::mpsc::TrySendError::Disconnected(_)))
                {
                    return;
                }
            } else if outbox.send(report).is_err() {
                return;
            }
            if !again {
                break;
            }
            // A batch that waits cannot be: the sender sends none while this one is not written. So this is a pause
            // that ends when the daemon does.
            if failed && matches!(inbox.recv_timeout(RETRY), Err(RecvTimeoutError::Disconnected)) {
                return;
            }
        }
    }
}

/// Writes a batch. After an error the file is closed, and opened anew by the next try.
fn write(
    store: &mut Option<Store>,
    path: &Path,
    batch: &Batch,
    clocks: &Clocks,
) -> Result<Option<super::SetAside>, StoreError> {
    let clocks = clocks.again().map_err(|source| StoreError::File { path: path.to_owned(), source })?;
    let open = match store.take() {
        Some(open) => open,
        None => {
            let (open, found) = Store::open(path, &clocks)?;
            if let Some(lost) = found.set_aside {
                *store = Some(open);
                return Ok(Some(lost));
            }
            open
        }
    };
    open.write(&batch.changes, &batch.names, &clocks)?;
    *store = Some(open);
    Ok(None)
}
