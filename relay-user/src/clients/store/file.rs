//! The file, in whatever state it is found: none, good, of an older version, or damaged.
//!
//! What cannot be read is set aside under another name, never deleted, and a new file is begun: a relay that starts with
//! an empty table learns it again from the renewals, a relay that does not start serves nobody.

use std::{
    collections::BTreeMap,
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use redb::{Database, ReadableDatabase as _, ReadableTable as _};

use super::{
    error::StoreError,
    row::{self, Clocks, Stored},
    schema::{self, LEASES, SCHEMA},
};
use crate::clients::{key::Key, table::Change};

/// An open file.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    database: Database,
}

/// What was there when the file was opened.
#[derive(Debug)]
pub struct Found {
    /// Leases that have not run out.
    pub rows: Vec<Stored>,
    /// Rows that were not of use: run out, or not readable. They are gone from the file.
    pub dropped: usize,
    /// A file that could not be read.
    pub set_aside: Option<SetAside>,
    /// The version that was brought up to the present one.
    pub migrated_from: Option<u64>,
}

/// A file that was set aside.
#[derive(Debug)]
pub struct SetAside {
    /// Where it is now.
    pub path: PathBuf,
    /// What was wrong with it.
    pub reason: String,
}

/// Why a file was not taken as it was.
enum Trouble {
    /// It is damaged, or from a later version.
    Unreadable(String),
    /// The machine's fault, not the file's.
    Other(StoreError),
}

impl Store {
    /// Opens the file, or begins one, and reads what it has.
    ///
    /// # Errors
    /// The directory or file cannot be used at all. A file that is damaged is no error, but [`Found::set_aside`].
    pub fn open(path: &Path, clocks: &Clocks) -> Result<(Self, Found), StoreError> {
        match Self::try_open(path, clocks) {
            Ok(opened) => Ok(opened),
            Err(Trouble::Other(error)) => Err(error),
            Err(Trouble::Unreadable(reason)) => {
                let aside = free_name(path);
                fs::rename(path, &aside)
                    .map_err(|source| StoreError::File { path: path.to_owned(), source })?;
                match Self::try_open(path, clocks) {
                    Ok((store, found)) => {
                        Ok((store, Found { set_aside: Some(SetAside { path: aside, reason }), ..found }))
                    }
                    Err(Trouble::Other(error)) => Err(error),
                    Err(Trouble::Unreadable(reason)) => {
                        Err(StoreError::File { path: path.to_owned(), source: std::io::Error::other(reason) })
                    }
                }
            }
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn try_open(path: &Path, clocks: &Clocks) -> Result<(Self, Found), Trouble> {
        // A damaged file may lead redb to an assertion. It concerns this file only, and nothing of the attempt is kept.
        catch_unwind(AssertUnwindSafe(|| {
            let mut database = Database::builder()
                .set_cache_size(4 << 20)
                .create(path)
                .map_err(|error| trouble(path, error.into()))?;
            // Opening looks at no checksums where the last program closed the file in order. A lease read
            // wrongly is worse than one forgotten, so all are looked at: less than a second for 200,000.
            database.check_integrity().map_err(|error| trouble(path, error.into()))?;
            let store = Self { path: path.to_owned(), database };
            let found = store.read(clocks)?;
            Ok((store, found))
        }))
        .unwrap_or_else(|_| Err(Trouble::Unreadable("the database gave up reading it".to_owned())))
    }

    fn read(&self, clocks: &Clocks) -> Result<Found, Trouble> {
        let version = self
            .database
            .begin_read()
            .map_err(redb::Error::from)
            .and_then(|transaction| schema::version(&transaction))
            .map_err(|error| trouble(&self.path, error))?;
        if version > SCHEMA {
            return Err(Trouble::Unreadable(format!(
                "it has version {version}, this program knows up to {SCHEMA}"
            )));
        }
        self.read_rows(version, clocks).map_err(|error| trouble(&self.path, error))
    }

    fn read_rows(&self, version: u64, clocks: &Clocks) -> Result<Found, redb::Error> {
        let transaction = self.database.begin_write()?;
        if version != SCHEMA {
            schema::migrate(&transaction, version)?;
        }
        let mut rows = Vec::new();
        let mut useless = Vec::new();
        let mut last = "".into();
        {
            let mut leases = transaction.open_table(LEASES)?;
            for entry in leases.iter()? {
                let (key, value) = entry?;
                match row::parse(key.value(), value.value(), clocks, &mut last) {
                    Some(stored) => rows.push(stored),
                    None => useless.push(key.value().to_vec()),
                }
            }
            for key in &useless {
                leases.remove(&key[..])?;
            }
        }
        transaction.commit()?;
        let migrated_from = (version != SCHEMA && version != 0).then_some(version);
        Ok(Found { rows, dropped: useless.len(), set_aside: None, migrated_from })
    }

    /// Writes changes, all or none of them. `names` has the name of every interface by its index; a change of one that
    /// has no name is left out.
    ///
    /// # Errors
    /// The database says so. After an error of the disk it wants to be opened again.
    pub fn write(
        &self,
        changes: &[Change],
        names: &BTreeMap<u32, String>,
        clocks: &Clocks,
    ) -> Result<(), StoreError> {
        self.try_write(changes, names, clocks).map_err(|source| StoreError::Database {
            what: "write",
            path: self.path.clone(),
            source: Box::new(source),
        })
    }

    fn try_write(
        &self,
        changes: &[Change],
        names: &BTreeMap<u32, String>,
        clocks: &Clocks,
    ) -> Result<(), redb::Error> {
        let key = |key: &Key| Some(row::key(names.get(&key.interface)?, key));
        // In the order of the keys, neighbouring rows share the pages that are written.
        let mut sorted: Vec<(Vec<u8>, &Change)> = changes
            .iter()
            .filter_map(|change| match change {
                Change::Put(row) => Some((key(&row.key)?, change)),
                Change::Delete(gone) => Some((key(gone)?, change)),
            })
            .collect();
        sorted.sort_by(|(a, _), (b, _)| a.cmp(b));
        let transaction = self.database.begin_write()?;
        {
            let mut leases = transaction.open_table(LEASES)?;
            for (key, change) in &sorted {
                match change {
                    Change::Put(row) => leases.insert(&key[..], &row::value(row, clocks)[..])?,
                    Change::Delete(_) => leases.remove(&key[..])?,
                };
            }
        }
        transaction.commit()?;
        Ok(())
    }
}

/// Whether it is the file that is wrong, or what it lies on.
fn trouble(path: &Path, error: redb::Error) -> Trouble {
    match error {
        redb::Error::Io(source) if source.kind() == std::io::ErrorKind::InvalidData => {
            Trouble::Unreadable(source.to_string())
        }
        redb::Error::Io(source) if source.kind() == std::io::ErrorKind::UnexpectedEof => {
            Trouble::Unreadable("it ends too early".to_owned())
        }
        redb::Error::Io(source) => Trouble::Other(StoreError::File { path: path.to_owned(), source }),
        redb::Error::DatabaseAlreadyOpen => Trouble::Other(StoreError::InUse { path: path.to_owned() }),
        other => Trouble::Unreadable(other.to_string()),
    }
}

/// `leases.redb.damaged`, or with a number behind it: what was set aside before stays.
fn free_name(path: &Path) -> PathBuf {
    let name = |number: u32| {
        let mut name = path.as_os_str().to_owned();
        name.push(".damaged");
        if number > 0 {
            name.push(format!(".{number}"));
        }
        PathBuf::from(name)
    };
    (0..u32::MAX).map(name).find(|name| !name.exists()).unwrap_or_else(|| name(u32::MAX))
}
