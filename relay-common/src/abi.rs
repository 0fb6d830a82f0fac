//! Keys and values of the BPF maps, as the programs and the daemon share them.
//!
//! Integers are in host byte order; IPv4 and Ethernet addresses are octets as they stand in a packet. There is no
//! padding anywhere (`bytemuck::Pod` refuses it at compile time): a hash map compares whole keys, and padding that
//! happens to differ would be a key that is never found.

mod agent;
mod client;
mod counters;
mod lease;
mod place;
mod ring;
mod server;

pub use agent::{AGENT_ROOM, Agent, AgentKey, AgentOwner, BRIEF_WORDS, Brief, Cut};
pub use client::{Attempt, AttemptKey, ClientKey, Holder, HolderKey};
pub use counters::{Counters, MESSAGE_NAMES, MESSAGE_SLOTS, REASON_SLOTS, message_slot};
pub use lease::{Lease, LeaseKey, lease_state};
pub use place::{Address, AddressKey, Interface, Port, PortKey, flag};
pub use ring::{RINGS_PER_CPU, Ring};
pub use server::{Egress, MAX_SERVERS, PUNT_FRAME, Punted, SERVED_SLOTS, Served, Server, Slot};

use crate::Reason;

const _: () = {
    assert!(Reason::ALL.len() <= REASON_SLOTS);
    assert!(size_of::<PortKey>() == 8);
    assert!(size_of::<Port>() == 16);
    assert!(size_of::<Interface>() == 120);
    assert!(size_of::<AddressKey>() == 8);
    assert!(size_of::<Address>() == 8);
    assert!(size_of::<Slot>() == 340);
    assert!(size_of::<Server>() == 24);
    assert!(size_of::<Agent>() == 24 + AGENT_ROOM);
    assert!(size_of::<AgentKey>() == 16);
    assert!(size_of::<AgentOwner>() == 8);
    assert!(size_of::<ClientKey>() == 24);
    assert!(size_of::<AttemptKey>() == 24);
    assert!(size_of::<Attempt>() == 12);
    assert!(size_of::<HolderKey>() == 16);
    assert!(size_of::<Holder>() == 12);
    assert!(size_of::<LeaseKey>() == 8);
    assert!(size_of::<Lease>() == 40);
    assert!(size_of::<Ring>() == 128);
    assert!(size_of::<Served>() == 20);
    assert!(size_of::<Punted>() == 28 + PUNT_FRAME);
};
