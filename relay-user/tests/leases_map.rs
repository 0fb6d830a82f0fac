//! The map of leases in the kernel: written in batches, full when it is full, and never in the way of what is in it.

use std::net::Ipv4Addr;

use relay_common::abi::HolderKey;
use relay_user::{
    clients::{BootTime, Hardware, Published, State},
    fastpath::{Object, Sizes},
    leases::{Changes, Leases},
};

fn map(room: u32) -> (Object, Leases) {
    let sizes = Sizes { interfaces: 1, groups: 1, ports: 1, addresses: 1, owners: 1, leases: room };
    let mut object = Object::load(sizes, None).expect("the kernel takes the programs");
    let leases = Leases::in_kernel(object.take_leases().expect("it is taken once"));
    (object, leases)
}

fn client(number: u32) -> HolderKey {
    let [a, b, c, d] = number.to_be_bytes();
    HolderKey { interface: 1, address: [10, b, c, d], chaddr: [2, 0, a, b, c, d], zero: 0 }
}

fn lease(number: u32, server: u8) -> Published {
    let mut octets = [0; 16];
    octets[..6].copy_from_slice(&client(number).chaddr);
    Published {
        vrf: 10,
        address: client(number).address.into(),
        interface: 1,
        hardware: Hardware { len: 6, octets },
        server: Ipv4Addr::new(10, 0, 41, server),
        seconds: 3600,
        state: State::Bound,
        expires: BootTime::from_nanos(1 << 40),
    }
}

/// Which servers the leases of so many clients are of that have been published since they were last looked at: looking at one
/// makes it one that is being renewed.
fn new(leases: &Leases, count: u32) -> Vec<u8> {
    (0..count).filter_map(|number| leases.renew(10, &client(number))).map(|[.., server]| server).collect()
}

#[test]
fn two_hundred_thousand_leases_are_published_changed_and_withdrawn() {
    const CLIENTS: u32 = 200_000;
    let (_object, leases) = map(CLIENTS);
    let mut changes = Changes::default();
    for server in [10, 11] {
        for number in 0..CLIENTS {
            changes.publish(&lease(number, server));
            if changes.is_full() {
                leases.write(&mut changes);
            }
        }
        leases.write(&mut changes);
        assert_eq!(new(&leases, CLIENTS), vec![server; CLIENTS as usize]);
        assert!(new(&leases, CLIENTS).is_empty(), "the servers have been asked");
    }
    // All at once: what is larger than a batch is as good.
    (0..CLIENTS).for_each(|number| changes.publish(&lease(number, 12)));
    leases.write(&mut changes);
    (0..CLIENTS).for_each(|number| changes.withdraw(10, client(number).address.into()));
    leases.write(&mut changes);
    assert!(new(&leases, CLIENTS).is_empty());
    assert_eq!(leases.refused(), 0);
}

#[test]
fn a_full_map_takes_no_more_says_how_many_and_goes_on_with_what_is_in_it() {
    let (_object, leases) = map(100);
    let mut changes = Changes::default();
    (0..150).for_each(|number| changes.publish(&lease(number, 10)));
    leases.write(&mut changes);
    assert_eq!((new(&leases, 150), leases.refused()), (vec![10; 100], 50));
    // Those that are in it change, those that are not are refused again, in the same batch.
    (0..150).for_each(|number| changes.publish(&lease(number, 11)));
    leases.write(&mut changes);
    assert_eq!((new(&leases, 150), leases.refused()), (vec![11; 100], 100));
    (0..150).for_each(|number| changes.publish(&lease(number, 12)));
    leases.write(&mut changes);
    assert_eq!(leases.refused(), 150);
    // What makes room comes first, and to withdraw what never got in is no failure.
    (0..75).for_each(|number| changes.withdraw(10, client(2 * number).address.into()));
    (200..250).for_each(|number| changes.publish(&lease(number, 10)));
    leases.write(&mut changes);
    let now = new(&leases, 250);
    assert!(now.iter().filter(|server| **server == 10).count() == 50 && now.len() <= 100, "{now:?}");
    assert_eq!(leases.refused(), 150);
}
