//! The view of the host's devices and addresses follows the host.

use relay_user::nexthop::Watcher;

use crate::lab::{EVENTS_ONLY, Lab, P1_MAC, wait};

#[test]
fn devices_and_addresses_are_listed_at_the_start() {
    let lab = Lab::new();
    lab.ip("relay", "addr add 10.1.0.9/24 dev p1");
    lab.in_relay(async || {
        let (_watcher, receiver) = Watcher::start(Vec::new(), EVENTS_ONLY).await.expect("starts");
        let host = receiver.borrow().host.clone();
        let p1 = host.link("p1").expect("p1 is listed");
        assert_eq!((p1.mac, p1.mtu, p1.up, p1.ethernet, p1.master), (Some(P1_MAC), 1500, true, true, None));
        let addresses: Vec<_> =
            host.addresses_of(p1.index).map(|a| (a.address, a.prefix_len, a.secondary)).collect();
        assert_eq!(addresses, [([10, 1, 0, 1].into(), 24, false), ([10, 1, 0, 9].into(), 24, true)]);
        assert!(!host.link("lo").expect("lo is listed").ethernet);
    });
}

#[test]
fn devices_and_addresses_that_come_change_and_go_are_followed() {
    let lab = Lab::new();
    lab.in_relay(async || {
        let (_watcher, mut receiver) = Watcher::start(Vec::new(), EVENTS_ONLY).await.expect("starts");
        lab.ip("relay", "link add br0 type bridge");
        lab.ip("relay", "link set p1 master br0");
        wait(&mut receiver, "p1 in br0", |snapshot| {
            let bridge = snapshot.host.link("br0").filter(|link| link.kind.as_deref() == Some("bridge"));
            bridge.is_some_and(|br0| snapshot.host.link("p1").is_some_and(|p1| p1.master == Some(br0.index)))
        })
        .await;
        // A port that leaves its bridge is announced with a "deleted link" of the bridge family: p1 must stay.
        lab.ip("relay", "link set p1 nomaster");
        wait(&mut receiver, "p1 alone", |snapshot| {
            snapshot.host.link("p1").is_some_and(|p1| p1.master.is_none())
        })
        .await;
        lab.ip("relay", "link set p1 mtu 1300");
        wait(&mut receiver, "the new MTU", |s| s.host.link("p1").is_some_and(|p1| p1.mtu == 1300)).await;
        lab.ip("relay", "link set p1 down");
        lab.ip("relay", "link set p1 name wan0");
        wait(&mut receiver, "the new name", |s| {
            s.host.link("p1").is_none() && s.host.link("wan0").is_some_and(|wan0| !wan0.up)
        })
        .await;
        lab.ip("relay", "addr add 10.8.0.1/31 dev p2");
        let has = |address: [u8; 4]| {
            move |a: &relay_user::nexthop::Address| a.address == std::net::Ipv4Addr::from(address)
        };
        wait(&mut receiver, "the new address", |s| s.host.addresses.iter().any(has([10, 8, 0, 1]))).await;
        lab.ip("relay", "link del p2");
        wait(&mut receiver, "neither p2 nor its addresses", |s| {
            s.host.link("p2").is_none()
                && !s.host.addresses.iter().any(has([10, 8, 0, 1]))
                && !s.host.addresses.iter().any(has([10, 2, 0, 1]))
        })
        .await;
    });
}
