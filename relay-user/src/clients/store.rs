//! Leases on disk, so that a restart does not forget who is bound.
//!
//! The store is redb: a copy-on-write B-tree in one file, all in Rust, under the licences of this project and maintained.
//! Of SQLite, which would do as well, nothing is needed here that redb lacks, and it would bring a C library
//! into a daemon that runs as root. A commit either is in the file or is not, whatever is killed when.
//!
//! [`Writer`] is a thread: the daemon hands it a batch of changes when it has nothing to do, at most every
//! [`INTERVAL`], and never waits for it. Leases are kept by the boot clock and in the file by both clocks:
//! `row` says which counts. `file` opens what is there, in whatever state it is.

mod error;
mod file;
mod row;
mod schema;
mod writer;

use std::time::Duration;

pub use error::StoreError;
pub use file::{Found, SetAside, Store};
pub use row::{Clocks, Stored};
pub use writer::{Batch, Report, Writer};

/// Least time between two batches: what a killed daemon loses is younger than this and the time of one commit.
pub const INTERVAL: Duration = Duration::from_millis(250);
/// Changes in a batch at most, about half a second of a slow disk.
pub const BATCH: usize = 16_384;
