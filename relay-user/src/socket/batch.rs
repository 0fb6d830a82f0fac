//! A reusable store for the frames of one batched receive: in a storm after a power cut the system call and the
//! allocation per frame would cost more than the relaying.

use super::port::{MAX_FRAME, Received};
use super::raw::{Arrival, PER_CALL};

/// Room in front of every frame for the tag that the kernel took out.
const TAG: usize = 4;
const SLOT: usize = TAG + MAX_FRAME;

/// Frames received together by [`PortSocket::recv_batch`](super::PortSocket::recv_batch), in the order of arrival.
/// Made once and reused; the store is about 590 KB.
#[derive(Debug)]
pub struct FrameBatch {
    store: Vec<u8>,
    arrivals: [Arrival; PER_CALL],
    /// Start, end and description of each frame.
    frames: Vec<(usize, usize, Received)>,
}

impl Default for FrameBatch {
    fn default() -> Self {
        Self::new()
    }
}

impl FrameBatch {
    /// How many frames one batch can hold.
    pub const CAPACITY: usize = PER_CALL;

    /// An empty batch.
    pub fn new() -> FrameBatch {
        FrameBatch {
            store: vec![0; SLOT * PER_CALL],
            arrivals: [Arrival::default(); PER_CALL],
            frames: Vec::with_capacity(PER_CALL),
        }
    }

    /// Number of frames in the batch.
    pub fn len(&self) -> usize {
        self.frames.len()
    }

    /// Whether the batch holds no frame.
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// The frames with their tags in place, in the order of arrival.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], Received)> {
        self.frames.iter().map(|&(start, end, received)| (&self.store[start..end], received))
    }

    /// Forgets the frames of the last batch and lets `receive` fill the slots; it returns how many it filled.
    pub(super) fn fill<E>(
        &mut self,
        receive: impl FnOnce(&mut dyn Iterator<Item = &mut [u8]>, &mut [Arrival]) -> Result<usize, E>,
    ) -> Result<usize, E> {
        self.frames.clear();
        let mut slots = self.store.chunks_exact_mut(SLOT).map(|slot| &mut slot[TAG..]);
        let count = receive(&mut slots, &mut self.arrivals)?;
        for (index, arrival) in self.arrivals[..count].iter().enumerate() {
            let slot = index * SLOT;
            let end = slot + TAG + arrival.length;
            let start = match arrival.tag() {
                Some(tag) if arrival.length >= 12 => {
                    self.store.copy_within(slot + TAG..slot + TAG + 12, slot);
                    self.store[slot + 12..slot + 12 + TAG].copy_from_slice(&tag);
                    slot
                }
                _ => slot + TAG,
            };
            self.frames.push((start, end, Received::new(arrival)));
        }
        Ok(count)
    }
}
