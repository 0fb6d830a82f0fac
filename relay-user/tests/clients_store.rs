//! Leases on disk: what a restart, a reboot, an older program, a damaged file, a full disk and `kill -9` leave of them.

#[path = "clients/event.rs"]
#[allow(dead_code, reason = "each test program uses its part of it")]
mod event;
#[path = "clients/kill.rs"]
mod kill;

use std::{
    collections::BTreeMap,
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

use event::*;
use redb::TableDefinition;
use relay_user::clients::{
    Change, Interface, Policy, Row, Server, Table,
    store::{Clocks, Report, Store, Writer},
};

pub(crate) const SERVER: &str = "10.0.41.10";

pub(crate) fn policy() -> Policy {
    let interface = Interface {
        vrf: 0,
        group: 1,
        servers: vec![Server { address: ip(SERVER), vrf: 0, min_secs: 0 }],
        clients_max: 100_000,
        host_routes: false,
    };
    Policy { interfaces: vec![None, Some(interface)], ..Policy::default() }
}

pub(crate) fn names() -> Arc<BTreeMap<u32, String>> {
    Arc::new(BTreeMap::from([(1, "eth1.100".to_owned())]))
}

fn clocks() -> Clocks {
    Clocks { boot: at(10_000), wall: Duration::from_secs(1_800_000_000), boot_id: [7; 16] }
}

fn later(clocks: &Clocks, seconds: u64) -> Clocks {
    let by = Duration::from_secs(seconds);
    Clocks { boot: clocks.boot.after(by), wall: clocks.wall + by, ..*clocks }
}

/// A table in which clients 1 to `clients` have leases of an hour.
fn bound(clients: u8, clocks: &Clocks) -> Table {
    let mut table = Table::new(policy(), clocks.boot);
    let mut actions = Vec::new();
    for client in 1..=clients {
        let address = format!("192.0.2.{client}");
        let request =
            from_client(REQUEST, client, 7).asks(&address).id(&[client; 40][..usize::from(client) % 40]);
        let ack = from_server(ACK, client, 7, SERVER)
            .yours(&address)
            .lease(3600)
            .with(|event| (event.t1, event.t2) = (1800, 3150));
        for event in [request, ack] {
            table.handle(&event, clocks.boot, &mut actions).expect("taken in");
        }
    }
    table
}

fn rows(table: &mut Table) -> Vec<Row> {
    let mut changes = Vec::new();
    table.take_changes(usize::MAX / 2, &mut changes);
    changes
        .into_iter()
        .filter_map(|change| if let Change::Put(row) = change { Some(row) } else { None })
        .collect()
}

/// A directory with a file in which `clients` leases are.
fn stored(clients: u8, clocks: &Clocks) -> (tempfile::TempDir, std::path::PathBuf, Vec<Row>) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("leases.redb");
    let rows = rows(&mut bound(clients, clocks));
    let (store, found) = Store::open(&path, clocks).expect("a new file");
    assert!(found.rows.is_empty() && found.set_aside.is_none() && found.migrated_from.is_none());
    let changes: Vec<_> = rows.iter().copied().map(Change::Put).collect();
    store.write(&changes, &names(), clocks).expect("written");
    (directory, path, rows)
}

fn by_address(mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort_by_key(|row| row.lease.address);
    rows
}

/// The rows of a file, with the index of their interface put back.
fn read(path: &std::path::Path, clocks: &Clocks) -> Vec<Row> {
    let (_, found) = Store::open(path, clocks).expect("the file");
    assert!(found.set_aside.is_none());
    by_address(
        found
            .rows
            .into_iter()
            .map(|mut stored| {
                assert_eq!(&*stored.interface, "eth1.100");
                stored.row.key.interface = 1;
                stored.row
            })
            .collect(),
    )
}

#[test]
fn after_a_restart_every_lease_is_as_it_was_whatever_the_wall_clock_says() {
    let (_directory, path, rows) = stored(100, &clocks());
    let mut now = later(&clocks(), 600);
    now.wall = Duration::from_secs(86_400);
    assert_eq!(read(&path, &now), by_address(rows));
}

#[test]
fn after_a_reboot_a_lease_lasts_as_long_as_wall_time_leaves_it_and_never_longer_than_it_was() {
    let (_directory, path, _) = stored(3, &clocks());
    let left = |passed: i64| {
        let wall = Duration::from_secs(clocks().wall.as_secs().saturating_add_signed(passed));
        let now = Clocks { boot: at(20), wall, boot_id: [8; 16] };
        read(&path, &now).iter().map(|row| row.lease.expires.since(now.boot).as_secs()).collect::<Vec<_>>()
    };
    assert_eq!(left(600), [3000; 3]);
    assert_eq!(left(-1_000_000_000), [3600; 3]);
    assert_eq!(left(3600), [0; 0]);
    assert_eq!(left(600), [0; 0], "what had run out is gone from the file");
}

#[test]
fn leases_are_deleted_and_replaced_and_those_that_have_run_out_are_not_read() {
    let (_directory, path, rows) = stored(3, &clocks());
    let (store, _) = Store::open(&path, &clocks()).unwrap();
    let mut longer = rows[0];
    longer.lease.expires = at(100_000);
    store.write(&[Change::Put(longer), Change::Delete(rows[1].key)], &names(), &clocks()).unwrap();
    drop(store);
    assert_eq!(read(&path, &clocks()).len(), 2);
    assert_eq!(read(&path, &later(&clocks(), 4000)), [longer]);
}

#[test]
fn a_damaged_file_is_set_aside_under_a_name_that_is_told_and_a_new_one_begun() {
    let (_directory, path, _) = stored(100, &clocks());
    let good = fs::read(&path).unwrap();
    let mut names = Vec::new();
    let mut damaged = vec![
        ("not a database", b"hello, this is not a database at all".to_vec()),
        ("cut short", good[..good.len() / 2].to_vec()),
        ("header overwritten", [&[0xff; 512], &good[512..]].concat()),
    ];
    let mut noise = good.clone();
    noise[4096..].iter_mut().enumerate().for_each(|(i, octet)| *octet ^= (i * 31) as u8);
    damaged.push(("pages overwritten", noise));
    for (what, octets) in damaged {
        fs::write(&path, &octets).unwrap();
        let (store, found) = Store::open(&path, &clocks()).expect(what);
        assert!(found.rows.is_empty(), "{what}");
        let aside = found.set_aside.expect(what);
        println!("{what}: {} in {}", aside.reason, aside.path.display());
        assert!(!aside.reason.is_empty());
        assert_eq!(fs::read(&aside.path).unwrap().len(), octets.len(), "{what}: kept as it was");
        names.push(aside.path);
        drop(store);
        assert!(read(&path, &clocks()).is_empty(), "{what}: the new file is good");
    }
    names.dedup();
    assert_eq!(names.len(), 4, "nothing that was set aside is overwritten");
}

#[test]
fn no_octet_that_changes_on_disk_gives_a_lease_that_was_never_stored() {
    let (_directory, path, rows) = stored(100, &clocks());
    let rows = by_address(rows);
    let good = fs::read(&path).unwrap();
    let mut noticed = 0;
    for at in (0..good.len()).step_by(good.len() / 150) {
        let mut octets = good.clone();
        octets[at] ^= 0x10;
        fs::write(&path, &octets).unwrap();
        let (store, found) = Store::open(&path, &clocks()).expect("a file, this or a new one");
        drop(store);
        match found.set_aside {
            Some(aside) => {
                noticed += 1;
                fs::remove_file(aside.path).unwrap();
            }
            // It was in a part of the file that nothing is read from.
            None => assert_eq!(read(&path, &clocks()), rows, "octet {at}"),
        }
    }
    assert!(noticed > 10, "{noticed} of 150 were noticed");
}

#[test]
fn a_file_of_a_later_version_is_set_aside_too() {
    let (_directory, path, _) = stored(1, &clocks());
    let meta = TableDefinition::<&str, u64>::new("meta");
    let database = redb::Database::open(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(meta).unwrap().insert("schema", 99).unwrap();
    transaction.commit().unwrap();
    drop(database);
    let (_, found) = Store::open(&path, &clocks()).unwrap();
    let reason = found.set_aside.unwrap().reason;
    assert!(reason.contains("version 99"), "{reason}");
}

#[test]
fn a_file_of_version_1_is_brought_up_to_date() {
    let (_directory, path, rows) = stored(1, &clocks());
    let leases = TableDefinition::<&[u8], &[u8]>::new("leases");
    let database = redb::Database::open(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    {
        let mut table = transaction.open_table(leases).unwrap();
        let key = table.pop_first().unwrap().unwrap().0.value().to_vec();
        let mut value = 1_800_003_000u64.to_le_bytes().to_vec();
        value.extend([192, 0, 2, 1, 10, 0, 41, 10]);
        value.extend(3600u32.to_le_bytes());
        value.extend([6, 2, 0, 0, 0, 0, 1]);
        value.extend([0; 10]);
        value.push(1);
        table.insert(&key[..], &value[..]).unwrap();
        transaction
            .open_table(TableDefinition::<&str, u64>::new("meta"))
            .unwrap()
            .insert("schema", 1)
            .unwrap();
    }
    transaction.commit().unwrap();
    drop(database);
    let (store, found) = Store::open(&path, &clocks()).unwrap();
    assert_eq!(found.migrated_from, Some(1));
    drop(store);
    let read = read(&path, &clocks());
    let mut expected = rows[0];
    expected.lease.expires = clocks().boot.after(Duration::from_secs(3000));
    expected.lease.since = at(0);
    (expected.lease.t1, expected.lease.t2) = (0, 0);
    assert_eq!(read, [expected]);
}

#[test]
fn a_file_that_is_in_use_is_left_alone_and_named() {
    let (_directory, path, _) = stored(1, &clocks());
    let _held = Store::open(&path, &clocks()).unwrap();
    let error = Store::open(&path, &clocks()).map(drop).unwrap_err().to_string();
    assert_eq!(error, format!("{} is in use by another process", path.display()));
}

/// Lets the writer work until `done`, and fails after a minute.
fn turn_until(writer: &mut Writer, table: &mut Table, mut done: impl FnMut(&Report) -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while Instant::now() < end {
        for report in writer.turn(table, &names(), Instant::now()).expect("the thread runs") {
            if done(&report) {
                return;
            }
        }
        std::thread::yield_now();
    }
    panic!("the writer did not come to it within a minute");
}

#[test]
fn a_full_disk_is_reported_each_try_and_everything_is_written_when_there_is_room() {
    let disk = Disk::new();
    let path = disk.0.path().join("leases.redb");
    let now = Clocks::now().unwrap();
    let (store, _) = Store::open(&path, &now).unwrap();
    let mut writer = Writer::start(store, now).unwrap();
    let mut table = Table::new(policy(), now.boot);
    fs::write(disk.0.path().join("ballast"), vec![0; 16 << 20]).unwrap_err();
    let mut failed = 0;
    for round in 0u32.. {
        // Leases until they no longer fit, however the file is laid out.
        for client in 0..1000 {
            lease(&mut table, round * 1000 + client, &now);
        }
        turn_until(&mut writer, &mut table, |report| {
            failed += u32::from(matches!(report, Report::Failed(_)));
            !matches!(report, Report::Lost(_))
        });
        if failed > 0 {
            break;
        }
    }
    turn_until(&mut writer, &mut table, |report| matches!(report, Report::Failed(_)));
    fs::remove_file(disk.0.path().join("ballast")).unwrap();
    let bound = table.len();
    turn_until(&mut writer, &mut table, |report| matches!(report, Report::Written { .. }));
    writer.finish(&mut table, &names(), Duration::from_secs(60)).unwrap();
    assert_eq!(read(&path, &now).len(), bound);
}

/// Client `client` gets a lease of an hour.
pub(crate) fn lease(table: &mut Table, client: u32, clocks: &Clocks) {
    let [a, b, c, d] = client.to_be_bytes();
    let named = |event: relay_common::event::Event| {
        event.with(|event| event.chaddr[..6].copy_from_slice(&[2, 0, a, b, c, d]))
    };
    let mut actions = Vec::new();
    let address = [10, b, c, d];
    let request = named(from_client(REQUEST, 0, client)).with(|event| event.requested = address);
    let ack = named(from_server(ACK, 0, client, SERVER)).lease(3600).with(|event| event.yiaddr = address);
    for event in [request, ack] {
        table.handle(&event, clocks.boot, &mut actions).expect("taken in");
    }
}

/// A file system of 8 MiB.
struct Disk(tempfile::TempDir);

impl Disk {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        nix::mount::mount(
            Some("tmpfs"),
            directory.path(),
            Some("tmpfs"),
            nix::mount::MsFlags::empty(),
            Some("size=8m"),
        )
        .expect("a mount, which needs root");
        Self(directory)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // What is left is an empty directory with a mount on it, to be seen in `mount`.
        let _ = nix::mount::umount2(self.0.path(), nix::mount::MntFlags::MNT_DETACH);
    }
}
