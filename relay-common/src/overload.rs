//! Options that continue in `file` and `sname` (option 52, RFC 2132 section 9.3). Rare, so it is the daemon that looks
//! there: an option 82 in them is one all the same, though the relay never puts its own there.

use crate::Frame;
use crate::packet::Packet;
use crate::wire::bootp::{self, option};

/// How many instances of option 82 the overloaded fields have; with `blank` they are overwritten with PAD. `None` when the
/// message is too short to have the fields.
pub(crate) fn agents<F: Frame>(frame: &mut F, packet: &Packet, blank: bool) -> Option<usize> {
    let Some(at) = frame.noted_option(option::OVERLOAD) else { return Some(0) };
    if frame.u8(at + 1)? == 0 {
        return Some(0);
    }
    let used = frame.u8(at + 2)?;
    let message = packet.message();
    let mut agents = 0;
    if used & 1 != 0 {
        agents += field(frame, message + bootp::FILE, bootp::FILE_LEN, blank)?;
    }
    if used & 2 != 0 {
        agents += field(frame, message + bootp::SNAME, bootp::SNAME_LEN, blank)?;
    }
    Some(agents)
}

/// The same for one field. What runs past its end is not an option.
fn field<F: Frame>(frame: &mut F, start: usize, len: usize, blank: bool) -> Option<usize> {
    let end = start + len;
    let mut agents = 0;
    let mut at = start;
    while at + 1 < end {
        let [code, value] = frame.read::<2>(at)?;
        if code == option::PAD {
            at += 1;
            continue;
        }
        let next = at + 2 + usize::from(value);
        if code == option::END || next > end {
            break;
        }
        if code == option::RELAY_AGENT {
            agents += 1;
            if blank {
                for octet in at..next {
                    frame.write(octet, [option::PAD])?;
                }
            }
        }
        at = next;
    }
    Some(agents)
}
