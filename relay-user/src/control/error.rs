//! What can go wrong between a command and the daemon, each with what the operator can do about it.

use std::{io, path::PathBuf, time::Duration};

use super::Command;

/// Why the control socket cannot be served or asked.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Nobody answers on the socket.
    #[error(
        "no daemon answers on {}: it is not running, or has another control_socket; start it with \"systemctl start \
         xdp-dhcrelay\", or name its socket with --socket or its configuration with --config", .path.display()
    )]
    NotRunning {
        /// The socket.
        path: PathBuf,
    },
    /// The caller may not use the socket.
    #[error("{} may not be used by this user; run as root, or as a member of the group it belongs to", .path.display())]
    Permission {
        /// The socket, or the directory that is to hold it.
        path: PathBuf,
    },
    /// Another daemon serves the socket.
    #[error(
        "another daemon{} answers on {}; stop it, or give this one another relay.control_socket and relay.bpffs_dir",
        .pid.map(|pid| format!(" (process {pid})")).unwrap_or_default(), .path.display()
    )]
    AlreadyServed {
        /// The socket.
        path: PathBuf,
        /// The process that listens on it, where the kernel says.
        pid: Option<i32>,
    },
    /// Something that is no socket has the name.
    #[error("{} is not a socket; remove it, or name another relay.control_socket", .path.display())]
    NotASocket {
        /// The path.
        path: PathBuf,
    },
    /// Somebody holds a lock on the directory for longer than the start of a daemon takes.
    #[error("the directory {} stays locked by another process; end that process", .path.display())]
    Locked {
        /// The directory of the socket.
        path: PathBuf,
    },
    /// The daemon took the question and did not answer in time.
    #[error(
        "the daemon on {} has not answered within {} s; its log may say why (journalctl -u xdp-dhcrelay)",
        .path.display(), .patience.as_secs()
    )]
    Silent {
        /// The socket.
        path: PathBuf,
        /// How long it was waited for.
        patience: Duration,
    },
    /// The daemon understood that it was asked, and refused.
    #[error("the daemon refused \"{command}\": {message}")]
    Refused {
        /// What was asked.
        command: Command,
        /// Its reason.
        message: String,
        /// It is the configuration that is wrong.
        configuration: bool,
    },
    /// The connection ended before the document did.
    #[error("the daemon on {} ended in the middle of its answer; ask again, its log may say why", .path.display())]
    CutOff {
        /// The socket.
        path: PathBuf,
    },
    /// What came back is no JSON document.
    #[error("what answers on {} is not xdp-dhcrelay; name its socket with --socket", .path.display())]
    NotTheDaemon {
        /// The socket.
        path: PathBuf,
        /// What JSON missed.
        source: serde_json::Error,
    },
    /// The document is not what this program expects.
    #[error(
        "the daemon on {} is of another version than this command; restart it, or use --json: {source}",
        .path.display()
    )]
    OtherVersion {
        /// The socket.
        path: PathBuf,
        /// What JSON missed.
        source: serde_json::Error,
    },
    /// The system refused something.
    #[error("cannot {action} {}: {source}", .path.display())]
    System {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

impl ControlError {
    /// For `map_err`: `action` on `path` failed.
    pub(super) fn system(action: &'static str, path: &std::path::Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| match source.kind() {
            io::ErrorKind::PermissionDenied => Self::Permission { path },
            _ => Self::System { action, path, source },
        }
    }
}
