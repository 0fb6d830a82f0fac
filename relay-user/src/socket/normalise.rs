//! Brings a frame into the form that the shared code reads: an IPv4 header of 20 bytes.
//!
//! The fast path passes IP options on, because a variable header length costs the verifier much and DHCP clients hardly
//! ever send them. They have no meaning beyond the hop that ends here, so the slow path takes them out and runs the same
//! code as for any other frame.

/// What [`normalise`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Normalised {
    /// The frame is as it came: nothing to do, or not in a state to be repaired (the shared code says why).
    Unchanged,
    /// This many bytes of IP options (4 to 40) were taken out.
    OptionsRemoved(usize),
}

const IPV4: u16 = 0x0800;
const PLAIN_HEADER: usize = 20;

/// Takes the IP options out of an Ethernet frame with 0, 1 or 2 tags: header length 5, total length and header checksum
/// to match; everything behind the header, the UDP checksum too, stays (the pseudo-header does not cover options, so a
/// checksum that was right, zero or only the pseudo-header sum still is).
///
/// A header that is truncated, whose checksum is wrong, or that belongs to a fragment is left alone: repairing it would
/// hide the fault from the shared code, which drops it under its own reason.
pub fn normalise(frame: &mut Vec<u8>) -> Normalised {
    options_of(frame).map_or(Normalised::Unchanged, |(start, length)| {
        let options = length - PLAIN_HEADER;
        frame.drain(start + PLAIN_HEADER..start + length);
        let header = &mut frame[start..start + PLAIN_HEADER];
        header[0] = 0x45;
        let total = u16::from_be_bytes([header[2], header[3]]) - options as u16;
        header[2..4].copy_from_slice(&total.to_be_bytes());
        header[10..12].fill(0);
        let checksum = !sum(header);
        header[10..12].copy_from_slice(&checksum.to_be_bytes());
        Normalised::OptionsRemoved(options)
    })
}

/// Offset and length of an intact IPv4 header with options.
fn options_of(frame: &[u8]) -> Option<(usize, usize)> {
    let half = |at: usize| frame.get(at..at + 2).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]));
    let mut ether_type = 12;
    for _ in 0..2 {
        if matches!(half(ether_type)?, 0x8100 | 0x88a8) {
            ether_type += 4;
        }
    }
    let start = ether_type + 2;
    let first = *frame.get(start)?;
    let length = usize::from(first & 0x0f) * 4;
    let header = frame.get(start..start + length)?;
    if half(ether_type)? != IPV4 || first >> 4 != 4 || length <= PLAIN_HEADER {
        return None;
    }
    let total = usize::from(half(start + 2)?);
    let fragment = half(start + 6)? & 0x3fff != 0;
    let intact = sum(header) == 0xffff && total >= length && frame.len() >= start + total;
    (intact && !fragment).then_some((start, length))
}

/// The ones' complement sum (RFC 1071) of an even number of bytes.
fn sum(bytes: &[u8]) -> u16 {
    let total: u32 =
        bytes.chunks_exact(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
    let folded = (total & 0xffff) + (total >> 16);
    ((folded & 0xffff) + (folded >> 16)) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An IPv4 header computed by hand, with the router alert option (RFC 2113) and a right checksum, and its plain twin.
    const WITH_OPTION: [u8; 24] = [
        0x46, 0xc0, 0x00, 0x20, 0x12, 0x34, 0x00, 0x00, 0x01, 0x11, 0x00, 0x00, 10, 0, 0, 1, 10, 0, 0, 2,
        0x94, 0x04, 0x00, 0x00,
    ];
    const UDP: [u8; 8] = [0, 68, 0, 67, 0, 8, 0xab, 0xcd];

    fn frame(tags: &[u8], header: &[u8]) -> Vec<u8> {
        let mut frame = vec![0x02; 12];
        frame.extend(tags);
        frame.extend([0x08, 0x00]);
        frame.extend(header);
        frame.extend(UDP);
        frame
    }

    fn checked(mut header: Vec<u8>) -> Vec<u8> {
        let checksum = !sum(&header);
        header[10..12].copy_from_slice(&checksum.to_be_bytes());
        header
    }

    #[test]
    fn options_are_taken_out_under_no_one_and_two_tags() {
        for tags in [&[][..], &[0x81, 0, 0, 100], &[0x88, 0xa8, 0, 5, 0x81, 0, 0, 100]] {
            let mut subject = frame(tags, &checked(WITH_OPTION.to_vec()));
            subject.extend([0xee; 6]);
            assert_eq!(normalise(&mut subject), Normalised::OptionsRemoved(4));
            // 0x45c0+0x001c+0x1234+0x0000+0x0111+0x0a00+0x0001+0x0a00+0x0002 = 0x6d24, complemented 0x92db.
            let plain =
                [0x45, 0xc0, 0x00, 0x1c, 0x12, 0x34, 0, 0, 0x01, 0x11, 0x92, 0xdb, 10, 0, 0, 1, 10, 0, 0, 2];
            let mut expected = frame(tags, &plain);
            expected.extend([0xee; 6]);
            assert_eq!(subject, expected);
            assert_eq!(
                normalise(&mut subject),
                Normalised::Unchanged,
                "a second time there is nothing to do"
            );
        }
    }

    #[test]
    fn a_damaged_header_is_left_for_the_shared_code_to_refuse() {
        let right = frame(&[], &checked(WITH_OPTION.to_vec()));
        let mut wrong_checksum = right.clone();
        wrong_checksum[14 + 8] ^= 1;
        let mut fragment = WITH_OPTION.to_vec();
        fragment[6] = 0x20;
        let mut short_total = WITH_OPTION.to_vec();
        short_total[3] = 20;
        let mut long_total = WITH_OPTION.to_vec();
        long_total[3] = 200;
        let truncated = right[..30].to_vec();
        let mut ipv6 = right.clone();
        ipv6[12..14].copy_from_slice(&[0x86, 0xdd]);
        let cases = [
            ("wrong checksum", wrong_checksum),
            ("fragment", frame(&[], &checked(fragment))),
            ("total length inside the header", frame(&[], &checked(short_total))),
            ("total length beyond the frame", frame(&[], &checked(long_total))),
            ("truncated", truncated),
            ("not IPv4", ipv6),
            ("empty", Vec::new()),
        ];
        for (what, mut subject) in cases {
            let before = subject.clone();
            assert_eq!(normalise(&mut subject), Normalised::Unchanged, "{what}");
            assert_eq!(subject, before, "{what}");
        }
    }

    #[test]
    fn no_truncation_and_no_flipped_byte_makes_it_panic() {
        let right = frame(&[0x81, 0, 0, 100], &checked(WITH_OPTION.to_vec()));
        for length in 0..right.len() {
            for at in 0..length {
                for value in [0, 0x0f, 0x4f, 0x81, 0xff] {
                    let mut subject = right[..length].to_vec();
                    subject[at] = value;
                    normalise(&mut subject);
                    assert!(subject.len() <= length);
                }
            }
        }
    }
}
