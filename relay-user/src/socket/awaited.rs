//! A port socket that a tokio task waits on. tokio's `AsyncFd` cannot be made safely for any type, so it is made here
//! once, and kept where nobody can exchange the socket inside it.

use std::io;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::{FrameBatch, PortSocket, SocketError, raw};

/// A [`PortSocket`] registered with the tokio runtime.
#[derive(Debug)]
pub struct AwaitedPort {
    registered: AsyncFd<PortSocket>,
}

impl AwaitedPort {
    /// Registers the socket with the current runtime.
    ///
    /// # Errors
    /// What `epoll_ctl` answered.
    ///
    /// # Panics
    /// Outside a tokio runtime with its I/O driver enabled.
    pub fn new(socket: PortSocket) -> Result<AwaitedPort, SocketError> {
        let device = socket.device().to_owned();
        // A port that goes down raises EPOLLERR alone: with interest in readability only, the task would never wake.
        let registered = raw::register(socket, Interest::READABLE | Interest::ERROR)
            .map_err(|error| SocketError::system(device, "watch the packet socket", error))?;
        Ok(AwaitedPort { registered })
    }

    /// The socket itself.
    pub fn socket(&self) -> &PortSocket {
        self.registered.get_ref()
    }

    /// Waits for frames and receives up to [`FrameBatch::CAPACITY`] of them; the batch holds at least one. Cancelling
    /// it loses no frame.
    ///
    /// # Errors
    /// As [`PortSocket::recv`]. After [`SocketError::PortDown`] it can be called again and waits until the port is up.
    pub async fn recv_batch(&self, batch: &mut FrameBatch) -> io::Result<()> {
        loop {
            let mut ready = self.registered.ready(Interest::READABLE | Interest::ERROR).await?;
            if ready.get_inner().recv_batch(batch)? > 0 {
                return Ok(());
            }
            ready.clear_ready();
        }
    }
}
