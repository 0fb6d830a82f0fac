//! How many frames a second the sockets carry; run by hand in a release build:
//! `cargo test --release -p relay-user --test socket -- --ignored --nocapture speed`.

use std::time::{Duration, Instant};

use relay_user::socket::{FrameBatch, FrameSender};

use crate::frames::numbered;
use crate::lab::Lab;

#[test]
#[ignore = "a measurement, not a check"]
fn speed_of_receiving_and_sending_in_batches() {
    const WAITING: u32 = 4000;
    let lab = Lab::new();
    lab.wire("r1", "p1", 8);
    let (socket, peer) = (lab.port("relay", "r0"), lab.peer());
    let out = lab.ifindex("relay", "r1");
    let sender = lab.inside("relay", FrameSender::open).unwrap();
    let mut batch = FrameBatch::new();
    let frame = numbered(1);
    let burst: Vec<(u32, &[u8])> = vec![(peer.ifindex, &frame); WAITING as usize];
    let (mut frames, mut both, mut receiving) = (0, Duration::ZERO, Duration::ZERO);
    // The queue is filled first, so that only the daemon's side is timed.
    for round in 0..50 {
        assert_eq!(peer.sender.send_batch(&burst).failures.len(), 0);
        let start = Instant::now();
        let mut count = 0;
        while socket.recv_batch(&mut batch).unwrap() > 0 {
            count += batch.len();
            if round % 2 == 0 {
                let outgoing: Vec<(u32, &[u8])> = batch.iter().map(|(bytes, _)| (out, bytes)).collect();
                assert_eq!(sender.send_batch(&outgoing).failures.len(), 0);
            }
        }
        if round % 2 == 0 {
            both += start.elapsed();
            frames += count;
        } else {
            receiving += start.elapsed();
        }
    }
    let each = |time: Duration| time.as_nanos() as f64 / frames as f64;
    println!(
        "{frames} frames of {} bytes: receive and send {:.0} ns each ({:.0} frames/s), receive alone about {:.0} ns; {} dropped",
        frame.len(),
        each(both),
        1e9 / each(both),
        each(receiving),
        socket.drops().unwrap()
    );
    assert!(frames > 0);
}
