//! Bytes of one frame, reached in a way that both a BPF program and ordinary code can compile.
//!
//! Single fields go by value. What is borrowed of a packet ([`Frame::view`]) ends before anything moves the ground under it:
//! `bpf_xdp_adjust_tail` takes the frame to be changed.

use crate::abi::{Agent, Cut};
use crate::options::Options;
use crate::packet::Seen;
use crate::removal::{self, Removal};
use crate::{Reason, Sum, agent, checksum, shift};

/// One frame, from its Ethernet header on.
pub trait Frame: Sized {
    /// Highest frame length, one below a power of two: offsets are masked with it, which is what lets the verifier
    /// bound a loop over options. A longer frame is refused before any offset is computed.
    const LIMIT: usize;
    /// How many options (padding octets count) are walked before a message is refused.
    const MAX_STEPS: usize;
    /// Whether what this frame cannot do can be passed on to another path.
    const HAS_SLOW_PATH: bool;

    /// Octets in the frame.
    fn len(&self) -> usize;
    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The `N` octets at `offset`, if all of them are in the frame.
    fn read<const N: usize>(&self, offset: usize) -> Option<[u8; N]>;
    /// Overwrites `N` octets at `offset`, if all of them are in the frame.
    fn write<const N: usize>(&mut self, offset: usize, octets: [u8; N]) -> Option<()>;
    /// The `N` octets at `offset` where they lie, if all of them are in the frame.
    fn view<const N: usize>(&self, offset: usize) -> Option<&[u8; N]>;
    /// The same to be written.
    fn view_mut<const N: usize>(&mut self, offset: usize) -> Option<&mut [u8; N]>;
    /// The `N` words of eight octets at `offset`, as they stand in memory, if all of them are in the frame.
    fn words<const N: usize>(&self, offset: usize) -> Option<[u64; N]>;
    /// Overwrites `N` words of eight octets at `offset`, if all of them are in the frame.
    fn write_words<const N: usize>(&mut self, offset: usize, words: [u64; N]) -> Option<()>;
    /// Copies the `len` octets at `offset`, as many as `into` has at the most, into memory. `None` when they are not all in the
    /// frame.
    fn load<const N: usize>(&self, offset: usize, len: usize, into: &mut [u64; N]) -> Option<()>;
    /// Adds `by` zero octets behind the frame. `None` leaves the frame as it was.
    fn grow_tail(&mut self, by: usize) -> Option<()>;
    /// Takes `by` octets off the end.
    fn shrink_tail(&mut self, by: usize) -> Option<()>;
    /// Adds `by` octets of no promised content in front. `None` leaves the frame as it was.
    fn grow_head(&mut self, by: usize) -> Option<()>;
    /// Takes `by` octets off the front.
    fn shrink_head(&mut self, by: usize) -> Option<()>;
    /// Forgets which options have been noted.
    fn forget_options(&mut self);
    /// Notes that an option with this code begins at `at`. A later one takes the place of an earlier.
    fn note_option(&mut self, code: u8, at: usize);
    /// Where the last option with this code begins.
    fn noted_option(&self, code: u8) -> Option<usize>;
    /// [`Options::walk`]. This and what follows loops over octets: methods, so that a BPF program can make functions of
    /// their own of them, which the verifier goes through once instead of at every call.
    ///
    /// # Errors
    /// As there.
    fn walk(&mut self, start: usize, end: usize) -> Result<Options, Reason> {
        Options::walk(self, start, end)
    }
    /// The sum over the `len` octets at `offset`.
    fn sum(&self, offset: usize, len: usize) -> Option<Sum> {
        checksum::octets(self, offset, len)
    }
    /// [`crate::agent::whole`] of the value of the option at `at`, which has `len` octets with code and length. In BPF it is
    /// known from the walk, of option 82 alone, and of the last one.
    fn agent_hash(&self, at: usize, len: usize) -> Option<u64> {
        agent::whole_in(self, at + 2, len.checked_sub(2)?)
    }
    /// Moves what stands between `at + len` and `end` to `at`. The `len` octets before `end` keep what was in them.
    fn forward(&mut self, at: usize, len: usize, end: usize) -> Option<()> {
        shift::forward(self, at, len, end)
    }
    /// Overwrites the `len` octets at `at`, one at least, with zeros.
    fn zero(&mut self, at: usize, len: usize) -> Option<()>;
    /// [`removal::remove`].
    fn remove(&mut self, removal: &Removal) -> Option<Sum> {
        removal::remove(self, removal)
    }
    /// Writes the option 82 of `interface`, which is `ours`, and END at `offset`; `unicast` goes into its flags. Returns the
    /// sum over them, as if they began at an even offset. A frame with a slow path finds the option itself.
    fn write_agent(&mut self, offset: usize, _interface: u32, ours: &Agent, unicast: bool) -> Option<Sum> {
        agent::write(self, offset, ours, unicast)
    }
    /// Keeps the index of the interface that a refusal from now on is told of.
    fn blame(&mut self, interface: u32);
    /// What was kept, 0 before that: in memory, because it is asked for in one place and would otherwise be carried to it from
    /// every place that refuses.
    fn blamed(&self) -> u32;
    /// A message of which an [`crate::event::Event`] is to be made: it is about to be relayed, and still as it came in.
    fn observe(&mut self, _seen: &Seen) {}
    /// The identity. In BPF it makes the verifier forget what it knows of a value: states that differ only in what is
    /// known of it become one, which is what keeps loops affordable.
    fn opaque(&self, value: usize) -> usize {
        value
    }

    /// An offset that is not a constant: the same value, of which the verifier knows only that it is at most
    /// [`Self::LIMIT`].
    #[inline(always)]
    fn offset(&self, value: usize) -> usize {
        self.opaque(value) & Self::LIMIT
    }

    /// A 16-bit field in network byte order.
    #[inline(always)]
    fn u16(&self, offset: usize) -> Option<u16> {
        self.read::<2>(offset).map(u16::from_be_bytes)
    }

    /// One octet.
    #[inline(always)]
    fn u8(&self, offset: usize) -> Option<u8> {
        self.read::<1>(offset).map(|[octet]| octet)
    }
}

/// A frame in a buffer: `head` octets of room, the frame, and room behind it up to the end of the buffer.
pub struct SliceFrame<'a> {
    buffer: &'a mut [u8],
    start: usize,
    end: usize,
    /// By code, 0 for none: no option begins where the frame does.
    options: [u16; 256],
    seen: Option<Seen>,
    blamed: u32,
    /// Where option 82 was written in the buffer, and what some servers get less of it.
    cut: Option<(usize, Cut)>,
}

impl<'a> SliceFrame<'a> {
    /// Room in front that is enough for two VLAN tags.
    pub const HEADROOM: usize = 16;

    /// The frame at `buffer[start..end]`; the rest of `buffer` is room to grow.
    ///
    /// # Panics
    /// When `start..end` is not inside the buffer.
    pub fn new(buffer: &'a mut [u8], start: usize, end: usize) -> Self {
        assert!(start <= end && end <= buffer.len(), "the frame lies outside its buffer");
        Self { buffer, start, end, options: [0; 256], seen: None, blamed: 0, cut: None }
    }

    /// The frame's octets.
    pub fn octets(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// What was observed of the message before it was rewritten.
    pub fn seen(&self) -> Option<&Seen> {
        self.seen.as_ref()
    }

    /// What some servers get less of the option 82 that was written; nothing without one.
    pub fn cut(&self) -> Cut {
        self.cut.map_or(Agent::NONE.cut, |(at, cut)| cut.at(self.end - at))
    }

    /// Where the frame now lies in the buffer.
    pub fn range(&self) -> core::ops::Range<usize> {
        self.start..self.end
    }
}

impl Frame for SliceFrame<'_> {
    const LIMIT: usize = 0x3fff;
    const MAX_STEPS: usize = Self::LIMIT;
    const HAS_SLOW_PATH: bool = false;

    fn len(&self) -> usize {
        self.end - self.start
    }

    fn read<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        self.octets().get(offset..)?.first_chunk().copied()
    }

    fn write<const N: usize>(&mut self, offset: usize, octets: [u8; N]) -> Option<()> {
        *self.buffer[self.start..self.end].get_mut(offset..)?.first_chunk_mut()? = octets;
        Some(())
    }

    fn view<const N: usize>(&self, offset: usize) -> Option<&[u8; N]> {
        self.octets().get(offset..)?.first_chunk()
    }

    fn view_mut<const N: usize>(&mut self, offset: usize) -> Option<&mut [u8; N]> {
        self.buffer[self.start..self.end].get_mut(offset..)?.first_chunk_mut()
    }

    fn words<const N: usize>(&self, offset: usize) -> Option<[u64; N]> {
        let octets = self.octets().get(offset..)?.get(..8 * N)?;
        let (words, _) = octets.as_chunks::<8>();
        Some(core::array::from_fn(|index| u64::from_ne_bytes(words[index])))
    }

    fn write_words<const N: usize>(&mut self, offset: usize, words: [u64; N]) -> Option<()> {
        let octets = self.buffer[self.start..self.end].get_mut(offset..)?.get_mut(..8 * N)?;
        octets.as_chunks_mut::<8>().0.iter_mut().zip(words).for_each(|(to, word)| *to = word.to_ne_bytes());
        Some(())
    }

    fn load<const N: usize>(&self, offset: usize, len: usize, into: &mut [u64; N]) -> Option<()> {
        let from = self.octets().get(offset..)?.get(..len.min(8 * N))?;
        bytemuck::cast_slice_mut::<_, u8>(into)[..from.len()].copy_from_slice(from);
        Some(())
    }

    fn zero(&mut self, at: usize, len: usize) -> Option<()> {
        let to = at.checked_add(len)?;
        self.buffer[self.start..self.end].get_mut(at..to)?.fill(0);
        Some(())
    }

    fn grow_tail(&mut self, by: usize) -> Option<()> {
        let end = self.end.checked_add(by).filter(|&end| end <= self.buffer.len())?;
        self.buffer[self.end..end].fill(0);
        self.end = end;
        Some(())
    }

    fn shrink_tail(&mut self, by: usize) -> Option<()> {
        self.end = self.end.checked_sub(by).filter(|&end| end >= self.start)?;
        Some(())
    }

    fn grow_head(&mut self, by: usize) -> Option<()> {
        self.start = self.start.checked_sub(by)?;
        Some(())
    }

    fn shrink_head(&mut self, by: usize) -> Option<()> {
        self.start = self.start.checked_add(by).filter(|&start| start <= self.end)?;
        Some(())
    }

    fn blame(&mut self, interface: u32) {
        self.blamed = interface;
    }

    fn blamed(&self) -> u32 {
        self.blamed
    }

    fn observe(&mut self, seen: &Seen) {
        self.seen = Some(*seen);
    }

    fn write_agent(&mut self, offset: usize, _interface: u32, ours: &Agent, unicast: bool) -> Option<Sum> {
        self.cut = Some((self.start + offset, ours.cut));
        agent::write(self, offset, ours, unicast)
    }

    fn forget_options(&mut self) {
        self.options = [0; 256];
    }

    fn note_option(&mut self, code: u8, at: usize) {
        self.options[usize::from(code)] = at as u16;
    }

    fn noted_option(&self, code: u8) -> Option<usize> {
        let at = self.options[usize::from(code)];
        (at != 0).then_some(usize::from(at))
    }
}
