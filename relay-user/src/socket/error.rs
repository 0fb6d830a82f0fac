//! What can go wrong with a socket of the slow path, said so that an operator knows which device or port it is about,
//! why it happened and what to do.
//!
//! `recv` returns `io::Error` (what readiness loops work with), so every variant converts into one and can be taken
//! out again with [`SocketError::inside`].

use std::io;
use std::net::Ipv4Addr;

use thiserror::Error;

/// Why a slow-path socket could not be opened or used.
#[derive(Debug, Error)]
pub enum SocketError {
    /// The process may not open packet sockets or set a privileged option.
    #[error(
        "{what}: not permitted; the daemon needs {capability} (start it as root, or add {capability} to \
         CapabilityBoundingSet= and AmbientCapabilities= of the systemd unit)"
    )]
    Privilege {
        /// What was tried.
        what: String,
        /// What it takes.
        capability: &'static str,
    },
    /// There is no such device in this network namespace.
    #[error("{device}: there is no such device in this network namespace; check the name with `ip link`")]
    NoDevice {
        /// The device as it was asked for.
        device: String,
    },
    /// The device carries no Ethernet frames.
    #[error(
        "{device}: not an Ethernet device (ARPHRD type {hardware_type}); DHCP can only be relayed on Ethernet, name \
         the Ethernet port under it"
    )]
    NotEthernet {
        /// The device.
        device: String,
        /// `sll_hatype` as the kernel reports it.
        hardware_type: u16,
    },
    /// The port is down or has just gone down. The socket stays bound and receives again once the port is up.
    #[error("{device}: the port is down; nothing is received until it is up (`ip link set {device} up`)")]
    PortDown {
        /// The port.
        device: String,
    },
    /// The port was removed or moved to another network namespace. The socket is dead and must be opened anew.
    #[error(
        "{device} (ifindex {ifindex}): the port was removed or moved to another network namespace; open it anew when \
         it is back"
    )]
    PortGone {
        /// The port's name when the socket was opened.
        device: String,
        /// The ifindex the socket was bound to.
        ifindex: u32,
    },
    /// UDP port 67 is taken by a program that does not share it.
    #[error(
        "UDP port 67{scope}: already taken, so another DHCP server or relay runs here; find it with \
         `ss -lunp sport = :67` and stop it"
    )]
    PortInUse {
        /// `" in VRF red"`, or empty for the main table.
        scope: String,
    },
    /// The source address (giaddr) is not an address of this host.
    #[error(
        "{source_address} is not an address of this host, so nothing can be sent from it to {server}; add it to a \
         device (for inter-VRF relaying: a loopback in the servers' VRF), or grant CAP_NET_ADMIN"
    )]
    SourceNotLocal {
        /// The source that was asked for.
        source_address: Ipv4Addr,
        /// The server.
        server: Ipv4Addr,
    },
    /// The kernel has no way to the server at present.
    #[error("server {server}: {source}; check `ip route get {server} from {source_address}`")]
    Send {
        /// The source that was asked for.
        source_address: Ipv4Addr,
        /// The server.
        server: Ipv4Addr,
        /// What the kernel answered; `EAGAIN` and `ENOBUFS` mean that the datagram was lost to a full queue.
        source: io::Error,
    },
    /// Any other system call that failed.
    #[error("{target}: cannot {what}: {source}")]
    System {
        /// The device or port.
        target: String,
        /// What was tried.
        what: &'static str,
        /// What the kernel answered.
        source: io::Error,
    },
}

impl SocketError {
    /// The `SocketError` that an `io::Error` of this module carries; `None` for a bare system error.
    pub fn inside(error: &io::Error) -> Option<&SocketError> {
        error.get_ref().and_then(|inner| inner.downcast_ref())
    }

    /// Sorts a failed system call on `target`: missing privilege and missing device get their own sentence.
    pub(crate) fn system(target: impl Into<String>, what: &'static str, source: io::Error) -> SocketError {
        let target = target.into();
        match source.raw_os_error() {
            Some(errno @ (libc::EPERM | libc::EACCES)) => SocketError::Privilege {
                what: format!("{target}: {what}"),
                // Only binding a port below 1024 is refused so (`inet_bind`).
                capability: if errno == libc::EACCES { "CAP_NET_BIND_SERVICE" } else { "CAP_NET_RAW" },
            },
            Some(libc::ENODEV | libc::ENXIO) => SocketError::NoDevice { device: target },
            _ => SocketError::System { target, what, source },
        }
    }
}

impl From<SocketError> for io::Error {
    fn from(error: SocketError) -> io::Error {
        let kind = match &error {
            SocketError::Privilege { .. } => io::ErrorKind::PermissionDenied,
            SocketError::NoDevice { .. } | SocketError::PortGone { .. } => io::ErrorKind::NotFound,
            SocketError::NotEthernet { .. } => io::ErrorKind::Unsupported,
            SocketError::PortDown { .. } => io::ErrorKind::NetworkDown,
            SocketError::PortInUse { .. } => io::ErrorKind::AddrInUse,
            SocketError::SourceNotLocal { .. } => io::ErrorKind::AddrNotAvailable,
            SocketError::Send { source, .. } | SocketError::System { source, .. } => source.kind(),
        };
        io::Error::new(kind, error)
    }
}
