//! Counts of the last hour, in twelve parts of five minutes, and their sum since the start, which never goes back.

use std::{ops::AddAssign, time::Duration};

use crate::clients::BootTime;

/// Slots by `secs`: 0 to 9, and 10 for everything above.
pub const SECS: usize = 11;
/// Slots of response times: below 1 ms, below 2 ms, below 4 ms, … and the last for 16 s and more.
pub const LATENCIES: usize = 16;

const PARTS: usize = 12;
const PART: Duration = Duration::from_secs(300);

/// The slot of a value of `secs`.
pub(super) fn secs_slot(secs: u16) -> usize {
    usize::from(secs).min(SECS - 1)
}

/// What a server did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServerCounts {
    /// OFFERs by the `secs` of the DISCOVER they answer.
    pub offers: [u64; SECS],
    /// Clients it has offered an address, each dialogue once.
    pub clients: u64,
    /// ACKs.
    pub acks: u64,
    /// NAKs.
    pub naks: u64,
    /// Response times of all of them, but for what only passed.
    pub latencies: [u64; LATENCIES],
    /// The sum of those response times.
    pub waited_for: Duration,
}

impl ServerCounts {
    /// Answers of every kind.
    pub fn answers(&self) -> u64 {
        self.offers.iter().sum::<u64>() + self.acks + self.naks
    }

    pub(super) fn offered(&mut self, secs: u16, took: Duration, first: bool) {
        self.offers[secs_slot(secs)] += 1;
        self.clients += u64::from(first);
        self.took(took);
    }

    pub(super) fn answered(&mut self, nak: bool, took: Duration) {
        self.passed(nak);
        self.took(took);
    }

    pub(super) fn passed(&mut self, nak: bool) {
        self.acks += u64::from(!nak);
        self.naks += u64::from(nak);
    }

    fn took(&mut self, took: Duration) {
        self.latencies[latency_slot(took)] += 1;
        self.waited_for = self.waited_for.saturating_add(took);
    }
}

fn latency_slot(took: Duration) -> usize {
    let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    ((u64::BITS - milliseconds.leading_zeros()) as usize).min(LATENCIES - 1)
}

/// What the servers of a group did together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupCounts {
    /// DISCOVERs by `secs`.
    pub discovers: [u64; SECS],
    /// Clients that got an OFFER, by the `secs` at which the first came, each dialogue once.
    pub clients: [u64; SECS],
    /// Clients that were offered different addresses at once, before one server would answer for the other.
    pub different: u64,
}

/// What the clients of an interface got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InterfaceCounts {
    /// Those whose first DISCOVER was answered.
    pub(super) prompt: u32,
    /// Those who had to ask again.
    pub(super) waited: u32,
    /// DISCOVERs of the latter that nobody answered.
    pub(super) unanswered: u32,
    /// Highest `secs` that was not answered.
    pub(super) ignored_up_to: u16,
    /// Lowest `secs` at which one that had waited was answered.
    pub(super) served_from: u16,
}

impl Default for InterfaceCounts {
    fn default() -> Self {
        Self { prompt: 0, waited: 0, unanswered: 0, ignored_up_to: 0, served_from: u16::MAX }
    }
}

impl InterfaceCounts {
    pub(super) fn served(&mut self, secs: u16, waited: super::episode::Waited) {
        if waited.unanswered == 0 {
            self.prompt += 1;
        } else {
            self.waited += 1;
            self.unanswered += u32::from(waited.unanswered);
            self.ignored_up_to = self.ignored_up_to.max(waited.up_to);
            self.served_from = self.served_from.min(secs);
        }
    }
}

fn add<const N: usize>(to: &mut [u64; N], more: [u64; N]) {
    for (to, more) in to.iter_mut().zip(more) {
        *to += more;
    }
}

impl AddAssign for ServerCounts {
    fn add_assign(&mut self, other: Self) {
        let Self { offers, clients, acks, naks, latencies, waited_for } = other;
        add(&mut self.offers, offers);
        add(&mut self.latencies, latencies);
        self.waited_for = self.waited_for.saturating_add(waited_for);
        self.clients += clients;
        self.acks += acks;
        self.naks += naks;
    }
}

impl AddAssign for GroupCounts {
    fn add_assign(&mut self, other: Self) {
        let Self { discovers, clients, different } = other;
        add(&mut self.discovers, discovers);
        add(&mut self.clients, clients);
        self.different += different;
    }
}

impl AddAssign for InterfaceCounts {
    fn add_assign(&mut self, other: Self) {
        let Self { prompt, waited, unanswered, ignored_up_to, served_from } = other;
        self.prompt += prompt;
        self.waited += waited;
        self.unanswered += unanswered;
        self.ignored_up_to = self.ignored_up_to.max(ignored_up_to);
        self.served_from = self.served_from.min(served_from);
    }
}

/// Counts in parts, each with the number of five-minute periods since boot that it is of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window<T> {
    parts: [(u64, T); PARTS],
    /// The sum of the parts that have made way for others.
    past: T,
}

impl<T: Copy + Default> Default for Window<T> {
    fn default() -> Self {
        Self { parts: [(u64::MAX, T::default()); PARTS], past: T::default() }
    }
}

impl<T: Copy + Default + AddAssign> Window<T> {
    /// The part that is being counted in.
    pub(super) fn now(&mut self, at: BootTime) -> &mut T {
        let period = period(at);
        let part = &mut self.parts[(period % PARTS as u64) as usize];
        if part.0 != period {
            self.past += part.1;
            *part = (period, T::default());
        }
        &mut part.1
    }

    /// The sum of everything that was ever counted.
    pub(super) fn ever(&self) -> T {
        let mut sum = self.past;
        for (_, counts) in self.parts {
            sum += counts;
        }
        sum
    }

    /// The sum of the last hour.
    pub(super) fn hour(&self, now: BootTime) -> T {
        self.last(now, PARTS as u64)
    }

    /// The sum of the last `parts` periods, the present one included.
    pub(super) fn last(&self, now: BootTime, parts: u64) -> T {
        let now = period(now);
        let mut sum = T::default();
        for (period, counts) in self.parts {
            if period <= now && now - period < parts {
                sum += counts;
            }
        }
        sum
    }
}

fn period(at: BootTime) -> u64 {
    at.nanos() / PART.as_nanos() as u64
}
