//! Reading the kernel's counters: the sum over all CPUs.

use std::{collections::BTreeMap, sync::OnceLock};

use aya::maps::{Map, MapData, MapError, PerCpuArray};
use relay_common::abi::Counters;

use super::{FastPathError, object::Abi};
use crate::renumber::Renumber;

/// The map `counters`; it is read while other maps are being changed.
pub struct Reader {
    map: PerCpuArray<MapData, Abi<Counters>>,
    /// What objects before this one had counted: counters never go back.
    before: OnceLock<Before>,
}

struct Before {
    /// By interface.
    counted: BTreeMap<u32, Counters>,
    /// Of interfaces that are gone, together.
    gone: Counters,
}

impl TryFrom<Map> for Reader {
    type Error = MapError;

    fn try_from(map: Map) -> Result<Self, MapError> {
        Ok(Self { map: PerCpuArray::try_from(map)?, before: OnceLock::new() })
    }
}

impl Reader {
    /// The counters of an interface, 0 for what belongs to none.
    pub fn counters(&self, interface: u32) -> Result<Counters, FastPathError> {
        let before = self.before.get().and_then(|before| before.counted.get(&interface)).copied();
        let values = self.map.get(&interface, 0).map_err(|source| FastPathError::map("counters", source))?;
        let sum = before.unwrap_or_else(bytemuck::Zeroable::zeroed);
        Ok(values.iter().fold(sum, |sum, value| add(sum, &value.0)))
    }

    /// The counters of all interfaces together that a configuration before this one had and this one has not.
    pub fn gone(&self) -> Counters {
        self.before.get().map_or_else(bytemuck::Zeroable::zeroed, |before| before.gone)
    }

    /// Goes on from where another object's counters have ended, whose programs do not run any more.
    ///
    /// # Errors
    /// They cannot be read. What could be read counts.
    pub fn go_on_from(&self, old: &Self, renumber: &Renumber) -> Result<(), FastPathError> {
        let mut before = BTreeMap::new();
        let mut outcome = Ok(());
        for number in 0..old.map.len() {
            match old.counters(number) {
                Ok(counters) => _ = before.insert(number, counters),
                Err(error) => outcome = Err(error),
            }
        }
        let gone = renumber.gone(&before).fold(old.gone(), add);
        // Once: an object takes another's place only when it begins.
        let _ = self.before.set(Before { counted: renumber.all(before), gone });
        outcome
    }
}

/// The sum of two sets of counters.
pub fn add(mut sum: Counters, more: &Counters) -> Counters {
    let pairs = (sum.requests.iter_mut().zip(&more.requests))
        .chain(sum.replies.iter_mut().zip(&more.replies))
        .chain(sum.reasons.iter_mut().zip(&more.reasons));
    for (total, value) in pairs {
        *total += value;
    }
    sum.copies += more.copies;
    sum.cuts_lost += more.cuts_lost;
    sum.punts_lost += more.punts_lost;
    sum.option82_left_out += more.option82_left_out;
    sum.swapped_secs += more.swapped_secs;
    sum.to_holder += more.to_holder;
    sum.events_lost += more.events_lost;
    sum.discovers_lost += more.discovers_lost;
    sum
}
