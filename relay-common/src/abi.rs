//! Keys and values of the BPF maps, as the programs and the daemon share them.
//!
//! Integers are in host byte order; IPv4 and Ethernet addresses are octets as they stand in a packet. There is no
//! padding anywhere (`bytemuck::Pod` refuses it at compile time): a hash map compares whole keys, and padding that
//! happens to differ would be a key that is never found.

use bytemuck::{Pod, Zeroable};

use crate::Reason;

mod lease;

pub use lease::{Lease, LeaseKey, lease_state};

/// Servers in one group: one bit each in a 32-bit mask.
pub const MAX_SERVERS: usize = 32;
/// Counters by message type: 0 is plain BOOTP, 1 to 14 are the DHCP types of that number, 15 is every other.
pub const MESSAGE_SLOTS: usize = 16;
/// Room for reasons in [`Counters`]; more than there are, so that a new one does not change the layout.
pub const REASON_SLOTS: usize = 48;
/// Tokens whose served sets are remembered per CPU: well above the 64 frames of a NAPI poll.
pub const SERVED_SLOTS: u32 = 256;
/// Octets of a frame in a [`Punted`] record.
pub const PUNT_FRAME: usize = 2048;

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

/// Value of `AGENTS`, by interface index: the relay agent information option as the interface inserts it.
/// Made by [`Agent::new`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Agent {
    /// Octets of the option with its code and length; 0 when the interface inserts none.
    pub len: u16,
    /// Offset of sub-option 10's value in `octets`, 0 when there is none.
    pub flags_at: u16,
    /// One's complement sum over the option and END, beginning at an even offset, in 16 bits.
    pub sum: u32,
    /// Hash of the value that servers send back, `agent::whole`; 0 when it is to be looked up in `AGENT_OWNERS`.
    pub answer: u64,
    /// What servers in the clients' VRF get less of it.
    pub cut: Cut,
    /// Always 0.
    pub zero: u32,
    /// The option, END, and zeros.
    pub octets: [u8; AGENT_ROOM],
}

/// How option 82 is made shorter in a copy for a server in the clients' VRF: virtual subnet selection, which is the end of
/// it, is for the others (RFC 6607). Made by `Agent::cut_for`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Pod, Zeroable)]
#[repr(C)]
pub struct Cut {
    /// Bit i: server i gets the shorter one.
    pub near: u32,
    /// Where the option begins: octets before the end of the frame. 0 in [`Agent`].
    pub behind: u16,
    /// Octets of the option that stay, with code and length; 0 when none of it does.
    pub kept: u16,
    /// Octets that go.
    pub tail: u16,
    /// One's complement sum by which the shorter one with END and zeros differs, beginning at an even offset.
    pub sum: u16,
}

/// Octets in [`Agent::octets`]: the longest option and END, in whole words of eight.
pub const AGENT_ROOM: usize = 264;

/// Key of `AGENT_OWNERS`: an option 82 that a server may send back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Pod, Zeroable)]
#[repr(C)]
pub struct AgentKey {
    /// Hash of the option's value: `agent::whole` or `agent::identity`.
    pub hash: u64,
    /// Routing table of the servers' VRF, 0 for the main table.
    pub vrf: u32,
    /// The reply's giaddr.
    pub giaddr: [u8; 4],
}

/// Value of `AGENT_OWNERS`: whose option 82 it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct AgentOwner {
    /// Index of the interface.
    pub interface: u32,
    /// Nonzero when the value has sub-option 152 in it: the server did not look at the VPN (RFC 6607 section 5).
    pub vss_ignored: u32,
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

/// Key of `CLIENTS`: a client whose request went out with an address that several interfaces share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Pod, Zeroable)]
#[repr(C)]
pub struct ClientKey {
    /// The client's hardware address, all of the field, as two numbers: a key that BPF programs make of plain numbers must be
    /// aligned as they are.
    pub chaddr: [u64; 2],
    /// [`Interface::realm`]. The value is the index of the interface that the request came in on.
    pub realm: u32,
    /// Transaction identifier.
    pub xid: [u8; 4],
}

impl ClientKey {
    /// From the fields of a message.
    #[inline(always)]
    pub fn new(realm: u32, xid: [u8; 4], chaddr: [u8; 16]) -> Self {
        Self { chaddr: halves(chaddr), realm, xid }
    }
}

#[inline(always)]
fn halves([a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]: [u8; 16]) -> [u64; 2] {
    [[a, b, c, d, e, f, g, h], [i, j, k, l, m, n, o, p]].map(u64::from_ne_bytes)
}

/// Key of `ATTEMPTS`: a client of an interface that has several addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Pod, Zeroable)]
#[repr(C)]
pub struct AttemptKey {
    /// The client's hardware address, as in [`ClientKey`].
    pub chaddr: [u64; 2],
    /// Index of the configured interface.
    pub interface: u32,
    /// Always 0.
    pub zero: u32,
}

impl AttemptKey {
    /// From the field of a message.
    #[inline(always)]
    pub fn new(interface: u32, chaddr: [u8; 16]) -> Self {
        Self { chaddr: halves(chaddr), interface, zero: 0 }
    }
}

/// Value of `ATTEMPTS`: how far the client has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Attempt {
    /// Index of the record that its last DISCOVER went out with.
    pub at: u32,
    /// DISCOVERs with it since anybody answered one.
    pub unanswered: u32,
    /// Index of the record that its last OFFER or ACK was for, 0 when there was none.
    pub answered: u32,
}

impl Attempt {
    /// Nothing is known.
    pub const NONE: Self = Self { at: 0, unanswered: 0, answered: 0 };
}

/// Key of `HOLDERS`: an address offered or given to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Pod, Zeroable)]
#[repr(C)]
pub struct HolderKey {
    /// Index of the client-facing interface.
    pub interface: u32,
    /// The address.
    pub address: [u8; 4],
    /// The client's Ethernet address.
    pub chaddr: [u8; 6],
    /// Always 0.
    pub zero: u16,
}

/// Value of `HOLDERS`: the server that did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Holder {
    /// Its address; 0.0.0.0 when several offered the same.
    pub server: [u8; 4],
    /// Transaction identifier of its last reply.
    pub xid: [u8; 4],
    /// Nonzero since a request went to it alone, until it answers.
    pub asked: u32,
}

/// Value of `SLOTS`: one published state of a server group. A group alternates between two slots, so that a packet
/// in flight finds the servers it was sent to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Slot {
    /// Bit i: server i has a resolved next hop.
    pub ready: u32,
    /// Bit i: server i has none, and the daemon sends its copy.
    pub pending: u32,
    /// Largest IPv4 packet that fits every resolved next hop, octets.
    pub mtu: u32,
    /// Which group this is, for records in `PUNTED`.
    pub group: u32,
    /// Bit i: server i only gets messages whose `secs` is `min_secs` or more.
    pub standby: u32,
    /// Seconds, for the servers of `standby`.
    pub min_secs: [u16; MAX_SERVERS],
    /// The egress devices of the group, each once, then zeros.
    pub devices: [Egress; MAX_SERVERS],
}

/// A device that copies of a group leave by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Egress {
    /// Its interface index.
    pub ifindex: u32,
    /// Bit i: server i is behind it.
    pub servers: u32,
}

/// Value of `servers`: all that makes one server's copy its own. Index: slot × [`MAX_SERVERS`] + server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Server {
    /// The server's address.
    pub address: [u8; 4],
    /// Interface index of the egress device, 0 while the next hop is not resolved.
    pub ifindex: u32,
    /// Routing table of the VRF that it is in, 0 for the main table.
    pub vrf: u32,
    /// Ethernet address of the next hop.
    pub next_mac: [u8; 6],
    /// Our Ethernet address on the egress device.
    pub port_mac: [u8; 6],
}

/// Value of `SERVED`, per CPU: which servers of a token have had their copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Served {
    /// Sequence number of the token.
    pub sequence: u32,
    /// Bit i: server i has been served.
    pub mask: u32,
    /// How the copies of the token are made shorter for some of them; only when the token says so.
    pub cut: Cut,
}

/// Value of `counters`, per CPU; index 0 counts what no interface can be named for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Counters {
    /// Requests relayed, by message slot.
    pub requests: [u64; MESSAGE_SLOTS],
    /// Replies relayed, by message slot.
    pub replies: [u64; MESSAGE_SLOTS],
    /// Frames not relayed, by [`Reason::index`].
    pub reasons: [u64; REASON_SLOTS],
    /// Copies that left toward servers.
    pub copies: u64,
    /// Copies that were lost because it was not known any more which option 82 is right for their server.
    pub cuts_lost: u64,
    /// Copies for servers without a resolved next hop that were lost because the daemon did not keep up.
    pub punts_lost: u64,
    /// Requests that went on without our option 82, because they would have become too long with it.
    pub option82_left_out: u64,
    /// Requests whose `secs` was in the wrong byte order.
    pub swapped_secs: u64,
    /// Requests that went to the server of the lease alone.
    pub to_holder: u64,
    /// Messages other than DISCOVERs that the client table did not hear of, because the daemon did not keep up.
    pub events_lost: u64,
    /// DISCOVERs, likewise: no lease depends on them.
    pub discovers_lost: u64,
}

/// The slot of [`Counters::requests`] and [`Counters::replies`] for a message type.
#[inline(always)]
pub const fn message_slot(message: u8) -> usize {
    let last = MESSAGE_SLOTS - 1;
    if (message as usize) < last { message as usize } else { last }
}

/// The name of a message slot in `stats`.
pub const MESSAGE_NAMES: [&str; MESSAGE_SLOTS] = [
    "bootp",
    "discover",
    "offer",
    "request",
    "decline",
    "ack",
    "nak",
    "release",
    "inform",
    "forcerenew",
    "leasequery",
    "leaseunassigned",
    "leaseunknown",
    "leaseactive",
    "bulkleasequery",
    "other",
];

/// Record of the ring buffer `PUNTED`: a rewritten request, and the servers that the daemon is to send it to.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct Punted {
    /// Index of the server group.
    pub group: u32,
    /// Bit i: server i.
    pub servers: u32,
    /// Octets of `frame` that are the frame.
    pub len: u32,
    /// Index of the client-facing interface.
    pub interface: u32,
    /// How the copies for some of them are made shorter.
    pub cut: Cut,
    /// Ethernet header (without meaning), IPv4 header with destination 0, UDP, message.
    pub frame: [u8; PUNT_FRAME],
}

const _: () = {
    assert!(Reason::ALL.len() <= REASON_SLOTS);
    assert!(size_of::<PortKey>() == 8);
    assert!(size_of::<Port>() == 16);
    assert!(size_of::<Interface>() == 64);
    assert!(size_of::<AddressKey>() == 8);
    assert!(size_of::<Address>() == 8);
    assert!(size_of::<Slot>() == 340);
    assert!(size_of::<Server>() == 24);
    assert!(size_of::<Agent>() == 32 + AGENT_ROOM);
    assert!(size_of::<AgentKey>() == 16);
    assert!(size_of::<AgentOwner>() == 8);
    assert!(size_of::<ClientKey>() == 24);
    assert!(size_of::<AttemptKey>() == 24);
    assert!(size_of::<Attempt>() == 12);
    assert!(size_of::<HolderKey>() == 16);
    assert!(size_of::<Holder>() == 12);
    assert!(size_of::<LeaseKey>() == 8);
    assert!(size_of::<Lease>() == 40);
    assert!(size_of::<Served>() == 20);
    assert!(size_of::<Punted>() == 28 + PUNT_FRAME);
};
