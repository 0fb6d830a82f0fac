//! What can go wrong with the file.

use std::{io, path::PathBuf};

use thiserror::Error;

/// Why leases could not be read or written. Relaying does not depend on them.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The directory or the file cannot be used.
    #[error("cannot use {path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another process has it open.
    #[error("{path} is in use by another process")]
    InUse {
        /// Which.
        path: PathBuf,
    },
    /// The database says so.
    #[error("cannot {what} the leases in {path}: {source}")]
    Database {
        /// What was tried.
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        source: Box<redb::Error>,
    },
    /// The thread that writes has ended.
    #[error("the thread that stores leases has ended")]
    Ended,
}
