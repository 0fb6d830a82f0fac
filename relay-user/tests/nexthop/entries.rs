//! Whose neighbour entry is whose: the relay undoes what it did, and nothing else.

use relay_user::nexthop::{Options, Unresolved, Upkeep, Watcher};

use crate::lab::{EAST_MAC, EVENTS_ONLY, Lab, target, wait_hop, wait_reason};

#[test]
fn an_entry_the_relay_made_is_managed_and_gone_after_shutdown() {
    let lab = Lab::new();
    lab.in_relay(async || {
        let (live, dead) = (target([10, 1, 0, 2]), target([10, 1, 0, 99]));
        let targets = vec![live.clone(), dead.clone()];
        let (watcher, mut receiver) = Watcher::start(targets, EVENTS_ONLY).await.expect("starts");
        wait_hop(&mut receiver, &live, "p1", EAST_MAC).await;
        assert!(lab.neighbour("p1", "10.1.0.2").contains("managed"));
        assert!(lab.neighbour("p1", "10.1.0.99").contains("managed"));
        watcher.shutdown().await.expect("runs until now");
        assert_eq!(lab.neighbour("p1", "10.1.0.2"), "");
        assert_eq!(lab.neighbour("p1", "10.1.0.99"), "");
    });
}

#[test]
fn an_operators_permanent_entry_is_used_untouched_and_survives_shutdown() {
    let lab = Lab::new();
    lab.ip("relay", "neigh add 10.1.0.2 lladdr 02:aa:aa:aa:aa:aa dev p1 nud permanent");
    let before = lab.neighbour("p1", "10.1.0.2");
    lab.in_relay(async || {
        let server = target([10, 1, 0, 2]);
        let (watcher, mut receiver) =
            Watcher::start(vec![server.clone()], EVENTS_ONLY).await.expect("starts");
        wait_hop(&mut receiver, &server, "p1", [2, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa]).await;
        assert_eq!(lab.neighbour("p1", "10.1.0.2"), before);
        watcher.shutdown().await.expect("runs until now");
        assert_eq!(lab.neighbour("p1", "10.1.0.2"), before);
    });
}

#[test]
fn an_entry_the_operator_takes_over_at_the_moment_of_shutdown_survives() {
    let lab = Lab::new();
    lab.in_relay_single_threaded(async || {
        let server = target([10, 1, 0, 2]);
        let (watcher, mut receiver) =
            Watcher::start(vec![server.clone()], EVENTS_ONLY).await.expect("starts");
        wait_hop(&mut receiver, &server, "p1", EAST_MAC).await;
        // The watcher stands still here, and the order to stop comes before it reads the event.
        lab.ip("relay", "neigh replace 10.1.0.2 lladdr 02:aa:aa:aa:aa:aa dev p1 nud permanent");
        watcher.shutdown().await.expect("runs until now");
        assert!(lab.neighbour("p1", "10.1.0.2").contains("PERMANENT"));
    });
}

#[test]
fn an_entry_another_program_manages_or_learned_stays_as_it_is() {
    let lab = Lab::new();
    lab.ip("relay", "neigh add 10.1.0.2 dev p1 managed");
    lab.ip("relay", "neigh add 10.1.0.3 lladdr 02:bb:bb:bb:bb:bb dev p1 nud reachable extern_learn");
    lab.in_relay(async || {
        let (managed, learned) = (target([10, 1, 0, 2]), target([10, 1, 0, 3]));
        let targets = vec![managed.clone(), learned.clone()];
        let (watcher, mut receiver) = Watcher::start(targets, EVENTS_ONLY).await.expect("starts");
        wait_hop(&mut receiver, &managed, "p1", EAST_MAC).await;
        wait_hop(&mut receiver, &learned, "p1", [2, 0xbb, 0xbb, 0xbb, 0xbb, 0xbb]).await;
        watcher.shutdown().await.expect("runs until now");
        assert!(lab.neighbour("p1", "10.1.0.2").contains("managed"));
        let entry = lab.neighbour("p1", "10.1.0.3");
        assert!(entry.contains("extern_learn") && !entry.contains("managed"), "{entry}");
    });
}

#[test]
fn a_learned_entry_is_managed_while_in_use_and_an_ordinary_one_afterwards() {
    let lab = Lab::new();
    lab.ip("relay", "neigh add 10.1.0.2 lladdr 02:00:00:00:01:02 dev p1 nud reachable");
    lab.in_relay(async || {
        let server = target([10, 1, 0, 2]);
        let (watcher, mut receiver) =
            Watcher::start(vec![server.clone()], EVENTS_ONLY).await.expect("starts");
        wait_hop(&mut receiver, &server, "p1", EAST_MAC).await;
        assert!(lab.neighbour("p1", "10.1.0.2").contains("managed"));
        watcher.shutdown().await.expect("runs until now");
        let entry = lab.neighbour("p1", "10.1.0.2");
        assert!(entry.contains("02:00:00:00:01:02") && !entry.contains("managed"), "{entry}");
    });
}

#[test]
fn an_entry_that_somebody_left_unresolved_is_resolved() {
    let lab = Lab::new();
    lab.ip("relay", "neigh add 10.1.0.2 dev p1 nud none");
    lab.ip("relay", "neigh add 10.1.0.3 dev p1 nud failed");
    lab.in_relay(async || {
        let (none, failed) = (target([10, 1, 0, 2]), target([10, 1, 0, 3]));
        let targets = vec![none.clone(), failed.clone()];
        let (_watcher, mut receiver) = Watcher::start(targets, EVENTS_ONLY).await.expect("starts");
        wait_hop(&mut receiver, &none, "p1", EAST_MAC).await;
        wait_hop(&mut receiver, &failed, "p1", EAST_MAC).await;
        assert!(lab.neighbour("p1", "10.1.0.2").contains("managed"));
    });
}

#[test]
fn probing_resolves_without_managed_entries() {
    let lab = Lab::new();
    lab.in_relay(async || {
        let (live, dead) = (target([10, 1, 0, 2]), target([10, 1, 0, 99]));
        let targets = vec![live.clone(), dead.clone()];
        let probing = Options { upkeep: Upkeep::Probe, ..EVENTS_ONLY };
        let (watcher, mut receiver) = Watcher::start(targets, probing).await.expect("starts");
        wait_hop(&mut receiver, &live, "p1", EAST_MAC).await;
        assert!(!lab.neighbour("p1", "10.1.0.2").contains("managed"));
        let (device, gateway) = ("p1".to_owned(), dead.server.into());
        wait_reason(&mut receiver, &dead, Unresolved::NeighbourFailed { device, gateway }).await;
        lab.ip("east", "addr add 10.1.0.99/24 dev e");
        wait_hop(&mut receiver, &dead, "p1", EAST_MAC).await;
        watcher.shutdown().await.expect("runs until now");
        assert_eq!(lab.neighbour("p1", "10.1.0.2"), "");
    });
}
