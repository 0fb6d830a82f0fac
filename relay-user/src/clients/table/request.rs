//! What a client sends: DISCOVER, REQUEST, DECLINE and RELEASE (RFC 2131 sections 4.3 and 4.4).
//!
//! A request alone never gives anybody an address; it only makes the answer to it count. What it can do is to give
//! a lease back, and that only for the client that sends it on its own interface.

use std::net::Ipv4Addr;

use relay_common::event::{Event, path};

use super::{Table, index::SAME_DIALOGUE};
use crate::clients::{
    action::{Action, Ignored, StepKind},
    client::{Client, Dialogue, Hardware, Phase, State},
    key::Key,
    time::BootTime,
};

/// DHCP message types (RFC 2132 section 9.6).
const DISCOVER: u8 = 1;
const REQUEST: u8 = 3;
const DECLINE: u8 = 4;
const RELEASE: u8 = 7;

impl Table {
    pub(super) fn request(
        &mut self,
        event: &Event,
        at: BootTime,
        actions: &mut Vec<Action>,
    ) -> Result<(), Ignored> {
        if !matches!(event.message, DISCOVER | REQUEST | DECLINE | RELEASE) {
            return Err(Ignored::OtherType);
        }
        let interface = self.policy.interface(event.interface).ok_or(Ignored::NoInterface)?;
        if event.vrf != interface.vrf {
            return Err(Ignored::OtherVrf);
        }
        let key = Key::of(event).ok_or(Ignored::Nameless)?;
        let number = self.index.by_key(&self.clients, &key);
        let destination = Ipv4Addr::from(event.destination);
        // Of what only passes, the relay knows nothing but the address it goes to.
        let held = number.and_then(|number| self.clients.get(number)?.held());
        let to_server =
            interface.has_server(destination) || held.is_some_and(|lease| lease.server_id == destination);
        if event.path == path::PASSING && !to_server {
            return Err(Ignored::NotAServer);
        }
        match event.message {
            DISCOVER => self.discover(event, key, number, at, actions),
            REQUEST => self.ask(event, key, number, at, actions),
            DECLINE => self.give_up(event, number, event.requested, State::Declined, at, actions),
            _ => self.give_up(event, number, event.ciaddr, State::Released, at, actions),
        }
    }

    fn discover(
        &mut self,
        event: &Event,
        key: Key,
        number: Option<u32>,
        at: BootTime,
        actions: &mut Vec<Action>,
    ) -> Result<(), Ignored> {
        let known = number.and_then(|number| self.clients.get(number));
        let last = known.map_or(Dialogue::NONE, |client| client.dialogue);
        if last.phase == Phase::Request && last.xid == event.xid {
            return Err(Ignored::Duplicate);
        }
        let again = last.phase == Phase::Discover && last.xid == event.xid;
        let number = self.converse(event, key, number, Phase::Discover, State::Selecting, at)?;
        if let Some(client) = self.clients.get_mut(number) {
            if !again {
                client.offers.clear();
            }
            if !client.state.is_bound() {
                self.set_state(number, State::Selecting);
                self.wheel.set(number, at.after(self.policy.unfinished));
            }
        }
        self.step(StepKind::Discover, number, event.requested.into(), event.server_id.into(), actions);
        Ok(())
    }

    fn ask(
        &mut self,
        event: &Event,
        key: Key,
        number: Option<u32>,
        at: BootTime,
        actions: &mut Vec<Action>,
    ) -> Result<(), Ignored> {
        let number = self.converse(event, key, number, Phase::Request, State::Requesting, at)?;
        let Some(client) = self.clients.get_mut(number) else { return Ok(()) };
        let (ciaddr, server_id) = (Ipv4Addr::from(event.ciaddr), Ipv4Addr::from(event.server_id));
        let requested = client.dialogue.requested;
        if server_id.is_unspecified() {
            // It does not answer an OFFER, so there are none that belong to it.
            client.offers.clear();
        }
        let kind = match client.held() {
            None => {
                self.set_state(number, State::Requesting);
                self.wheel.set(number, at.after(self.policy.unfinished));
                StepKind::Request
            }
            Some(lease) if lease.address == ciaddr && server_id.is_unspecified() => {
                let to_all = event.destination == Ipv4Addr::BROADCAST.octets() || event.giaddr != [0; 4];
                let (state, kind) = if to_all {
                    (State::Rebinding, StepKind::Rebinding)
                } else {
                    (State::Renewing, StepKind::Renewing)
                };
                let changed = client.state != state;
                self.set_state(number, state);
                if changed {
                    self.publish(number, actions);
                }
                kind
            }
            Some(_) => StepKind::Request,
        };
        self.step(kind, number, requested, server_id, actions);
        Ok(())
    }

    /// RELEASE and DECLINE.
    fn give_up(
        &mut self,
        event: &Event,
        number: Option<u32>,
        address: [u8; 4],
        state: State,
        at: BootTime,
        actions: &mut Vec<Action>,
    ) -> Result<(), Ignored> {
        let address = Ipv4Addr::from(address);
        let holds = |number: &u32| {
            self.clients.get(*number).and_then(Client::held).is_some_and(|lease| lease.address == address)
        };
        let Some(number) = number.filter(holds) else {
            let holder = self.index.by_address(&self.clients, event.vrf, address);
            let elsewhere = holder
                .and_then(|number| self.clients.get(number))
                .is_some_and(|client| client.key.interface != event.interface);
            return Err(if elsewhere { Ignored::OtherPort } else { Ignored::NotHeld });
        };
        self.end(number, state, at, actions);
        Ok(())
    }

    /// Notes the client's message as what servers may answer from now on, in a new entry if there is none.
    fn converse(
        &mut self,
        event: &Event,
        key: Key,
        number: Option<u32>,
        phase: Phase,
        state: State,
        at: BootTime,
    ) -> Result<u32, Ignored> {
        let hardware = Hardware::of(event);
        let requested = if event.requested == [0; 4] { event.ciaddr } else { event.requested };
        let dialogue = Dialogue {
            phase,
            xid: event.xid,
            requested: requested.into(),
            server_id: event.server_id.into(),
            secs: event.secs,
            asked: at,
        };
        let others = self
            .index
            .by_dialogue(&self.clients, hardware, event.xid)
            .filter(|other| Some(*other) != number)
            .take(SAME_DIALOGUE);
        if others.count() == SAME_DIALOGUE {
            return Err(Ignored::Limit);
        }
        let number = match number {
            Some(number) => number,
            None => self.create(Client::new(key, hardware, state))?,
        };
        let Some(client) = self.clients.get_mut(number) else { return Ok(number) };
        let (was, had) = (client.dialogue, client.hardware);
        client.dialogue = dialogue;
        client.hardware = hardware;
        client.on_link = event.giaddr == [0; 4];
        let moved = was.xid != event.xid || had != hardware;
        if was.phase != Phase::None && moved {
            self.index.remove_dialogue(had, was.xid, number);
        }
        if was.phase == Phase::None || moved {
            self.index.insert_dialogue(&self.clients, number);
        }
        Ok(number)
    }
}
