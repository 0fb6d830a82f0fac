//! The server whose offer or lease it is dies: the first message still goes to it alone, its repetition to both, and the
//! other server takes over.

use relay_tests::lab::scenario::Step;
use relay_tests::subject::Mode;
use relay_tests::vm::seed::seen::{DEADLINE, Observed, leased};
use relay_tests::vm::seed::servers::{RANGES, start_pair, start_split};
use relay_tests::vm::seed::{Affinity, Seed, Servers};

use super::scripted::Scripted;

/// A failover pair: the client renews, its server is gone, and the partner renews the lease.
pub(super) fn in_renewing(mode: Mode) {
    let seed = Seed::new("vm-seed-renew", Servers::InMgmt).unwrap();
    let pair = start_pair(&seed).unwrap();
    let _relays = seed.start_relays(mode, Affinity::Auto).unwrap();
    let at_servers = seed.capture_servers().unwrap();
    let client = Scripted::new(&seed);
    client.discovers(1);
    // The partner leaves the client to the server that makes the offers, one to each relay.
    let offers = client.replies(Step::Offer, 2);
    client.takes(&offers[0]);
    let acks = client.replies(Step::Ack, 2);
    let settled = || Observed::settled(&seed, &at_servers, &client.capture).unwrap();
    let before = settled();
    let owner = usize::from(before.given(0, Step::Ack) == 0);
    let other = 1 - owner;
    assert_eq!(before.given(other, Step::Ack), 0, "the partner had no request: {before}");

    let survivor = if owner == 0 {
        drop(pair.primary);
        pair.secondary
    } else {
        drop(pair.secondary);
        pair.primary
    };
    survivor.process().wait_for_line("communications-interrupted", DEADLINE).unwrap();
    client.renews(&seed, &acks[0], 2);
    let seen = settled();
    assert_eq!([owner, other].map(|server| seen.arrived(server, Step::Renew)), [1, 0], "{seen}");
    client.renews(&seed, &acks[0], 2);
    let renewed = &client.replies(Step::Ack, 3)[2];
    assert_eq!(leased(renewed), leased(&acks[0]));
    let seen = settled();
    assert_eq!([owner, other].map(|server| seen.arrived(server, Step::Renew)), [2, 1], "{seen}");
    assert_eq!(seen.given(other, Step::Ack), 1, "{seen}");
}

/// Two servers that know nothing of each other: the client has taken an offer, its server is gone, and what the client
/// repeats is at the other server; when the client begins anew, it gets its lease there.
pub(super) fn in_selecting(mode: Mode) {
    let seed = Seed::new("vm-seed-select", Servers::InMain).unwrap();
    let mut servers = start_split(&seed).unwrap().map(Some);
    let _relays = seed.start_relays(mode, Affinity::Auto).unwrap();
    let at_servers = seed.capture_servers().unwrap();
    let client = Scripted::new(&seed);

    client.discovers(1);
    let offers = client.replies(Step::Offer, 4);
    let taken = &offers[0];
    let of = |server: usize, number: u8| RANGES[server].contains(&number);
    let owner = usize::from(!of(0, leased(taken).unwrap().octets()[3]));
    let other = 1 - owner;
    drop(servers[owner].take());

    let settled = || Observed::settled(&seed, &at_servers, &client.capture).unwrap();
    client.takes(taken);
    let seen = settled();
    assert_eq!([owner, other].map(|server| seen.arrived(server, Step::Select)), [2, 0], "{seen}");
    client.takes(taken);
    let seen = settled();
    assert_eq!([owner, other].map(|server| seen.arrived(server, Step::Select)), [4, 2], "{seen}");

    // Nobody has answered: from the beginning.
    client.discovers(2);
    let offer = &client.replies(Step::Offer, 6)[4];
    assert!(of(other, leased(offer).unwrap().octets()[3]), "{offer}");
    client.takes(offer);
    let acks = client.replies(Step::Ack, 2);
    assert!(acks.iter().all(|ack| leased(ack) == leased(offer)));
}
