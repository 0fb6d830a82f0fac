//! The kernel half as the daemon sees it: the loaded programs, their maps, and where they are attached.
//!
//! `object` loads, with the rights of `capabilities` and the directory of `pins`; `publish` writes the tables, `attach`
//! puts the program on ports, `leases` and `batch` the clients,
//! `counters` and `records` read, the latter by way of `shared`, `selftest` finds out whether this kernel's fan-out can be trusted.

pub mod attach;
mod batch;
mod capabilities;
pub mod counters;
pub mod error;
mod leases;
pub mod object;
mod pins;
pub mod publish;
pub mod records;
pub mod selftest;
mod shared;

pub use attach::{Attachment, Mode, Obstacle, obstacles};
pub use capabilities::check as check_capabilities;
pub use error::FastPathError;
pub use leases::{KernelLeases, Refusals};
pub use object::{Abi, Object, Sizes};
pub use pins::on_bpffs;
pub use records::EventRings;
