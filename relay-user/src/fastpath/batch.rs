//! Many elements of a BPF map by one system call (`BPF_MAP_UPDATE_BATCH` and `BPF_MAP_DELETE_BATCH`, Linux 5.6), which aya
//! does not have. A lease that changes costs some tens of nanoseconds instead of a system call.

use std::{
    io,
    os::fd::{AsRawFd as _, BorrowedFd},
};

use aya_obj::generated::{bpf_attr__bindgen_ty_3 as Attributes, bpf_cmd};
use bytemuck::Pod;

/// A batch that ended early.
#[derive(Debug)]
pub(super) struct Stopped {
    /// Elements that were dealt with; the one behind them is what the error is about, unless the call failed as a whole.
    pub(super) done: usize,
    /// What the kernel said.
    pub(super) error: io::Error,
}

/// Writes elements; `K` and `V` are of the sizes that the map was made with.
pub(super) fn update<K: Pod, V: Pod>(map: BorrowedFd<'_>, keys: &[K], values: &[V]) -> Result<(), Stopped> {
    let count = keys.len().min(values.len());
    let keys = keys.as_ptr().expose_provenance();
    call(bpf_cmd::BPF_MAP_UPDATE_BATCH, map, keys, values.as_ptr().expose_provenance(), count)
}

/// Takes elements away; `K` is of the size that the map was made with.
pub(super) fn delete<K: Pod>(map: BorrowedFd<'_>, keys: &[K]) -> Result<(), Stopped> {
    call(bpf_cmd::BPF_MAP_DELETE_BATCH, map, keys.as_ptr().expose_provenance(), 0, keys.len())
}

fn call(
    command: bpf_cmd,
    map: BorrowedFd<'_>,
    keys: usize,
    values: usize,
    count: usize,
) -> Result<(), Stopped> {
    // Of none, the kernel would say that the call is wrong.
    let Some(wanted) = u32::try_from(count).ok().filter(|count| *count != 0) else { return Ok(()) };
    let mut attributes = Attributes {
        in_batch: 0,
        out_batch: 0,
        keys: keys as u64,
        values: values as u64,
        count: wanted,
        map_fd: map.as_raw_fd() as u32,
        elem_flags: 0,
        flags: 0,
    };
    // SAFETY: the kernel reads `count` keys and values, which the caller's slices hold until it returns, and writes nothing
    // but `attributes.count`. A shorter `union bpf_attr` than its own is taken as filled up with zeros.
    let result = unsafe {
        libc::syscall(libc::SYS_bpf, command as libc::c_long, &raw mut attributes, size_of::<Attributes>())
    };
    if result == 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    // Before the first element it leaves the count as it was.
    let done = if attributes.count < wanted { attributes.count as usize } else { 0 };
    Err(Stopped { done, error })
}
