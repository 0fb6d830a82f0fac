//! Taking one option out of a message, and bringing the frame to its new end. Servers put option 82 last: then nothing has to
//! move, and there is hardly anything left to sum.

use crate::wire::bootp::option;
use crate::{Frame, Sum};

/// Most octets of an option that is short.
const FEW: usize = 32;

/// Where an option stands and what the frame is to become. Offsets are from the start of the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Removal {
    /// Offset of the option.
    pub at: usize,
    /// Octets of it, with code and length; not 0.
    pub len: usize,
    /// Where the message ends.
    pub end: usize,
    /// Where the frame is to end; what is between the rest of the message and this becomes zero.
    pub to: usize,
}

/// [`remove`] where that takes a few steps: a short option, behind it only END and padding, and a frame that keeps its length
/// or ends with the new END. `None` leaves the message as it was.
#[inline(always)]
pub fn remove_short<F: Frame>(frame: &mut F, removal: &Removal) -> Option<Sum> {
    let Removal { at, len, end, to } = *removal;
    let (mark, behind) = (frame.offset(at), end.wrapping_sub(at + len));
    if !(1..=8).contains(&behind) || len > FEW || !ends(frame, end, behind)? {
        return None;
    }
    let rest = to.wrapping_sub(at + 1);
    // A constant would become a call of `memset`, octet by octet.
    let zero = frame.opaque(0) as u64;
    if frame.len() != to {
        if rest != 0 || frame.len() < to {
            return None;
        }
        let excess = frame.len() - to;
        frame.shrink_tail(excess)?;
    } else if to > end {
        return None;
    } else if rest > FEW {
        frame.write_words(mark + 1, [zero; FEW / 8])?;
    } else if rest >= 8 {
        // Whole words, and one that ends where the frame does.
        for word in 0..FEW / 8 - 1 {
            if rest >= 8 * word + 8 {
                frame.write_words(mark + 1 + 8 * word, [zero])?;
            }
        }
        frame.write_words(frame.offset(to.wrapping_sub(8)), [zero])?;
    } else {
        return None;
    }
    frame.write(mark, [option::END])?;
    Some(Sum::octet(option::END, 0))
}

/// Takes the option out; the sum over `at..to` after that, as if it began at an even offset. `None` leaves a frame that is
/// of no use any more.
#[inline(always)]
pub fn remove<F: Frame>(frame: &mut F, removal: &Removal) -> Option<Sum> {
    let Removal { at, len, end, to } = *removal;
    if !is_last(frame, removal)? {
        frame.forward(at, len, end)?;
        resize(frame, end - len)?;
        resize(frame, to)?;
        return frame.sum(at, to.wrapping_sub(at));
    }
    // What the frame has behind the message is no part of it.
    resize(frame, if to < end { to } else { end })?;
    resize(frame, to)?;
    let mark = frame.offset(at);
    frame.write(mark, [option::END])?;
    // Behind the old END there is nothing but zeros.
    let mut left = to.wrapping_sub(at + 1);
    if left > len {
        left = len;
    }
    if left != 0 {
        frame.zero(at + 1, left)?;
    }
    Some(Sum::octet(option::END, 0))
}

/// Whether only END and zeros follow the option, and END is still there without it.
#[inline(always)]
fn is_last<F: Frame>(frame: &F, removal: &Removal) -> Option<bool> {
    let mark = frame.offset(removal.at + removal.len);
    if mark >= removal.end || removal.to <= removal.at {
        return Some(false);
    }
    let behind = removal.end - mark;
    if behind <= 8 {
        return ends(frame, removal.end, behind);
    }
    Some(frame.u8(mark)? == option::END && frame.sum(mark + 1, behind - 1)?.is_zero())
}

/// Whether the last `behind` octets before `end`, 1 to 8, are END and zeros: all of them at once, as more than eight octets
/// stand before.
#[inline(always)]
fn ends<F: Frame>(frame: &F, end: usize, behind: usize) -> Option<bool> {
    let word = u64::from_le_bytes(frame.read::<8>(frame.offset(end.wrapping_sub(8)))?);
    Some(word >> (64 - behind * 8) == u64::from(option::END))
}

/// Makes the frame end at `to`; what is added is zero.
#[inline(always)]
fn resize<F: Frame>(frame: &mut F, to: usize) -> Option<()> {
    let len = frame.len();
    if len > to {
        frame.shrink_tail(len - to)
    } else if len < to {
        frame.grow_tail(to - len)
    } else {
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SliceFrame, checksum, wire::bootp::option::END};
    use std::{format, vec::Vec};

    /// Octets before the option, in it, and behind it, and by how much the frame is longer than the message.
    fn frame(option: &[u8], behind: &[u8], excess: usize) -> (Vec<u8>, Removal) {
        let mut octets: Vec<u8> = (1..=21).collect();
        let at = octets.len();
        octets.extend_from_slice(option);
        octets.extend_from_slice(behind);
        let removal = Removal { at, len: option.len(), end: octets.len(), to: 0 };
        octets.extend((0..excess).map(|octet| octet as u8 | 0x80));
        (octets, removal)
    }

    /// What both ways make of it is what a naive reading makes; returns whether it took a few steps.
    fn is_taken_out(option: &[u8], behind: &[u8], excess: usize, longer: usize) -> bool {
        let case = format!("{} octets, {behind:?}, {excess} too many, {longer} more", option.len());
        let (mut octets, mut removal) = frame(option, behind, excess);
        let mut expected = octets[..removal.at].to_vec();
        expected.extend_from_slice(behind);
        removal.to = expected.len() + longer;
        expected.resize(removal.to, 0);
        let len = octets.len();
        octets.resize(len + 64, 0xee);
        let mut again = octets.clone();

        let mut whole = SliceFrame::new(&mut octets, 0, len);
        let sum = remove(&mut whole, &removal);
        assert_eq!(whole.octets(), expected, "{case}");
        let naive = checksum::octets(&whole, removal.at, removal.to - removal.at).map(Sum::checksum);
        assert_eq!(sum.map(Sum::checksum), naive, "{case}");

        let before = again[..len].to_vec();
        let mut short = SliceFrame::new(&mut again, 0, len);
        let sum = remove_short(&mut short, &removal);
        assert_eq!(short.octets(), if sum.is_some() { expected } else { before }, "{case}, in a few steps");
        assert!(sum.is_none_or(|sum| Some(sum.checksum()) == naive), "{case}, in a few steps");
        sum.is_some()
    }

    #[test]
    fn what_is_left_is_the_message_without_the_option_followed_by_zeros_whatever_stood_behind_it() {
        let behind: [&[u8]; 7] = [
            &[END],
            &[],
            &[END, 0, 0, 0],
            &[0, END],
            &[END, 0, 7],
            &[12, 1, 9, END],
            &[END, 0, 0, 0, 0, 0, 0, 0, 0],
        ];
        let mut short = 0;
        for len in [3, 6, 10, 21, 32, 33, 40] {
            let option: Vec<u8> = [82, len - 2].into_iter().chain(1..=len - 2).collect();
            for behind in behind {
                for excess in [0, 1, 9] {
                    for longer in 0..45 {
                        short += usize::from(is_taken_out(&option, behind, excess, longer));
                    }
                }
            }
        }
        assert!(short > 20, "{short} in a few steps");
    }
}
