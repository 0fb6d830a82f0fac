//! Where a lease begins and where it ends, with all that hangs on it: address, host route, kernel map, store, timer.

use std::net::Ipv4Addr;

use super::Table;
use crate::clients::{
    action::{Action, Host, Published, Step, StepKind},
    client::{Client, Lease, Phase, State},
    time::BootTime,
};

impl Table {
    /// Gives a client a lease, in place of the one it may hold.
    pub(super) fn bind(&mut self, number: u32, lease: Lease, actions: &mut Vec<Action>) {
        let Some(client) = self.clients.get(number) else { return };
        let kind = match client.held() {
            Some(old) if old.address != lease.address => StepKind::Bound,
            Some(old) if old.server == lease.server => StepKind::Renewed,
            Some(_) => StepKind::TakenOver,
            None => StepKind::Bound,
        };
        self.bind_as(number, lease, kind, actions);
    }

    /// The same, told as `kind`.
    pub(super) fn bind_as(&mut self, number: u32, lease: Lease, kind: StepKind, actions: &mut Vec<Action>) {
        let Some(client) = self.clients.get(number) else { return };
        let (vrf, held) = (client.key.vrf, client.held().copied());
        if let Some(other) = self.index.by_address(&self.clients, vrf, lease.address)
            && other != number
        {
            // The server has given the address to this client: its word counts, whatever it said before.
            self.end_as(other, State::Expired, StepKind::Displaced, lease.since, actions);
        }
        if let Some(old) = held
            && old.address != lease.address
        {
            self.let_go(number, actions);
        }
        let keeps = held.is_some_and(|old| old.address == lease.address);
        let moved = held.is_some_and(|old| old.hardware != lease.hardware);
        if moved {
            self.unroute(number, actions);
        }
        self.set_state(number, State::Bound);
        let Some(client) = self.clients.get_mut(number) else { return };
        client.lease = Some(lease);
        if !keeps {
            self.index.insert_address(&self.clients, number);
        }
        self.route(number, actions);
        self.publish(number, actions);
        self.save(number);
        self.arm(number, lease.expires);
        self.step(kind, number, lease.address, lease.server, actions);
    }

    /// Ends a client's lease.
    pub(super) fn end(&mut self, number: u32, state: State, at: BootTime, actions: &mut Vec<Action>) {
        let kind = match state {
            State::Released => StepKind::Released,
            State::Declined => StepKind::Declined,
            State::Refused => StepKind::Refused,
            _ => StepKind::Expired,
        };
        self.end_as(number, state, kind, at, actions);
    }

    fn end_as(&mut self, number: u32, state: State, kind: StepKind, at: BootTime, actions: &mut Vec<Action>) {
        let Some(lease) = self.clients.get(number).and_then(|client| client.lease) else { return };
        self.let_go(number, actions);
        self.unsave(number);
        if let Some(client) = self.clients.get_mut(number) {
            client.lease = Some(lease);
        }
        self.step(kind, number, lease.address, lease.server, actions);
        self.rest(number, state, at, actions);
    }

    /// Leaves a client without a lease in `state` for a while, if there is room for such.
    pub(super) fn rest(&mut self, number: u32, state: State, at: BootTime, actions: &mut Vec<Action>) {
        self.set_state(number, state);
        let Some(interface) = self.clients.get(number).map(|client| client.key.interface) else { return };
        if self.policy.linger.is_zero() || self.is_crowded(interface, 0) {
            self.forget(number, actions);
        } else {
            self.wheel.set(number, at.after(self.policy.linger));
        }
    }

    /// The time of an entry has come.
    pub(super) fn time_out(&mut self, number: u32, now: BootTime, actions: &mut Vec<Action>) {
        match self.clients.get(number).map(|client| client.state) {
            Some(state) if state.is_bound() => self.end(number, State::Expired, now, actions),
            Some(_) => self.forget(number, actions),
            None => {}
        }
    }

    /// Takes an entry that holds nothing out of the table.
    pub(super) fn forget(&mut self, number: u32, actions: &mut Vec<Action>) {
        self.step(StepKind::Forgotten, number, Ipv4Addr::UNSPECIFIED, Ipv4Addr::UNSPECIFIED, actions);
        self.wheel.clear(number);
        let Some(client) = self.clients.remove(number) else { return };
        self.index.remove_key(&client.key, number);
        if client.dialogue.phase != Phase::None {
            self.index.remove_dialogue(client.hardware, client.dialogue.xid, number);
        }
        for index in [0, client.key.interface as usize] {
            self.used[index].entries -= 1;
            self.used[index].idle -= u32::from(client.state.is_idle());
        }
    }

    /// Takes a client's address from it, with what hangs on the address.
    pub(super) fn let_go(&mut self, number: u32, actions: &mut Vec<Action>) {
        self.unroute(number, actions);
        let Some(client) = self.clients.get_mut(number) else { return };
        let vrf = client.key.vrf;
        let Some(lease) = client.lease.take() else { return };
        self.index.remove_address(vrf, lease.address, number);
        actions.push(Action::Withdraw { vrf, address: lease.address });
    }

    /// Sees to it that a bound client has a host route if it should have one.
    pub(super) fn route(&mut self, number: u32, actions: &mut Vec<Action>) {
        let Some(client) = self.clients.get_mut(number) else { return };
        let wanted =
            self.policy.interface(client.key.interface).is_some_and(|interface| interface.host_routes);
        let host = host(client).filter(|_| wanted && client.on_link);
        match host {
            Some(host) if !client.routed => {
                client.routed = true;
                actions.push(Action::Install(host));
            }
            None => self.unroute(number, actions),
            Some(_) => {}
        }
    }

    /// Sees to it that a client has no host route.
    pub(super) fn unroute(&mut self, number: u32, actions: &mut Vec<Action>) {
        let Some(client) = self.clients.get_mut(number) else { return };
        if std::mem::take(&mut client.routed)
            && let Some(host) = host(client)
        {
            actions.push(Action::Remove(host));
        }
    }

    /// Puts a client's lease into the kernel's map.
    pub(super) fn publish(&self, number: u32, actions: &mut Vec<Action>) {
        let Some(client) = self.clients.get(number) else { return };
        let Some(lease) = client.held() else { return };
        actions.push(Action::Publish(Published {
            vrf: client.key.vrf,
            address: lease.address,
            interface: client.key.interface,
            hardware: lease.hardware,
            server: lease.server,
            seconds: lease.seconds,
            state: client.state,
            expires: lease.expires,
        }));
    }

    /// Sets the end of a lease.
    pub(super) fn arm(&mut self, number: u32, expires: BootTime) {
        if expires == BootTime::NEVER {
            self.wheel.clear(number);
        } else {
            self.wheel.set(number, expires);
        }
    }

    pub(super) fn step(
        &self,
        kind: StepKind,
        number: u32,
        address: Ipv4Addr,
        server: Ipv4Addr,
        actions: &mut Vec<Action>,
    ) {
        let Some(client) = self.clients.get(number) else { return };
        actions.push(Action::Step(Step {
            kind,
            client: number,
            interface: client.key.interface,
            hardware: client.hardware,
            address,
            server,
        }));
    }
}

/// The host route of a client: only Ethernet has neighbours to set.
fn host(client: &Client) -> Option<Host> {
    let lease = client.lease?;
    let mac = lease.hardware.ethernet()?;
    Some(Host { interface: client.key.interface, vrf: client.key.vrf, address: lease.address, mac })
}
