//! Reading what the programs of all CPUs leave for the client table (`relay_common::abi::Ring`).
//!
//! While records come they are looked for, and nobody is woken; when none has come for a while the reader says that it sleeps, and
//! the next record rings a bell: waking costs the packet path an interrupt, several times what relaying does.

use std::{
    io,
    mem::offset_of,
    os::fd::{AsFd, BorrowedFd},
    sync::atomic::{
        AtomicU64,
        Ordering::{Acquire, Relaxed, Release, SeqCst},
    },
};

use aya::maps::{Array, Map, MapData, MapError, RingBuf};
use bytemuck::Zeroable as _;
use relay_common::{
    abi::{RINGS_PER_CPU, Ring},
    event::Event,
    record::Record,
};

use super::{Abi, shared::Shared};

/// Most records of one CPU that wait, DISCOVERs and others.
const MOST: Rooms = Rooms { others: 32_768, discovers: 8_192 };
/// Of all CPUs together, where there are so many that it makes a difference.
const TOGETHER: Rooms = Rooms { others: 131_072, discovers: 32_768 };
/// And yet one CPU's, whatever that makes together.
const LEAST: Rooms = Rooms { others: 1_024, discovers: 256 };

/// How many records rings have room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rooms {
    others: u32,
    discovers: u32,
}

/// Rings for CPUs, as the maps are to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    cpus: u32,
    rooms: Rooms,
}

impl Shape {
    /// For the CPUs that this machine may ever have.
    ///
    /// # Errors
    /// The kernel does not say how many.
    pub(super) fn of_machine() -> io::Result<Self> {
        let cpus = aya::util::nr_cpus().map_err(|(_, error)| error)?;
        Ok(Self::of(u32::try_from(cpus).map_err(io::Error::other)?))
    }

    /// Powers of two.
    fn of(cpus: u32) -> Self {
        let share = |together: u32, least: u32, most: u32| {
            let each = (together / cpus.max(1)).clamp(least, most);
            1 << each.ilog2()
        };
        let rooms = Rooms {
            others: share(TOGETHER.others, LEAST.others, MOST.others),
            discovers: share(TOGETHER.discovers, LEAST.discovers, MOST.discovers),
        };
        Self { cpus, rooms }
    }

    /// Elements of `RINGS`.
    pub(super) fn rings(&self) -> u32 {
        self.cpus * RINGS_PER_CPU
    }

    /// Elements of `RECORDS`.
    pub(super) fn records(&self) -> u32 {
        self.cpus * (self.rooms.others + self.rooms.discovers)
    }

    /// The rings before the first record.
    fn empty(self) -> impl Iterator<Item = Ring> {
        let each = self.rooms.others + self.rooms.discovers;
        (0..self.cpus).flat_map(move |cpu| {
            let Rooms { others, discovers } = self.rooms;
            let first = cpu * each;
            [
                Ring { first, mask: others - 1, ..Ring::zeroed() },
                Ring { first: first + others, mask: discovers - 1, ..Ring::zeroed() },
            ]
        })
    }
}

/// The records of messages, for the client table. DISCOVERs have rings of their own: a flood of them takes no room from
/// what leases depend on.
pub struct EventRings {
    rings: Shared<Ring>,
    records: Shared<Record>,
    bell: RingBuf<MapData>,
    /// The reader said that it sleeps, and no bell has rung since.
    asleep: bool,
}

/// Which rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Everything but DISCOVERs.
    Others,
    /// DHCPDISCOVER.
    Discovers,
}

impl EventRings {
    /// Of maps that were made in this shape, before a program runs.
    ///
    /// # Errors
    /// They are of another layout, or their memory cannot be mapped.
    pub(super) fn new(
        shape: Shape,
        rings: &Map,
        records: &Map,
        bell: RingBuf<MapData>,
    ) -> Result<Self, MapError> {
        let mut rings: Shared<Ring> = shared(rings)?;
        for (index, ring) in shape.empty().enumerate() {
            rings.set(index, ring);
        }
        Ok(Self { rings, records: shared(records)?, bell, asleep: false })
    }

    /// Of each CPU's ring, the records that are there, oldest first; what has been given is taken.
    pub fn waiting(&self, kind: Kind) -> impl Iterator<Item = impl Iterator<Item = Event>> {
        let first = match kind {
            Kind::Others => 0,
            Kind::Discovers => 1,
        };
        let Self { rings, records, .. } = self;
        (first..rings.len()).step_by(RINGS_PER_CPU as usize).map(|index| Reading::new(rings, records, index))
    }

    /// CPUs that have rings.
    pub fn cpus(&self) -> usize {
        self.rings.len() / RINGS_PER_CPU as usize
    }

    /// Whether a record waits in any ring.
    pub fn have_any(&self) -> bool {
        (0..self.rings.len()).any(|index| {
            let taken = self.rings.number(index, offset_of!(Ring, read)).load(Relaxed);
            self.rings.number(index, offset_of!(Ring, written)).load(Acquire) != taken
        })
    }

    /// Has the next record ring the bell.
    ///
    /// One that is being written meanwhile may not know of it: its writer does not wait until others see what it has written. It is
    /// seen in any case when this processor and that one have gone on for a moment, so whoever goes to sleep looks once more then.
    pub fn fall_asleep(&mut self) {
        if !std::mem::replace(&mut self.asleep, true) {
            for index in 0..self.rings.len() {
                self.rings.word(index, offset_of!(Ring, asleep)).store(1, SeqCst);
            }
        }
    }

    /// Whether the reader is asleep, and nobody has rung.
    pub fn are_asleep(&self) -> bool {
        self.asleep
    }

    /// No bell is to be rung any more; takes those that were.
    pub fn wake(&mut self) {
        if std::mem::replace(&mut self.asleep, false) {
            for index in 0..self.rings.len() {
                self.rings.word(index, offset_of!(Ring, asleep)).store(0, Relaxed);
            }
        }
        while self.bell.next().is_some() {}
    }
}

impl AsFd for EventRings {
    /// Readable when somebody has rung.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }
}

/// The elements of a map whose values are `T`.
fn shared<T: bytemuck::Pod>(map: &Map) -> Result<Shared<T>, MapError> {
    let len = Array::<_, Abi<T>>::try_from(map)?.len() as usize;
    let Map::Array(data) = map else { return Err(MapError::InvalidMapType { map_type: 0 }) };
    Ok(Shared::of(data.fd().as_fd(), len)?)
}

/// One ring, being read.
struct Reading<'a> {
    records: &'a Shared<Record>,
    first: usize,
    mask: u64,
    /// Up to where records are known to be whole.
    written: u64,
    at: u64,
    read: &'a AtomicU64,
}

impl<'a> Reading<'a> {
    fn new(rings: &'a Shared<Ring>, records: &'a Shared<Record>, index: usize) -> Self {
        let read = rings.number(index, offset_of!(Ring, read));
        let written = rings.number(index, offset_of!(Ring, written)).load(Acquire);
        let (first, mask) =
            (rings.word(index, offset_of!(Ring, first)), rings.word(index, offset_of!(Ring, mask)));
        Self {
            records,
            first: first.load(Relaxed) as usize,
            mask: u64::from(mask.load(Relaxed)),
            written,
            at: read.load(Relaxed),
            read,
        }
    }
}

impl Iterator for Reading<'_> {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        if self.at == self.written {
            return None;
        }
        let record = self.records.get(self.first + (self.at & self.mask) as usize);
        self.at = self.at.wrapping_add(1);
        Some(Event::from(&record))
    }
}

impl Drop for Reading<'_> {
    /// Room for the writer.
    fn drop(&mut self) {
        self.read.store(self.at, Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_cpus_have_large_rings_and_many_share_what_there_is_down_to_a_least() {
        let rooms = |cpus| {
            let Shape { rooms, .. } = Shape::of(cpus);
            (rooms.others, rooms.discovers)
        };
        assert_eq!([1, 2, 4].map(rooms), [(32_768, 8_192); 3]);
        assert_eq!([5, 16, 48].map(rooms), [(16_384, 4_096), (8_192, 2_048), (2_048, 512)]);
        assert_eq!(rooms(512), (1_024, 256));
    }

    #[test]
    fn rings_lie_one_behind_the_other_and_take_all_records() {
        let shape = Shape::of(3);
        let mut behind = 0;
        for ring in shape.empty() {
            assert_eq!((ring.first, ring.written, ring.read), (behind, 0, 0));
            behind += ring.mask + 1;
        }
        assert_eq!((behind, shape.rings()), (shape.records(), 6));
    }
}
