//! `events` for a reader that does not read: the daemon neither waits for it nor keeps everything for it, and it is told how much
//! it has missed.

use std::sync::mpsc;

use relay_tests::lab::wait;
use relay_tests::scale::cost::Memory;
use relay_tests::subject::Mode;
use relay_user::control::leases::{Missed, StepRow};
use relay_user::control::{self, Command, Question};
use serde_json::Value;

use super::{DEADLINE, Stage};

/// Steps of a REQUEST and its ACK.
const STEPS: usize = 2;
/// So many dialogues are more than the daemon and both sockets keep: 4,096 steps and some hundred kilobytes.
const DIALOGUES: usize = 5000;
/// What the daemon may grow by, in KiB: the steps it keeps, and what an allocator does.
const ROOM: u64 = 24 * 1024;

#[test]
fn a_reader_that_is_too_slow_is_told_how_many_steps_it_missed_and_nobody_waits_for_it() {
    let mut stage = Stage::new("slow", Mode::Native, "", "");
    let daemon = stage.site.start().unwrap();
    let (seen, lines) = mpsc::channel::<Value>();
    let (go_on, may_read) = mpsc::channel::<()>();
    let socket = stage.site.socket();
    let reader = std::thread::spawn(move || {
        // It ends with the relay, which is no failure here.
        let _ = control::follow(&socket, &Question::from(Command::Events), |line: Value| {
            let goes_on = seen.send(line).is_ok();
            // After the first line it reads nothing until it is told to, and from then on everything.
            let _ = may_read.recv();
            goes_on
        });
    });
    wait::until("it follows", DEADLINE, || {
        stage.binds(1);
        Ok(lines.try_recv().ok())
    })
    .unwrap();
    (1..=100).for_each(|client| stage.binds(client));
    let before = Memory::of(daemon.pid()).unwrap();
    let handled = stage.clients().messages;
    for dialogue in 0..DIALOGUES {
        stage.binds((dialogue % 100) as u8 + 1);
    }
    let clients = stage.clients();
    assert_eq!((clients.messages - handled, clients.events_lost), (2 * DIALOGUES as u64, 0), "{clients:?}");
    let after = Memory::of(daemon.pid()).unwrap();
    assert!(after.resident < before.resident + ROOM, "{before:?} {after:?}");
    // Another reader has everything that comes from now on.
    assert_eq!(stage.table(), Stage::of(1..=100));

    drop(go_on);
    let mut missed = 0;
    let mut steps = 0;
    let mark = stage.xid + 1;
    stage.binds(1);
    loop {
        let line = lines.recv_timeout(DEADLINE).unwrap();
        if let Ok(step) = serde_json::from_value::<StepRow>(line.clone()) {
            steps += 1;
            if step.xid == mark && step.step == "renewed" {
                break;
            }
        } else {
            missed += serde_json::from_value::<Missed>(line).unwrap().missed as usize;
        }
    }
    assert!(missed > 0, "{steps} steps came and none was missed");
    // All that happened since it began to follow was told or counted: at least the dialogues that were counted here.
    let least = STEPS * (DIALOGUES + 100);
    assert!((least..least + 50).contains(&(steps + missed)), "{steps} and {missed} missed, of {least}");
    Stage::ends(daemon);
    reader.join().unwrap();
}
