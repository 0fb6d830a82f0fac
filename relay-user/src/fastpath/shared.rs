//! The memory of an array map that programs and daemon share (`BPF_F_MMAPABLE`, Linux 5.5), which aya does not map.

use std::{
    io,
    marker::PhantomData,
    num::NonZeroUsize,
    os::fd::BorrowedFd,
    ptr::NonNull,
    sync::atomic::{AtomicU32, AtomicU64},
};

use bytemuck::Pod;
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};

/// The elements of a map, until it is dropped.
#[derive(Debug)]
pub(super) struct Shared<T> {
    first: NonNull<T>,
    len: usize,
    octets: NonZeroUsize,
    elements: PhantomData<T>,
}

// SAFETY: the memory belongs to the value, and no thread more than another.
unsafe impl<T: Pod + Send> Send for Shared<T> {}

impl<T: Pod> Shared<T> {
    /// The `len` elements of a map whose values are `T`, of a size that is a multiple of eight.
    ///
    /// # Errors
    /// The map cannot be mapped, or has no elements.
    pub(super) fn of(map: BorrowedFd<'_>, len: usize) -> io::Result<Self> {
        const { assert!(size_of::<T>().is_multiple_of(8), "the kernel lays elements out in words") };
        let octets = NonZeroUsize::new(len * size_of::<T>()).ok_or(io::ErrorKind::InvalidInput)?;
        let rights = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: the kernel chooses the place; nothing else is there.
        let first = unsafe { mmap(None, octets, rights, MapFlags::MAP_SHARED, map, 0) }?;
        Ok(Self { first: first.cast(), len, octets, elements: PhantomData })
    }

    /// How many elements there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    fn at(&self, index: usize) -> NonNull<T> {
        assert!(index < self.len, "element {index} of {}", self.len);
        // SAFETY: it is one of the elements.
        unsafe { self.first.add(index) }
    }

    /// What an element is now, as far as nobody writes it.
    pub(super) fn get(&self, index: usize) -> T {
        // SAFETY: the element is there, aligned as the kernel aligns it, and any octets are a `T`.
        unsafe { self.at(index).read_volatile() }
    }

    /// Replaces an element of which nobody else writes any part yet.
    pub(super) fn set(&mut self, index: usize, value: T) {
        // SAFETY: as for `get`.
        unsafe { self.at(index).write_volatile(value) };
    }

    /// The number that an element has at an offset, which is a multiple of eight.
    pub(super) fn number(&self, index: usize, offset: usize) -> &AtomicU64 {
        assert!(offset.is_multiple_of(8) && offset + 8 <= size_of::<T>(), "a number at {offset}");
        // SAFETY: it is within the element and aligned, and is not accessed otherwise while `self` lives but by the kernel.
        unsafe { AtomicU64::from_ptr(self.at(index).byte_add(offset).cast().as_ptr()) }
    }

    /// The same of a number of four octets, at a multiple of four.
    pub(super) fn word(&self, index: usize, offset: usize) -> &AtomicU32 {
        assert!(offset.is_multiple_of(4) && offset + 4 <= size_of::<T>(), "a word at {offset}");
        // SAFETY: as above.
        unsafe { AtomicU32::from_ptr(self.at(index).byte_add(offset).cast().as_ptr()) }
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        // SAFETY: it was mapped with this length, and nothing of it is borrowed any more.
        if let Err(error) = unsafe { munmap(self.first.cast(), self.octets.get()) } {
            tracing::error!("the memory of a map stays mapped: {error}");
        }
    }
}
