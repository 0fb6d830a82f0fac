//! Where messages come in, and what addresses are to the relay: ports, the interfaces that clients are behind, addresses.

use bytemuck::{Pod, Zeroable};

use super::Brief;

/// Key of `PORTS`: a device and the VLAN identifiers of a frame, 0 where there is no tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Pod, Zeroable)]
#[repr(C)]
pub struct PortKey {
    /// Interface index of the device XDP runs on.
    pub ifindex: u32,
    /// Identifier of the outer (or only) tag.
    pub outer: u16,
    /// Identifier of the inner tag.
    pub inner: u16,
}

impl PortKey {
    /// Untagged frames of devices with a lower index are looked up in `UNTAGGED`, an array: a hash look-up costs several
    /// times as much.
    pub const UNTAGGED: u32 = 65_536;

    /// Whether the key is an index of `UNTAGGED`.
    #[inline(always)]
    pub const fn is_untagged(&self) -> bool {
        self.outer == 0 && self.inner == 0 && self.ifindex < Self::UNTAGGED
    }
}

/// Value of `PORTS` and `UNTAGGED`: what a port and VLAN is to the relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Port {
    /// Index of the client-facing interface, 0 when clients are not served here.
    pub interface: u32,
    /// Routing table of the VRF the device is in, 0 for the main table.
    pub vrf: u32,
    /// Our Ethernet address on the device.
    pub mac: [u8; 6],
    /// Nonzero when server replies arrive here.
    pub upstream: u16,
}

impl Port {
    /// Whether it is anything to the relay: in an array every index has a value.
    #[inline(always)]
    pub const fn is_used(&self) -> bool {
        self.interface != 0 || self.upstream != 0
    }
}

/// Value of `interfaces`, an array in which index 0 is not used: one client-facing interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Interface {
    /// Interface index of the device.
    pub ifindex: u32,
    /// Index of the server group.
    pub group: u32,
    /// Requests a second that are relayed, 0 for no limit.
    pub rate: u32,
    /// Our address on the client subnet.
    pub address: [u8; 4],
    /// What `giaddr` is set to.
    pub giaddr: [u8; 4],
    /// Source address of the datagrams to servers.
    pub source: [u8; 4],
    /// Our Ethernet address.
    pub mac: [u8; 6],
    /// Identifier of the outer (or only) tag, 0 for none.
    pub outer: u16,
    /// Identifier of the inner tag, 0 for none.
    pub inner: u16,
    /// EtherType of the outer tag.
    pub tpid: u16,
    /// Largest IPv4 packet toward the clients, octets.
    pub mtu: u16,
    /// Largest DHCP message that option 82 may make, octets.
    pub max_message: u16,
    /// Requests that arrive with this many hops or more are dropped.
    pub max_hops: u8,
    /// The IPv4 type of service octet of what the relay sends.
    pub tos: u8,
    /// DISCOVERs of one client that stay without an answer until the next address has its turn; 0 when there is none.
    pub tries: u8,
    /// Length of the prefix that `address` has on the client subnet, bits.
    pub prefix: u8,
    /// Bits of [`flag`].
    pub flags: u32,
    /// Routing table of the servers' VRF, 0 for the main table; with [`flag::SEVERAL_VRFS`] that of the first server's.
    pub server_vrf: u32,
    /// What clients are remembered under, [`Address::interface`] of an address that replies to them come to and that others
    /// share; 0 when none is shared, and nothing is remembered.
    pub realm: u32,
    /// Index of the configured interface, which is its own unless this is one more address of it.
    pub first: u32,
    /// Index of its next address; of the last one it is `first`. 0 when there is one address only.
    pub next: u32,
    /// What it inserts as option 82, and what comes back.
    pub agent: Brief,
}

impl Interface {
    /// Whether an address is of the client subnet that `address` is of.
    #[inline(always)]
    pub fn is_on_link(&self, address: [u8; 4]) -> bool {
        let differ = u32::from_be_bytes(self.address) ^ u32::from_be_bytes(address);
        self.prefix != 0 && u64::from(differ) >> (32 - (self.prefix & 63).min(32)) == 0
    }
}

/// Bits of [`Interface::flags`].
pub mod flag {
    /// Option 82 in a client's own request is accepted.
    pub const TRUSTED: u32 = 1;
    /// A UDP checksum is computed even where the client sent none.
    pub const UDP_CHECKSUM: u32 = 2;
    /// The port cannot take redirected frames: replies go by the slow path.
    pub const SLOW_REPLIES: u32 = 4;
    /// The interface inserts an option 82 of its own: it has an entry in `AGENTS`.
    pub const OPTION82: u32 = 8;
    /// Requests about a lease go to its server alone.
    pub const AFFINITY: u32 = 0x40;
    /// Sub-option 152 is Cisco's server identifier override, not VSS-control.
    pub const CISCO: u32 = 0x80;
    /// Not all servers of the group are in `Interface::server_vrf`.
    pub const SEVERAL_VRFS: u32 = 0x100;
    /// The bits that say what is done with a request that carries option 82 already.
    pub const POLICY: u32 = 0x30;
    /// Relayed as it is.
    pub const FORWARD: u32 = 0;
    /// Dropped.
    pub const DISCARD: u32 = 0x10;
    /// Ours is added.
    pub const APPEND: u32 = 0x20;
    /// Ours takes its place.
    pub const REPLACE: u32 = 0x30;
}

/// Key of `ADDRESSES`: an address within a VRF.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Pod, Zeroable)]
#[repr(C)]
pub struct AddressKey {
    /// Routing table of the VRF, 0 for the main table.
    pub vrf: u32,
    /// The address.
    pub address: [u8; 4],
}

/// Value of `ADDRESSES`: what an address is to the relay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Address {
    /// Index of the interface whose giaddr it is; 0 when it is nobody's. When several have it, [`Address::SHARED`] and the
    /// number of the realm: interfaces are of one realm that share an address with each other, or with a third of it.
    pub interface: u32,
    /// Nonzero when the address is one of this machine's.
    pub local: u16,
    /// Nonzero when the address is a configured server's.
    pub server: u16,
}

impl Address {
    /// In `interface`: more than one interface uses this giaddr.
    pub const SHARED: u32 = 1 << 31;
    /// In `interface`, besides: it is none of their giaddrs, but the address that answers to plain BOOTP come to.
    pub const BOOTP: u32 = 1 << 30;

    /// Whether `interface` is a realm.
    #[inline(always)]
    pub const fn is_realm(interface: u32) -> bool {
        interface & Self::SHARED != 0
    }

    /// The realm, whatever else is said of the address.
    #[inline(always)]
    pub const fn realm(interface: u32) -> u32 {
        interface & !Self::BOOTP
    }
}
