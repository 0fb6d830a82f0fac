//! The directory where maps are pinned: one daemon's at a time, on a BPF file system, and gone when it ends.
//!
//! A BPF file system holds no ordinary files, so the claim is a lock on the directory itself. It goes with the process,
//! also with one that was killed.

use std::{
    fs::{self, File, TryLockError},
    io::{self, ErrorKind},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use nix::sys::statfs::{BPF_FS_MAGIC, statfs};

use super::{FastPathError, object::PINNED};

/// How often a directory is opened anew because its last owner was just removing it.
const ATTEMPTS: usize = 5;

/// A claimed directory. Dropping it removes the pins, and the directory if nothing else is in it.
pub(super) struct Pins {
    directory: PathBuf,
    /// Directories that had to be made, the innermost first.
    made: Vec<PathBuf>,
    _lock: File,
}

impl Pins {
    /// Claims `directory`, makes it if need be, and takes away pins of an earlier daemon, whose maps may have other sizes.
    ///
    /// # Errors
    /// It is not on a BPF file system, another daemon has it, or the file system refuses.
    pub(super) fn claim(directory: &Path) -> Result<Self, FastPathError> {
        let failed = |source| FastPathError::Pin { directory: directory.to_owned(), source };
        on_bpffs(directory)?;
        for _ in 0..ATTEMPTS {
            let made = missing(directory);
            fs::create_dir_all(directory).map_err(failed)?;
            let lock = File::open(directory).map_err(failed)?;
            match lock.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(taken(directory, &lock)),
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
            // Its last owner may have removed it between the two calls.
            let locked = lock.metadata().map_err(failed)?;
            if fs::metadata(directory)
                .is_ok_and(|named| (named.dev(), named.ino()) == (locked.dev(), locked.ino()))
            {
                let pins = Self { directory: directory.to_owned(), made, _lock: lock };
                pins.remove().map_err(failed)?;
                return Ok(pins);
            }
        }
        Err(failed(io::Error::new(ErrorKind::Interrupted, "it is removed as fast as it is made")))
    }

    /// As an error of this directory.
    pub(super) fn failed(&self, source: io::Error) -> FastPathError {
        FastPathError::Pin { directory: self.directory.clone(), source }
    }

    /// Where the map called `name` is pinned.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn remove(&self) -> io::Result<()> {
        PINNED.iter().try_for_each(|name| remove(&self.path(name)))
    }

    /// Puts the maps of `beside` in place of the present ones: each name leads to a map at every moment.
    ///
    /// # Errors
    /// What the file system said of the first that could not be moved.
    pub(super) fn replace(&self, beside: &Beside) -> io::Result<()> {
        PINNED.iter().try_for_each(|name| fs::rename(beside.path(name), self.path(name)))
    }
}

/// The same directory for a second object of this daemon, whose maps have other names until they take the place of the first
/// one's. Dropping it removes those that have not.
pub(super) struct Beside {
    directory: PathBuf,
}

impl Beside {
    /// Of a directory that has been claimed.
    ///
    /// # Errors
    /// What an earlier attempt left cannot be removed.
    pub(super) fn claimed(directory: &Path) -> Result<Self, FastPathError> {
        let beside = Self { directory: directory.to_owned() };
        beside.remove().map_err(|source| FastPathError::Pin { directory: directory.to_owned(), source })?;
        Ok(beside)
    }

    /// Where the map called `name` is pinned for the time being. A BPF file system takes no dots in names.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(format!("{name}_next"))
    }

    fn remove(&self) -> io::Result<()> {
        PINNED.iter().try_for_each(|name| remove(&self.path(name)))
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        if let Err(error) = self.remove() {
            tracing::warn!(directory = %self.directory.display(), %error, "a pinned map could not be removed");
        }
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

impl Drop for Pins {
    fn drop(&mut self) {
        if let Err(error) = self.remove() {
            let directory = self.directory.display();
            tracing::warn!(%directory, %error, "a pinned map could not be removed");
        }
        // What an earlier daemon made and did not come to remove is the first one.
        let outer = self.made.iter().filter(|made| **made != self.directory);
        for directory in [&self.directory].into_iter().chain(outer) {
            if let Err(error) = fs::remove_dir(directory) {
                tracing::debug!(directory = %directory.display(), %error, "the directory of pinned maps stays");
                break;
            }
        }
    }
}

/// The directories on the way to `directory` that are not there, the innermost first.
fn missing(directory: &Path) -> Vec<PathBuf> {
    directory.ancestors().take_while(|ancestor| !ancestor.exists()).map(Path::to_owned).collect()
}

/// Whether `directory`, or what of the way to it is there, is on a BPF file system. Asked before anything is made: an ordinary
/// file system would take the directory and refuse the pins.
///
/// # Errors
/// It is not, or cannot be told.
pub fn on_bpffs(directory: &Path) -> Result<(), FastPathError> {
    let existing = directory.ancestors().find(|ancestor| ancestor.exists()).unwrap_or(Path::new("/"));
    let found = statfs(existing)
        .map_err(|errno| FastPathError::Pin { directory: directory.to_owned(), source: errno.into() })?;
    if found.filesystem_type() == BPF_FS_MAGIC {
        Ok(())
    } else {
        Err(FastPathError::NotBpffs { directory: directory.to_owned() })
    }
}

fn taken(directory: &Path, lock: &File) -> FastPathError {
    let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
    let pid = lock.metadata().ok().and_then(|metadata| holder(&locks, metadata.dev(), metadata.ino()));
    let command = pid.and_then(|pid| fs::read(format!("/proc/{pid}/cmdline")).ok()).map(|line| {
        let words = String::from_utf8_lossy(&line).replace('\0', " ");
        words.trim_end().to_owned()
    });
    let owner = match (pid, command) {
        (Some(pid), Some(command)) if !command.is_empty() => format!(" (process {pid}, `{command}`)"),
        (Some(pid), _) => format!(" (process {pid})"),
        (None, _) => String::new(),
    };
    FastPathError::PinsTaken { directory: directory.to_owned(), owner }
}

/// The process that has the lock on a file, from /proc/locks:
/// `1: FLOCK  ADVISORY  WRITE 4711 00:1f:1049 0 EOF`.
fn holder(locks: &str, device: u64, inode: u64) -> Option<u32> {
    let (major, minor) = (nix::sys::stat::major(device), nix::sys::stat::minor(device));
    let file = format!("{major:02x}:{minor:02x}:{inode}");
    locks.lines().find_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        let kind = words.next()?;
        let pid = words.nth(2)?;
        (kind == "FLOCK" && words.next()? == file).then(|| pid.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_of_a_lock_is_read_and_those_who_wait_are_not() {
        let locks = "1: POSIX  ADVISORY  WRITE 5 00:1f:1049 0 EOF\n\
                     2: FLOCK  ADVISORY  WRITE 4711 00:1f:1049 0 EOF\n\
                     2: -> FLOCK  ADVISORY  WRITE 4712 00:1f:1049 0 EOF\n";
        let device = nix::sys::stat::makedev(0, 0x1f);
        assert_eq!(holder(locks, device, 1049), Some(4711));
        assert_eq!(holder(locks, device, 1050), None);
    }

    #[test]
    fn an_ordinary_file_system_is_refused_before_anything_is_made_there() {
        let place = std::env::temp_dir().join(format!("xdp-dhcrelay-pins-{}", std::process::id()));
        let refused = on_bpffs(&place.join("a/b"));
        assert!(matches!(refused, Err(FastPathError::NotBpffs { .. })), "{refused:?}");
        assert!(!place.exists());
    }
}
