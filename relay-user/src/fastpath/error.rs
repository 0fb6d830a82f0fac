//! What can go wrong between the daemon and the kernel, said so that an operator knows what to change.

use std::{io, path::PathBuf};

use aya::{EbpfError, maps::MapError, programs::ProgramError};
use thiserror::Error;

/// An error of the fast path.
#[derive(Debug, Error)]
pub enum FastPathError {
    /// The object could not be loaded.
    #[error("the BPF object cannot be loaded: {source}{}", remedy(source_errno(source)))]
    Load {
        /// What the kernel or the loader said.
        #[source]
        source: Box<EbpfError>,
    },
    /// A program was refused.
    #[error("the BPF program {program} cannot be loaded: {source}{}", remedy(program_errno(source)))]
    Program {
        /// Its name.
        program: &'static str,
        /// What the kernel said.
        #[source]
        source: Box<ProgramError>,
    },
    /// A map could not be read or written.
    #[error("the BPF map {map} cannot be used: {source}")]
    Map {
        /// Its name.
        map: &'static str,
        /// What the kernel said.
        #[source]
        source: Box<MapError>,
    },
    /// The object does not have what the daemon expects: they were built from different sources.
    #[error("the embedded BPF object has no {part}: rebuild with `cargo xtask build-ebpf`")]
    Object {
        /// Name of the missing program or map.
        part: &'static str,
    },
    /// The pin directory cannot be used.
    #[error(
        "{}: maps cannot be pinned there: {source}; is the BPF filesystem mounted (`mount -t bpf bpf /sys/fs/bpf`), \
         and is relay.bpffs_dir inside it?", directory.display()
    )]
    Pin {
        /// `relay.bpffs_dir`.
        directory: PathBuf,
        /// What the filesystem said.
        source: io::Error,
    },
    /// XDP cannot be attached to a port.
    #[error("{port}: XDP cannot be attached ({mode}): {cause}; {remedy}")]
    Attach {
        /// Name of the device.
        port: String,
        /// `native` or `generic`.
        mode: &'static str,
        /// Why.
        cause: String,
        /// What to do about it.
        remedy: String,
    },
    /// A port that XDP was refused on when it was first tried.
    #[error("{0}")]
    Refused(String),
    /// The fan-out does not work on this kernel.
    #[error(
        "the fan-out self-test failed in {mode} mode: {finding}; generic XDP before the kernel's commit 6001896f0098 \
         (in stable 6.1.178, 6.12.97 and 6.18.44) gives every server the last one's copy: update the kernel, or set \
         relay.xdp_mode = \"native\""
    )]
    SelfTest {
        /// `native` or `generic`.
        mode: &'static str,
        /// What was seen.
        finding: String,
    },
}

impl FastPathError {
    pub(super) fn load(source: EbpfError) -> Self {
        Self::Load { source: Box::new(source) }
    }

    pub(super) fn program(program: &'static str, source: ProgramError) -> Self {
        Self::Program { program, source: Box::new(source) }
    }

    pub(super) fn map(map: &'static str, source: MapError) -> Self {
        Self::Map { map, source: Box::new(source) }
    }
}

/// The error number behind a program error.
pub(super) fn program_errno(error: &ProgramError) -> Option<i32> {
    match error {
        ProgramError::SyscallError(call) => call.io_error.raw_os_error(),
        ProgramError::LoadError { io_error, .. } => io_error.raw_os_error(),
        _ => None,
    }
}

fn source_errno(error: &EbpfError) -> Option<i32> {
    match error {
        EbpfError::MapError(MapError::CreateError { io_error, .. }) => io_error.raw_os_error(),
        EbpfError::MapError(MapError::SyscallError(call)) => call.io_error.raw_os_error(),
        _ => None,
    }
}

fn remedy(errno: Option<i32>) -> &'static str {
    match errno {
        Some(libc::EPERM) => {
            "; it needs CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON: run as root, or give the service these capabilities"
        }
        _ => "",
    }
}
