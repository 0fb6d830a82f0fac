//! The addresses that a smart relay goes through behind the first: those that are named, or one of each further subnet that
//! the device has.

use std::net::Ipv4Addr;

use super::super::{
    domain::{Interface, MAX_FURTHER},
    error::Report,
    host::{Device, DeviceAddress},
};

/// What there is to choose from.
pub(super) struct Usable<'a> {
    /// The interface's own address.
    pub(super) own: DeviceAddress,
    /// The device that has it.
    pub(super) holder: &'a Device,
    /// All interfaces of the configuration, this one as well.
    pub(super) others: &'a [Interface],
}

impl Usable<'_> {
    /// The addresses behind the first, with the lengths of their prefixes; `None` after a fault.
    pub(super) fn further(
        &self,
        index: usize,
        interface: &Interface,
        report: &mut Report<'_>,
    ) -> Option<Vec<(Ipv4Addr, u8)>> {
        match &interface.smart_relay_addresses {
            Some(named) => self.named(&format!("interface[{index}].smart_relay_addresses"), named, report),
            None => self.of_the_device(&format!("interface[{index}].smart_relay"), report),
        }
    }

    fn named(&self, key: &str, named: &[Ipv4Addr], report: &mut Report<'_>) -> Option<Vec<(Ipv4Addr, u8)>> {
        let mut found = Vec::new();
        for (place, &address) in named.iter().enumerate() {
            let mut all = self.holder.addresses.iter();
            let fault = match all.find(|candidate| candidate.address == address) {
                None => format!("{address} is not an address of \"{}\"", self.holder.name),
                Some(_) if address == self.own.address => format!("{address} is the first address already"),
                Some(_) if self.is_another_s(address) => {
                    format!("{address} is the address of another interface")
                }
                Some(candidate) => {
                    found.push((address, candidate.prefix_len));
                    continue;
                }
            };
            report.error(
                &format!("{key}[{place}]"),
                fault,
                "name further addresses of the device, one of each client subnet",
            );
        }
        (found.len() == named.len()).then_some(found)
    }

    fn of_the_device(&self, key: &str, report: &mut Report<'_>) -> Option<Vec<(Ipv4Addr, u8)>> {
        let mut found: Vec<DeviceAddress> = vec![self.own];
        for &candidate in &self.holder.addresses {
            let known = found.iter().any(|known| same_subnet(*known, candidate));
            if !known && !self.is_another_s(candidate.address) && found.len() <= MAX_FURTHER {
                found.push(candidate);
            }
        }
        let further: Vec<_> =
            found.iter().skip(1).map(|further| (further.address, further.prefix_len)).collect();
        if further.is_empty() {
            report.error(
                key,
                format!(
                    "\"{}\" has no address of another subnet than {}",
                    self.holder.name, self.own.address
                ),
                format!("add one: ip address add 192.0.2.1/24 dev {}, or remove the key", self.holder.name),
            );
            return None;
        }
        Some(further)
    }

    /// Whether some interface is configured with it.
    fn is_another_s(&self, address: Ipv4Addr) -> bool {
        self.others.iter().any(|other| [other.address, other.giaddr].contains(&Some(address)))
    }
}

fn same_subnet(one: DeviceAddress, other: DeviceAddress) -> bool {
    let differ = u64::from(u32::from(one.address) ^ u32::from(other.address));
    differ >> (32 - u32::from(one.prefix_len.min(other.prefix_len)).min(32)) == 0
}
