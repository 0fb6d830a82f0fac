//! Fragmented datagrams: the kernel puts them together before the filter looks for a UDP header.

use std::net::UdpSocket;

use relay_user::socket::MAX_FRAME;

use crate::frames::{C_TAG, QINQ, S_TAG, Spec, numbered, ones_complement, udp};
use crate::lab::{Lab, next};

const MORE: u16 = 0x2000;

#[test]
fn a_datagram_that_the_peers_kernel_fragments_arrives_whole() {
    let lab = Lab::new();
    let socket = lab.port("relay", "r0");
    assert!(socket.reassembles());
    let payload: Vec<u8> = (0..4000u32).map(|byte| byte as u8).collect();
    lab.inside("peer", || UdpSocket::bind("10.9.0.2:0").unwrap().send_to(&payload, "10.9.0.1:67").unwrap());
    let (bytes, received) = next(&socket);
    assert_eq!(bytes.len(), 14 + 20 + 8 + payload.len());
    assert_eq!(bytes[14 + 20 + 8..], payload);
    assert_eq!(bytes[20..22], [0, 0], "no fragment any more");
    assert_eq!(ones_complement(&bytes[14..34]), 0xffff);
    assert!(!received.truncated);
}

#[test]
fn a_datagram_longer_than_a_jumbo_frame_is_marked_as_truncated() {
    let lab = Lab::new();
    let (socket, peer) = (lab.port("relay", "r0"), lab.peer());
    lab.inside("peer", || {
        UdpSocket::bind("10.9.0.2:0").unwrap().send_to(&[1; 12_000], "10.9.0.1:67").unwrap()
    });
    let (bytes, received) = next(&socket);
    assert!(received.truncated);
    assert_eq!(bytes.len(), MAX_FRAME);
    peer.send(&numbered(1));
    assert_eq!(next(&socket).0, numbered(1), "the next frame is not affected");
}

#[test]
fn tagged_fragments_in_any_order_arrive_whole_with_their_tag() {
    let lab = Lab::new();
    let (socket, peer) = (lab.port("relay", "r0"), lab.peer());
    for tags in [&[][..], C_TAG, S_TAG] {
        let payload: Vec<u8> = (0..700u32).map(|byte| byte as u8).collect();
        let datagram = udp(67, &payload);
        let piece = |from: usize, to: usize, more: u16| {
            let fragment = more | (from / 8) as u16;
            Spec { tags, fragment, raw_payload: Some(&datagram[from..to]), ..Spec::default() }.build()
        };
        peer.send(&piece(400, 708, 0));
        peer.send(&piece(200, 400, MORE));
        peer.send(&piece(0, 200, MORE));
        let whole = Spec { tags, payload: &payload, ..Spec::default() }.build();
        assert_eq!(next(&socket).0, whole, "tags {tags:02x?}");
    }
}

#[test]
fn the_first_fragment_under_two_tags_arrives_as_it_is_to_be_counted() {
    let lab = Lab::new();
    let (socket, peer) = (lab.port("relay", "r0"), lab.peer());
    // The kernel takes one tag out and then sees no IPv4, so it does not reassemble.
    let datagram = udp(67, &[3; 300]);
    let first =
        Spec { tags: QINQ, fragment: MORE, raw_payload: Some(&datagram[..200]), ..Spec::default() }.build();
    let last =
        Spec { tags: QINQ, fragment: 25, raw_payload: Some(&datagram[200..]), ..Spec::default() }.build();
    peer.send(&first);
    peer.send(&last);
    peer.send(&numbered(1));
    assert_eq!(next(&socket).0, first);
    assert_eq!(next(&socket).0, numbered(1));
}
