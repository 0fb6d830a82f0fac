//! Records that have been read, given out in the order of time and no further than everything before them has been read.
//!
//! What a client does is written in several places, which are read one after the other and go on being written meanwhile. If
//! all that was read were handled at once, a client's next question could come before the answer to its last one.

use relay_common::event::Event;

use crate::clients::BootTime;

/// Records that wait for their turn.
#[derive(Debug, Default)]
pub(crate) struct Ordered {
    records: Vec<Event>,
}

impl Ordered {
    /// Adds a record.
    pub(crate) fn push(&mut self, record: Event) {
        self.records.push(record);
    }

    /// Adds records.
    pub(crate) fn extend(&mut self, records: impl IntoIterator<Item = Event>) {
        self.records.extend(records);
    }

    /// Whether none waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Gives out, in the order of time, what is stamped up to `time`.
    pub(crate) fn up_to(&mut self, time: BootTime, give: impl FnMut(Event)) {
        self.records.sort_by_key(|record| record.timestamp);
        let count = self.records.partition_point(|record| record.timestamp <= time.nanos());
        self.records.drain(..count).for_each(give);
    }

    /// Gives out, in the order of time, what is more than `most`.
    pub(crate) fn beyond(&mut self, most: usize, give: impl FnMut(Event)) {
        self.records.sort_by_key(|record| record.timestamp);
        let surplus = self.records.len().saturating_sub(most);
        self.records.drain(..surplus).for_each(give);
    }
}
