//! The programs the relay must get on with, as they are: DHCP servers, clients and the relay it replaces, from Debian.
//!
//! They are unpacked beside the build, never installed: installing would start services and change the machine, and
//! the distribution's AppArmor profiles would keep them out of a test's directories.

pub mod client;
pub mod dhclient;
pub mod dhcpcd;
pub mod dhcpd;
pub mod dhcrelay;
pub mod failover;
pub mod install;
pub mod kea;
pub mod udhcpc;

pub use client::Client;
pub use dhclient::Dhclient;
pub use dhcpcd::Dhcpcd;
pub use dhcpd::Dhcpd;
pub use dhcrelay::Dhcrelay;
pub use failover::FailoverPair;
pub use kea::Kea;
pub use udhcpc::Udhcpc;

use std::time::Duration;

/// How long a peer may take to start or to answer; generous, because it is only reached when something is wrong.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);
