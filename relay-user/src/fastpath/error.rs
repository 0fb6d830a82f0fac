//! What can go wrong between the daemon and the kernel, said so that an operator knows what to change.

use std::{io, path::PathBuf};

use aya::{
    EbpfError,
    maps::MapError,
    programs::{ProgramError, xdp::XdpError},
};
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
    /// The process may not do what the fast path takes.
    #[error(
        "the fast path lacks {missing}; run as root, or add it to CapabilityBoundingSet= (and, for another user than \
         root, to AmbientCapabilities=) of the systemd unit"
    )]
    Capabilities {
        /// Their names, separated by spaces.
        missing: String,
    },
    /// The pin directory cannot be used.
    #[error("relay.bpffs_dir {}: maps cannot be pinned there: {source}", directory.display())]
    Pin {
        /// `relay.bpffs_dir`.
        directory: PathBuf,
        /// What the filesystem said.
        source: io::Error,
    },
    /// The pin directory is on an ordinary file system.
    #[error(
        "relay.bpffs_dir {} is not on a BPF file system, so maps cannot be pinned there; mount one (`mount -t bpf bpf \
         /sys/fs/bpf`), or name a directory that is on one", directory.display()
    )]
    NotBpffs {
        /// `relay.bpffs_dir`.
        directory: PathBuf,
    },
    /// Another daemon pins its maps in the same directory.
    #[error(
        "relay.bpffs_dir {} is in use by another daemon{owner}; stop that one, or give this one another \
         relay.bpffs_dir", directory.display()
    )]
    PinsTaken {
        /// `relay.bpffs_dir`.
        directory: PathBuf,
        /// `" (process 4711, …)"`, or empty where the kernel does not say.
        owner: String,
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
    /// XDP does not see the VLAN tags of a port, and it matters there.
    #[error("{port}: {consequence} in XDP, because {cause}; {remedy}")]
    Blind {
        /// Name of the device.
        port: String,
        /// What cannot be done.
        consequence: &'static str,
        /// Why.
        cause: String,
        /// What to do about it.
        remedy: String,
    },
    /// A port that XDP was refused on when it was first tried.
    #[error("{0}")]
    Refused(String),
    /// The fan-out could not be tried.
    #[error("the fan-out self-test cannot be run in {mode} mode: {cause}")]
    SelfTestNotRun {
        /// `native` or `generic`.
        mode: &'static str,
        /// What stood in the way.
        cause: String,
    },
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
        // Where a link is refused with EINVAL, aya tries the way of before links, and has the driver's own words.
        ProgramError::XdpError(XdpError::NetlinkError(error)) | ProgramError::NetlinkError(error) => {
            error.raw_os_error()
        }
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

/// What helps where the kernel refuses although the capabilities are there.
fn remedy(errno: Option<i32>) -> &'static str {
    match errno {
        Some(libc::EPERM) => {
            "; the capabilities are there, so they are those of a user namespace (a container: start it with the host's \
             CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON), or a security module forbids bpf()"
        }
        _ => "",
    }
}
