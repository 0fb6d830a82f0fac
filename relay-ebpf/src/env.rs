//! The rules' tables, read from the BPF maps.

use relay_common::{
    Env, Route,
    abi::{Address, AddressKey, Interface, Port, PortKey, Slot},
};

use crate::{
    clock,
    maps::{ACTIVE, ADDRESSES, BUCKETS, INTERFACES, PORTS, SLOTS},
};

/// The tables of the kernel.
pub(crate) struct Maps;

/// The published slot of a group: its index, and what it says.
#[inline(always)]
pub(crate) fn published(group: u32) -> Option<(u32, &'static Slot)> {
    let slot = *ACTIVE.get(group)?;
    Some((slot, SLOTS.get(slot)?))
}

impl Env for Maps {
    #[inline(always)]
    fn port(&self, key: PortKey) -> Option<Port> {
        // SAFETY: the daemon replaces an element, it does not change one in place; the value is copied out.
        unsafe { PORTS.get(key) }.copied()
    }

    #[inline(always)]
    fn interface(&self, index: u32) -> Option<&Interface> {
        INTERFACES.get(index)
    }

    #[inline(always)]
    fn address(&self, key: AddressKey) -> Option<Address> {
        // SAFETY: as for `port`.
        unsafe { ADDRESSES.get(key) }.copied()
    }

    #[inline(always)]
    fn route(&self, group: u32) -> Option<Route> {
        let (_, slot) = published(group)?;
        Some(Route { ready: slot.ready, mtu: slot.mtu })
    }

    #[inline(always)]
    fn admit(&self, interface: u32, rate: u32) -> bool {
        match BUCKETS.get_ptr_mut(interface) {
            // SAFETY: the bucket of this CPU, which nobody else writes while the program runs.
            Some(bucket) => unsafe { (*bucket).admit(clock::now(), rate) },
            None => false,
        }
    }
}
