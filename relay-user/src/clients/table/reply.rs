//! What a server sends: OFFER, ACK and NAK.
//!
//! A reply counts for the client whose request it answers: the same hardware address and xid, at a port where a
//! server's word may come in, in the VRF of the servers, from one of them. Only the first answer to a REQUEST
//! counts, as it does for the client (RFC 2131 section 3.1).

use std::net::Ipv4Addr;

use relay_common::event::{Event, flag, path};
use smallvec::SmallVec;

use super::Table;
use crate::clients::{
    action::{Action, Ignored, StepKind},
    client::{Client, Hardware, Lease, Offer, Phase, State},
    key::Identity,
    time::BootTime,
};

/// DHCP message types (RFC 2132 section 9.6).
const OFFER: u8 = 2;
const ACK: u8 = 5;
const NAK: u8 = 6;

/// Offers of one dialogue: a group has no more servers than that.
const MAX_OFFERS: usize = relay_common::abi::MAX_SERVERS;

impl Table {
    pub(super) fn reply(
        &mut self,
        event: &Event,
        at: BootTime,
        actions: &mut Vec<Action>,
    ) -> Result<(), Ignored> {
        if !matches!(event.message, OFFER | ACK | NAK) {
            return Err(Ignored::OtherType);
        }
        let address = Ipv4Addr::from(event.yiaddr);
        // The answer to an INFORM gives no address, and no lease.
        if event.message == ACK && address.is_unspecified() {
            return Err(Ignored::OtherType);
        }
        let number = self.addressee(event)?;
        let (server, server_id) = (Ipv4Addr::from(event.source), Ipv4Addr::from(event.server_id));
        match event.message {
            OFFER => {
                if address.is_unspecified() {
                    return Err(Ignored::NoLease);
                }
                self.offer(number, Offer { server, server_id, address, lease: event.lease });
                self.step(StepKind::Offer, number, address, server, actions);
            }
            ACK => {
                if event.flags & flag::LEASE == 0 || event.lease == 0 {
                    return Err(Ignored::NoLease);
                }
                let expires = match event.lease {
                    u32::MAX => BootTime::NEVER,
                    seconds => at.after(std::time::Duration::from_secs(seconds.into())),
                };
                let lease = Lease {
                    address,
                    hardware: Hardware::of(event),
                    server,
                    server_id,
                    seconds: event.lease,
                    t1: event.t1,
                    t2: event.t2,
                    since: at,
                    expires,
                };
                self.answered(number);
                self.bind(number, lease, actions);
            }
            _ => {
                self.answered(number);
                self.refuse(number, server, at, actions);
            }
        }
        Ok(())
    }

    /// The client that a reply is for.
    fn addressee(&self, event: &Event) -> Result<u32, Ignored> {
        let hardware = Hardware::of(event);
        // RFC 6842: a server returns the client identifier; older ones do not.
        let echoed = (event.client_id_len > 0).then(|| Identity::of(event)).flatten();
        let mut reason = Ignored::NoRequest;
        let mut found = SmallVec::<[(u32, &Client); 2]>::new();
        for number in self.index.by_dialogue(&self.clients, hardware, event.xid) {
            let Some(client) = self.clients.get(number) else { continue };
            if echoed.is_some_and(|echoed| {
                client.key.identity.client_id().is_some() && client.key.identity != echoed
            }) {
                continue;
            }
            match self.is_believed(event, client) {
                Ok(()) => found.push((number, client)),
                Err(why) => reason = reason.max(why),
            }
        }
        if found.len() > 1 && echoed.is_some() {
            found.retain(|(_, client)| client.key.identity.client_id().is_some());
        }
        if found.len() > 1 {
            found.retain(|(_, client)| client.dialogue.requested.octets() == event.yiaddr);
            reason = Ignored::Ambiguous;
        }
        match found[..] {
            [(number, _)] => Ok(number),
            _ => Err(reason),
        }
    }

    /// Whether the reply comes from where the client's answers come from, and whether one is awaited.
    fn is_believed(&self, event: &Event, client: &Client) -> Result<(), Ignored> {
        let passing = event.path == path::PASSING;
        let right_port =
            if passing { event.flags & flag::UPSTREAM != 0 } else { event.interface == client.key.interface };
        if !right_port {
            return Err(Ignored::OtherPort);
        }
        let interface = self.policy.interface(client.key.interface).ok_or(Ignored::NoInterface)?;
        if !interface.is_served_from(event.vrf) {
            return Err(Ignored::OtherVrf);
        }
        let source = Ipv4Addr::from(event.source);
        let is_server = interface.server_in(event.vrf, source).is_some()
            || client.held().is_some_and(|lease| lease.server_id == source);
        if !is_server {
            return Err(Ignored::NotAServer);
        }
        match client.dialogue.phase {
            _ if event.message == OFFER => Ok(()),
            Phase::Request => Ok(()),
            Phase::Answered => Err(Ignored::Duplicate),
            Phase::None | Phase::Discover => Err(Ignored::NoRequest),
        }
    }

    fn offer(&mut self, number: u32, offer: Offer) {
        let Some(client) = self.clients.get_mut(number) else { return };
        if let Some(known) = client.offers.iter_mut().find(|known| known.server == offer.server) {
            *known = offer;
        } else if client.offers.len() < MAX_OFFERS {
            client.offers.push(offer);
        }
    }

    fn answered(&mut self, number: u32) {
        if let Some(client) = self.clients.get_mut(number) {
            client.dialogue.phase = Phase::Answered;
        }
    }

    /// A NAK: the client must begin anew, whatever it held.
    fn refuse(&mut self, number: u32, server: Ipv4Addr, at: BootTime, actions: &mut Vec<Action>) {
        let Some(client) = self.clients.get(number) else { return };
        if client.state.is_bound() {
            self.end(number, State::Refused, at, actions);
        } else {
            let requested = client.dialogue.requested;
            self.step(StepKind::Refused, number, requested, server, actions);
            self.rest(number, State::Refused, at, actions);
        }
    }
}
