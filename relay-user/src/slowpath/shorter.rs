//! The copies of a request for servers in the clients' VRF, which get less of option 82 than the others (RFC 6607).
//!
//! A frame that the rules have rewritten here fits its [`Cut`] by construction. One from the fast path comes through a ring with
//! its cut beside it, and that they fit is the word of another program: what does not is counted, and no server gets it.

use std::borrow::Cow;

use relay_common::{
    Frame as _, SliceFrame,
    abi::Cut,
    wire::{
        bootp::{self, option},
        eth, ipv4, udp,
    },
};

use super::State;

/// Offset of the options in a frame without tags.
const OPTIONS: usize = eth::HEADER_LEN + ipv4::HEADER_LEN + udp::HEADER_LEN + bootp::OPTIONS;

/// What the copies for servers in the clients' VRF have less of.
pub(super) struct Shorter {
    cut: Cut,
    /// Everything else in the message has to stay as it is, its length too.
    taken_out: bool,
}

impl Shorter {
    /// Of a frame that the rules have rewritten.
    pub(super) fn of(frame: &SliceFrame<'_>) -> Self {
        Self { cut: frame.cut(), taken_out: frame.noted_option(option::AUTHENTICATION).is_some() }
    }

    /// Of a record of the fast path, which inserts nothing into what is authenticated.
    pub(super) fn punted(cut: Cut) -> Self {
        Self { cut, taken_out: false }
    }

    /// The copy for the server of this bit; `None`, counted, if that cannot be made: a server that gets another's option takes
    /// the client for one of another VPN.
    pub(super) fn copy<'a>(&self, bit: u32, rewritten: &'a [u8], state: &State) -> Option<Cow<'a, [u8]>> {
        if self.cut.near & bit == 0 {
            return Some(Cow::Borrowed(rewritten));
        }
        let made = self.make(rewritten);
        if made.is_none() {
            state.count(0, |counters| counters.cuts_lost += 1);
        }
        made.map(Cow::Owned)
    }

    /// Whether the option, with END where there has to be one, lies in the message of a frame: the cut itself is made by octets
    /// from the end, wherever these are.
    fn fits(&self, rewritten: &[u8]) -> bool {
        let [behind, kept, tail] = [self.cut.behind, self.cut.kept, self.cut.tail].map(usize::from);
        let end = usize::from(!self.taken_out);
        let begins = rewritten.len().checked_sub(behind);
        begins.is_some_and(|begins| begins >= OPTIONS)
            && !(1..=2).contains(&kept)
            && kept + tail + end <= behind
    }

    fn make(&self, rewritten: &[u8]) -> Option<Vec<u8>> {
        if !self.fits(rewritten) {
            return None;
        }
        let mut octets = rewritten.to_vec();
        let end = octets.len();
        let mut frame = SliceFrame::new(&mut octets, 0, end);
        if self.taken_out { self.cut.take_out(&mut frame) } else { self.cut.make(&mut frame) }?;
        let len = frame.range().end;
        octets.truncate(len);
        Some(octets)
    }
}

#[cfg(test)]
mod tests {
    use relay_common::abi::{AGENT_ROOM, Agent};

    use super::*;

    const NEAR: u32 = 0b10;
    const FAR: u32 = 0b01;
    /// Ours: a circuit-id, and the VPN behind it.
    const OURS: &[u8] = b"\x01\x04eth1\x97\x04\0red\x98\0";
    const VPN: usize = 8;

    /// A rewritten request of a frame, with option 82 behind `before` octets of options and `behind` octets behind END.
    fn rewritten(before: usize, behind: usize) -> (Vec<u8>, Cut) {
        let agent = Agent::new(OURS, None).expect("an option").cut_for(NEAR, VPN);
        let mut octets = vec![0; OPTIONS + before];
        let at = octets.len();
        octets.extend(&agent.octets[..OURS.len() + 3]);
        octets.resize(octets.len() + behind, 0);
        let cut = agent.cut.at(octets.len() - at);
        (octets, cut)
    }

    fn lost(state: &State) -> u64 {
        state.counters(0).cuts_lost
    }

    #[test]
    fn a_near_server_gets_less_and_a_far_one_the_frame_as_it_is() {
        let (octets, cut) = rewritten(3, 5);
        let (state, shorter) = (State::default(), Shorter::punted(cut));
        assert_eq!(shorter.copy(FAR, &octets, &state).as_deref(), Some(&octets[..]));
        let near = shorter.copy(NEAR, &octets, &state).expect("a copy");
        assert_eq!(near.len(), octets.len());
        let at = OPTIONS + 3;
        assert_eq!(near[at..at + 9], *b"\x52\x06\x01\x04eth1\xff");
        assert_eq!(near[at + 9..], vec![0; octets.len() - at - 9]);
        assert_eq!(lost(&state), 0);
    }

    #[test]
    fn a_copy_whose_cut_does_not_lie_in_its_frame_is_lost_counted_and_given_to_nobody() {
        let (octets, cut) = rewritten(3, 5);
        let mut wrong = vec![
            // Begins in front of the frame, or behind its end.
            Cut { behind: octets.len() as u16 + 1, ..cut },
            Cut { behind: 0, ..cut },
            Cut { behind: u16::MAX, ..cut },
            // Begins in front of the options.
            Cut { behind: (octets.len() - OPTIONS) as u16 + 1, ..cut },
            // Less than code and length stay.
            Cut { kept: 1, ..cut },
            // Ends behind it.
            Cut { tail: cut.behind, ..cut },
            Cut { tail: u16::MAX, ..cut },
            Cut { kept: cut.behind, ..cut },
            Cut { kept: u16::MAX, ..cut },
        ];
        // A frame that ends with the option, so that END would stand behind it.
        wrong.push(cut.at(OURS.len() - VPN + 2));
        let state = State::default();
        for (number, cut) in (1..).zip(wrong) {
            assert_eq!(Shorter::punted(cut).copy(NEAR, &octets, &state), None, "{cut:?}");
            assert_eq!(lost(&state), number, "{cut:?}");
            // The other servers have no share in it.
            assert_eq!(Shorter::punted(cut).copy(FAR, &octets, &state).as_deref(), Some(&octets[..]));
        }
        let before = lost(&state);
        for cut in [Cut { behind: u16::MAX, ..cut }, Cut { tail: u16::MAX, ..cut }, Cut { kept: 2, ..cut }] {
            assert_eq!(Shorter { cut, taken_out: true }.copy(NEAR, &octets, &state), None, "{cut:?}");
        }
        assert_eq!(lost(&state), before + 3);
    }

    #[test]
    fn what_the_rules_write_here_always_fits_its_frame() {
        let longest = AGENT_ROOM - 4;
        for len in [VPN, VPN + 1, VPN + 2, VPN + 3, VPN + 9, longest] {
            let value = vec![7; len.min(255)];
            let agent = Agent::new(&value, None).expect("an option").cut_for(NEAR, VPN);
            for room in 0..4 {
                let mut buffer = vec![0; SliceFrame::HEADROOM + 900];
                let at = OPTIONS + 3;
                // END is the last octet, or some are behind it, or it is taken away again (RFC 3118 without END).
                let end = at + usize::from(agent.len) + 1 + room;
                let mut frame =
                    SliceFrame::new(&mut buffer, SliceFrame::HEADROOM, SliceFrame::HEADROOM + end);
                frame.write_agent(at, 1, &agent, false).expect("room");
                let state = State::default();
                for taken_out in [false, true] {
                    let shorter = Shorter { cut: frame.cut(), taken_out };
                    let near = shorter.copy(NEAR, frame.octets(), &state).expect("a copy");
                    let less = if taken_out { usize::from(frame.cut().tail) } else { 0 };
                    assert_eq!(near.len(), end - less);
                }
                assert_eq!(lost(&state), 0);
            }
        }
    }
}
