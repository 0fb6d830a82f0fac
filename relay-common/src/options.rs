//! The walk over DHCP options (RFC 2132, RFC 3396), bounded so that the verifier accepts it.
//!
//! One pass notes where every option stands; what is asked later costs one look-up. One loop, one exit, and an offset
//! that is masked in every round: the state at the head of the loop is then the same each time and is verified once.
//! Without the mask the same loop passes a million verifier instructions.

use crate::wire::bootp::option;
use crate::{Frame, Reason};

/// What a relay needs to know of the options. Offsets are from the start of the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// DHCP message type, 0 when there is none.
    pub message: u8,
    /// Offset of END, or of the end of the message when there is none.
    pub end: usize,
    /// Offset of the first relay agent information option.
    pub agent: usize,
    /// Octets of it, with code and length.
    pub agent_len: usize,
    /// How many instances of it there are.
    pub agents: usize,
    /// What all of them take, with their codes and lengths; what the first takes where another path does what several need.
    pub agent_octets: usize,
}

impl Options {
    /// Plain BOOTP: no options up to the end of the message.
    #[inline(always)]
    pub fn none<F: Frame>(frame: &mut F, end: usize) -> Self {
        frame.forget_options();
        Self {
            message: frame.opaque(0) as u8,
            end: frame.opaque(end),
            agent: frame.opaque(0),
            agent_len: frame.opaque(0),
            agents: frame.opaque(0),
            agent_octets: frame.opaque(0),
        }
    }

    /// Walks the options that begin at `start` and must not reach past `end`.
    ///
    /// A message whose END is missing is accepted as long as its last option ends where the message does: clients
    /// that send such messages exist, and nothing about them is ambiguous.
    ///
    /// # Errors
    /// [`Reason::MalformedOptions`], or [`Reason::ManyOptions`] where there is another path.
    #[inline(always)]
    pub fn walk<F: Frame>(frame: &mut F, start: usize, end: usize) -> Result<Self, Reason> {
        let mut found = Self::none(frame, end);
        let mut at = start;
        let mut finished = false;
        let mut malformed = false;
        for _ in 0..F::MAX_STEPS {
            at = frame.offset(at);
            if at >= end {
                finished = true;
                break;
            }
            // Both at once where there are two: only END and PAD may be the last octet of a frame.
            let (code, len) = match frame.read::<2>(at) {
                Some([code, len]) => (code, len as usize + 2),
                None => (frame.u8(at).unwrap_or(option::RELAY_AGENT), 0),
            };
            if code == option::PAD {
                at += 1;
                continue;
            }
            if code == option::END {
                finished = true;
                break;
            }
            // An option whose length lies behind the frame is longer than the message.
            if len == 0 || at + len > end || code == option::MESSAGE_TYPE && len != 3 {
                malformed = true;
                break;
            }
            frame.note_option(code, at);
            if code == option::RELAY_AGENT {
                if found.agents == 0 {
                    found.agent = frame.opaque(at);
                    found.agent_len = frame.opaque(len);
                }
                // Where there is another path, several are its business.
                if !F::HAS_SLOW_PATH {
                    found.agent_octets += len;
                }
                found.agents = frame.opaque(found.agents + 1);
            }
            at += len;
        }
        if malformed {
            return Err(Reason::MalformedOptions);
        }
        if !finished {
            return Err(if F::HAS_SLOW_PATH { Reason::ManyOptions } else { Reason::MalformedOptions });
        }
        if at < end {
            found.end = at;
        }
        if F::HAS_SLOW_PATH {
            found.agent_octets = frame.opaque(found.agent_len);
        }
        if let Some(at) = frame.noted_option(option::MESSAGE_TYPE) {
            match frame.read::<3>(at) {
                Some([_, 1, message]) => found.message = message,
                _ => return Err(Reason::MalformedOptions),
            }
        }
        Ok(found)
    }
}
