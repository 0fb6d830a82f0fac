//! What messages give reason to ask: clients that show themselves, and whose lease the table does not know.

use std::{net::Ipv4Addr, time::Duration};

use relay_common::{
    event::{Event, flag},
    wire::bootp::{self, message},
};

use super::Recovery;
use crate::{
    clients::{BootTime, Hardware, Ignored, Key, Table},
    leasequery::{Subject, asker::Item},
};

/// How long a client's own dialogue may take: what it brings to light need not be asked.
const DIALOGUE: Duration = Duration::from_secs(2);
/// A client or address that was asked about on demand is not asked about again for this long.
const ONCE_IN: Duration = Duration::from_secs(60);
/// How many of these are remembered.
const REMEMBERED: usize = 16_384;
/// DHCPDISCOVER.
const DISCOVER: u8 = 1;
/// DHCPINFORM.
const INFORM: u8 = 8;

impl Recovery {
    /// A message that the table has handled, with this result: it may show a client whose lease the table does not know.
    pub fn observe(&mut self, event: &Event, done: Result<(), Ignored>, table: &Table, now: BootTime) {
        if self.begun.is_none() || self.pace.is_none() {
            return;
        }
        let (ciaddr, yiaddr) = (Ipv4Addr::from(event.ciaddr), Ipv4Addr::from(event.yiaddr));
        match (event.op, event.message) {
            (bootp::BOOTREQUEST, message::REQUEST | INFORM) if !ciaddr.is_unspecified() => {
                let Some(place) = self.places.get(event.interface) else { return };
                if place.vrf == event.vrf && table.holder(event.vrf, ciaddr).is_none() {
                    self.demand(event.interface, Subject::Address(ciaddr), None, now);
                }
            }
            // On a subnet that is not asked about address by address, a client is asked about when it shows itself.
            (bootp::BOOTREQUEST, DISCOVER | message::REQUEST) if self.wanted => {
                let Some(place) = self.places.get(event.interface) else { return };
                let is_scanned = place
                    .subnets
                    .iter()
                    .any(|subnet| subnet.hosts().is_some() && !self.places.is_shared(place, subnet));
                let held = Key::of(event).and_then(|key| table.find(&key)?.held());
                let hardware = Hardware::of(event);
                if !is_scanned && held.is_none() && event.giaddr == [0; 4] && hardware.ethernet().is_some() {
                    self.demand(event.interface, Subject::Hardware(hardware), Key::of(event), now);
                }
            }
            (bootp::BOOTREPLY, message::ACK)
                if done == Err(Ignored::NoRequest)
                    && event.flags & flag::UPSTREAM != 0
                    && !yiaddr.is_unspecified() =>
            {
                let server = (event.vrf, Ipv4Addr::from(event.source));
                if self.askers.contains_key(&server)
                    && let Some(place) = self.places.by_address(server, yiaddr)
                    && table.holder(place.vrf, yiaddr).is_none()
                {
                    self.demand(place.interface, Subject::Address(yiaddr), None, now);
                }
            }
            _ => {}
        }
    }

    fn demand(&mut self, interface: u32, subject: Subject, client: Option<Key>, now: BootTime) {
        let Some(place) = self.places.get(interface) else { return };
        if let Some(last) = self.demanded.get(&(interface, subject))
            && now.since(*last) < ONCE_IN
        {
            return;
        }
        if self.demanded.len() >= REMEMBERED {
            self.demanded.retain(|_, last| now.since(*last) < ONCE_IN);
            if self.demanded.len() >= REMEMBERED {
                return;
            }
        }
        self.demanded.insert((interface, subject), now);
        let item = Item { subject, interface, giaddr: place.giaddr, client };
        for server in &place.servers {
            if let Some(asker) = self.askers.get_mut(server) {
                asker.demand(now.after(DIALOGUE), item);
            }
        }
    }
}
