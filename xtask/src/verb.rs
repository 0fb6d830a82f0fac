//! The verbs, one file each.

pub(crate) mod bench;
pub(crate) mod build_ebpf;
pub(crate) mod check;
pub(crate) mod demo;
pub(crate) mod setup;
pub(crate) mod test;
pub(crate) mod verifier;
pub(crate) mod vm;
