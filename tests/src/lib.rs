//! Tests of xdp-dhcrelay that need more than one crate: the laboratory of network namespaces and the real DHCP
//! programs that run in it.

pub mod lab;
pub mod mutants;
pub mod peers;

pub mod check;
pub mod churn;
pub mod generate;
pub mod host;
pub mod kernel;
pub mod oracle;
pub mod pinned;
pub mod routed;
pub mod rules;
pub mod scale;
pub mod scrape;
pub mod scripted;
pub mod site;
pub mod subject;
pub mod vm;
