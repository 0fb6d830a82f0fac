//! The map `leases` in the kernel: looked up by the slow path, written in batches by the client table.

use std::{
    io,
    os::fd::{AsFd as _, OwnedFd},
};

use aya::maps::{self, Map, MapData, MapError};
use relay_common::abi::{Lease, LeaseKey};

use super::{batch, object::Abi};

/// Of `BPF_MAP_UPDATE_ELEM`: nothing is made that is not there.
const BPF_EXIST: u64 = 2;

/// The map.
pub struct KernelLeases {
    map: maps::HashMap<MapData, Abi<LeaseKey>, Abi<Lease>>,
    /// Of the same map, for the calls that aya does not have.
    descriptor: OwnedFd,
}

/// What became of a batch: how many elements the kernel refused, and what it said of the first.
#[derive(Debug, Default)]
pub struct Refusals {
    /// Elements.
    pub count: usize,
    /// Why the first of them.
    pub first: Option<io::Error>,
}

impl TryFrom<Map> for KernelLeases {
    type Error = MapError;

    fn try_from(map: Map) -> Result<Self, MapError> {
        let descriptor = match &map {
            Map::HashMap(data) => data.fd().as_fd().try_clone_to_owned().map_err(MapError::IoError)?,
            _ => return Err(MapError::InvalidMapType { map_type: 0 }),
        };
        // It compares the sizes of keys and values with those of the map, on which the batches rely.
        Ok(Self { map: maps::HashMap::try_from(map)?, descriptor })
    }
}

impl KernelLeases {
    /// The lease of an address.
    pub fn get(&self, key: LeaseKey) -> Option<Lease> {
        // What cannot be read is not known.
        self.map.get(&Abi(key), 0).ok().map(|Abi(lease)| lease)
    }

    /// Puts a lease in the place of the one that is there for its address, if one still is.
    ///
    /// # Errors
    /// There is none, or the kernel refuses.
    pub fn replace(&mut self, key: LeaseKey, lease: Lease) -> Result<(), MapError> {
        self.map.insert(Abi(key), Abi(lease), BPF_EXIST)
    }

    /// Puts leases in place of what is there for their addresses. What the kernel refuses, is left out.
    pub fn put(&self, keys: &[LeaseKey], leases: &[Lease]) -> Refusals {
        let count = keys.len().min(leases.len());
        all(count, |from| batch::update(self.descriptor.as_fd(), &keys[from..count], &leases[from..count]))
    }

    /// Takes leases away. That one is not there already is as well.
    pub fn remove(&self, keys: &[LeaseKey]) -> Refusals {
        all(keys.len(), |from| batch::delete(self.descriptor.as_fd(), &keys[from..]))
    }
}

/// Goes on behind the elements that stop a batch.
fn all(count: usize, mut batch: impl FnMut(usize) -> Result<(), batch::Stopped>) -> Refusals {
    let mut refusals = Refusals::default();
    let mut from = 0;
    while from < count {
        let Err(batch::Stopped { done, error }) = batch(from) else { break };
        match error.raw_os_error() {
            Some(libc::ENOENT) => {
                from += done + 1;
                continue;
            }
            // No room for one more; there may be for those that replace what is there.
            Some(libc::E2BIG | libc::ENOMEM) => {
                from += done + 1;
                refusals.count += 1;
            }
            _ => {
                refusals.count += count - from - done;
                from = count;
            }
        }
        refusals.first.get_or_insert(error);
    }
    refusals
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stopped(done: usize, errno: i32) -> Result<(), batch::Stopped> {
        Err(batch::Stopped { done, error: io::Error::from_raw_os_error(errno) })
    }

    #[test]
    fn a_batch_goes_on_behind_what_the_kernel_refuses_or_does_not_find() {
        let mut begun = Vec::new();
        let refusals = all(10, |from| {
            begun.push(from);
            match from {
                0 => stopped(3, libc::E2BIG),
                4 => stopped(0, libc::ENOENT),
                5 => stopped(2, libc::E2BIG),
                _ => Ok(()),
            }
        });
        assert_eq!(begun, [0, 4, 5, 8]);
        assert_eq!(refusals.count, 2);
        assert_eq!(refusals.first.and_then(|error| error.raw_os_error()), Some(libc::E2BIG));
    }

    #[test]
    fn a_call_that_is_refused_as_a_whole_is_not_made_for_each_element() {
        let mut calls = 0;
        let refusals = all(10, |_| {
            calls += 1;
            stopped(0, libc::EPERM)
        });
        assert_eq!((calls, refusals.count), (1, 10));
    }
}
