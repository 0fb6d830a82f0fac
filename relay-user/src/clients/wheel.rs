//! Deadlines of numbered entries: a hierarchical timer wheel (Varghese and Lauck, 1987).
//!
//! Setting, moving and taking away a deadline costs the same with a million of them as with one, and an entry costs 24
//! octets. The crates there are bring a runtime with them or cannot take a deadline away, which every renewal does. A tick is a millisecond; level l has 64 slots of 64^l ticks. An entry stands in the level where its deadline
//! first differs from the present, moves down when its slot comes up, and is due in level 0: it is touched at most
//! once for each level, whatever else is in the wheel.

use super::time::BootTime;

const TICK_NANOS: u64 = 1_000_000;
const BITS: u32 = 6;
const SLOTS: usize = 1 << BITS;
/// 64^8 milliseconds are more than the boot clock's 2^64 nanoseconds.
const LEVELS: usize = 8;
const NONE: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Node {
    deadline: u64,
    previous: u32,
    next: u32,
    /// level × SLOTS + slot, `NONE` while no deadline is set.
    home: u32,
}

impl Node {
    const EMPTY: Self = Self { deadline: 0, previous: NONE, next: NONE, home: NONE };
}

/// The wheel.
#[derive(Debug)]
pub(crate) struct Wheel {
    /// Ticks that have been dealt with.
    now: u64,
    heads: Vec<u32>,
    /// Bit s of level l: slot s is not empty.
    occupied: [u64; LEVELS],
    /// In blocks for the same reason as the entries themselves.
    nodes: Vec<Box<[Node]>>,
    len: usize,
}

const BLOCK: usize = 4096;

impl Wheel {
    /// An empty one, at `now`.
    pub(crate) fn new(now: BootTime) -> Self {
        Self {
            now: now.nanos() / TICK_NANOS,
            heads: vec![NONE; LEVELS * SLOTS],
            occupied: [0; LEVELS],
            nodes: Vec::new(),
            len: 0,
        }
    }

    /// Sets the deadline of entry `number`, in place of the one it may have; it is due at the first tick that is not
    /// before it.
    pub(crate) fn set(&mut self, number: u32, deadline: BootTime) {
        self.clear(number);
        while self.nodes.len() * BLOCK <= number as usize {
            self.nodes.push(vec![Node::EMPTY; BLOCK].into_boxed_slice());
        }
        // What is past is due with the next tick, not behind the wheel.
        let deadline = deadline.nanos().div_ceil(TICK_NANOS).max(self.now + 1);
        self.link(number, deadline);
        self.len += 1;
    }

    /// Takes the deadline of entry `number` away.
    pub(crate) fn clear(&mut self, number: u32) {
        if (number as usize) < self.nodes.len() * BLOCK && self.node(number).home != NONE {
            self.unlink(number);
            self.len -= 1;
        }
    }

    /// Takes out one entry whose deadline is not after `now`; the earliest first.
    pub(crate) fn due(&mut self, now: BootTime) -> Option<u32> {
        let target = now.nanos() / TICK_NANOS;
        loop {
            if self.len == 0 {
                self.now = self.now.max(target);
                return None;
            }
            let (level, slot, at) = self.first()?;
            if at > target {
                self.now = self.now.max(target.min(at.saturating_sub(1)));
                return None;
            }
            let number = self.heads[level * SLOTS + slot];
            if level == 0 {
                // The tick stays open until its slot is empty.
                self.now = self.now.max(at - 1);
                self.clear(number);
                return Some(number);
            }
            // The slot's first tick is the next to come: what is in it moves down.
            self.now = self.now.max(at - 1);
            let mut cursor = number;
            self.heads[level * SLOTS + slot] = NONE;
            self.occupied[level] &= !(1 << slot);
            while cursor != NONE {
                let Node { deadline, next, .. } = *self.node(cursor);
                self.link(cursor, deadline);
                cursor = next;
            }
        }
    }

    /// When [`Self::due`] has something to do again, at the earliest; `None` while no deadline is set.
    pub(crate) fn next(&self) -> Option<BootTime> {
        let (_, _, at) = self.first()?;
        Some(BootTime::from_nanos(at.saturating_mul(TICK_NANOS)))
    }

    /// The occupied slot that comes up first, and the tick at which it does.
    fn first(&self) -> Option<(usize, usize, u64)> {
        let now = self.now + 1;
        (0..LEVELS)
            .filter(|&level| self.occupied[level] != 0)
            .map(|level| {
                let shift = BITS * level as u32;
                let current = ((now >> shift) & (SLOTS as u64 - 1)) as u32;
                let ahead = self.occupied[level].rotate_right(current).trailing_zeros();
                let slot = (current + ahead) as usize % SLOTS;
                let at = (((now >> shift) + u64::from(ahead)) << shift).max(now);
                (level, slot, at)
            })
            .min_by_key(|&(level, _, at)| (at, std::cmp::Reverse(level)))
    }

    /// Links an entry into the level in which its deadline first differs from the next tick.
    fn link(&mut self, number: u32, deadline: u64) {
        let differing = (deadline ^ (self.now + 1)) | 1;
        let level = ((63 - differing.leading_zeros()) / BITS) as usize;
        let slot = ((deadline >> (BITS * level as u32)) & (SLOTS as u64 - 1)) as usize;
        let home = level * SLOTS + slot;
        let head = self.heads[home];
        *self.node_mut(number) = Node { deadline, previous: NONE, next: head, home: home as u32 };
        if head != NONE {
            self.node_mut(head).previous = number;
        }
        self.heads[home] = number;
        self.occupied[level] |= 1 << slot;
    }

    fn unlink(&mut self, number: u32) {
        let Node { previous, next, home, .. } = *self.node(number);
        let home = home as usize;
        if previous == NONE {
            self.heads[home] = next;
        } else {
            self.node_mut(previous).next = next;
        }
        if next != NONE {
            self.node_mut(next).previous = previous;
        }
        if self.heads[home] == NONE {
            self.occupied[home / SLOTS] &= !(1 << (home % SLOTS));
        }
        *self.node_mut(number) = Node::EMPTY;
    }

    fn node(&self, number: u32) -> &Node {
        &self.nodes[number as usize / BLOCK][number as usize % BLOCK]
    }

    fn node_mut(&mut self, number: u32) -> &mut Node {
        &mut self.nodes[number as usize / BLOCK][number as usize % BLOCK]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn at(milliseconds: u64) -> BootTime {
        BootTime::from_nanos(milliseconds * TICK_NANOS)
    }

    /// A generator good enough to choose deadlines (Marsaglia's xorshift).
    fn random(state: &mut u64) -> u64 {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        *state
    }

    #[test]
    fn entries_come_out_when_they_are_due_and_in_the_order_of_their_deadlines() {
        let mut state = 0x9e37_79b9_7f4a_7c15;
        for round in 0..40 {
            let start = random(&mut state) >> (24 + round % 40);
            let mut wheel = Wheel::new(at(start));
            let mut model = BTreeMap::new();
            let mut now = start;
            for _ in 0..5_000 {
                let number = (random(&mut state) % 300) as u32;
                match random(&mut state) % 10 {
                    0..6 => {
                        let ahead = random(&mut state) >> (34 + random(&mut state) % 30);
                        wheel.set(number, at(now + ahead));
                        model.insert(number, (now + ahead).max(now + 1));
                    }
                    6..8 => {
                        wheel.clear(number);
                        model.remove(&number);
                    }
                    _ => {
                        now += random(&mut state) >> (34 + random(&mut state) % 30);
                        let mut last = 0;
                        while let Some(due) = wheel.due(at(now)) {
                            let deadline = model.remove(&due).expect("an entry that has a deadline");
                            assert!(deadline <= now, "entry {due} came {} too early", deadline - now);
                            assert!(deadline >= last, "entry {due} came after a later one");
                            last = deadline;
                        }
                        assert_eq!(model.values().find(|&&deadline| deadline <= now), None);
                        assert_eq!(wheel.len, model.len());
                    }
                }
            }
        }
    }

    #[test]
    fn a_deadline_between_two_ticks_is_due_at_the_second_and_one_that_never_comes_is_never_due() {
        let mut wheel = Wheel::new(at(10));
        wheel.set(0, BootTime::from_nanos(11 * TICK_NANOS + 1));
        wheel.set(1, BootTime::NEVER);
        assert_eq!(wheel.due(BootTime::from_nanos(12 * TICK_NANOS - 1)), None);
        assert_eq!(wheel.due(at(12)), Some(0));
        assert_eq!(wheel.due(at(u64::MAX / TICK_NANOS)), None);
    }
}
