//! What becomes of numbers when one configuration takes another's place: interfaces and groups are numbered by their place in
//! the file, and what is remembered, counted and stored by number has to follow them.
//!
//! An interface stays the same while its device and tags do, a group while its name does.

use std::collections::{BTreeMap, HashMap};

use relay_common::abi::{Attempt, AttemptKey, ClientKey, HolderKey, Interface};

use crate::{config::ResolvedConfig, tables::Tables};

/// From old numbers to new ones.
#[derive(Clone, Debug, Default)]
pub struct Renumber {
    /// By the old number of an interface or of a further address of one; `None`: it is gone.
    records: Vec<Option<u32>>,
    /// Numbers up to this one are of configured interfaces.
    interfaces: u32,
    /// By the old index of a group.
    groups: Vec<Option<u32>>,
    /// What clients are remembered under, by the new number.
    realms: Vec<u32>,
}

impl Renumber {
    /// From one configuration and its tables to another.
    pub fn between(old: (&ResolvedConfig, &Tables), new: (&ResolvedConfig, &Tables)) -> Self {
        let ((old, was), (new, is)) = (old, new);
        let names: HashMap<_, u32> = new
            .interfaces
            .iter()
            .zip(1u32..)
            .map(|(interface, number)| ((&interface.name, interface.vlan), number))
            .collect();
        let mut records: Vec<Option<u32>> = vec![Some(0)];
        let configured =
            old.interfaces.iter().map(|interface| names.get(&(&interface.name, interface.vlan)).copied());
        records.extend(configured);
        let further: HashMap<(u32, [u8; 4]), u32> = (1u32..)
            .zip(&is.interfaces)
            .filter(|(number, record)| record.first != *number)
            .map(|(number, record)| ((record.first, record.address), number))
            .collect();
        let more = was.interfaces.iter().skip(old.interfaces.len()).map(|record| {
            let first = records.get(record.first as usize).copied().flatten()?;
            further.get(&(first, record.address)).copied()
        });
        let more: Vec<Option<u32>> = more.collect();
        records.extend(more);
        let groups: BTreeMap<&str, u32> =
            new.groups.iter().zip(0u32..).map(|(group, index)| (group.name.as_str(), index)).collect();
        Self {
            records,
            interfaces: old.interfaces.len() as u32,
            groups: old.groups.iter().map(|group| groups.get(group.name.as_str()).copied()).collect(),
            realms: std::iter::once(0)
                .chain(is.interfaces.iter().map(|record: &Interface| record.realm))
                .collect(),
        }
    }

    /// The new number of a configured interface; 0, which is nobody's, stays 0.
    pub fn interface(&self, old: u32) -> Option<u32> {
        self.record(old).filter(|_| old <= self.interfaces)
    }

    /// The same also of a further address.
    pub fn record(&self, old: u32) -> Option<u32> {
        *self.records.get(old as usize)?
    }

    /// The new index of a server group.
    pub fn group(&self, old: u32) -> Option<u32> {
        *self.groups.get(old as usize)?
    }

    /// Everything that is kept by the number of an interface or of one of its addresses.
    pub fn all<T>(&self, old: BTreeMap<u32, T>) -> BTreeMap<u32, T> {
        old.into_iter().filter_map(|(number, value)| Some((self.record(number)?, value))).collect()
    }

    /// What [`Self::all`] leaves out: of interfaces that are gone.
    pub fn gone<'a, T>(&self, old: &'a BTreeMap<u32, T>) -> impl Iterator<Item = &'a T> {
        old.iter().filter_map(|(number, value)| self.record(*number).is_none().then_some(value))
    }

    /// Who offered or gave an address to a client.
    pub fn holder(&self, mut key: HolderKey) -> Option<HolderKey> {
        key.interface = self.record(key.interface)?;
        Some(key)
    }

    /// On which interface a client was heard.
    pub fn heard(&self, mut key: ClientKey, interface: u32) -> Option<(ClientKey, u32)> {
        let interface = self.record(interface)?;
        key.realm = *self.realms.get(interface as usize)?;
        (key.realm != 0).then_some((key, interface))
    }

    /// How far a client has come with an interface's addresses.
    pub fn attempt(&self, mut key: AttemptKey, mut attempt: Attempt) -> Option<(AttemptKey, Attempt)> {
        key.interface = self.record(key.interface)?;
        attempt.at = self.record(attempt.at)?;
        attempt.answered = self.record(attempt.answered).unwrap_or(0);
        Some((key, attempt))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use bytemuck::Zeroable as _;

    use super::*;
    use crate::config::{
        Config, Machine,
        host::{Device, DeviceAddress},
    };

    fn machine() -> Machine {
        let device = |ifindex: u32| Device {
            name: format!("eth{ifindex}"),
            ifindex,
            mac: Some([2, 0, 0, 0, 0, ifindex as u8]),
            mtu: 1500,
            addresses: vec![DeviceAddress { address: [192, 168, ifindex as u8, 2].into(), prefix_len: 24 }],
            kind: None,
            vlan: None,
            filters_vlans: false,
            controller: None,
            vrf_table: None,
        };
        Machine::new("relay", (1..=3).map(device).collect())
    }

    fn resolved(groups: &[&str], interfaces: &[(&str, &str)]) -> ResolvedConfig {
        let mut text = String::new();
        for group in groups {
            text += &format!("[[server_group]]\nname = \"{group}\"\nservers = [\"10.0.41.10\"]\n");
        }
        for (name, group) in interfaces {
            text += &format!("[[interface]]\nname = \"{name}\"\nserver_group = \"{group}\"\n");
        }
        let config = Config::from_str(&text, Path::new("relay.toml")).expect("right");
        config.resolve(&machine()).expect("right here")
    }

    /// A record by what it is the further address of, its own last octet, and its realm.
    fn tables(records: &[(u32, u8, u32)]) -> Tables {
        let record = |&(first, last, realm): &(u32, u8, u32)| Interface {
            first,
            address: [192, 168, 60, last],
            realm,
            ..Interface::zeroed()
        };
        Tables { interfaces: records.iter().map(record).collect(), ..Tables::default() }
    }

    /// eth1 and eth2 with two further addresses of eth2 and one of eth1, then eth3 and eth2 with one of eth2's.
    fn renumber() -> Renumber {
        let old = resolved(&["a", "b"], &[("eth1", "a"), ("eth2", "b")]);
        let new = resolved(&["b"], &[("eth3", "b"), ("eth2", "b")]);
        let was = tables(&[(1, 2, 0), (2, 2, 9), (2, 3, 9), (2, 4, 9), (1, 5, 0)]);
        let is = tables(&[(1, 2, 7), (2, 2, 8), (2, 4, 8)]);
        Renumber::between((&old, &was), (&new, &is))
    }

    #[test]
    fn numbers_follow_the_names_and_addresses_that_they_stand_for() {
        let renumber = renumber();
        assert_eq!([0, 1, 2, 3].map(|old| renumber.interface(old)), [Some(0), None, Some(2), None]);
        assert_eq!([2, 3, 4, 5, 6].map(|old| renumber.record(old)), [Some(2), None, Some(3), None, None]);
        assert_eq!([0, 1, 2].map(|old| renumber.group(old)), [None, Some(0), None]);
        let counted = BTreeMap::from([(0, "nobody's"), (1, "eth1"), (2, "eth2"), (4, "of eth2")]);
        assert_eq!(renumber.gone(&counted).collect::<Vec<_>>(), [&"eth1"]);
        assert_eq!(renumber.all(counted), [(0, "nobody's"), (2, "eth2"), (3, "of eth2")].into());
    }

    #[test]
    fn what_is_remembered_of_a_client_follows_with_all_that_names_its_interface() {
        let renumber = renumber();
        let heard = |interface| renumber.heard(ClientKey::new(9, [1; 4], [2; 16]), interface);
        assert_eq!(heard(4), Some((ClientKey::new(8, [1; 4], [2; 16]), 3)));
        assert_eq!(heard(1), None);
        let attempt = |at, answered| {
            renumber.attempt(AttemptKey::new(2, [2; 16]), Attempt { at, unanswered: 5, answered })
        };
        let there =
            |at, answered| Some((AttemptKey::new(2, [2; 16]), Attempt { at, unanswered: 5, answered }));
        assert_eq!(attempt(4, 4), there(3, 3));
        assert_eq!(attempt(2, 3), there(2, 0), "it was answered with an address that is gone");
        assert_eq!(attempt(3, 2), None);
        let holder = |interface| HolderKey { interface, address: [1; 4], chaddr: [2; 6], zero: 0 };
        assert_eq!(renumber.holder(holder(2)), Some(holder(2)));
        assert_eq!(renumber.holder(holder(1)), None);
    }
}
