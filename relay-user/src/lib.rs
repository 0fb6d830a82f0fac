//! The daemon of xdp-dhcrelay as a library: everything but the command line, so that tests can use its parts.

pub mod clients;
pub mod config;
pub mod control;
pub mod daemon;
pub mod doctor;
pub mod fastpath;
pub mod features;
pub mod hosts;
pub mod leasequery;
pub mod leases;
pub mod logging;
pub mod memory;
pub mod metrics;
pub mod nexthop;
pub mod option82;
pub mod place;
pub mod plan;
pub mod quota;
pub mod renumber;
pub mod slowpath;
pub mod snoop;
pub mod socket;
pub mod tables;
