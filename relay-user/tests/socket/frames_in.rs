//! What arrives at a port socket, and what does not.

use std::net::UdpSocket;

use nix::poll::PollFlags;
use nix::sys::socket::{setsockopt, sockopt};
use relay_user::socket::normalise::{Normalised, normalise};
use relay_user::socket::{FrameBatch, FrameSender, Received};

use crate::frames::{C_TAG, DOUBLE_C, IP_OPTIONS, QINQ, S_TAG, Spec};
use crate::frames::{arp, numbered, ones_complement, tagged, with_ether_type};
use crate::lab::{Lab, RELAY_MAC, next, wait};

#[test]
fn frames_arrive_byte_for_byte_with_their_tags() {
    let lab = Lab::new();
    let (socket, peer) = (lab.port("relay", "r0"), lab.peer());
    let mut batch = FrameBatch::new();
    for tags in [&[][..], C_TAG, S_TAG, QINQ, DOUBLE_C] {
        let frame = tagged(tags);
        peer.send(&frame);
        let (bytes, received) = next(&socket);
        assert_eq!(bytes, frame, "tags {tags:02x?}");
        assert_eq!(received.ifindex, socket.ifindex());
        assert!(!received.checksum_not_ready && !received.other_host && !received.truncated, "{received:?}");

        peer.send(&frame);
        assert!(wait(&socket, PollFlags::POLLIN));
        assert_eq!(socket.recv_batch(&mut batch).unwrap(), 1);
        let (bytes, again) = batch.iter().next().unwrap();
        assert_eq!(bytes, frame, "in a batch, tags {tags:02x?}");
        assert!(received.stamp.is_some() && again.stamp > received.stamp, "{received:?}, then {again:?}");
        assert_eq!(Received { stamp: received.stamp, ..again }, received, "in a batch, tags {tags:02x?}");
    }
}

#[test]
fn only_udp_ports_67_and_68_get_through_the_filter() {
    let lab = Lab::new();
    let (socket, peer) = (lab.port("relay", "r0"), lab.peer());
    let three = [QINQ, C_TAG, C_TAG].concat();
    for tags in [&[][..], C_TAG, QINQ] {
        for spec in [
            Spec { tags, port: 69, ..Spec::default() },
            Spec { tags, port: 53, ..Spec::default() },
            Spec { tags, protocol: 6, ..Spec::default() },
            // Bytes 2 and 3 look like port 67, but a later fragment has no UDP header.
            Spec { tags, fragment: 0x0003, ..Spec::default() },
            // The options look like a UDP header to port 67; the real one is to port 69.
            Spec { tags, ip_options: &[1, 1, 0, 67], port: 69, ..Spec::default() },
        ] {
            peer.send(&spec.build());
        }
    }
    peer.send(&arp());
    peer.send(&with_ether_type([0x86, 0xdd]));
    peer.send(&with_ether_type([0x91, 0x00]));
    peer.send(&tagged(&three));
    // Cut off in the middle of the UDP destination port.
    peer.send(&Spec::default().build()[..37]);
    // To a client: it only passes, and is looked at.
    let passing = Spec { port: 68, ..Spec::default() }.build();
    peer.send(&passing);
    assert_eq!(next(&socket).0, passing);
    let marker = numbered(1);
    peer.send(&marker);
    assert_eq!(next(&socket).0, marker, "the first frame to arrive is the one after all the others");
}

#[test]
fn what_the_host_itself_sends_is_not_received() {
    let lab = Lab::new();
    let (socket, peer) = (lab.port("relay", "r0"), lab.peer());
    let own = lab.inside("relay", FrameSender::open).unwrap();
    own.send(socket.ifindex(), &numbered(1)).unwrap();
    lab.inside("relay", || {
        let udp = UdpSocket::bind("10.9.0.1:0").unwrap();
        udp.set_broadcast(true).unwrap();
        udp.send_to(&[0; 300], "10.9.0.255:67").unwrap();
        // Fragmented, so that it would have to pass through the reassembly.
        udp.send_to(&[0; 3000], "10.9.0.255:67").unwrap();
    });
    let marker = numbered(2);
    peer.send(&marker);
    assert_eq!(next(&socket).0, marker);
}

#[test]
fn a_checksum_left_to_the_card_and_another_hosts_frame_are_marked() {
    let lab = Lab::new();
    let (socket, peer) = (lab.port("relay", "r0"), lab.peer());
    lab.inside("peer", || UdpSocket::bind("10.9.0.2:0").unwrap().send_to(&[7; 300], "10.9.0.1:67").unwrap());
    let (bytes, received) = next(&socket);
    assert_eq!(&bytes[..6], &RELAY_MAC);
    assert!(received.checksum_not_ready, "veth leaves the checksum of a local socket undone");
    assert!(!received.other_host);

    let other = Spec { destination: [2, 0, 0, 0, 0, 0x77], ..Spec::default() }.build();
    peer.send(&other);
    let (bytes, received) = next(&socket);
    assert_eq!(bytes, other);
    assert!(received.other_host && !received.checksum_not_ready);
}

#[test]
fn ip_options_arrive_and_are_normalised_with_a_right_checksum() {
    let lab = Lab::new();
    let (socket, peer) = (lab.port("relay", "r0"), lab.peer());
    for tags in [&[][..], C_TAG, QINQ] {
        peer.send(&Spec { tags, ip_options: IP_OPTIONS, ..Spec::default() }.build());
        let (mut bytes, _) = next(&socket);
        assert_eq!(normalise(&mut bytes), Normalised::OptionsRemoved(IP_OPTIONS.len()));
        assert_eq!(bytes, tagged(tags));
        let header = 14 + tags.len();
        assert_eq!(ones_complement(&bytes[header..header + 20]), 0xffff);
    }
}

#[test]
fn two_hundred_frames_arrive_in_order_in_batches() {
    let lab = Lab::new();
    let (socket, peer) = (lab.port("relay", "r0"), lab.peer());
    let frames: Vec<Vec<u8>> = (0..200).map(numbered).collect();
    let burst: Vec<(u32, &[u8])> = frames.iter().map(|frame| (peer.ifindex, frame.as_slice())).collect();
    let report = peer.sender.send_batch(&burst);
    assert_eq!((report.sent, report.failures.len()), (200, 0));

    let mut batch = FrameBatch::new();
    let mut arrived = Vec::new();
    while arrived.len() < 200 {
        if socket.recv_batch(&mut batch).unwrap() == 0 {
            assert!(wait(&socket, PollFlags::POLLIN), "{} of 200 arrived", arrived.len());
        }
        assert!(batch.len() <= FrameBatch::CAPACITY);
        arrived.extend(batch.iter().map(|(bytes, _)| bytes.to_vec()));
    }
    assert_eq!(arrived, frames);
    assert_eq!(socket.recv_batch(&mut batch).unwrap(), 0, "an empty queue is no error");
    assert!(batch.is_empty());
    assert_eq!(socket.drops().unwrap(), 0);
}

#[test]
fn frames_lost_to_a_full_buffer_are_counted() {
    let lab = Lab::new();
    let (socket, peer) = (lab.port("relay", "r0"), lab.peer());
    setsockopt(&socket, sockopt::RcvBuf, &(32 << 10)).unwrap();
    let mut batch = FrameBatch::new();
    let mut total = 0;
    for round in 1..=2 {
        for number in 0..300 {
            peer.send(&numbered(number));
        }
        // The wire is in order: what is not there when the last frame has been dealt with was dropped.
        let mut arrived = 0;
        let deadline = std::time::Instant::now() + crate::lab::DEADLINE;
        loop {
            arrived += socket.recv_batch(&mut batch).unwrap() as u64;
            if socket.drops().unwrap() - total + arrived >= 300 {
                break;
            }
            assert!(std::time::Instant::now() < deadline, "round {round}: {arrived} arrived");
        }
        let lost = socket.drops().unwrap() - total;
        assert!(lost > 0, "32 KiB do not hold 300 frames");
        assert_eq!(lost + arrived, 300, "round {round}");
        total += lost;
    }
    assert_eq!(socket.drops().unwrap(), total, "the count is cumulative");
}
