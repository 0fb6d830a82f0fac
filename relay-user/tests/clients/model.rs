//! The client table once more, as plainly as it can be said: one ordered map, searched from end to end, every timer
//! looked at every time. It shares no code with the table, only the types of what goes in.

use std::{collections::BTreeMap, net::Ipv4Addr};

use relay_common::event::{Event, flag, path};
use relay_user::clients::Policy;

/// Interface, VRF, client identifier and its length, hardware address.
pub(crate) type Name = (u32, u32, u8, Vec<u8>, Vec<u8>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Discover,
    Request,
    Answered,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) address: Ipv4Addr,
    pub(crate) server: Ipv4Addr,
    pub(crate) server_id: Ipv4Addr,
    pub(crate) seconds: u32,
    pub(crate) mac: Vec<u8>,
    pub(crate) expires: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) state: &'static str,
    pub(crate) held: Option<Held>,
    pub(crate) offers: Vec<(Ipv4Addr, Ipv4Addr, u32)>,
    pub(crate) on_link: bool,
    /// As `on_link` was when the last ACK came.
    pub(crate) bound_on_link: bool,
    phase: Phase,
    xid: u32,
    mac: Vec<u8>,
    requested: Ipv4Addr,
    /// Milliseconds at which something happens if nothing else does.
    timer: u64,
}

pub(crate) struct Model {
    policy: Policy,
    pub(crate) entries: BTreeMap<Name, Entry>,
    pub(crate) suspicious: u64,
    /// A lease ended in the same millisecond as something else. Which comes first is not said, and may decide which
    /// entry there is still room for.
    pub(crate) tie: bool,
}

const MS: u64 = 1_000_000;

fn idle(state: &str) -> bool {
    !matches!(state, "requesting" | "bound" | "renewing" | "rebinding")
}

impl Model {
    pub(crate) fn new(policy: Policy) -> Self {
        Self { policy, entries: BTreeMap::new(), suspicious: 0, tie: false }
    }

    /// Lets time pass up to `now`, in nanoseconds.
    pub(crate) fn tick(&mut self, now: u64) {
        // The order matters: an entry that rests may be forgotten for want of room, so what is due earlier goes first.
        loop {
            let due = self
                .entries
                .iter()
                .filter(|(_, entry)| entry.timer <= now / MS)
                .min_by_key(|(_, entry)| (entry.timer, entry.held.is_none()))
                .map(|(name, entry)| (name.clone(), entry.held.is_some()));
            if let Some((name, true)) = &due {
                let timer = self.entries[name].timer;
                self.tie |= self.entries.values().filter(|entry| entry.timer == timer).count() > 1;
            }
            match due {
                Some((name, true)) => self.lose(&name, "expired", now),
                Some((name, false)) => drop(self.entries.remove(&name)),
                None => break,
            }
        }
    }

    pub(crate) fn hear(&mut self, event: &Event, now: u64) {
        self.tick(now);
        let at = if event.timestamp == 0 { now } else { event.timestamp.min(now) };
        match (event.op, event.message) {
            (1, 1 | 3 | 4 | 7) => self.client(event, at),
            (2, 2 | 6) => self.server(event, at),
            (2, 5) if event.yiaddr != [0; 4] => self.server(event, at),
            _ => {}
        }
        // What should have ended before it was heard of ends with the next millisecond.
        for entry in self.entries.values_mut() {
            entry.timer = entry.timer.max(now / MS + 1);
        }
    }

    fn client(&mut self, event: &Event, at: u64) {
        let Some(Some(interface)) = self.policy.interfaces.get(event.interface as usize) else { return };
        if interface.vrf != event.vrf {
            self.suspicious += 1;
            return;
        }
        let mac = event.chaddr[..usize::from(event.hlen)].to_vec();
        let id = event.client_id[..usize::from(event.client_id_len).min(32)].to_vec();
        if id.is_empty() && mac.is_empty() {
            return;
        }
        let whole = !id.is_empty() && event.client_id_len <= 32;
        let name =
            (event.interface, event.vrf, event.client_id_len, id, if whole { vec![] } else { mac.clone() });
        let to = Ipv4Addr::from(event.destination);
        let known = self.entries.get(&name).cloned();
        let held = known.as_ref().and_then(|entry| entry.held.clone());
        if event.path == path::PASSING
            && interface.servers.iter().all(|server| server.address != to)
            && held.as_ref().is_none_or(|held| held.server_id != to)
        {
            self.suspicious += 1;
            return;
        }
        let ciaddr = Ipv4Addr::from(event.ciaddr);
        let wanted = Ipv4Addr::from(event.requested);
        if event.message == 4 || event.message == 7 {
            let address = if event.message == 4 { wanted } else { ciaddr };
            if held.is_some_and(|held| held.address == address) {
                self.lose(&name, if event.message == 4 { "declined" } else { "released" }, at);
            } else if self.entries.iter().any(|(other, entry)| {
                other.1 == event.vrf
                    && other.0 != event.interface
                    && entry.held.as_ref().is_some_and(|held| held.address == address)
            }) {
                self.suspicious += 1;
            }
            return;
        }
        if let Some(entry) = &known
            && event.message == 1
            && entry.phase == Phase::Request
            && entry.xid == event.xid
        {
            return;
        }
        let twins = self
            .entries
            .iter()
            .filter(|(other, entry)| **other != name && entry.xid == event.xid && entry.mac == mac);
        if twins.count() >= 8 {
            return;
        }
        if known.is_none() && !self.has_room(event.interface, event.message == 1) {
            return;
        }
        let mut offers = known.as_ref().map_or(vec![], |entry| entry.offers.clone());
        let repeated =
            known.as_ref().is_some_and(|entry| entry.phase == Phase::Discover && entry.xid == event.xid);
        if (event.message == 1 && !repeated) || (event.message == 3 && event.server_id == [0; 4]) {
            offers.clear();
        }
        let extends = event.message == 3
            && event.server_id == [0; 4]
            && held.as_ref().is_some_and(|held| held.address == ciaddr);
        let state = match (&held, event.message) {
            (None, 1) => "selecting",
            (None, _) => "requesting",
            (Some(_), 3) if extends && (event.destination == [255; 4] || event.giaddr != [0; 4]) => {
                "rebinding"
            }
            (Some(_), 3) if extends => "renewing",
            (Some(_), _) => known.as_ref().map_or("bound", |entry| entry.state),
        };
        let timer = match (&held, &known) {
            (Some(_), Some(entry)) => entry.timer,
            _ => (at + self.policy.unfinished.as_nanos() as u64).div_ceil(MS),
        };
        let entry = Entry {
            state,
            held,
            offers,
            on_link: event.giaddr == [0; 4],
            bound_on_link: known.is_some_and(|entry| entry.bound_on_link),
            phase: if event.message == 1 { Phase::Discover } else { Phase::Request },
            xid: event.xid,
            mac,
            requested: if wanted.is_unspecified() { ciaddr } else { wanted },
            timer,
        };
        self.entries.insert(name, entry);
    }

    fn server(&mut self, event: &Event, at: u64) {
        let mac = event.chaddr[..usize::from(event.hlen)].to_vec();
        let echo = event.client_id[..usize::from(event.client_id_len).min(32)].to_vec();
        let mut meant = vec![];
        let mut doubtful = false;
        for (name, entry) in &self.entries {
            let same_name = name.2 == event.client_id_len
                && name.3 == echo
                && (event.client_id_len <= 32 || name.4 == mac);
            if entry.xid != event.xid || entry.mac != mac || (!echo.is_empty() && name.2 != 0 && !same_name) {
                continue;
            }
            let interface = self.policy.interfaces[name.0 as usize].as_ref().expect("known");
            let port = if event.path == path::PASSING {
                event.flags & flag::UPSTREAM != 0
            } else {
                event.interface == name.0
            };
            let source = Ipv4Addr::from(event.source);
            let vrf = interface.servers.iter().any(|server| server.vrf == event.vrf);
            let server =
                interface.servers.iter().any(|server| (server.vrf, server.address) == (event.vrf, source))
                    || entry.held.as_ref().is_some_and(|held| held.server_id == source);
            if !port || !vrf || !server {
                doubtful = true;
            } else if event.message == 2 || entry.phase == Phase::Request {
                meant.push(name.clone());
            }
        }
        if meant.is_empty() && doubtful {
            self.suspicious += 1;
        }
        if meant.len() > 1 && !echo.is_empty() {
            meant.retain(|name| name.2 != 0);
        }
        if meant.len() > 1 {
            meant.retain(|name| self.entries[name].requested == Ipv4Addr::from(event.yiaddr));
        }
        let [name] = &meant[..] else { return };
        match event.message {
            2 => self.offer(name, event),
            5 => self.ack(name, event, at),
            _ => {
                let entry = self.entries.get_mut(name).expect("known");
                entry.phase = Phase::Answered;
                self.lose(name, "refused", at);
            }
        }
    }

    fn offer(&mut self, name: &Name, event: &Event) {
        if event.yiaddr == [0; 4] {
            return;
        }
        let offer = (event.source.into(), event.yiaddr.into(), event.lease);
        let offers = &mut self.entries.get_mut(name).expect("known").offers;
        match offers.iter().position(|known| known.0 == offer.0) {
            Some(place) => offers[place] = offer,
            None => offers.push(offer),
        }
    }

    fn ack(&mut self, name: &Name, event: &Event, at: u64) {
        if event.flags & flag::LEASE == 0 || event.lease == 0 {
            return;
        }
        let address = Ipv4Addr::from(event.yiaddr);
        let before = self.entries.iter().find(|(other, entry)| {
            *other != name
                && other.1 == name.1
                && entry.held.as_ref().is_some_and(|held| held.address == address)
        });
        if let Some(before) = before.map(|(before, _)| before.clone()) {
            self.lose(&before, "expired", at);
        }
        let entry = self.entries.get_mut(name).expect("known");
        let expires =
            if event.lease == u32::MAX { u64::MAX } else { at + u64::from(event.lease) * 1_000_000_000 };
        entry.phase = Phase::Answered;
        entry.state = "bound";
        entry.bound_on_link = entry.on_link;
        entry.timer = if event.lease == u32::MAX { u64::MAX } else { expires.div_ceil(MS) };
        entry.held = Some(Held {
            address,
            server: event.source.into(),
            server_id: event.server_id.into(),
            seconds: event.lease,
            mac: entry.mac.clone(),
            expires,
        });
    }

    fn lose(&mut self, name: &Name, state: &'static str, at: u64) {
        let entry = self.entries.get_mut(name).expect("known");
        entry.held = None;
        entry.state = state;
        entry.timer = (at + self.policy.linger.as_nanos() as u64).div_ceil(MS);
        let own = self.policy.interfaces[name.0 as usize].as_ref().expect("known").clients_max as usize;
        let all = self.policy.clients_max as usize;
        if self.count(Some(name.0), true) > own / 2 || self.count(None, true) > all / 2 {
            self.entries.remove(name);
        }
    }

    fn has_room(&self, interface: u32, is_idle: bool) -> bool {
        let own = self.policy.interfaces[interface as usize].as_ref().expect("known").clients_max as usize;
        let all = self.policy.clients_max as usize;
        self.count(Some(interface), false) < own
            && self.count(None, false) < all
            && (!is_idle || self.count(Some(interface), true) < own / 2 && self.count(None, true) < all / 2)
    }

    fn count(&self, interface: Option<u32>, only_idle: bool) -> usize {
        self.entries
            .iter()
            .filter(|(name, _)| interface.is_none_or(|interface| name.0 == interface))
            .filter(|(_, entry)| !only_idle || idle(entry.state))
            .count()
    }
}
