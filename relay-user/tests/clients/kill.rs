//! `kill -9` at random points of a churn, one hundred times over the same file.
//!
//! The child is this test program itself. It tells each change before it makes it, and each commit after it was
//! reported; what is found in the file must be what the changes make up to some point after the last commit told.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use relay_user::clients::{
    BootTime, Table,
    store::{Clocks, Report, Store, Writer},
};

use crate::{event::*, names, policy};

const FILE: &str = "RELAY_TEST_LEASES";
const KILLS: u32 = 100;
const CLIENTS: u64 = 300;

/// What is in the file: the end of each client's lease.
type Leases = BTreeMap<u8, u64>;

fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

fn load(path: &Path, clocks: &Clocks) -> (Store, Vec<relay_user::clients::Row>) {
    let (store, found) = Store::open(path, clocks).expect("the file");
    assert!(found.set_aside.is_none(), "a kill has damaged the file: {:?}", found.set_aside);
    let rows = found.rows.into_iter().map(|mut stored| {
        stored.row.key.interface = 1;
        stored.row
    });
    (store, rows.collect())
}

#[test]
#[ignore = "the child of the test below"]
fn churn() {
    let Some(path) = std::env::var_os(FILE) else { return };
    let clocks = Clocks::now().unwrap();
    let mut table = Table::new(policy(), clocks.boot);
    let (store, rows) = load(Path::new(&path), &clocks);
    let mut actions = Vec::new();
    for row in rows {
        table.adopt(&row, clocks.boot, &mut actions).unwrap();
    }
    let mut writer = Writer::start(store, clocks).unwrap();
    let mut state = u64::from(std::process::id()).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let (mut told, mut taken) = (0u64, 0u64);
    let mut out = std::io::stdout();
    writeln!(out, "start").unwrap();
    loop {
        let now = BootTime::now().unwrap();
        actions.clear();
        let client = (random(&mut state) % CLIENTS.min(256)) as u8;
        let address = format!("192.0.2.{client}");
        let xid = random(&mut state) as u32;
        let event = from_client(REQUEST, client, xid).asks(&address);
        if random(&mut state).is_multiple_of(4) && table.holder(0, ip(&address)).is_some() {
            writeln!(out, "op {client} 0").unwrap();
            table.handle(&from_client(RELEASE, client, xid).mine(&address), now, &mut actions).unwrap();
        } else {
            table.handle(&event, now, &mut actions).unwrap();
            writeln!(out, "op {client} {}", now.after(Duration::from_secs(3600)).nanos()).unwrap();
            let ack = from_server(ACK, client, xid, crate::SERVER).yours(&address).lease(3600);
            table.handle(&ack, now, &mut actions).unwrap();
        }
        told += 1;
        let waiting = table.has_changes();
        for report in writer.turn(&mut table, &names(), Instant::now()).unwrap() {
            match report {
                Report::Written { .. } => writeln!(out, "committed {taken}").unwrap(),
                other => panic!("{other:?}"),
            }
        }
        if waiting && !table.has_changes() {
            taken = told;
        }
        if told.is_multiple_of(20) {
            // A pace, so that the parent can follow.
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

#[test]
fn a_hundred_kills_at_random_points_lose_nothing_that_was_committed_and_invent_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("leases.redb");
    let mut before = Leases::new();
    let mut state = 0x0123_4567_89ab_cdef;
    let (mut changes, mut commits, mut lost_most) = (0, 0, 0);
    for kill in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kill::churn", "--ignored", "--nocapture"])
            .env(FILE, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        assert!(lines.by_ref().any(|line| line.ends_with("start")), "the child did not start");
        let end = Instant::now() + Duration::from_micros(random(&mut state) % 900_000);
        let mut told = Vec::new();
        let mut killed = false;
        for line in lines {
            told.push(line);
            if !killed && Instant::now() >= end {
                child.kill().unwrap();
                killed = true;
            }
        }
        assert!(killed, "the child ended by itself: {:?}", child.wait());
        child.wait().unwrap();

        let (mut ops, mut committed) = (Vec::new(), 0);
        for line in &told {
            match line.split(' ').collect::<Vec<_>>()[..] {
                ["op", client, expires] => {
                    // The last line may be cut.
                    let Ok(expires) = expires.parse::<u64>() else { continue };
                    ops.push((client.parse::<u8>().unwrap(), expires));
                }
                ["committed", count] => {
                    if let Ok(count) = count.parse::<usize>() {
                        committed = count;
                        commits += 1;
                    }
                }
                _ => {}
            }
        }
        let (store, rows) = load(&path, &Clocks::now().unwrap());
        drop(store);
        let found: Leases =
            rows.iter().map(|row| (row.hardware.octets()[5], row.lease.expires.nanos())).collect();
        let mut model = before.clone();
        let mut matching = None;
        for point in 0..=ops.len() {
            if point >= committed && model == found {
                matching = Some(point);
            }
            if let Some(&(client, expires)) = ops.get(point) {
                if expires == 0 {
                    model.remove(&client);
                } else {
                    model.insert(client, expires);
                }
            }
        }
        let Some(matching) = matching else {
            panic!(
                "kill {kill}: after {} changes, {committed} of them committed, the file has none of the states in between",
                ops.len()
            );
        };
        changes += ops.len();
        lost_most = lost_most.max(ops.len() - matching);
        before = found;
    }
    println!(
        "{KILLS} kills, {changes} changes, {commits} commits told, at most {lost_most} changes lost in one kill"
    );
    assert!(commits > 0 && !before.is_empty());
}
