//! Next hops against the real kernel: routes, links and neighbours of a network namespace are changed with `ip`, and the
//! watcher must publish what the kernel then does. Needs root.

#[path = "nexthop/lab.rs"]
mod lab;

#[path = "nexthop/changes.rs"]
mod changes;
#[path = "nexthop/entries.rs"]
mod entries;
#[path = "nexthop/host.rs"]
mod host;
#[path = "nexthop/hosts.rs"]
mod hosts;
#[path = "nexthop/load.rs"]
mod load;

use lab::{EAST_MAC, EVENTS_ONLY, Lab, P1_MAC, target, wait_hop};
use relay_user::nexthop::{Resolution, Target, Unresolved, Watcher};

#[test]
fn a_server_on_link_resolves_to_its_own_mac() {
    let lab = Lab::new();
    lab.in_relay(async || {
        let server = target([10, 1, 0, 2]);
        let (watcher, mut receiver) =
            Watcher::start(vec![server.clone()], EVENTS_ONLY).await.expect("starts");
        let hop = wait_hop(&mut receiver, &server, "p1", EAST_MAC).await;
        let p1 = receiver.borrow().host.link("p1").expect("p1 is listed").index;
        assert_eq!(hop.ifindex, p1);
        assert_eq!(hop.port_mac, P1_MAC);
        assert_eq!(hop.gateway, server.server);
        assert_eq!(hop.preferred_source, Some([10, 1, 0, 1].into()));
        assert_eq!(hop.mtu, 1500);
        assert_eq!(hop.kind.as_deref(), Some("veth"));
        watcher.shutdown().await.expect("runs until now");
    });
}

#[test]
fn a_server_behind_a_gateway_resolves_to_the_gateways_mac_and_the_routes_source_and_mtu() {
    let lab = Lab::new();
    lab.ip("relay", "addr add 10.77.0.1/32 dev lo");
    lab.ip("relay", "route add 10.9.0.0/24 via 10.1.0.2 src 10.77.0.1 mtu 1400");
    lab.in_relay(async || {
        let server = target([10, 9, 0, 5]);
        let (_watcher, mut receiver) =
            Watcher::start(vec![server.clone()], EVENTS_ONLY).await.expect("starts");
        let hop = wait_hop(&mut receiver, &server, "p1", EAST_MAC).await;
        assert_eq!(hop.gateway, std::net::Ipv4Addr::new(10, 1, 0, 2));
        assert_eq!(hop.preferred_source, Some([10, 77, 0, 1].into()));
        assert_eq!(hop.mtu, 1400);
    });
}

#[test]
fn a_server_behind_an_ipv6_gateway_resolves() {
    let lab = Lab::new();
    lab.ip("relay", "-6 addr add fd00:1::1/64 dev p1 nodad");
    lab.ip("east", "-6 addr add fd00:1::2/64 dev e nodad");
    lab.ip("relay", "route add 10.9.0.0/24 via inet6 fd00:1::2 dev p1");
    lab.in_relay(async || {
        let server = target([10, 9, 0, 5]);
        let (_watcher, mut receiver) =
            Watcher::start(vec![server.clone()], EVENTS_ONLY).await.expect("starts");
        let hop = wait_hop(&mut receiver, &server, "p1", EAST_MAC).await;
        assert_eq!(hop.gateway, "fd00:1::2".parse::<std::net::IpAddr>().expect("an address"));
    });
}

#[test]
fn what_is_no_next_hop_is_told_apart_at_once() {
    let lab = Lab::new();
    for kind in
        ["blackhole 10.5.1.0/24", "unreachable 10.5.2.0/24", "prohibit 10.5.3.0/24", "throw 10.5.4.0/24"]
    {
        lab.ip("relay", &format!("route add {kind}"));
    }
    lab.ip("relay", "tuntap add t0 mode tun");
    lab.ip("relay", "link set t0 up");
    lab.ip("relay", "route add 10.5.5.0/24 dev t0");
    lab.in_relay(async || {
        let in_vrf = Target { vrf: Some("mgmt".into()), server: [10, 1, 0, 2].into() };
        let not_a_vrf = Target { vrf: Some("p1".into()), server: [10, 1, 0, 2].into() };
        let expected = [
            (target([10, 5, 1, 1]), Unresolved::Blackhole),
            (target([10, 5, 2, 1]), Unresolved::Unreachable),
            (target([10, 5, 3, 1]), Unresolved::Prohibited),
            (target([10, 5, 4, 1]), Unresolved::NoRoute),
            (target([10, 5, 5, 1]), Unresolved::NotEthernet { device: "t0".into() }),
            (target([192, 0, 2, 1]), Unresolved::NoRoute),
            (target([10, 1, 0, 1]), Unresolved::LocalAddress),
            (target([10, 1, 0, 255]), Unresolved::NotUnicast),
            (in_vrf, Unresolved::NoVrf { vrf: "mgmt".into() }),
            (not_a_vrf, Unresolved::NoVrf { vrf: "p1".into() }),
        ];
        let targets = expected.iter().map(|(target, _)| target.clone()).collect();
        // Without waiting: none of these depends on a neighbour's answer.
        let (_watcher, receiver) = Watcher::start(targets, EVENTS_ONLY).await.expect("starts");
        for (target, reason) in expected {
            assert_eq!(receiver.borrow().next_hops[&target], Resolution::Unresolved(reason), "{target}");
        }
    });
}

#[test]
fn a_new_set_of_targets_is_resolved_on_return_and_the_old_one_is_gone() {
    let lab = Lab::new();
    lab.in_relay(async || {
        let (east, west) = (target([10, 1, 0, 2]), target([10, 2, 0, 2]));
        let (watcher, mut receiver) = Watcher::start(vec![east.clone()], EVENTS_ONLY).await.expect("starts");
        wait_hop(&mut receiver, &east, "p1", EAST_MAC).await;
        watcher.set_targets(vec![west.clone()]).await.expect("runs");
        let targets: Vec<_> = receiver.borrow().next_hops.keys().cloned().collect();
        assert_eq!(targets, std::slice::from_ref(&west));
        assert_eq!(lab.neighbour("p1", "10.1.0.2"), "", "the old gateway is released");
        wait_hop(&mut receiver, &west, "p2", lab::WEST_MAC).await;
    });
}
