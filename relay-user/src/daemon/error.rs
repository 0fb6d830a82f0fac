//! Why the daemon does not start, or ends.

use std::io;

use thiserror::Error;

use crate::{
    config::{ConfigError, Problem, host::HostError},
    control::ControlError,
    fastpath::FastPathError,
    nexthop::NextHopError,
    socket::SocketError,
};

/// An error of the daemon.
#[derive(Debug, Error)]
pub enum DaemonError {
    /// The configuration is wrong, in itself or on this machine.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The machine's devices and addresses cannot be read.
    #[error("the machine's devices and addresses cannot be read: {0}")]
    Machine(#[source] HostError),
    /// Signals cannot be waited for.
    #[error("signals cannot be waited for: {0}")]
    Signal(#[source] io::Error),
    /// Next hops cannot be resolved.
    #[error(transparent)]
    NextHop(#[from] NextHopError),
    /// The task that follows the machine's changes has ended.
    #[error("the task that follows routes and neighbours has ended")]
    WatcherEnded,
    /// The fast path is required and does not work.
    #[error("{0} (relay.fast_path = \"prefer\" goes on without the fast path)")]
    FastPath(#[from] FastPathError),
    /// A socket of the slow path.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// The thread of the slow path does not answer.
    #[error("the slow path cannot be told of a change: {0}")]
    SlowPath(#[source] io::Error),
    /// The thread of the client table cannot be started, or has ended.
    #[error("the client table: {0}")]
    Clients(#[source] io::Error),
    /// Host routes cannot be installed.
    #[error("host routes: no netlink socket: {0}")]
    HostRoutes(#[source] io::Error),
    /// Metrics cannot be listened for.
    #[error("{0}")]
    Metrics(Box<Problem>),
    /// The control socket.
    #[error(transparent)]
    Control(#[from] ControlError),
}

impl DaemonError {
    /// Whether the configuration is to blame: exit status 2.
    pub fn is_configuration(&self) -> bool {
        matches!(self, Self::Config(_))
    }
}
