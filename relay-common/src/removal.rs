//! Taking one option out of a message, and bringing the frame to its new end. Servers put option 82 last: then nothing has to
//! move, and there is hardly anything left to sum.

use crate::wire::bootp::option;
use crate::{Frame, Sum};

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
        // All of it at once: more than eight octets stand before.
        let word = u64::from_le_bytes(frame.read::<8>(frame.offset(removal.end - 8))?);
        return Some(word >> (64 - behind * 8) == u64::from(option::END));
    }
    Some(frame.u8(mark)? == option::END && frame.sum(mark + 1, behind - 1)?.is_zero())
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
    use std::vec::Vec;

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

    #[test]
    fn what_is_left_is_the_message_without_the_option_followed_by_zeros_whatever_stood_behind_it() {
        let option = [82, 4, 1, 2, 3, 4];
        let behind: [&[u8]; 7] = [
            &[END],
            &[],
            &[END, 0, 0, 0],
            &[0, END],
            &[END, 0, 7],
            &[12, 1, 9, END],
            &[END, 0, 0, 0, 0, 0, 0, 0, 0],
        ];
        for behind in behind {
            for excess in [0, 1, 9] {
                for longer in 0..20 {
                    let (mut octets, mut removal) = frame(&option, behind, excess);
                    let mut expected = octets[..removal.at].to_vec();
                    expected.extend_from_slice(behind);
                    removal.to = expected.len() + longer;
                    expected.resize(removal.to, 0);
                    let len = octets.len();
                    octets.resize(len + 64, 0xee);
                    let mut frame = SliceFrame::new(&mut octets, 0, len);
                    let sum = remove(&mut frame, &removal);
                    assert_eq!(frame.octets(), expected, "{behind:?}, {excess} too many, {longer} more");
                    let naive = checksum::octets(&frame, removal.at, removal.to - removal.at);
                    assert_eq!(sum.map(Sum::checksum), naive.map(Sum::checksum), "{behind:?}");
                }
            }
        }
    }
}
