//! Host routes and neighbours of clients in a real kernel, beside those of strangers.

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use relay_user::{
    clients::Host,
    hosts::{Device, Devices, HostRoutes, PROTOCOL, Wanted},
};

use crate::lab::Lab;

const DEADLINE: Duration = Duration::from_secs(20);

fn host(last: u8, mac: u8) -> Host {
    Host { interface: 1, vrf: 0, address: Ipv4Addr::new(10, 1, 0, last), mac: [2, 0, 0, 0, 9, mac] }
}

/// The client's interface is `p1`, up or not.
fn devices(lab: &Lab, up: bool) -> Devices {
    let line = lab.ip("relay", "-o link show p1");
    let ifindex = line.split(':').next().expect("a number").trim().parse().expect("a number");
    Devices::from([(1, Device { ifindex, up, flushes: 0 })])
}

fn routes(lab: &Lab) -> String {
    lab.ip("relay", &format!("route show table all proto {PROTOCOL}"))
}

/// Waits until the kernel has what is wanted.
async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = tokio::time::Instant::now() + DEADLINE;
    while !is_so() {
        assert!(tokio::time::Instant::now() < end, "not within {DEADLINE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn start(lab: &Lab, wanted: &Arc<Wanted>) -> HostRoutes {
    HostRoutes::start(Arc::clone(wanted), devices(lab, true)).expect("a netlink socket")
}

fn settled(hosts: &[Host]) -> Arc<Wanted> {
    let wanted = Arc::new(Wanted::default());
    hosts.iter().for_each(|host| wanted.install(*host));
    wanted.settle();
    wanted
}

#[test]
fn a_bound_client_has_a_route_and_a_permanent_neighbour_until_it_has_none() {
    let lab = Lab::new();
    lab.in_relay(async || {
        let wanted = settled(&[host(50, 50)]);
        let _task = start(&lab, &wanted);
        until("the route", || routes(&lab).contains("10.1.0.50 dev p1 scope link")).await;
        until("the neighbour", || lab.neighbour("p1", "10.1.0.50").contains("02:00:00:00:09:32")).await;
        assert!(lab.neighbour("p1", "10.1.0.50").contains("PERMANENT"));
        // Another network card has the address now.
        wanted.install(host(50, 51));
        until("the other neighbour", || lab.neighbour("p1", "10.1.0.50").contains("02:00:00:00:09:33")).await;
        assert_eq!(wanted.tally().installed, 1);
        wanted.remove(host(50, 51));
        until("no route", || routes(&lab).is_empty()).await;
        until("no neighbour", || lab.neighbour("p1", "10.1.0.50").is_empty()).await;
        until("a tally of none", || wanted.tally().installed == 0).await;
        assert_eq!((wanted.tally().conflicts, wanted.tally().failures), (0, 0));
    });
}

#[test]
fn a_strangers_route_and_neighbour_stay_whatever_the_table_wants() {
    let lab = Lab::new();
    lab.ip("relay", "route add 10.1.0.60/32 via 10.2.0.2 proto static");
    lab.ip("relay", "neigh add 10.1.0.61 dev p1 lladdr 02:00:00:00:07:07 nud permanent");
    lab.in_relay(async || {
        let wanted = settled(&[host(60, 60), host(61, 61)]);
        let _task = start(&lab, &wanted);
        until("both conflicts", || wanted.tally().conflicts == 2).await;
        wanted.remove(host(60, 60));
        wanted.remove(host(61, 61));
        // What comes after them has been dealt with after them.
        wanted.install(host(62, 62));
        until("the marker", || routes(&lab).contains("10.1.0.62")).await;
        until("no other route", || !routes(&lab).contains("10.1.0.61")).await;
    });
    assert!(lab.ip("relay", "route show 10.1.0.60").contains("via 10.2.0.2"));
    assert!(lab.neighbour("p1", "10.1.0.61").contains("02:00:00:00:07:07"));
}

#[test]
fn a_restart_takes_away_what_nobody_wants_any_more_and_keeps_the_rest() {
    let lab = Lab::new();
    lab.ip("relay", "route add 10.1.0.72/32 dev p1 proto static");
    lab.in_relay(async || {
        let wanted = settled(&[host(70, 70), host(71, 71)]);
        let task = start(&lab, &wanted);
        until("both", || wanted.tally().installed == 2).await;
        drop(task);
        assert!(routes(&lab).contains("10.1.0.70"), "they stay when the daemon ends");

        let wanted = Arc::new(Wanted::default());
        wanted.install(host(71, 71));
        let _task = start(&lab, &wanted);
        wanted.settle();
        until("the old one gone", || !routes(&lab).contains("10.1.0.70")).await;
        until("its neighbour gone", || lab.neighbour("p1", "10.1.0.70").is_empty()).await;
        until("the other one known", || wanted.tally().installed == 1).await;
        assert!(routes(&lab).contains("10.1.0.71"));
        assert!(lab.neighbour("p1", "10.1.0.71").contains("PERMANENT"));
        assert_eq!((wanted.tally().conflicts, wanted.tally().failures), (0, 0));
        wanted.remove(host(71, 71));
        until("none", || routes(&lab).is_empty()).await;
    });
    assert!(lab.ip("relay", "route show 10.1.0.72").contains("proto static"));
}

#[test]
fn what_goes_with_a_device_that_goes_down_comes_back_with_it() {
    let lab = Lab::new();
    lab.in_relay(async || {
        let wanted = settled(&[host(80, 80)]);
        let task = start(&lab, &wanted);
        until("the route", || routes(&lab).contains("10.1.0.80")).await;
        lab.ip("relay", "link set p1 down");
        task.follow(devices(&lab, false));
        until("nothing installed", || wanted.tally().installed == 0).await;
        lab.ip("relay", "link set p1 up");
        task.follow(devices(&lab, true));
        until("the route again", || routes(&lab).contains("10.1.0.80")).await;
        until("the neighbour again", || lab.neighbour("p1", "10.1.0.80").contains("PERMANENT")).await;
        assert_eq!(wanted.tally().failures, 0);
    });
}
