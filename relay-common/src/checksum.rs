//! The Internet checksum (RFC 1071) as a running sum.
//!
//! Words are added in the byte order of the machine, which the one's complement sum does not care about (RFC 1071
//! section 2 (B)), in 64 bits so that nothing is lost before the fold.

use crate::Frame;

/// A one's complement sum that has not been folded yet.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sum(u64);

impl Sum {
    /// A sum of nothing.
    #[inline(always)]
    pub const fn new() -> Self {
        Self(0)
    }

    /// Adds a 16-bit value given in host order.
    #[inline(always)]
    pub const fn word(self, value: u16) -> Self {
        Self(self.0 + value.to_be() as u64)
    }

    /// Adds two octets as they stand in the packet, the first one at an even offset.
    #[inline(always)]
    pub const fn pair(self, octets: [u8; 2]) -> Self {
        Self(self.0 + u16::from_ne_bytes(octets) as u64)
    }

    /// Adds four octets as they stand in the packet, the first one at an even offset.
    #[inline(always)]
    pub const fn quad(self, octets: [u8; 4]) -> Self {
        Self(self.0 + u32::from_ne_bytes(octets) as u64)
    }

    /// Takes two octets out of the sum (RFC 1624 equation 3).
    #[inline(always)]
    pub const fn without_pair(self, octets: [u8; 2]) -> Self {
        Self(self.0 + !u16::from_ne_bytes(octets) as u64)
    }

    /// Takes four octets out of the sum.
    #[inline(always)]
    pub const fn without_quad(self, octets: [u8; 4]) -> Self {
        Self(self.0 + !u32::from_ne_bytes(octets) as u64)
    }

    /// A sum of one octet at an offset that is odd when the lowest bit of `offset` is set.
    #[inline(always)]
    pub const fn octet(octet: u8, offset: usize) -> Self {
        Self(u16::from_ne_bytes([octet, 0]) as u64).shifted(offset)
    }

    /// The sum of the same octets with the first of them at an odd offset, if `by` is odd: then every octet is in the
    /// other half of its word, and so are the halves of the sum (RFC 1071 section 2 (B)).
    #[inline(always)]
    pub const fn shifted(self, by: usize) -> Self {
        let folded = (self.0 & 0xffff_ffff) + (self.0 >> 32);
        Self(if by & 1 == 0 { self.0 } else { folded << 8 })
    }

    /// Whether nothing but zeros has been added.
    #[inline(always)]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The sum as a number, folded to 34 bits.
    #[inline(always)]
    pub const fn to_raw(self) -> u64 {
        (self.0 & 0xffff_ffff) + (self.0 >> 32)
    }

    /// From [`Self::to_raw`].
    #[inline(always)]
    pub const fn from_raw(sum: u64) -> Self {
        Self(sum)
    }

    /// A sum that has been folded to 16 bits before, in the byte order of the machine.
    #[inline(always)]
    pub const fn from_folded(sum: u32) -> Self {
        Self(sum as u64)
    }

    /// Adds another sum.
    #[inline(always)]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }

    /// The same sum, of whose range the verifier knows nothing.
    #[inline(always)]
    pub(crate) fn forgotten<F: Frame>(self, frame: &F) -> Self {
        Self(frame.opaque(self.0 as usize) as u64)
    }

    #[inline(always)]
    fn chunk(self, octets: [u8; 32]) -> Self {
        match quads(&octets) {
            Some(&[a, b, c, d, e, f, g, h]) => {
                self.quad(a).quad(b).quad(c).quad(d).quad(e).quad(f).quad(g).quad(h)
            }
            None => self,
        }
    }

    /// The sum in 16 bits, not complemented, in the byte order of the machine.
    #[inline(always)]
    const fn folded(self) -> u16 {
        let mut sum = self.0;
        // 33 bits, then 18, then a little more than 16, then 16.
        sum = (sum & 0xffff_ffff) + (sum >> 32);
        sum = (sum & 0xffff) + (sum >> 16);
        sum = (sum & 0xffff) + (sum >> 16);
        sum = (sum & 0xffff) + (sum >> 16);
        sum as u16
    }

    /// Whether a sum that includes its own checksum comes out right.
    #[inline(always)]
    pub const fn is_right(self) -> bool {
        self.folded() == 0xffff
    }

    /// The two octets of the sum itself, not complemented: what a checksum-offloading sender leaves in the field.
    #[inline(always)]
    pub const fn partial(self) -> [u8; 2] {
        self.folded().to_ne_bytes()
    }

    /// The two octets of the checksum field.
    #[inline(always)]
    pub const fn checksum(self) -> [u8; 2] {
        (!self.folded()).to_ne_bytes()
    }

    /// The two octets of a UDP checksum field, where zero would say "none": it is sent as all ones (RFC 768).
    #[inline(always)]
    pub const fn udp_checksum(self) -> [u8; 2] {
        let value = !self.folded();
        if value == 0 { [0xff, 0xff] } else { value.to_ne_bytes() }
    }
}

/// The sum over the `len` octets of `frame` at `offset`, an odd last one padded with zero. `None` when they are not all
/// there.
#[inline(always)]
pub fn octets<F: Frame>(frame: &F, offset: usize, len: usize) -> Option<Sum> {
    const CHUNK: usize = 32;
    let mut sum = Sum::new();
    let mut at = offset;
    let end = offset + len;
    // One exit and a masked offset: the verifier then sees the same state in every round.
    let mut complete = true;
    for _ in 0..F::LIMIT / CHUNK {
        at = frame.offset(at);
        sum = sum.forgotten(frame);
        if at + CHUNK > end {
            break;
        }
        let Some(chunk) = frame.read::<CHUNK>(at) else {
            complete = false;
            break;
        };
        sum = sum.chunk(chunk);
        at += CHUNK;
    }
    let rest = frame.opaque(end.wrapping_sub(at)) & (CHUNK - 1);
    if rest & 16 != 0 {
        let octets = frame.read::<16>(frame.offset(at))?;
        let [a, b, c, d] = *quads(&octets)?;
        sum = sum.quad(a).quad(b).quad(c).quad(d);
        at += 16;
    }
    if rest & 8 != 0 {
        let [a, b, c, d, e, f, g, h] = frame.read::<8>(frame.offset(at))?;
        sum = sum.quad([a, b, c, d]).quad([e, f, g, h]);
        at += 8;
    }
    if rest & 4 != 0 {
        sum = sum.quad(frame.read::<4>(frame.offset(at))?);
        at += 4;
    }
    if rest & 2 != 0 {
        sum = sum.pair(frame.read::<2>(frame.offset(at))?);
        at += 2;
    }
    if rest & 1 != 0 {
        sum = sum.pair([frame.u8(frame.offset(at))?, 0]);
    }
    complete.then_some(sum.forgotten(frame))
}

#[inline(always)]
fn quads<const N: usize, const Q: usize>(octets: &[u8; N]) -> Option<&[[u8; 4]; Q]> {
    let (quads, _) = octets.as_chunks::<4>();
    quads.first_chunk()
}
