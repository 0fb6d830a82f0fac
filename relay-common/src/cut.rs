//! Option 82 made shorter in a copy for a server that is in the clients' VRF (RFC 6607): virtual subnet selection is the end
//! of it, and what the relay has inserted is for the servers of other VRFs.
//!
//! A rewritten request is one frame for all servers. Which of them it is made shorter for is known where it becomes the copy
//! of one of them: in the egress program, in the ingress program for a single copy, in the daemon.

use crate::abi::Cut;
use crate::wire::bootp::option;
use crate::wire::{eth, ipv4, udp};
use crate::{Frame, Sum, headers};

/// Offset of the UDP checksum in a frame without tags.
const UDP_CHECKSUM: usize = eth::HEADER_LEN + ipv4::HEADER_LEN + udp::CHECKSUM;

impl Cut {
    /// The same, of the option that begins `behind` octets before the end of a frame.
    #[inline(always)]
    #[must_use]
    pub const fn at(self, behind: usize) -> Self {
        Self { behind: behind as u16, ..self }
    }

    /// Makes the option of a rewritten request shorter: END stands where the tail began, and zeros behind it, so that the
    /// message keeps its length.
    #[inline(always)]
    pub fn make<F: Frame>(&self, frame: &mut F) -> Option<()> {
        let place = frame.offset(frame.len().wrapping_sub(self.behind as usize));
        let kept = frame.opaque(self.kept as usize);
        if kept != 0 {
            frame.write(frame.offset(place + 1), [kept.wrapping_sub(2) as u8])?;
        }
        let end = frame.offset(place + kept);
        frame.write(end, [option::END])?;
        frame.zero(frame.offset(end + 1), self.tail as usize)?;
        let datagram = frame.read::<2>(UDP_CHECKSUM)?;
        if datagram != [0, 0] {
            // The message begins at an even offset of the frame.
            let differs = Sum::from_folded(u32::from(self.sum)).shifted(place);
            frame.write(UDP_CHECKSUM, Sum::new().without_pair(datagram).plus(differs).udp_checksum())?;
        }
        Some(())
    }

    /// The same in a message that is authenticated (RFC 3118), in which nothing else may change: the tail is taken out, and the
    /// message becomes shorter. Host only.
    pub fn take_out<F: Frame>(&self, frame: &mut F) -> Option<()> {
        let place = frame.len().checked_sub(usize::from(self.behind))?;
        let (kept, tail) = (usize::from(self.kept), usize::from(self.tail));
        if kept != 0 {
            frame.write(place + 1, [(kept - 2) as u8])?;
        }
        let end = frame.len();
        frame.forward(place + kept, tail, end)?;
        frame.shrink_tail(tail)?;
        headers::resized(frame)
    }
}
