//! Whose replies come to an address, and which interfaces share one: those are a realm, in which the relay remembers on
//! which of them it has heard a client.
//!
//! An interface has an address for DHCP and perhaps another for plain BOOTP, and shares them with different others. A
//! client is remembered once all the same: interfaces that share an address, with each other or with a third, are of one
//! realm, and a reply is held against the addresses of the interface that is found in it.

use std::collections::{BTreeMap, BTreeSet};

use relay_common::abi::{Address, AddressKey};

use crate::tables::Tables;

/// The interfaces, by their indexes, that replies to an address may be for.
pub(super) type Answered = BTreeMap<AddressKey, BTreeSet<u32>>;

/// Notes them in the tables of addresses and interfaces. What is not among the `giaddrs` is for plain BOOTP alone.
pub(super) fn assign(tables: &mut Tables, answered: &Answered, giaddrs: &BTreeSet<AddressKey>) {
    let mut parents: BTreeMap<u32, u32> = BTreeMap::new();
    for sharing in answered.values().filter(|sharing| sharing.len() > 1) {
        let roots: BTreeSet<u32> = sharing.iter().map(|&index| root(&parents, index)).collect();
        let Some(&first) = roots.first() else { continue };
        parents.extend(roots.into_iter().map(|index| (index, first)));
    }
    for (key, sharing) in answered {
        let address = tables.addresses.entry(*key).or_default();
        address.local = 1;
        address.interface = match (sharing.first(), sharing.len()) {
            (None, _) => 0,
            (Some(&index), 1) => index,
            (Some(&index), _) => {
                let bootp = if giaddrs.contains(key) { 0 } else { Address::BOOTP };
                Address::SHARED | bootp | root(&parents, index)
            }
        };
    }
    for &index in parents.keys() {
        if let Some(interface) = tables.interfaces.get_mut(index as usize - 1) {
            interface.realm = Address::SHARED | root(&parents, index);
        }
    }
}

/// The first interface of the realm. Parents have lower indexes.
fn root(parents: &BTreeMap<u32, u32>, mut index: u32) -> u32 {
    while let Some(&parent) = parents.get(&index).filter(|&&parent| parent != index) {
        index = parent;
    }
    index
}

#[cfg(test)]
mod tests {
    use relay_common::abi::Interface;

    use super::*;

    #[test]
    fn interfaces_that_share_an_address_are_of_one_realm_also_by_way_of_a_third() {
        let mut tables = Tables { interfaces: vec![Interface::default(); 6], ..Tables::default() };
        let key = |host| AddressKey { vrf: 7, address: [10, 0, 0, host] };
        let shared: [(u8, &[u32]); 5] = [(1, &[1]), (2, &[3, 5]), (3, &[2, 5]), (4, &[4, 6]), (5, &[3])];
        let answered =
            shared.into_iter().map(|(host, sharing)| (key(host), sharing.iter().copied().collect()));
        assign(&mut tables, &answered.collect(), &[key(2), key(4)].into());
        let of = |host| tables.addresses[&key(host)].interface;
        assert_eq!([of(1), of(5)], [1, 3], "nobody else has them");
        let (first, second) = (Address::SHARED | 2, Address::SHARED | 4);
        assert_eq!([of(2), of(3), of(4)], [first, first | Address::BOOTP, second]);
        let realms: Vec<u32> = tables.interfaces.iter().map(|interface| interface.realm).collect();
        assert_eq!(realms, [0, first, first, second, first, second]);
    }
}
