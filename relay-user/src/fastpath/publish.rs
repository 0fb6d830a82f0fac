//! Writing the tables into the maps, so that no packet ever sees half of a change: an interface, port or address is one
//! element, replaced whole; a server group is built in the slot that is not in use and swapped in by one store.

use std::os::fd::{AsFd as _, AsRawFd as _};

use aya::maps::{DevMap, Map, MapData, MapError};
use bytemuck::Zeroable as _;
use relay_common::abi::{Agent, MAX_SERVERS, Port, PortKey, Server, Slot};

use super::{FastPathError, Object, batch, object::Abi};
use crate::tables::{GroupState, ServerState, Tables};

/// Groups that are published together; each has a file descriptor meanwhile.
const AT_ONCE: usize = 64;
/// `BPF_MAP_TYPE_DEVMAP`.
const DEVMAP: u32 = 14;
/// Octets of `struct bpf_devmap_val`: interface index and program.
const DEVMAP_VALUE: u32 = 8;

impl Object {
    /// Brings the maps from what `old` says to what `new` says.
    pub fn apply(&mut self, old: &Tables, new: &Tables) -> Result<(), FastPathError> {
        // What a port refers to is written before the port, and taken away after it.
        let groups: Vec<(u32, &GroupState)> = (0u32..)
            .zip(&new.groups)
            .filter(|(group, state)| old.groups.get(*group as usize) != Some(state))
            .collect();
        for some in groups.chunks(AT_ONCE) {
            self.publish_groups(some)?;
        }
        for (index, interface) in (1u32..).zip(&new.interfaces) {
            if old.agents.get(&index) != new.agents.get(&index) {
                let agent = new.agents.get(&index).copied().unwrap_or(Agent::NONE);
                self.agents
                    .set(index, Abi(agent), 0)
                    .map_err(|source| FastPathError::map("AGENTS", source))?;
            }
            if old.interface(index) != Some(interface) {
                self.allow_device(interface.ifindex)?;
                self.interfaces
                    .set(index, Abi(*interface), 0)
                    .map_err(|source| FastPathError::map("interfaces", source))?;
            }
        }
        for (key, value) in &new.owners {
            if old.owners.get(key) != Some(value) {
                self.owners
                    .insert(Abi(*key), Abi(*value), 0)
                    .map_err(|source| FastPathError::map("AGENT_OWNERS", source))?;
            }
        }
        for (key, value) in &new.addresses {
            if old.addresses.get(key) != Some(value) {
                self.addresses
                    .insert(Abi(*key), Abi(*value), 0)
                    .map_err(|source| FastPathError::map("ADDRESSES", source))?;
            }
        }
        for (key, value) in &new.ports {
            if old.ports.get(key) != Some(value) {
                self.set_port(*key, *value)?;
            }
        }
        for key in old.ports.keys().filter(|key| !new.ports.contains_key(key)) {
            self.remove_port(*key)?;
        }
        for key in old.addresses.keys().filter(|key| !new.addresses.contains_key(key)) {
            absent_is_fine(self.addresses.remove(&Abi(*key)))
                .map_err(|source| FastPathError::map("ADDRESSES", source))?;
        }
        for key in old.owners.keys().filter(|key| !new.owners.contains_key(key)) {
            absent_is_fine(self.owners.remove(&Abi(*key)))
                .map_err(|source| FastPathError::map("AGENT_OWNERS", source))?;
        }
        Ok(())
    }

    /// Returns when no program of this object runs any more that ran at the time of the call, nor the redirects it made: the
    /// kernel has that wait in the change of an array of maps (`maybe_wait_bpf_programs`).
    pub fn fence(&mut self) -> Result<(), FastPathError> {
        let current = self.active.get(&0, 0).map_err(|source| FastPathError::map("ACTIVE", source))?;
        let unused = if current == 0 { 1 } else { 0 };
        let (nobody, _) = self.device_map(&GroupState::default())?;
        self.fanout.set(unused, &nobody, 0).map_err(|source| FastPathError::map("FANOUT", source))
    }

    fn set_port(&mut self, key: PortKey, port: Port) -> Result<(), FastPathError> {
        if key.is_untagged() {
            return self
                .untagged
                .set(key.ifindex, Abi(port), 0)
                .map_err(|source| FastPathError::map("UNTAGGED", source));
        }
        self.ports.insert(Abi(key), Abi(port), 0).map_err(|source| FastPathError::map("PORTS", source))
    }

    fn remove_port(&mut self, key: PortKey) -> Result<(), FastPathError> {
        if key.is_untagged() {
            return self.set_port(key, Port::zeroed());
        }
        absent_is_fine(self.ports.remove(&Abi(key))).map_err(|source| FastPathError::map("PORTS", source))
    }

    /// Lets frames be redirected to a device. The kernel takes the entry away with the device, and an index is never used
    /// again, so there is nothing to take away here.
    fn allow_device(&mut self, ifindex: u32) -> Result<(), FastPathError> {
        if ifindex == 0 || self.devices.get(ifindex, 0).is_ok() {
            return Ok(());
        }
        match self.devices.insert(ifindex, ifindex, Some(&self.egress), 0) {
            // The device went away a moment ago; the next change of the machine says so.
            Err(error) if is_gone(&error) => Ok(()),
            result => result.map_err(|error| FastPathError::map("DEVICES", xdp_map_error(error))),
        }
    }

    /// Publishes groups. Writing a device map into the array of maps waits until every program that may still use
    /// its slot has finished (`maybe_wait_bpf_programs`), so the rest of the slot is nobody's while it is filled. That takes some
    /// milliseconds, and is done once for all of them: as a batch, which the kernel waits for too since Linux 6.8 only, and
    /// the last one by itself.
    fn publish_groups(&mut self, groups: &[(u32, &GroupState)]) -> Result<(), FastPathError> {
        let failed = |source| FastPathError::map("FANOUT", source);
        let mut next = Vec::new();
        for &(group, state) in groups {
            let current =
                self.active.get(&group, 0).map_err(|source| FastPathError::map("ACTIVE", source))?;
            let slot = if current == 2 * group { current + 1 } else { 2 * group };
            next.push((slot, self.device_map(state)?));
        }
        let Some(((slot, (last, _)), others)) = next.split_last() else {
            return Ok(());
        };
        let slots: Vec<u32> = others.iter().map(|(slot, _)| *slot).collect();
        let maps: Vec<u32> = others.iter().map(|(_, (_, descriptor))| *descriptor).collect();
        batch::update(self.slots_of_fanout.as_fd(), &slots, &maps)
            .map_err(|stopped| failed(MapError::IoError(stopped.error)))?;
        self.fanout.set(*slot, last, 0).map_err(failed)?;
        for (&(group, state), (slot, _)) in groups.iter().zip(&next) {
            self.fill_slot(group, *slot, state)?;
        }
        Ok(())
    }

    /// Fills a slot that nobody uses, and has it used from now on.
    fn fill_slot(&mut self, group: u32, next: u32, state: &GroupState) -> Result<(), FastPathError> {
        for (index, server) in (0u32..).zip(&state.servers) {
            if let Some(hop) = server.fast_hop() {
                self.allow_device(hop.ifindex)?;
            }
            let value = Server {
                address: server.address.octets(),
                vrf: server.vrf,
                ifindex: server.fast_hop().map_or(0, |hop| hop.ifindex),
                next_mac: server.fast_hop().map_or([0; 6], |hop| hop.next_mac),
                port_mac: server.fast_hop().map_or([0; 6], |hop| hop.port_mac),
            };
            self.servers
                .set(next * MAX_SERVERS as u32 + index, Abi(value), 0)
                .map_err(|source| FastPathError::map("servers", source))?;
        }
        self.slots
            .set(next, Abi(slot(group, state)), 0)
            .map_err(|source| FastPathError::map("SLOTS", source))?;
        self.active.set(group, next, 0).map_err(|source| FastPathError::map("ACTIVE", source))
    }

    /// One entry per server that has a next hop, none empty: a broadcast walks every entry there is room for.
    /// With the number of its descriptor, which is good as long as the map is here.
    fn device_map(&self, state: &GroupState) -> Result<(DevMap<MapData>, u32), FastPathError> {
        let failed = |source| FastPathError::map("FANOUT", source);
        let hops: Vec<_> = state.servers.iter().filter_map(ServerState::fast_hop).collect();
        let entries = u32::try_from(hops.len().max(1)).unwrap_or(u32::MAX);
        let definition =
            aya_obj::Map::new_from_params(DEVMAP, size_of::<u32>() as u32, DEVMAP_VALUE, entries, 0);
        let data = MapData::create(definition, "fanout", None).map_err(failed)?;
        let descriptor = data.fd().as_fd().as_raw_fd() as u32;
        let mut devices = DevMap::try_from(Map::DevMap(data)).map_err(failed)?;
        for (index, hop) in (0u32..).zip(&hops) {
            match devices.set(index, hop.ifindex, Some(&self.egress), 0) {
                // The device went away a moment ago; the next change of the next hops says so.
                Err(error) if is_gone(&error) => {}
                result => result.map_err(|error| failed(xdp_map_error(error)))?,
            }
        }
        Ok((devices, descriptor))
    }
}

fn slot(group: u32, state: &GroupState) -> Slot {
    let mut slot = Slot {
        ready: state.mask(|server| server.fast_hop().is_some()),
        pending: state.mask(|server| server.fast_hop().is_none()),
        mtu: state.mtu(),
        group,
        standby: state.mask(|server| server.min_secs != 0),
        ..Slot::default()
    };
    for (index, server) in state.servers.iter().enumerate() {
        slot.min_secs[index] = server.min_secs;
        let Some(hop) = server.fast_hop() else { continue };
        let place =
            slot.devices.iter_mut().find(|device| device.ifindex == hop.ifindex || device.ifindex == 0);
        // There are as many places as a group has servers.
        if let Some(device) = place {
            device.ifindex = hop.ifindex;
            device.servers |= 1 << index;
        }
    }
    slot
}

fn absent_is_fine(result: Result<(), MapError>) -> Result<(), MapError> {
    match result {
        Err(MapError::SyscallError(call)) if call.io_error.raw_os_error() == Some(libc::ENOENT) => Ok(()),
        Err(MapError::KeyNotFound) => Ok(()),
        other => other,
    }
}

fn xdp_map_error(error: aya::maps::xdp::XdpMapError) -> MapError {
    match error {
        aya::maps::xdp::XdpMapError::MapError(error) => error,
        other => MapError::IoError(std::io::Error::other(other)),
    }
}

fn is_gone(error: &aya::maps::xdp::XdpMapError) -> bool {
    matches!(error, aya::maps::xdp::XdpMapError::MapError(MapError::SyscallError(call))
        if matches!(call.io_error.raw_os_error(), Some(libc::EINVAL | libc::ENODEV)))
}
