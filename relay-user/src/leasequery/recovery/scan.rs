//! What is asked after a start: every address of the clients' subnets, and stored leases outside them.

use std::{net::Ipv4Addr, time::Duration};

use super::Recovery;
use crate::{
    clients::{BootTime, Table},
    leasequery::{
        Start, Subject,
        asker::{Item, Range},
    },
};

impl Recovery {
    /// Begins, with what the table began with; what is in `table` now was stored before.
    pub fn begin(&mut self, start: &Start, table: &Table, now: BootTime) {
        if self.pace.is_none() || self.begun.is_some() {
            return;
        }
        self.begun = Some(now);
        match start {
            Start::Fresh => return,
            Start::Old(_) | Start::Empty(_) => self.wanted = true,
        }
        self.stale =
            table.clients().filter_map(|client| Some((client.key.vrf, client.held()?.address))).collect();
        self.widen();
        let addresses = self.given.iter().filter_map(|(_, subnet)| subnet.hosts());
        let addresses: u64 = addresses.map(|(first, last)| u64::from(last - first) + 1).sum();
        let why = match start {
            Start::Empty(why) => (*why).to_owned(),
            Start::Old(Duration::MAX) => "the stored leases bear a date that is still to come".to_owned(),
            Start::Old(age) => format!("the stored leases are {} s old", age.as_secs()),
            Start::Fresh => String::new(),
        };
        tracing::info!(
            servers = self.askers.len(),
            addresses,
            stored = self.stale.len(),
            "asking the servers for leases (leasequery): {why}"
        );
        let outside: Vec<(u32, u32, Ipv4Addr)> = table
            .clients()
            .filter_map(|client| Some((client.key.interface, client.key.vrf, client.held()?.address)))
            .filter(|&(interface, _, address)| !self.is_given(interface, address))
            .collect();
        for (interface, _, address) in outside {
            self.verify(interface, address);
        }
        self.told = false;
    }

    /// Gives subnets to the askers that they do not have yet.
    pub(super) fn widen(&mut self) {
        if !self.wanted {
            return;
        }
        for place in self.places.iter() {
            for subnet in &place.subnets {
                if !self.given.insert((place.interface, *subnet)) {
                    continue;
                }
                let Some((first, last)) = subnet.hosts() else {
                    tracing::info!(
                        interface = place.interface,
                        "{}/{} is not asked about address by address, only when a client shows itself",
                        subnet.network,
                        subnet.prefix_len
                    );
                    continue;
                };
                if self.places.is_shared(place, subnet) {
                    tracing::info!(
                        interface = place.interface,
                        "{}/{} is not asked about: another interface of the same servers has addresses of it too",
                        subnet.network,
                        subnet.prefix_len
                    );
                    continue;
                }
                for server in &place.servers {
                    if let Some(asker) = self.askers.get_mut(server) {
                        asker.scan(Range {
                            interface: place.interface,
                            giaddr: place.giaddr,
                            next: first,
                            last,
                        });
                    }
                }
            }
        }
    }

    fn is_given(&self, interface: u32, address: Ipv4Addr) -> bool {
        self.given
            .iter()
            .any(|(of, subnet)| *of == interface && subnet.hosts().is_some() && subnet.contains(address))
    }

    fn verify(&mut self, interface: u32, address: Ipv4Addr) {
        let Some(place) = self.places.get(interface) else { return };
        let item = Item { subject: Subject::Address(address), interface, giaddr: place.giaddr, client: None };
        for server in &place.servers {
            if let Some(asker) = self.askers.get_mut(server) {
                asker.verify(item);
            }
        }
    }
}
