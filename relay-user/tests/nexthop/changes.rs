//! What changes while the relay runs: MACs, routes, links, servers that die and come back.

use std::{net::UdpSocket, time::Duration};

use relay_user::nexthop::{Options, Resolution, Unresolved, Watcher};

use crate::lab::{EAST_MAC, EVENTS_ONLY, Lab, P2_MAC, WEST_MAC, target, wait, wait_hop, wait_reason};

#[test]
fn a_neighbour_that_announces_a_new_mac_is_followed() {
    let lab = Lab::new();
    lab.sysctl("east", "net.ipv4.conf.e.arp_notify=1");
    lab.in_relay(async || {
        let server = target([10, 1, 0, 2]);
        let (_watcher, mut receiver) =
            Watcher::start(vec![server.clone()], EVENTS_ONLY).await.expect("starts");
        wait_hop(&mut receiver, &server, "p1", EAST_MAC).await;
        lab.ip("east", "link set e address 02:00:00:00:01:77");
        wait_hop(&mut receiver, &server, "p1", [2, 0, 0, 0, 1, 0x77]).await;
    });
}

#[test]
fn an_entry_the_operator_replaces_is_followed() {
    let lab = Lab::new();
    lab.in_relay(async || {
        let server = target([10, 1, 0, 2]);
        let (watcher, mut receiver) =
            Watcher::start(vec![server.clone()], EVENTS_ONLY).await.expect("starts");
        wait_hop(&mut receiver, &server, "p1", EAST_MAC).await;
        lab.ip("relay", "neigh replace 10.1.0.2 lladdr 02:00:00:00:01:88 dev p1 nud permanent");
        wait_hop(&mut receiver, &server, "p1", [2, 0, 0, 0, 1, 0x88]).await;
        watcher.shutdown().await.expect("runs until now");
        assert!(lab.neighbour("p1", "10.1.0.2").contains("PERMANENT"), "it is the operator's now");
    });
}

#[test]
fn an_entry_the_operator_deletes_is_made_again() {
    let lab = Lab::new();
    lab.in_relay(async || {
        let server = target([10, 1, 0, 2]);
        let (_watcher, mut receiver) =
            Watcher::start(vec![server.clone()], EVENTS_ONLY).await.expect("starts");
        wait_hop(&mut receiver, &server, "p1", EAST_MAC).await;
        // Another MAC behind the same address, so that the next resolution can be told from the present one.
        lab.ip("east", "link set e address 02:00:00:00:01:99");
        lab.ip("relay", "neigh del 10.1.0.2 dev p1");
        wait_hop(&mut receiver, &server, "p1", [2, 0, 0, 0, 1, 0x99]).await;
        assert!(lab.neighbour("p1", "10.1.0.2").contains("managed"));
    });
}

#[test]
fn a_route_that_moves_to_another_port_is_followed_and_the_old_gateway_released() {
    let lab = Lab::new();
    lab.ip("relay", "route add 10.9.0.0/24 via 10.1.0.2");
    lab.in_relay(async || {
        let server = target([10, 9, 0, 5]);
        let (_watcher, mut receiver) =
            Watcher::start(vec![server.clone()], EVENTS_ONLY).await.expect("starts");
        wait_hop(&mut receiver, &server, "p1", EAST_MAC).await;
        lab.ip("relay", "route replace 10.9.0.0/24 via 10.2.0.2");
        let hop = wait_hop(&mut receiver, &server, "p2", WEST_MAC).await;
        assert_eq!(hop.port_mac, P2_MAC);
        assert_eq!(hop.preferred_source, Some([10, 2, 0, 1].into()));
        assert_eq!(lab.neighbour("p1", "10.1.0.2"), "");
        // A more specific route, and a policy rule with a table of its own, take it back and forth.
        lab.ip("relay", "route add 10.9.0.5/32 via 10.1.0.3");
        wait_hop(&mut receiver, &server, "p1", EAST_MAC).await;
        lab.ip("relay", "route add 10.9.0.5/32 via 10.2.0.2 table 77");
        lab.ip("relay", "rule add to 10.9.0.0/24 lookup 77 pref 100");
        wait_hop(&mut receiver, &server, "p2", WEST_MAC).await;
    });
}

#[test]
fn a_nexthop_object_that_is_replaced_moves_the_routes_that_use_it() {
    let lab = Lab::new();
    // Else the kernel announces each route of the object as well.
    lab.sysctl("relay", "net.ipv4.nexthop_compat_mode=0");
    // And the neighbours' own events would, after some seconds, bring what is to be seen at once.
    lab.ip("relay", "neigh add 10.1.0.2 lladdr 02:00:00:00:01:02 dev p1 nud permanent");
    lab.ip("relay", "neigh add 10.2.0.2 lladdr 02:00:00:00:02:02 dev p2 nud permanent");
    lab.ip("relay", "nexthop add id 7 via 10.1.0.2 dev p1");
    lab.ip("relay", "route add 10.9.0.0/24 nhid 7");
    lab.in_relay(async || {
        let server = target([10, 9, 0, 5]);
        let (_watcher, mut receiver) =
            Watcher::start(vec![server.clone()], EVENTS_ONLY).await.expect("starts");
        wait_hop(&mut receiver, &server, "p1", EAST_MAC).await;
        lab.ip("relay", "nexthop replace id 7 via 10.2.0.2 dev p2");
        wait_hop(&mut receiver, &server, "p2", WEST_MAC).await;
    });
}

#[test]
fn a_removed_route_is_no_route_and_an_added_one_resolves() {
    let lab = Lab::new();
    lab.ip("relay", "route add 10.9.0.0/24 via 10.1.0.2");
    lab.in_relay(async || {
        let server = target([10, 9, 0, 5]);
        let (_watcher, mut receiver) =
            Watcher::start(vec![server.clone()], EVENTS_ONLY).await.expect("starts");
        wait_hop(&mut receiver, &server, "p1", EAST_MAC).await;
        lab.ip("relay", "route del 10.9.0.0/24");
        wait_reason(&mut receiver, &server, Unresolved::NoRoute).await;
        lab.ip("relay", "route add default via 10.2.0.2");
        wait_hop(&mut receiver, &server, "p2", WEST_MAC).await;
        lab.ip("relay", "route replace unreachable 10.9.0.5/32");
        wait_reason(&mut receiver, &server, Unresolved::Unreachable).await;
    });
}

#[test]
fn a_link_that_goes_down_unresolves_and_resolves_when_it_is_up_again() {
    let lab = Lab::new();
    lab.in_relay(async || {
        let server = target([10, 1, 0, 2]);
        let (_watcher, mut receiver) =
            Watcher::start(vec![server.clone()], EVENTS_ONLY).await.expect("starts");
        wait_hop(&mut receiver, &server, "p1", EAST_MAC).await;
        // The peer takes the carrier away: the route stays, the device cannot send.
        lab.ip("east", "link set e down");
        wait_reason(&mut receiver, &server, Unresolved::LinkDown { device: "p1".into() }).await;
        lab.ip("east", "link set e up");
        wait_hop(&mut receiver, &server, "p1", EAST_MAC).await;
        // The operator takes the port down: the kernel removes the route, without a route event.
        lab.ip("relay", "link set p1 down");
        wait_reason(&mut receiver, &server, Unresolved::NoRoute).await;
        lab.ip("relay", "link set p1 up");
        wait_hop(&mut receiver, &server, "p1", EAST_MAC).await;
    });
}

#[test]
fn the_ports_own_new_mac_is_followed() {
    let lab = Lab::new();
    lab.in_relay(async || {
        let server = target([10, 1, 0, 2]);
        let (_watcher, mut receiver) =
            Watcher::start(vec![server.clone()], EVENTS_ONLY).await.expect("starts");
        wait_hop(&mut receiver, &server, "p1", EAST_MAC).await;
        lab.ip("relay", "link set p1 address 02:00:00:00:01:66");
        wait(&mut receiver, "the new source MAC", |snapshot| {
            let hop = snapshot.next_hops[&server].next_hop();
            hop.is_some_and(|hop| hop.port_mac == [2, 0, 0, 0, 1, 0x66])
        })
        .await;
    });
}

#[test]
fn a_dead_server_fails_alone_and_resolves_when_it_comes_back() {
    let lab = Lab::new();
    lab.in_relay(async || {
        let (live, dead) = (target([10, 1, 0, 2]), target([10, 1, 0, 99]));
        let targets = vec![live.clone(), dead.clone()];
        let (_watcher, mut receiver) = Watcher::start(targets, EVENTS_ONLY).await.expect("starts");
        wait_hop(&mut receiver, &live, "p1", EAST_MAC).await;
        let (device, gateway) = ("p1".to_owned(), dead.server.into());
        wait_reason(&mut receiver, &dead, Unresolved::NeighbourFailed { device, gateway }).await;
        assert!(receiver.borrow().next_hops[&live].next_hop().is_some());
        // Nobody sends to it: the kernel goes on probing by itself.
        lab.ip("east", "addr add 10.1.0.99/24 dev e");
        wait_hop(&mut receiver, &dead, "p1", EAST_MAC).await;
    });
}

#[test]
fn a_dead_server_stays_failed_while_it_is_probed_again() {
    let lab = Lab::new();
    lab.in_relay(async || {
        let dead = target([10, 1, 0, 99]);
        let (watcher, mut receiver) = Watcher::start(vec![dead.clone()], EVENTS_ONLY).await.expect("starts");
        let (device, gateway) = ("p1".to_owned(), dead.server.into());
        let failed = Unresolved::NeighbourFailed { device, gateway };
        wait_reason(&mut receiver, &dead, failed.clone()).await;
        // The next probe takes long; a datagram starts it now.
        lab.ip("relay", "ntable change name arp_cache dev p1 retrans 5000");
        let socket = UdpSocket::bind("10.1.0.1:0").expect("the relay's address");
        socket.send_to(b"wake up", (dead.server, 67)).expect("queued for ARP");
        receiver.mark_unchanged();
        watcher.set_targets(vec![dead.clone()]).await.expect("runs");
        let entry = lab.neighbour("p1", "10.1.0.99");
        assert!(entry.contains("INCOMPLETE"), "the pass saw another state: {entry}");
        assert_eq!(receiver.borrow().next_hops[&dead], Resolution::Unresolved(failed));
        assert!(!receiver.has_changed().expect("the watcher runs"), "nothing is published for a probe");
    });
}

#[test]
fn a_change_the_kernel_does_not_announce_is_found_by_the_periodic_reading() {
    let lab = Lab::new();
    lab.ip("relay", "route add 10.9.0.0/24 via 10.1.0.2 metric 10");
    lab.ip("relay", "route add 10.9.0.0/24 via 10.2.0.2 metric 20");
    lab.in_relay(async || {
        let server = target([10, 9, 0, 5]);
        let options = Options { resync: Duration::from_millis(100), ..EVENTS_ONLY };
        let (_watcher, mut receiver) = Watcher::start(vec![server.clone()], options).await.expect("starts");
        wait_hop(&mut receiver, &server, "p1", EAST_MAC).await;
        lab.ip("east", "link set e down");
        wait_reason(&mut receiver, &server, Unresolved::LinkDown { device: "p1".into() }).await;
        lab.sysctl("relay", "net.ipv4.conf.p1.ignore_routes_with_linkdown=1");
        wait_hop(&mut receiver, &server, "p2", WEST_MAC).await;
    });
}
