//! The walk over DHCP options (RFC 2132, RFC 3396), bounded so that the verifier accepts it.
//!
//! One loop, one exit, and an offset that is masked in every round: the state at the head of the loop is then the
//! same each time and is verified once. Without the mask the same loop passes a million verifier instructions.

use crate::wire::bootp::option;
use crate::{Frame, Reason};

/// What a relay needs to know of the options. Offsets are from the start of the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// DHCP message type, 0 when there is none.
    pub(crate) message: u8,
    /// Offset of the first relay agent information option.
    pub(crate) agent: usize,
    /// Length of its value.
    pub(crate) agent_len: usize,
    /// How many instances of it there are.
    pub(crate) agents: usize,
    /// What all of them take, with their codes and lengths.
    pub(crate) agent_octets: usize,
}

impl Options {
    /// Plain BOOTP.
    #[inline(always)]
    pub(crate) fn none<F: Frame>(frame: &F) -> Self {
        Self {
            message: frame.opaque(0) as u8,
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
    #[inline(always)]
    pub(crate) fn walk<F: Frame>(frame: &F, start: usize, end: usize) -> Result<Self, Reason> {
        let mut found = Self::none(frame);
        let mut at = start;
        let mut finished = false;
        let mut malformed = false;
        for _ in 0..F::MAX_STEPS {
            at = frame.offset(at);
            if at >= end {
                finished = true;
                break;
            }
            let Some(code) = frame.u8(at) else {
                malformed = true;
                break;
            };
            if code == option::PAD {
                at += 1;
                continue;
            }
            if code == option::END {
                finished = true;
                break;
            }
            let Some(len) = frame.u8(at + 1) else {
                malformed = true;
                break;
            };
            let len = len as usize;
            if at + 2 + len > end {
                malformed = true;
                break;
            }
            if code == option::MESSAGE_TYPE {
                match (len, frame.u8(at + 2)) {
                    (1, Some(message)) => found.message = message,
                    _ => {
                        malformed = true;
                        break;
                    }
                }
            } else if code == option::RELAY_AGENT {
                if found.agents == 0 {
                    found.agent = frame.opaque(at);
                    found.agent_len = frame.opaque(len);
                }
                found.agents = frame.opaque(found.agents + 1);
                found.agent_octets = frame.opaque(found.agent_octets + 2 + len);
            }
            at += 2 + len;
        }
        if malformed {
            return Err(Reason::MalformedOptions);
        }
        if !finished {
            return Err(if F::HAS_SLOW_PATH { Reason::ManyOptions } else { Reason::MalformedOptions });
        }
        Ok(found)
    }
}
