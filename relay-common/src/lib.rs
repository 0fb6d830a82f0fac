//! The rules of a DHCP relay agent, written once and compiled twice.
//!
//! The XDP programs of `relay-ebpf` and the slow path of `relay-user` both call [`ingress`] on every frame and
//! [`address_copy`] on every copy for a server. What differs between the two is only how bytes are reached
//! ([`Frame`]) and how tables are read ([`Env`]). The contract that the differential test holds them to: whenever
//! the kernel relays a frame the host produces the same bytes for the same place, a frame that is passed is
//! untouched, and a frame that is dropped is dropped under the same [`Reason`].
//!
//! | module | concept |
//! | --- | --- |
//! | `frame` | bytes that can be read, written, grown and shrunk |
//! | `view` | many of its fields at once |
//! | `wire` | offsets and constants of Ethernet, IPv4, UDP and BOOTP |
//! | `packet` | from a frame to a DHCP message that is ours, with its checksums verified |
//! | `options` | the bounded walk over DHCP options |
//! | `request`, `reply` | the two rewrites |
//! | `delivery` | where a reply goes (RFC 2131 section 4.1, RFC 1542 section 5.4) |
//! | `affinity` | which server a message about a lease goes to |
//! | `own` | which giaddr is one of ours |
//! | `smart` | which of its interface's addresses a client's request goes out with |
//! | `agent` | option 82 as it is inserted and recognised |
//! | `removal`, `shift` | taking an option out of a message |
//! | `copy` | what makes one server's copy differ from another's |
//! | `cut` | option 82 without virtual subnet selection, for servers in the clients' VRF |
//! | `rate` | the token bucket of an interface |
//! | `verdict` | what is done with a frame, and why |
//! | `abi` | keys and values of the BPF maps |
//! | `record`, `event` | what tells the daemon of one message: as it is left in memory, and what it says |
#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

#[cfg(test)]
extern crate std;

pub mod abi;
pub mod affinity;
pub mod agent;
pub mod checksum;
mod copy;
mod cut;
mod delivery;
mod env;
pub mod event;
mod frame;
mod headers;
mod ingress;
mod options;
mod overload;
pub mod own;
mod packet;
mod rate;
pub mod record;
pub mod removal;
mod reply;
mod request;
pub mod shift;
pub mod smart;
mod verdict;
mod view;
pub mod wire;

pub use checksum::Sum;
pub use copy::{Token, address_copy, mark_copies, token_of};
pub use env::{Env, Route};
pub use frame::{Frame, SliceFrame};
pub use ingress::ingress;
pub use options::Options;
pub use packet::{Seen, passing};
pub use rate::Bucket;
pub use verdict::{Class, Reason, Verdict, remark};
