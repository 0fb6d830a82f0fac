//! Records of messages that only pass, held back until nothing older can come from another port.
//!
//! The table must see them in the order in which they arrived, and ports are read one after the other. What the relay sends on
//! itself needs no holding back: nobody can answer it before it has been read.

use relay_common::event::Event;

use super::arrival::SETTLED;
use crate::{clients::BootTime, snoop::ordered::Ordered};

/// More than this are not held back: in a storm, what is older may be far behind in the queue of its port.
const MOST: usize = 4096;

#[derive(Debug, Default)]
pub(super) struct Held {
    records: Ordered,
}

impl Held {
    /// Holds a record back.
    pub(super) fn push(&mut self, record: Event) {
        self.records.push(record);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Gives out, in the order of time, what arrived up to `time`.
    pub(super) fn up_to(&mut self, time: BootTime, give: impl FnMut(Event)) {
        self.records.up_to(time, give);
    }

    /// The same of what has settled, if everything that arrived up to `known` has been read from every port.
    pub(super) fn settled(&mut self, known: BootTime, mut give: impl FnMut(Event)) {
        let settled = known.nanos().saturating_sub(SETTLED.as_nanos() as u64);
        self.records.up_to(BootTime::from_nanos(settled), &mut give);
        self.records.beyond(MOST, &mut give);
    }
}

#[cfg(test)]
mod tests {
    use bytemuck::Zeroable as _;

    use super::*;

    fn at(micros: u64) -> BootTime {
        BootTime::from_nanos(micros * 1000)
    }

    fn record(micros: u64) -> Event {
        Event { timestamp: micros * 1000, ..Event::zeroed() }
    }

    fn given(give: impl FnOnce(&mut dyn FnMut(Event))) -> Vec<u64> {
        let mut given = Vec::new();
        give(&mut |record: Event| given.push(record.timestamp / 1000));
        given
    }

    #[test]
    fn what_is_read_late_is_given_out_in_its_place() {
        let mut held = Held::default();
        held.push(record(5_002));
        held.push(record(7_000));
        assert_eq!(given(|give| held.settled(at(6_001), give)), [] as [u64; 0]);
        held.push(record(5_001));
        assert_eq!(given(|give| held.settled(at(6_500), give)), [5_001, 5_002]);
        assert!(!held.is_empty());
        assert_eq!(given(|give| held.up_to(at(7_000), give)), [7_000]);
        assert!(held.is_empty());
    }

    #[test]
    fn no_more_are_held_back_than_a_bound_however_far_a_port_is_behind() {
        let mut held = Held::default();
        for micros in 0..MOST as u64 + 3 {
            held.push(record(10_000 + micros));
        }
        assert_eq!(given(|give| held.settled(at(0), give)), [10_000, 10_001, 10_002]);
        assert_eq!(given(|give| held.up_to(at(u64::MAX / 1000), give)).len(), MOST);
    }
}
