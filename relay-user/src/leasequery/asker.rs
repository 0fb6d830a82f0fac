//! One server: queries leave for it one at a time, evenly spread; what is not answered is asked again, three times in all,
//! after one, two and four seconds; and one that never answers is left alone but for a try now and then.

use std::{
    collections::{HashMap, VecDeque},
    net::Ipv4Addr,
    time::Duration,
};

use super::{Pace, Subject};
use crate::clients::{BootTime, Key};

/// How often one thing is asked (RFC 4388 wants retries bounded and their distance to grow).
const TRIES: u32 = 3;
/// How long the first try waits for its answer; each further one twice as long.
const PATIENCE: Duration = Duration::from_secs(1);
/// Queries that wait for an answer at one time.
const UNDER_WAY: usize = 32;
/// As many things in a row without any answer, and a server counts as silent. One that never answered is after the first.
const DEAF: u32 = 8;
/// Until a silent server is tried again: at first, doubling to the last.
const REST: Duration = Duration::from_secs(15);
const LONGEST_REST: Duration = Duration::from_secs(15 * 60);
/// What clients make the relay ask, at most.
const DEMANDS: usize = 1024;

/// Something to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) subject: Subject,
    /// The interface in question, 0 where only the answer may tell.
    pub(super) interface: u32,
    pub(super) giaddr: Ipv4Addr,
    /// The client in question, where it is one that showed itself.
    pub(super) client: Option<Key>,
}

/// Every address from `next` to `last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) interface: u32,
    pub(super) giaddr: Ipv4Addr,
    pub(super) next: u32,
    pub(super) last: u32,
}

/// What is known of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Voice {
    /// It has not been asked enough.
    Unheard,
    /// It answers.
    Answers,
    /// It does not; it is tried again at `until`.
    Silent { until: BootTime, rest: Duration },
    /// It did not, and is being tried.
    Tried { rest: Duration },
}

struct Pending {
    item: Item,
    tries: u32,
    again: BootTime,
}

pub(super) struct Asker {
    pace: Pace,
    next: BootTime,
    pending: HashMap<u32, Pending>,
    /// What clients gave reason to ask, and from when on.
    demands: VecDeque<(BootTime, Item)>,
    /// What silence took, to be asked again.
    put_back: VecDeque<Item>,
    ranges: VecDeque<Range>,
    pub(super) voice: Voice,
    in_vain: u32,
    /// Things that were asked about and not answered.
    pub(super) unanswered: u64,
}

/// What to do now.
pub(super) enum Turn {
    /// Send this with a new xid.
    First(Item),
    /// Send this again with the xid it had.
    Again(u32, Item),
    /// The server has fallen silent.
    FellSilent,
    /// Nothing.
    Rest,
}

impl Asker {
    pub(super) fn new(pace: Pace) -> Self {
        Self {
            pace,
            next: BootTime::default(),
            pending: HashMap::new(),
            demands: VecDeque::new(),
            put_back: VecDeque::new(),
            ranges: VecDeque::new(),
            voice: Voice::Unheard,
            in_vain: 0,
            unanswered: 0,
        }
    }

    /// Follows interfaces to other indexes; what was asked about one that is gone is not asked any more.
    pub(super) fn renumber(&mut self, interface: impl Fn(u32) -> Option<u32>) {
        let renumbered = |item: &mut Item| {
            let Some(new) = interface(item.interface) else { return false };
            item.interface = new;
            if let Some(key) = &mut item.client {
                key.interface = new;
            }
            true
        };
        self.pending.retain(|_, pending| renumbered(&mut pending.item));
        self.demands.retain_mut(|(_, item)| renumbered(item));
        self.put_back.retain_mut(renumbered);
        self.ranges.retain_mut(|range| interface(range.interface).map(|new| range.interface = new).is_some());
    }

    /// Adds a range to ask about.
    pub(super) fn scan(&mut self, range: Range) {
        self.ranges.push_back(range);
    }

    /// Asks about something from `at` on; a silent server is not asked, and there is a bound.
    pub(super) fn demand(&mut self, at: BootTime, item: Item) -> bool {
        let hears = matches!(self.voice, Voice::Unheard | Voice::Answers);
        if !hears || self.demands.len() >= DEMANDS {
            return false;
        }
        self.demands.push_back((at, item));
        true
    }

    /// As [`Self::demand`], of what was stored, of which there is no more than the table takes.
    pub(super) fn verify(&mut self, item: Item) {
        self.put_back.push_back(item);
    }

    /// Whether there is something that clients did not ask for left to ask.
    pub(super) fn is_scanning(&self) -> bool {
        !self.ranges.is_empty() || !self.put_back.is_empty() || !self.pending.is_empty()
    }

    /// What to do now. `is_moot` says of what is about to be asked for the first time that nobody needs to know any more.
    pub(super) fn turn(&mut self, now: BootTime, is_moot: impl Fn(&Item) -> bool) -> Turn {
        if let Voice::Silent { until, rest } = self.voice {
            if now < until {
                return Turn::Rest;
            }
            self.voice = Voice::Tried { rest };
        }
        if let Some(turn) = self.retry(now) {
            return turn;
        }
        let most = if self.voice == Voice::Answers { UNDER_WAY } else { 1 };
        if self.pending.len() >= most || now < self.next {
            return Turn::Rest;
        }
        match self.take(now, is_moot) {
            Some(item) => {
                self.next = now.after(self.pace.gap());
                Turn::First(item)
            }
            None => {
                if matches!(self.voice, Voice::Tried { .. }) && self.pending.is_empty() {
                    // There is nothing to try it with: what comes next will tell.
                    self.voice = Voice::Unheard;
                }
                Turn::Rest
            }
        }
    }

    /// Notes that it was sent.
    pub(super) fn sent(&mut self, xid: u32, item: Item, now: BootTime) {
        self.pending.insert(xid, Pending { item, tries: 1, again: now.after(PATIENCE) });
    }

    /// What was asked under this xid, if it is not answered yet. The server speaks.
    pub(super) fn answered(&mut self, xid: u32) -> Option<Item> {
        let pending = self.pending.remove(&xid)?;
        self.voice = Voice::Answers;
        self.in_vain = 0;
        Some(pending.item)
    }

    /// When there is something to do again.
    pub(super) fn deadline(&self) -> Option<BootTime> {
        if let Voice::Silent { until, .. } = self.voice {
            return Some(until);
        }
        let retry = self.pending.values().map(|pending| pending.again).min();
        let most = if self.voice == Voice::Answers { UNDER_WAY } else { 1 };
        let first = if self.pending.len() >= most {
            None
        } else if !self.put_back.is_empty() || !self.ranges.is_empty() {
            Some(self.next)
        } else {
            self.demands.front().map(|(at, _)| (*at).max(self.next))
        };
        // A retry waits for its turn too.
        [retry.map(|retry| retry.max(self.next)), first].into_iter().flatten().min()
    }

    /// Asks again what is overdue, or gives it up.
    fn retry(&mut self, now: BootTime) -> Option<Turn> {
        let (&xid, _) = self
            .pending
            .iter()
            .filter(|(_, pending)| pending.again <= now)
            .min_by_key(|(xid, pending)| (pending.again, **xid))?;
        if now < self.next {
            return Some(Turn::Rest);
        }
        let pending = self.pending.get_mut(&xid)?;
        if pending.tries < TRIES && !matches!(self.voice, Voice::Tried { .. }) {
            pending.again = now.after(PATIENCE * (1 << pending.tries));
            pending.tries += 1;
            self.next = now.after(self.pace.gap());
            return Some(Turn::Again(xid, pending.item));
        }
        let item = self.pending.remove(&xid)?.item;
        self.in_vain += 1;
        let rest = match self.voice {
            Voice::Tried { rest } => (rest * 2).min(LONGEST_REST),
            Voice::Answers if self.in_vain < DEAF => {
                self.unanswered += 1;
                return self.retry(now);
            }
            _ => REST,
        };
        let fell = !matches!(self.voice, Voice::Tried { .. });
        self.voice = Voice::Silent { until: now.after(rest), rest };
        self.in_vain = 0;
        self.put_back.push_front(item);
        self.put_back.extend(self.pending.drain().map(|(_, pending)| pending.item));
        self.demands.clear();
        Some(if fell { Turn::FellSilent } else { Turn::Rest })
    }

    fn take(&mut self, now: BootTime, is_moot: impl Fn(&Item) -> bool) -> Option<Item> {
        while let Some((_, item)) = self.demands.pop_front_if(|(at, _)| *at <= now) {
            if !is_moot(&item) {
                return Some(item);
            }
        }
        while let Some(item) = self.put_back.pop_front() {
            if !is_moot(&item) {
                return Some(item);
            }
        }
        while let Some(range) = self.ranges.front_mut() {
            if range.next > range.last {
                self.ranges.pop_front();
                continue;
            }
            let item = Item {
                subject: Subject::Address(range.next.into()),
                interface: range.interface,
                giaddr: range.giaddr,
                client: None,
            };
            range.next += 1;
            if !is_moot(&item) {
                return Some(item);
            }
        }
        None
    }
}
