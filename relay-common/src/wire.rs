//! Offsets and constants of the four layers a relay touches, each in its own file and named as its RFC names it.

pub mod bootp;
pub mod eth;
pub mod ipv4;
pub mod udp;
