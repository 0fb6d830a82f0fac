//! Many changes at once, lost events, and how long a change takes to be published.

use std::{
    fmt::Write,
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use relay_user::nexthop::{Target, Unresolved, Watcher};
use rtnetlink::RouteMessageBuilder;

use crate::lab::{EAST_MAC, EVENTS_ONLY, Lab, P1_MAC, Receiver, WEST_MAC, target, wait_hop, wait_reason};

#[test]
fn after_200_quick_route_changes_the_last_one_counts() {
    let lab = Lab::new();
    lab.in_relay(async || {
        let server = target([10, 9, 0, 5]);
        let (_watcher, mut receiver) =
            Watcher::start(vec![server.clone()], EVENTS_ONLY).await.expect("starts");
        let mut changes = String::new();
        for _ in 0..50 {
            changes += "route add 10.9.0.0/24 via 10.2.0.2\nroute del 10.9.0.0/24\n";
            changes += "route add 10.9.0.0/24 via 10.1.0.2\nroute del 10.9.0.0/24\n";
        }
        lab.ip_batch("relay", &changes);
        wait_reason(&mut receiver, &server, Unresolved::NoRoute).await;
        changes += "route add 10.9.0.0/24 via 10.2.0.2\n";
        lab.ip_batch("relay", &changes);
        wait_hop(&mut receiver, &server, "p2", WEST_MAC).await;
        lab.ip_batch("relay", "route replace 10.9.0.0/24 via 10.1.0.2\n");
        wait_hop(&mut receiver, &server, "p1", EAST_MAC).await;
    });
}

#[test]
fn lost_events_are_noticed_and_everything_is_read_again() {
    let lab = Lab::new();
    let mut flood = String::new();
    for number in 0..20_000 {
        let _infallible =
            writeln!(flood, "route replace 10.{}.{}.0/24 via 10.1.0.2", 100 + number / 250, number % 250);
    }
    flood += "route del 10.9.0.0/24\nlink set p1 mtu 1280\naddr add 10.8.0.1/31 dev p2\n";
    lab.ip("relay", "route add 10.9.0.0/24 via 10.1.0.2");
    lab.in_relay_single_threaded(async || {
        let server = target([10, 9, 0, 5]);
        let (watcher, mut receiver) =
            Watcher::start(vec![server.clone()], EVENTS_ONLY).await.expect("starts");
        wait_hop(&mut receiver, &server, "p1", EAST_MAC).await;
        assert_eq!(watcher.losses(), 0);
        // The watcher stands still meanwhile: the socket overflows, and the changes at the end are lost with the rest.
        lab.ip_batch("relay", &flood);
        wait_reason(&mut receiver, &server, Unresolved::NoRoute).await;
        assert!(watcher.losses() > 0, "the flood was too small to overflow the socket");
        let host = receiver.borrow().host.clone();
        let p1 = host.link("p1").expect("p1 is listed");
        assert_eq!((p1.mtu, p1.mac), (1280, Some(P1_MAC)));
        assert!(host.addresses.iter().any(|address| address.address == Ipv4Addr::new(10, 8, 0, 1)));
    });
}

/// Rounds of a measurement, and the quiet before each: a relay's network is quiet most of the time.
const ROUNDS: usize = 30;
const QUIET: Duration = Duration::from_millis(30);

#[test]
fn a_route_change_is_published_within_100_ms() {
    let lab = Lab::new();
    lab.in_relay(async || {
        let server = target([10, 9, 0, 5]);
        let (_watcher, mut receiver, handle) = watch_33_servers(&lab, &server).await;
        let mut took = Vec::new();
        for (gateway, device, mac) in [([10, 1, 0, 2], "p1", EAST_MAC), ([10, 2, 0, 2], "p2", WEST_MAC)]
            .into_iter()
            .cycle()
            .take(ROUNDS)
        {
            let route = RouteMessageBuilder::<Ipv4Addr>::new()
                .destination_prefix([10, 9, 0, 0].into(), 24)
                .gateway(gateway.into())
                .build();
            tokio::time::sleep(QUIET).await;
            let began = Instant::now();
            handle.route().add(route).replace().execute().await.expect("the route is replaced");
            wait_hop(&mut receiver, &server, device, mac).await;
            took.push(began.elapsed());
        }
        report("route replaced", took);
    });
}

#[test]
fn a_new_mac_is_published_within_100_ms() {
    let lab = Lab::new();
    lab.in_relay(async || {
        let server = target([10, 1, 0, 2]);
        let (_watcher, mut receiver, handle) = watch_33_servers(&lab, &server).await;
        let p1 = wait_hop(&mut receiver, &server, "p1", EAST_MAC).await.ifindex;
        let mut took = Vec::new();
        for number in 0..ROUNDS {
            let mac = [2, 0, 0, 0, 9, u8::try_from(number).expect("few rounds")];
            tokio::time::sleep(QUIET).await;
            let began = Instant::now();
            let replace =
                handle.neighbours().add(p1, server.server.into()).link_layer_address(&mac).replace();
            replace.execute().await.expect("the entry is replaced");
            wait_hop(&mut receiver, &server, "p1", mac).await;
            took.push(began.elapsed());
        }
        report("neighbour replaced", took);
    });
}

/// The server to measure, and 32 that share its passes; every gateway is resolved, so that no ARP is in what is measured.
async fn watch_33_servers(lab: &Lab, server: &Target) -> (Watcher, Receiver, rtnetlink::Handle) {
    lab.ip("relay", "route add 10.9.1.0/24 via 10.1.0.2");
    let mut targets = vec![server.clone(), target([10, 1, 0, 3]), target([10, 2, 0, 2])];
    targets.extend((1..=30).map(|host| target([10, 9, 1, host])));
    let (watcher, mut receiver) = Watcher::start(targets, EVENTS_ONLY).await.expect("starts");
    wait_hop(&mut receiver, &target([10, 9, 1, 1]), "p1", EAST_MAC).await;
    wait_hop(&mut receiver, &target([10, 2, 0, 2]), "p2", WEST_MAC).await;
    let (connection, handle, _) = rtnetlink::new_connection().expect("a socket opens");
    tokio::spawn(connection);
    (watcher, receiver, handle)
}

fn report(what: &str, mut took: Vec<Duration>) {
    took.sort();
    let (best, median, worst) = (took[0], took[took.len() / 2], took[took.len() - 1]);
    println!("{what} → published, 33 servers: best {best:.1?}, median {median:.1?}, worst {worst:.1?}");
    assert!(median < Duration::from_millis(100), "{took:?}");
}
