//! Reading the kernel's counters: the sum over all CPUs.

use aya::maps::{Map, MapData, MapError, PerCpuArray};
use relay_common::abi::Counters;

use super::{FastPathError, object::Abi};

/// The map `counters`; it is read while other maps are being changed.
pub struct Reader(PerCpuArray<MapData, Abi<Counters>>);

impl TryFrom<Map> for Reader {
    type Error = MapError;

    fn try_from(map: Map) -> Result<Self, MapError> {
        PerCpuArray::try_from(map).map(Self)
    }
}

impl Reader {
    /// The counters of an interface, 0 for what belongs to none.
    pub fn counters(&self, interface: u32) -> Result<Counters, FastPathError> {
        let values = self.0.get(&interface, 0).map_err(|source| FastPathError::map("counters", source))?;
        Ok(values.iter().fold(bytemuck::Zeroable::zeroed(), |sum, value| add(sum, &value.0)))
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
