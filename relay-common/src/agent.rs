//! Option 82 as an interface inserts it (RFC 3046), encoded once by the daemon and copied by the fast path; and how the
//! option of a reply is recognised.
//!
//! A server sends the option back as it came. So the fast path does not read its sub-options: it hashes the whole value
//! and looks up whose it is. What is not found that way (a server that orders the sub-options anew) is read by the
//! daemon, and looked up by its circuit-id and VSS.

use crate::Sum;
use crate::abi::{AGENT_ROOM, Agent, BRIEF_WORDS, Brief, Cut};
use crate::frame::Frame;
use crate::wire::bootp::{agent as sub_option, option};

/// Octets of the longest value an option can have.
pub const MAX_VALUE: usize = 255;

impl Agent {
    /// No option is inserted.
    pub const NONE: Self = Self {
        len: 0,
        flags_at: 0,
        sum: 0,
        cut: Cut { near: 0, behind: 0, kept: 0, tail: 0, sum: 0 },
        zero: 0,
        octets: [0; AGENT_ROOM],
    };

    /// The option with this value. `flags_at` is the offset in `value` of sub-option 10's octet, if there is one.
    /// `None` when the value is empty or longer than [`MAX_VALUE`].
    pub fn new(value: &[u8], flags_at: Option<usize>) -> Option<Self> {
        let len = u8::try_from(value.len()).ok().filter(|&len| len != 0)?;
        let mut octets = [0; AGENT_ROOM];
        octets[0] = option::RELAY_AGENT;
        octets[1] = len;
        octets[2..2 + value.len()].copy_from_slice(value);
        octets[2 + value.len()] = option::END;
        Some(Self {
            len: u16::from(len) + 2,
            flags_at: flags_at.map_or(0, |at| (at + 2) as u16),
            sum: u32::from(u16::from_ne_bytes(sum_of(&octets).partial())),
            octets,
            ..Self::NONE
        })
    }

    /// The same, of which the servers of `near` (bit i: server i) get all but the last `tail` octets; when that leaves no
    /// sub-option, none of it.
    #[must_use]
    pub fn cut_for(mut self, near: u32, tail: usize) -> Self {
        let len = usize::from(self.len);
        let kept = match len.saturating_sub(tail) {
            ..=2 => 0,
            kept => kept,
        };
        let mut shorter = self.octets;
        shorter[kept..].fill(0);
        shorter[kept] = option::END;
        if kept != 0 {
            shorter[1] = (kept - 2) as u8;
        }
        let differs = sum_of(&shorter).without_pair(sum_of(&self.octets).partial()).partial();
        self.cut = Cut {
            near,
            behind: 0,
            kept: kept as u16,
            tail: (len - kept) as u16,
            sum: u16::from_ne_bytes(differs),
        };
        self
    }

    /// The value: the sub-options.
    pub fn value(&self) -> &[u8] {
        self.octets.get(2..usize::from(self.len)).unwrap_or_default()
    }
}

impl Brief {
    /// As much of `agent` as fits; `answer` is the value that a server which has nothing against it sends back most often.
    pub fn new(agent: &Agent, answer: &[u8]) -> Self {
        let mut brief = Self { len: agent.len, sum: agent.sum, ..Self::default() };
        if agent.cut.near != 0 {
            // Both what is inserted and what comes back depend on which server it is.
            return brief;
        }
        brief.answer = whole(answer);
        let end = usize::from(agent.len) + 1;
        if (8..=8 * BRIEF_WORDS).contains(&end) && agent.flags_at == 0 {
            let (words, _) = agent.octets.as_chunks::<8>();
            brief.words = core::array::from_fn(|index| u64::from_ne_bytes(words[index]));
            let mut last = [0; 8];
            last.copy_from_slice(&agent.octets[end - 8..end]);
            brief.last = u64::from_ne_bytes(last);
        }
        brief
    }
}

fn sum_of(octets: &[u8; AGENT_ROOM]) -> Sum {
    let (pairs, _) = octets.as_chunks::<2>();
    pairs.iter().fold(Sum::new(), |sum, &pair| sum.pair(pair))
}

/// The hash of a whole value, as it stands in `octets`.
pub fn whole(octets: &[u8]) -> u64 {
    over(begin(octets.len()), octets)
}

/// The hash of what names an interface: circuit-id and VSS, empty where there is none.
pub fn identity(circuit_id: &[u8], vss: &[u8]) -> u64 {
    // Two lengths together are no length that a whole value has.
    let begun = begin((MAX_VALUE + 1) * (circuit_id.len() + 1) + vss.len());
    over(over(begun, circuit_id), vss)
}

/// Goes through the octets from their end: in a frame something always stands before an option, so that eight octets can be
/// read at once however few are left.
fn over(mut hash: u64, octets: &[u8]) -> u64 {
    let (rest, words) = octets.as_rchunks::<8>();
    for &word in words.iter().rev() {
        hash = mix(hash, u64::from_le_bytes(word));
    }
    if rest.is_empty() {
        return hash;
    }
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    mix(hash, u64::from_le_bytes(last))
}

/// [`whole`] over the `len` octets of a frame at `at`, `len` at most [`MAX_VALUE`] and `at` at least 8.
#[inline(always)]
pub fn whole_in<F: Frame>(frame: &F, at: usize, len: usize) -> Option<u64> {
    let mut hash = begin(len);
    let mut end = at + len;
    let mut left = len;
    // Most are short: one comparison with the end of the frame instead of one for each word.
    if len <= SHORT
        && end >= SHORT
        && let Some(words) = frame.words(frame.offset(end - SHORT))
    {
        return Some(frame.opaque(of_short(hash, words, len) as usize) as u64);
    }
    let mut complete = true;
    for _ in 0..MAX_VALUE / 8 + 1 {
        if left == 0 {
            break;
        }
        end = frame.offset(end.wrapping_sub(8));
        let Some(word) = frame.read::<8>(end) else {
            complete = false;
            break;
        };
        let mut word = u64::from_le_bytes(word);
        if left < 8 {
            word >>= (8 - left) * 8;
            left = 8;
        }
        hash = frame.opaque(mix(hash, word) as usize) as u64;
        left = frame.opaque(left - 8);
    }
    complete.then_some(hash)
}

/// Octets that are read at once.
const SHORT: usize = 32;

/// The hash of the last `len` octets of the words.
#[inline(always)]
fn of_short(mut hash: u64, words: [u64; SHORT / 8], len: usize) -> u64 {
    let mut left = len;
    for word in words.into_iter().rev() {
        if left == 0 {
            break;
        }
        let mut word = u64::from_le(word);
        if left < 8 {
            word >>= (8 - left) * 8;
            left = 8;
        }
        hash = mix(hash, word);
        left -= 8;
    }
    hash
}

/// Writes a short option and END at `at`, in words; what is behind in the frame is zero and stays so. The sum over them, as if
/// they began at an even offset. `brief.last` is not 0.
#[inline(always)]
pub fn write_brief<F: Frame>(frame: &mut F, at: usize, brief: &Brief) -> Option<Sum> {
    let at = frame.offset(at);
    if frame.write_words(at, brief.words).is_none() {
        // At the end of the frame: whole words, and one that ends with the octets.
        let end = frame.opaque(brief.len as usize + 1);
        let [first, second, third, _] = brief.words;
        if end >= 24 {
            frame.write_words(at, [first, second, third])?;
        } else if end >= 16 {
            frame.write_words(at, [first, second])?;
        } else {
            frame.write_words(at, [first])?;
        }
        frame.write_words(frame.offset(at + end.wrapping_sub(8)), [brief.last])?;
    }
    Some(Sum::from_folded(brief.sum))
}

/// Writes an option and END at `at`, the flags set if the request came by `unicast`; returns the sum over them, as if they
/// began at an even offset. Host only: a BPF program has a call of the kernel's for the copy.
pub fn write<F: Frame>(frame: &mut F, at: usize, ours: &Agent, unicast: bool) -> Option<Sum> {
    for (offset, &octet) in ours.octets.iter().take(usize::from(ours.len) + 1).enumerate() {
        frame.write(at + offset, [octet])?;
    }
    finish(frame, at, ours, unicast)
}

/// The rest of [`write()`], once the octets stand at `at`: the flags.
#[inline(always)]
pub fn finish<F: Frame>(frame: &mut F, at: usize, ours: &Agent, unicast: bool) -> Option<Sum> {
    let mut sum = Sum::from_folded(ours.sum);
    let at = frame.offset(at);
    let flags = ours.flags_at as usize;
    if flags != 0 && unicast {
        frame.write(frame.offset(at + flags), [sub_option::UNICAST])?;
        sum = sum.plus(Sum::octet(sub_option::UNICAST, flags));
    }
    Some(sum)
}

#[inline(always)]
const fn begin(len: usize) -> u64 {
    (len as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// One round: odd multiplication spreads upward, the shift brings the upper half down.
#[inline(always)]
const fn mix(hash: u64, word: u64) -> u64 {
    let product = (hash ^ word).wrapping_mul(0xff51_afd7_ed55_8ccd);
    product ^ (product >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SliceFrame;
    use std::vec::Vec;

    #[test]
    fn a_value_in_a_frame_hashes_as_the_same_value_outside_at_every_length() {
        let mut octets: Vec<u8> = (0..=255).chain(0..60).map(|octet: u8| octet.wrapping_mul(37)).collect();
        for len in 0..=MAX_VALUE {
            let expected = whole(&octets[11..11 + len]);
            let end = octets.len();
            let frame = SliceFrame::new(&mut octets, 0, end);
            assert_eq!(whole_in(&frame, 11, len), Some(expected), "{len} octets");
        }
    }

    #[test]
    fn a_short_option_in_words_is_the_same_as_octet_by_octet_whatever_is_left_of_the_frame_behind_it() {
        const AT: usize = 13;
        let value: Vec<u8> = (1..=MAX_VALUE as u8).collect();
        let mut short = 0;
        for len in 1..=MAX_VALUE {
            let ours = Agent::new(&value[..len], None).expect("an option");
            let brief = Brief::new(&ours, &value[..len]);
            assert_eq!((brief.answer, brief.len, brief.sum), (whole(&value[..len]), ours.len, ours.sum));
            if brief.last == 0 {
                continue;
            }
            short += 1;
            for behind in 0..40 {
                let mut expected = std::vec![0; AT + len + 3 + behind];
                let mut found = expected.clone();
                let end = expected.len();
                let sum = write(&mut SliceFrame::new(&mut expected, 0, end), AT, &ours, true);
                let brief = write_brief(&mut SliceFrame::new(&mut found, 0, end), AT, &brief);
                let sums = [sum, brief].map(|sum| sum.map(Sum::checksum));
                assert_eq!((found, sums[1]), (expected, sums[0]), "{len} octets, {behind} behind");
            }
        }
        assert_eq!(
            short,
            8 * BRIEF_WORDS - 3 - 4,
            "from eight octets with code, length and END up to all words"
        );
    }

    #[test]
    fn an_option_whose_flags_depend_on_the_request_or_that_some_servers_get_less_of_is_looked_up() {
        let value = [1, 3, 1, 2, 3, 10, 1, 0, 5, 2, 0, 0];
        let brief = |agent: &Agent| Brief::new(agent, &value);
        let plain = Agent::new(&value, None).expect("an option");
        assert_ne!(brief(&plain).last, 0);
        let flags = brief(&Agent::new(&value, Some(7)).expect("an option"));
        assert_eq!((flags.last, flags.answer), (0, whole(&value)));
        let cut = brief(&plain.cut_for(0b10, 4));
        assert_eq!((cut.last, cut.answer, cut.len), (0, 0, 14));
    }

    #[test]
    fn values_that_differ_in_one_octet_or_in_length_hash_differently() {
        let mut seen = std::collections::BTreeSet::new();
        for len in 0..=64 {
            let mut value = std::vec![0; len];
            assert!(seen.insert(whole(&value)));
            for at in 0..len {
                value[at] = 1;
                assert!(seen.insert(whole(&value)), "{len} octets, {at} is 1");
                value[at] = 0;
            }
        }
    }

    #[test]
    fn circuit_id_and_vss_do_not_run_into_each_other() {
        assert_ne!(identity(b"ab", b""), identity(b"a", b"b"));
        assert_ne!(identity(b"", b"a"), identity(b"a", b""));
        assert_ne!(identity(b"a", b""), whole(b"a"));
    }
}
