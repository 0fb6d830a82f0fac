//! Records against messages written out octet by octet.

use std::vec::Vec;

use super::*;
use crate::SliceFrame;
use crate::event::path;

struct Found<'a>(&'a [(u8, usize)]);

impl Offsets for Found<'_> {
    fn option(&self, code: u8) -> usize {
        self.0.iter().find(|(known, _)| *known == code).map_or(0, |(_, at)| *at)
    }

    fn hash(&self, code: u8) -> u64 {
        // Not what it is, but where it comes from.
        if self.option(code) == 0 { 0 } else { (u64::from(code) << 32) | (u64::from(code) * 1000) }
    }
}

/// What a record says of a message at offset 42 whose options are `options`, codes and lengths included.
fn filled(options: &[&[u8]], place: Place) -> Event {
    let mut frame: Vec<u8> = (0..26).chain([10, 1, 0, 1, 10, 1, 0, 2]).chain(34..42).collect();
    frame.extend([2, 1, 6, 3, 0xde, 0xad, 0xbe, 0xef, 0, 7, 0x80, 0]);
    frame.extend([10, 0, 0, 1, 10, 0, 0, 2, 10, 0, 0, 3, 10, 0, 0, 4]);
    frame.extend([2, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    frame.resize(42 + bootp::OPTIONS, 0);
    let mut found = Vec::new();
    for option in options {
        found.push((option[0], frame.len()));
        frame.extend_from_slice(option);
    }
    let end = frame.len();
    // Nothing may be left of what was in the memory before.
    let mut record: Record = bytemuck::cast([0xff_u8; size_of::<Record>()]);
    fill(&SliceFrame::new(&mut frame, 0, end), 14, &Found(&found), &place, &mut record).unwrap();
    Event::from(&record)
}

#[test]
fn every_field_of_a_record_is_where_the_message_has_it() {
    let place = Place {
        path: path::PASSING,
        message: 5,
        upstream: true,
        interface: 3,
        vrf: 100,
        ifindex: 9,
        outer: 10,
        inner: 20,
        timestamp: 1 << 40,
    };
    let event = filled(
        &[
            &[51, 4, 0, 0, 7, 8],
            &[54, 4, 10, 1, 0, 9],
            &[50, 4, 10, 1, 0, 8],
            &[58, 4, 0, 0, 3, 0x84],
            &[59, 4, 0, 0, 6, 0x27],
            &[61, 7, 1, 2, 0, 0, 0, 0, 9],
            &[82, 2, 1, 0],
            &[0xaa; 40],
        ],
        place,
    );
    let mut client_id = [0; 32];
    client_id[..7].copy_from_slice(&[1, 2, 0, 0, 0, 0, 9]);
    let mut chaddr = [0; 16];
    chaddr[..6].copy_from_slice(&[2, 0, 0, 0, 0, 9]);
    assert_eq!(
        event,
        Event {
            message: 5,
            op: 2,
            path: path::PASSING,
            flags: flag::UPSTREAM | flag::LEASE | flag::ETHERNET | flag::AGENT,
            hlen: 6,
            client_id_len: 7,
            timestamp: 1 << 40,
            xid: 0xdead_beef,
            interface: 3,
            vrf: 100,
            ifindex: 9,
            outer: 10,
            inner: 20,
            secs: 7,
            bootp_flags: 0x8000,
            ciaddr: [10, 0, 0, 1],
            yiaddr: [10, 0, 0, 2],
            requested: [10, 1, 0, 8],
            server_id: [10, 1, 0, 9],
            source: [10, 1, 0, 1],
            destination: [10, 1, 0, 2],
            giaddr: [10, 0, 0, 4],
            lease: 1800,
            t1: 900,
            t2: 1575,
            chaddr,
            client_id,
            client_id_hash: agent::whole(&[1, 2, 0, 0, 0, 0, 9]) as u32,
            agent_hash: 82_000,
        }
    );
}

#[test]
fn a_client_identifier_of_any_length_is_cut_masked_and_never_read_past_the_frame() {
    for len in 1..=255u8 {
        for behind in [0, 1, 31, 200] {
            let mut option = std::vec![61, len];
            option.extend((1..=len).collect::<Vec<_>>());
            option.extend(std::vec![0xee; behind]);
            let event = filled(&[&option], Place::default());
            let expected: [u8; 32] =
                core::array::from_fn(|i| if i < usize::from(len) { i as u8 + 1 } else { 0 });
            assert_eq!((event.client_id_len, event.client_id), (len, expected), "{len} and {behind}");
            let hash = match option.get(2..2 + usize::from(len)).filter(|id| id.len() <= CLIENT_ID_LEN) {
                Some(id) => agent::whole(id) as u32,
                None => 61_000,
            };
            assert_eq!(event.client_id_hash, hash, "{len} and {behind}");
        }
    }
}

#[test]
fn absent_options_and_options_of_a_wrong_length_leave_zeros_and_no_lease() {
    for options in [&[][..], &[&[51, 3, 1, 1, 1][..], &[54, 8, 1, 1, 1, 1, 1, 1, 1, 1], &[50, 0, 1, 1, 1, 1]]]
    {
        let event = filled(options, Place::default());
        assert_eq!(event.flags, flag::ETHERNET);
        assert_eq!((event.lease, event.t1, event.t2), (0, 0, 0));
        assert_eq!((event.server_id, event.requested, event.client_id_len), ([0; 4], [0; 4], 0));
        assert_eq!(event.client_id, [0; 32]);
    }
}

#[test]
fn a_message_that_is_not_all_in_the_frame_makes_no_record() {
    let mut frame = [0; 60];
    let mut record = Record::zeroed();
    let filled = fill(&SliceFrame::new(&mut frame, 0, 60), 14, &Found(&[]), &Place::default(), &mut record);
    assert_eq!(filled, None);
}
