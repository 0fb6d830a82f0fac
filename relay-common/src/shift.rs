//! Moving part of a message forward, in a loop that the verifier accepts.

use crate::Frame;

/// Moves what stands between `at + len` and `end` to `at`. The `len` octets before `end` keep what was in them.
#[inline(always)]
pub fn forward<F: Frame>(frame: &mut F, at: usize, len: usize, end: usize) -> Option<()> {
    // Eight octets are one load and one store; of more the compiler makes a call to a loop over octets.
    const CHUNK: usize = 8;
    let mut from = at + len;
    let mut complete = true;
    for _ in 0..F::LIMIT / CHUNK {
        from = frame.offset(from);
        if from + CHUNK > end {
            break;
        }
        let moved = match frame.read::<CHUNK>(from) {
            Some(octets) => frame.write::<CHUNK>(frame.offset(from - len), octets),
            None => None,
        };
        if moved.is_none() {
            complete = false;
            break;
        }
        from += CHUNK;
    }
    for _ in 0..CHUNK {
        from = frame.offset(from);
        if from >= end {
            break;
        }
        let moved = match frame.u8(from) {
            Some(octet) => frame.write::<1>(frame.offset(from - len), [octet]),
            None => None,
        };
        if moved.is_none() {
            complete = false;
            break;
        }
        from += 1;
    }
    complete.then_some(())
}
