//! The attempts that the watch follows: a ring of fixed size in which the newest takes the place of the oldest, and an index
//! of it by the client's name. What a storm of any number of clients leaves in memory is bounded by it.

use hashbrown::HashTable;

use super::episode::Episode;
use crate::clients::BootTime;

/// Clients whose attempts are followed at one time; of more, those that began first are left. In a table of 131,072 slots, so
/// many fill less than half: the index is tidied up in place and never grows beyond that.
pub(super) const FOLLOWED: usize = 49_152;

#[derive(Debug, Default)]
pub(super) struct Followed {
    ring: Vec<(u64, Episode)>,
    /// Where in the ring the next newcomer goes, once it is full.
    oldest: usize,
    /// Places in the ring. Names are hashes already.
    index: HashTable<u32>,
}

impl Followed {
    /// The attempt of a client, if it is followed.
    pub(super) fn get_mut(&mut self, name: u64) -> Option<&mut Episode> {
        let place = *self.index.find(name, |&place| self.ring[place as usize].0 == name)?;
        Some(&mut self.ring[place as usize].1)
    }

    /// The attempt of a client: the one that is followed, or one that begins now.
    pub(super) fn begin(&mut self, name: u64, at: BootTime) -> &mut Episode {
        let known = self.index.find(name, |&place| self.ring[place as usize].0 == name).copied();
        let place = match known {
            Some(place) => place as usize,
            None => self.place(name, at),
        };
        &mut self.ring[place].1
    }

    fn place(&mut self, name: u64, at: BootTime) -> usize {
        let entry = (name, Episode::new(at));
        let place = if self.ring.len() < FOLLOWED {
            self.ring.push(entry);
            self.ring.len() - 1
        } else {
            let place = self.oldest;
            self.oldest = (place + 1) % FOLLOWED;
            let (old, _) = std::mem::replace(&mut self.ring[place], entry);
            if let Ok(found) = self.index.find_entry(old, |&other| other as usize == place) {
                found.remove();
            }
            place
        };
        let Self { ring, index, .. } = self;
        index.insert_unique(name, place as u32, |&other| ring[other as usize].0);
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spreads numbers over all bits, as the names are (Fibonacci hashing).
    fn name(number: u64) -> u64 {
        number.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    #[test]
    fn the_newest_takes_the_place_of_the_oldest_and_the_index_does_not_grow() {
        let mut followed = Followed::default();
        let last = 5 * FOLLOWED as u64;
        for number in 0..last {
            followed.begin(name(number), BootTime::from_nanos(number));
            // One that is followed keeps its place.
            followed.begin(name(number), BootTime::from_nanos(number));
        }
        let first = last - FOLLOWED as u64;
        assert!((first..last).all(|number| followed.get_mut(name(number)).is_some()));
        assert!((0..first).all(|number| followed.get_mut(name(number)).is_none()));
        assert_eq!((followed.ring.len(), followed.index.len()), (FOLLOWED, FOLLOWED));
        assert!(followed.index.num_buckets() <= 131_072, "{}", followed.index.num_buckets());
    }
}
