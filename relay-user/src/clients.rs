//! The client table: who holds which address on which interface, learnt from the messages that go through.
//!
//! Messages come in as [`relay_common::event::Event`]s, from both paths and from what only passes. [`Table`] turns
//! them into a state for each client and into [`Action`]s for those who keep routes, the kernel's map and the
//! store. Nothing in here reads a clock or a socket, but for `store`, which writes a file in a thread of its own.
//!
//! | module | concept |
//! | --- | --- |
//! | `time` | the clock that leases run by |
//! | `key`, `client` | who a client is, and what is known of it |
//! | `policy` | what counts on which interface |
//! | `table` | the state machine |
//! | `action` | what comes out of it |
//! | `slab`, `wheel` | memory and timers for a million of them |
//! | `store` | leases on disk |
//! | `bench` | what all of it costs |
//! | `watch` | which server answers whom, and what that says |

mod action;
pub mod bench;
mod client;
mod key;
mod policy;
mod slab;
pub mod store;
mod table;
mod time;
pub mod watch;
mod wheel;

pub use action::{Action, Host, Ignored, Published, Step, StepKind};
pub use client::{Client, Dialogue, Hardware, Lease, Offer, Phase, State};
pub use key::{Identity, Key};
pub use policy::{Interface, Policy, Server};
pub use table::{Change, Row, Table};
pub use time::BootTime;
