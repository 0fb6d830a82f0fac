//! What the tests in the virtual machine share: networks with the devices that only such a machine surely has (VRF, 802.1Q), and
//! the daemon with a configuration written out by the test.
//!
//! The tests themselves are `tests/vm_*.rs`. They are marked as ignored, so that a plain `cargo test` does not need the
//! devices; `cargo xtask vm` runs them.

pub mod daemon;
pub mod near;
pub mod seed;
pub mod stacked;
pub mod vrfs;
pub mod vss;
