//! Many fields at fixed offsets, compared with the end of the frame once: a comparison for each of them is most of what reading
//! them costs a BPF program.

/// Octets in the frame that begin at an offset. Fields are where the constant says; what lies outside is a mistake of the
/// program's, and reads as zeros.
pub(crate) trait View {
    /// The `N` octets at `at`.
    fn octets<const N: usize>(&self, at: usize) -> [u8; N];
    /// Overwrites the `N` octets at `at`.
    fn put<const N: usize>(&mut self, at: usize, octets: [u8; N]);

    /// The octet at `at`.
    #[inline(always)]
    fn octet(&self, at: usize) -> u8 {
        let [octet] = self.octets(at);
        octet
    }

    /// The two octets at `at` in network byte order.
    #[inline(always)]
    fn u16(&self, at: usize) -> u16 {
        u16::from_be_bytes(self.octets(at))
    }
}

impl<const LEN: usize> View for [u8; LEN] {
    #[inline(always)]
    fn octets<const N: usize>(&self, at: usize) -> [u8; N] {
        match self.get(at..).and_then(|rest| rest.first_chunk()) {
            Some(octets) => *octets,
            None => [0; N],
        }
    }

    #[inline(always)]
    fn put<const N: usize>(&mut self, at: usize, octets: [u8; N]) {
        // In the largest pieces there are: of an array the compiler makes single octets.
        let (words, rest) = octets.as_chunks::<8>();
        let mut to = at;
        for word in words {
            store(self, to, *word);
            to += 8;
        }
        let (quads, rest) = rest.as_chunks::<4>();
        for quad in quads {
            store(self, to, *quad);
            to += 4;
        }
        let (pairs, rest) = rest.as_chunks::<2>();
        for pair in pairs {
            store(self, to, *pair);
            to += 2;
        }
        for octet in rest {
            store(self, to, [*octet]);
            to += 1;
        }
    }
}

#[inline(always)]
fn store<const LEN: usize, const N: usize>(view: &mut [u8; LEN], at: usize, octets: [u8; N]) {
    if let Some(place) = view.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
        *place = octets;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_at_an_offset_is_read_there_and_nothing_else_changes() {
        let mut view = [0xee; 40];
        let octets: [u8; 23] = core::array::from_fn(|index| index as u8);
        view.put(9, octets);
        assert_eq!((view.octets(9), view.octets(0), view.octets(32)), (octets, [0xee; 9], [0xee; 8]));
        assert_eq!((view.octet(10), view.u16(11)), (1, 0x0203));
    }
}
