//! Stored leases: after an orderly end, after a kill, of an older version, damaged, and more than there may be.

use std::time::{SystemTime, UNIX_EPOCH};

use redb::{Database, TableDefinition};
use relay_tests::churn::{mac, mac_text};
use relay_tests::lab::direct::EDGE;
use relay_tests::subject::Mode;
use relay_user::control::model::Status;
use relay_user::control::{self, Command};

use super::{DEADLINE, LEASE, Stage};

#[test]
fn leases_are_there_again_after_an_orderly_end_and_after_a_kill() {
    for mode in Mode::ALL {
        let mut stage = Stage::new("again", mode, "", "");
        let first = stage.site.start().unwrap();
        (1..=20).for_each(|client| stage.binds(client));
        assert_eq!(stage.table(), Stage::of(1..=20), "{mode:?}");
        Stage::ends(first);

        let second = stage.site.start().unwrap();
        assert_eq!(stage.table(), Stage::of(1..=20), "{mode:?}: after an orderly end");
        let status: Status = control::ask(&stage.site.socket(), Command::Status).unwrap();
        assert!(status.interfaces.iter().all(|interface| interface.relays), "{status:?}");
        let printed = stage.site.prints(&["leases"]).unwrap();
        assert!(printed.contains("20 of 20 clients."), "{printed}");
        assert!(printed.contains(&mac_text(7)) && printed.contains("192.168.60.17"), "{printed}");
        (21..=30).for_each(|client| stage.binds(client));
        stage.until("all is stored", |clients| clients.stored >= 10);
        stage.site.kill(second).unwrap();

        let third = stage.site.start().unwrap();
        assert_eq!(stage.table(), Stage::of(1..=30), "{mode:?}: after a kill");
        Stage::ends(third);
    }
}

/// As the first version wrote them; `relay-user/src/clients/store/schema.rs` has the layout.
fn version_1(stage: &Stage, clients: &[u8]) {
    const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
    const LEASES: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("leases");
    std::fs::create_dir_all(stage.site.state()).unwrap();
    let database = Database::create(stage.site.state().join("leases.redb")).unwrap();
    let transaction = database.begin_write().unwrap();
    {
        transaction.open_table(META).unwrap().insert("schema", 1).unwrap();
        let mut leases = transaction.open_table(LEASES).unwrap();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        for &client in clients {
            let mut chaddr = [0; 16];
            chaddr[..6].copy_from_slice(&mac(client));
            let mut key = (EDGE.len() as u16).to_le_bytes().to_vec();
            key.extend(EDGE.bytes());
            key.extend([0; 4]);
            // Known by its hardware address: no client identifier.
            key.extend([0, 6]);
            key.extend([0; 32]);
            key.extend(chaddr);
            let mut value = (now + 7000).to_le_bytes().to_vec();
            value.extend(Stage::address(client).octets());
            value.extend(relay_tests::churn::server(0).octets());
            value.extend(LEASE.to_le_bytes());
            value.push(6);
            value.extend(chaddr);
            value.push(1);
            leases.insert(&key[..], &value[..]).unwrap();
        }
    }
    transaction.commit().unwrap();
}

#[test]
fn leases_of_an_older_version_are_converted_and_that_is_said() {
    let mut stage = Stage::new("older", Mode::Off, "", "");
    version_1(&stage, &[1, 2, 3]);
    let daemon = stage.site.start().unwrap();
    daemon.wait_for_line("were of an older version and have been converted", DEADLINE).unwrap();
    assert_eq!(stage.table(), Stage::of([1, 2, 3]));
    // They are the same clients to it: a renewal makes no second entry.
    stage.binds(2);
    assert_eq!(stage.table(), Stage::of([1, 2, 3]));
    Stage::ends(daemon);
    let again = stage.site.start().unwrap();
    assert_eq!(stage.table(), Stage::of([1, 2, 3]));
    assert!(!again.lines().iter().any(|line| line.contains("older version")));
}

#[test]
fn a_damaged_store_is_set_aside_by_name_and_relaying_begins_with_an_empty_table() {
    let mut stage = Stage::new("damaged", Mode::Native, "", "");
    let first = stage.site.start().unwrap();
    (1..=5).for_each(|client| stage.binds(client));
    Stage::ends(first);
    let file = stage.site.state().join("leases.redb");
    let mut octets = std::fs::read(&file).unwrap();
    let end = octets.len();
    octets[..end].iter_mut().step_by(3).for_each(|octet| *octet ^= 0x5a);
    std::fs::write(&file, &octets).unwrap();

    let second = stage.site.start().unwrap();
    let aside = stage.site.state().join("leases.redb.damaged");
    let said = second.wait_for_line("the stored leases could not be read", DEADLINE).unwrap();
    assert!(said.contains(&aside.display().to_string()), "{said}");
    assert_eq!(std::fs::read(&aside).unwrap(), octets, "it is kept as it was");
    assert_eq!(stage.table(), Stage::of([]));
    stage.binds(6);
    assert_eq!(stage.table(), Stage::of([6]));
    Stage::ends(second);
    let third = stage.site.start().unwrap();
    assert_eq!(stage.table(), Stage::of([6]), "the new one is as good as the old one was");
    Stage::ends(third);
}

#[test]
fn above_clients_max_clients_are_served_all_the_same_and_are_counted() {
    for mode in Mode::ALL {
        for (relay, interface) in [("clients_max = 5\n", ""), ("", "clients_max = 5\n")] {
            let mut stage = Stage::new("most", mode, relay, interface);
            let daemon = stage.site.start().unwrap();
            // Each has its ACK.
            (1..=8).for_each(|client| stage.binds(client));
            assert_eq!(stage.table(), Stage::of(1..=5), "{mode:?}");
            // A REQUEST each that found no room; the ACK to it has no client.
            let clients = stage.until("all is counted", |clients| clients.messages >= 16);
            assert_eq!((clients.clients, clients.bound, clients.limit_reached), (5, 5, 3), "{clients:?}");
            let printed = stage.site.prints(&["stats"]).unwrap();
            assert!(printed.contains("3 times there was no room for one"), "{printed}");
            // Those that are in it renew.
            stage.binds(3);
            assert_eq!(stage.table(), Stage::of(1..=5), "{mode:?}");
            Stage::ends(daemon);
        }
    }
}
