//! What both the command line (`cargo xtask`) and relay-user's build script need: the BPF object.
//!
//! Without the feature `cli` this is all there is, and it compiles in a second.

pub mod bpf;
