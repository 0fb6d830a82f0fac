//! The rules' tables, read from the BPF maps.

use relay_common::{
    Env, Route,
    abi::{
        Address, AddressKey, Agent, AgentKey, AgentOwner, Attempt, AttemptKey, ClientKey, Holder, HolderKey,
        Interface, LeaseKey, MAX_SERVERS, Port, PortKey, Slot,
    },
    wire::eth,
};

use crate::{
    clock,
    frame::forgotten,
    loops,
    maps::{
        ACTIVE, ADDRESSES, AGENT_OWNERS, AGENTS, ATTEMPTS, BUCKETS, HOLDERS, INTERFACES, LEASES, PORTS,
        SERVERS, SLOTS, UNTAGGED,
    },
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
        if key.is_untagged() {
            return UNTAGGED.get(key.ifindex).copied().filter(Port::is_used);
        }
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
    fn route(&self, group: u32, secs: u16) -> Option<Route> {
        let (index, slot) = published(group)?;
        let waiting = if slot.standby == 0 { 0 } else { loops::waiting(index, u32::from(secs)) };
        // Servers that the group does not have wait for good: else a request for none would not be one.
        let waiting = forgotten(waiting as usize) as u32 | !(slot.ready | slot.pending);
        Some(Route { ready: slot.ready, mtu: slot.mtu, waiting })
    }

    #[inline(always)]
    fn agent(&self, interface: u32) -> Option<&Agent> {
        AGENTS.get(interface)
    }

    #[inline(always)]
    fn owner(&self, key: AgentKey) -> Option<AgentOwner> {
        // SAFETY: as for `port`.
        unsafe { AGENT_OWNERS.get(key) }.copied()
    }

    #[inline(always)]
    fn client(&self, key: ClientKey) -> Option<u32> {
        let [low, high] = key.chaddr;
        let interface = loops::client_of(key.realm, u32::from_ne_bytes(key.xid), low, high);
        let interface = forgotten(interface as usize) as u32;
        (interface != 0).then_some(interface)
    }

    #[inline(always)]
    fn heard(&self, key: ClientKey, interface: u32) {
        let [low, high] = key.chaddr;
        // What it returns says nothing.
        let _ = loops::client_heard(key.realm, u32::from_ne_bytes(key.xid), low, high, interface);
    }

    #[inline(always)]
    fn attempt(&self, key: AttemptKey) -> Option<Attempt> {
        // SAFETY: another CPU may replace the value meanwhile; either is an answer, and it is copied out.
        unsafe { ATTEMPTS.get(key) }.copied()
    }

    #[inline(always)]
    fn attempts(&self, key: AttemptKey, attempt: Attempt) {
        // A full map makes room itself.
        let _ = ATTEMPTS.insert(key, attempt, 0);
    }

    #[inline(always)]
    fn record(&self, key: AttemptKey, kind: u8, about: [u8; 4]) -> u32 {
        let [low, high] = key.chaddr;
        loops::smart_record(key.interface, low, high, u32::from(kind), u32::from_ne_bytes(about))
    }

    #[inline(always)]
    fn tried(&self, key: AttemptKey, record: u32) {
        let [low, high] = key.chaddr;
        // What it returns says nothing.
        let _ = loops::smart_tried(key.interface, low, high, record);
    }

    #[inline(always)]
    fn answered(&self, key: AttemptKey, record: u32, gives: bool) {
        let [low, high] = key.chaddr;
        // What it returns says nothing.
        let _ = loops::smart_answered(key.interface, low, high, record, u32::from(gives));
    }

    #[inline(always)]
    fn holder(&self, key: HolderKey) -> Option<Holder> {
        // SAFETY: another CPU may replace the value meanwhile; either is an answer, and it is copied out.
        unsafe { HOLDERS.get(key) }.copied()
    }

    #[inline(always)]
    fn hold(&self, key: HolderKey, holder: Holder) {
        match HOLDERS.get_ptr_mut(key) {
            // In place, which costs a fraction of an element that replaces it.
            // SAFETY: as in `renew`.
            Some(known) => unsafe { *known = holder },
            // A full map makes room itself; what cannot be remembered goes to all servers.
            None => _ = HOLDERS.insert(key, holder, 0),
        }
    }

    #[inline(always)]
    fn renew(&self, vrf: u32, key: &HolderKey) -> Option<[u8; 4]> {
        let lease = LEASES.get_ptr_mut(LeaseKey { vrf, address: key.address })?;
        // SAFETY: the daemon may replace the element meanwhile, and the kernel use it anew for another one. What is read is
        // octets in any case, and so is what is written: the worst that comes of it is that a request goes to the wrong server
        // alone, or to all, and to all when it is repeated.
        unsafe { (*lease).renew(key) }
    }

    #[inline(always)]
    fn server_of(&self, group: u32, address: [u8; 4]) -> u32 {
        let Some((slot, _)) = published(group) else { return 0 };
        loops::server_of(slot, u32::from_ne_bytes(address))
    }

    #[inline(always)]
    fn serves(&self, group: u32, vrf: u32) -> bool {
        let serves = loops::serves(group, vrf);
        serves != 0
    }

    #[inline(always)]
    fn is_ours(&self, vrf: u32, interface: u32, address: [u8; 4]) -> bool {
        let ours = loops::is_ours(vrf, interface, u32::from_ne_bytes(address));
        ours != 0
    }

    #[inline(always)]
    fn is_local_to_servers(&self, group: u32, address: [u8; 4]) -> bool {
        let Some((slot, state)) = published(group) else { return false };
        let servers = state.ready | state.pending;
        let mut found = 0;
        for index in 0..MAX_SERVERS as u32 {
            if servers >> index & 1 != 0
                && let Some(server) = SERVERS.get(slot * MAX_SERVERS as u32 + index)
                && self.address(AddressKey { vrf: server.vrf, address }).is_some_and(|known| known.local != 0)
            {
                found = 1;
            }
            found = forgotten(found);
        }
        found != 0
    }

    #[inline(always)]
    fn ask(&self, key: HolderKey, vrf: u32, group: u32, xid: Option<[u8; 4]>) -> u32 {
        let xid = xid.map_or(u64::MAX, |xid| u64::from(u32::from_ne_bytes(xid)));
        let place = u64::from(vrf) << 32 | u64::from(u32::from_ne_bytes(key.address));
        let mask = loops::ask_holder(key.interface, place, eth::number(key.chaddr), group, xid);
        forgotten(mask as usize) as u32
    }

    #[inline(always)]
    fn note(&self, key: HolderKey, server: [u8; 4], xid: [u8; 4], offer: bool) {
        let chaddr = eth::number(key.chaddr) | u64::from(offer) << loops::OFFER_BIT;
        // What it returns says nothing.
        let _ = loops::note_holder(
            key.interface,
            u32::from_ne_bytes(key.address),
            chaddr,
            u32::from_ne_bytes(server),
            u32::from_ne_bytes(xid),
        );
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
