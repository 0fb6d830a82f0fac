//! The store of leases as the thread keeps it: opened, opened again when that failed, and what becomes of a batch logged.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use super::Labels;
use crate::{
    clients::{
        Action, BootTime, Table,
        store::{Clocks, Found, Report, Store, StoreError, Writer},
    },
    leasequery::{OLD, Start},
    quota::Quota,
};

/// Time between two tries to open the file.
const RETRY: Duration = Duration::from_secs(10);
/// How long the end of the daemon waits for the disk.
const PATIENCE: Duration = Duration::from_secs(3);
/// The file within the state directory.
const FILE: &str = "leases.redb";

/// The store, open or not.
pub(super) struct Storage {
    directory: PathBuf,
    writer: Option<Writer>,
    tried: Option<Instant>,
    /// What was last wrong, until a batch is written again.
    trouble: Option<String>,
    written: u64,
    /// What the table began with, until somebody has taken note.
    start: Option<Start>,
    complaints: Quota<&'static str>,
}

impl Storage {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            writer: None,
            tried: None,
            trouble: None,
            written: 0,
            start: None,
            complaints: Quota::default(),
        }
    }

    /// What the table began with; once, after the first turn.
    pub(super) fn take_start(&mut self) -> Option<Start> {
        self.start.take()
    }

    /// Leases written so far, and what is wrong now.
    pub(super) fn state(&self) -> (u64, Option<&str>) {
        (self.written, self.trouble.as_deref())
    }

    /// How long nothing needs to be done, at the most.
    pub(super) fn rest(&self, table: &Table) -> Option<Duration> {
        match &self.writer {
            Some(writer) => {
                (table.has_changes() || writer.is_busy()).then_some(crate::clients::store::INTERVAL)
            }
            None => Some(RETRY),
        }
    }

    /// Opens what is not open, and hands on what is new in the table.
    pub(super) fn turn(&mut self, table: &mut Table, labels: &Labels, actions: &mut Vec<Action>) {
        let now = Instant::now();
        if self.writer.is_none() && self.tried.is_none_or(|tried| now - tried >= RETRY) {
            let again = self.tried.replace(now).is_some();
            let opened = self.open(table, labels, actions);
            if !again {
                self.start = Some(match &opened {
                    Ok((_, start)) => start.clone(),
                    Err(_) => Start::Empty("the stored leases cannot be read"),
                });
            }
            match opened {
                Ok((writer, _)) => {
                    self.writer = Some(writer);
                    self.trouble = None;
                    if again {
                        // What was learnt in the meantime was marked as stored by nobody.
                        table.save_all();
                    }
                }
                Err(error) => self.complain("open", &error),
            }
        }
        let Some(writer) = &mut self.writer else { return };
        match writer.turn(table, labels.words(), now) {
            Ok(reports) => reports.into_iter().for_each(|report| self.heard(report, table)),
            Err(error) => {
                self.complain("write", &error);
                self.writer = None;
            }
        }
    }

    /// Stores what is still to be stored.
    pub(super) fn finish(self, table: &mut Table, labels: &Labels) {
        if let Some(writer) = self.writer
            && let Err(error) = writer.finish(table, labels.words(), PATIENCE)
        {
            tracing::error!("the last leases are not stored: {error}");
        }
    }

    fn open(
        &self,
        table: &mut Table,
        labels: &Labels,
        actions: &mut Vec<Action>,
    ) -> Result<(Writer, Start), StoreError> {
        let path = self.directory.join(FILE);
        let failed = |source: io::Error| StoreError::File { path: path.clone(), source };
        fs::create_dir_all(&self.directory).map_err(failed)?;
        let clocks = Clocks::now().map_err(failed)?;
        let begin = Instant::now();
        // Before it is opened, which writes to it.
        let age = age(&path);
        let (store, found) = Store::open(&path, &clocks)?;
        let start = match age {
            _ if found.set_aside.is_some() => Start::Empty("the stored leases could not be read"),
            Some(age) if age <= OLD => Start::Fresh,
            Some(age) => Start::Old(age),
            None => Start::Empty("there were no stored leases"),
        };
        let (leases, left_out) = adopt(found, table, labels, clocks.boot, actions);
        tracing::info!(leases, left_out, took = ?begin.elapsed(), "stored leases taken over");
        Ok((Writer::start(store, clocks)?, start))
    }

    fn heard(&mut self, report: Report, table: &mut Table) {
        match report {
            Report::Written { changes, took } => {
                self.written += changes as u64;
                self.trouble = None;
                tracing::debug!(changes, ?took, "leases stored");
            }
            Report::Failed(error) => self.complain("write", &error),
            Report::Lost(aside) => {
                tracing::error!(
                    "the leases on disk could not be read again ({}); they are now in {}, and are all written anew",
                    aside.reason,
                    aside.path.display()
                );
                table.save_all();
            }
        }
    }

    fn complain(&mut self, what: &'static str, error: &StoreError) {
        self.trouble = Some(error.to_string());
        if let Some(suppressed) = self.complaints.admit(&what, Instant::now()) {
            tracing::error!(suppressed, "leases are not stored, relaying goes on: {error}");
        }
    }
}

/// How long ago the file was written last; `None` when there is none. One from the future says nothing, and counts as old.
fn age(path: &Path) -> Option<Duration> {
    let written = fs::metadata(path).and_then(|file| file.modified()).ok()?;
    Some(SystemTime::now().duration_since(written).unwrap_or(Duration::MAX))
}

/// Takes stored leases into the table; how many, and how many not.
fn adopt(
    found: Found,
    table: &mut Table,
    labels: &Labels,
    now: BootTime,
    actions: &mut Vec<Action>,
) -> (u64, u64) {
    let Found { rows, dropped, set_aside, migrated_from } = found;
    if let Some(aside) = set_aside {
        tracing::warn!(
            "the stored leases could not be read ({}); the file is now {}, and the table is learnt anew",
            aside.reason,
            aside.path.display()
        );
    }
    if let Some(version) = migrated_from {
        tracing::info!(version, "the stored leases were of an older version and have been converted");
    }
    let (mut taken, mut left) = (0, dropped as u64);
    for mut stored in rows {
        stored.row.key.interface = labels.index(&stored.interface).unwrap_or(0);
        match table.adopt(&stored.row, now, actions) {
            Ok(()) => taken += 1,
            Err(_) => left += 1,
        }
    }
    (taken, left)
}
