//! Sending whole frames: byte for byte, to several ports, and with every refusal reported.

use std::io;

use relay_user::socket::FrameSender;

use crate::frames::{C_TAG, QINQ, S_TAG, numbered, tagged};
use crate::lab::{Lab, next};

#[test]
fn frames_leave_byte_for_byte_by_the_port_they_are_meant_for() {
    let lab = Lab::new();
    lab.wire("r1", "p1", 8);
    let (first, second) = (lab.port("peer", "p0"), lab.port("peer", "p1"));
    let (r0, r1) = (lab.ifindex("relay", "r0"), lab.ifindex("relay", "r1"));
    let sender = lab.inside("relay", FrameSender::open).unwrap();
    let frames = [tagged(&[]), tagged(C_TAG), tagged(S_TAG), tagged(QINQ)];
    let report = sender.send_batch(&[(r0, &frames[0]), (r1, &frames[1]), (r0, &frames[2]), (r1, &frames[3])]);
    assert_eq!((report.sent, report.failures.len()), (4, 0));
    assert_eq!(next(&first).0, frames[0]);
    assert_eq!(next(&first).0, frames[2]);
    assert_eq!(next(&second).0, frames[1]);
    assert_eq!(next(&second).0, frames[3]);
}

#[test]
fn a_refused_frame_is_reported_and_does_not_hold_up_the_others() {
    let lab = Lab::new();
    lab.wire("r1", "p1", 8);
    lab.ip("relay", "link set r1 down");
    let sink = lab.port("peer", "p0");
    let (r0, r1) = (lab.ifindex("relay", "r0"), lab.ifindex("relay", "r1"));
    let sender = lab.inside("relay", FrameSender::open).unwrap();
    let too_long = vec![0; 2000];
    let frames: Vec<Vec<u8>> = (0..100).map(numbered).collect();
    let mut burst: Vec<(u32, &[u8])> = frames.iter().map(|frame| (r0, frame.as_slice())).collect();
    burst[0] = (r1, &frames[0]);
    burst[70] = (r0, &too_long);
    burst[99] = (9999, &frames[99]);
    let report = sender.send_batch(&burst);
    let failures: Vec<(usize, Option<i32>)> =
        report.failures.iter().map(|(index, error)| (*index, error.raw_os_error())).collect();
    assert_eq!(failures, [(0, Some(libc::ENETDOWN)), (70, Some(libc::EMSGSIZE)), (99, Some(libc::ENXIO))]);
    assert_eq!(report.sent, 97);
    for number in (1..70).chain(71..99) {
        assert_eq!(next(&sink).0, numbered(number));
    }
}

#[test]
fn a_full_send_buffer_is_reported_as_would_block_and_a_full_port_queue_as_enobufs() {
    let lab = Lab::new();
    let sender = lab.inside("relay", FrameSender::open).unwrap();
    let r0 = lab.ifindex("relay", "r0");
    // A shaper that lets nearly nothing out and holds 2000 bytes.
    lab.inside("relay", || {
        crate::lab::run(&[
            "tc", "qdisc", "add", "dev", "r0", "root", "tbf", "rate", "1kbit", "burst", "1600", "limit",
            "2000",
        ]);
    });
    let refused =
        (0..100).find_map(|number| sender.send(r0, &numbered(number)).err()).expect("the queue is full");
    assert_eq!(refused.raw_os_error(), Some(libc::ENOBUFS));

    lab.inside("relay", || {
        crate::lab::run(&[
            "tc", "qdisc", "replace", "dev", "r0", "root", "tbf", "rate", "1kbit", "burst", "1600", "limit",
            "1000000",
        ]);
    });
    nix::sys::socket::setsockopt(&sender, nix::sys::socket::sockopt::SndBuf, &8192).unwrap();
    let refused =
        (0..100).find_map(|number| sender.send(r0, &numbered(number)).err()).expect("the buffer is full");
    assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
}
