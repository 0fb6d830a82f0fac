//! Sending whole frames out of any port, as the fast path does it: no route, no ARP, no source address of the
//! kernel's choice. One socket serves every port of the network namespace.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Socket, Type};

use super::SocketError;
use super::raw::{self, PER_CALL};

/// Enough for a burst of several thousand frames that wait in the queues of the ports.
const SEND_BUFFER: usize = 4 << 20;

/// A packet socket that only sends. Non-blocking; usable from several threads at once.
#[derive(Debug)]
pub struct FrameSender {
    socket: Socket,
}

/// What became of a batch.
#[derive(Debug, Default)]
pub struct SendReport {
    /// Frames that the kernel took.
    pub sent: usize,
    /// Frames that it refused: the index in the batch, and why (see [`FrameSender::send`]).
    pub failures: Vec<(usize, io::Error)>,
}

impl FrameSender {
    /// Opens the socket in the network namespace of the calling thread.
    ///
    /// # Errors
    /// No CAP_NET_RAW.
    pub fn open() -> Result<FrameSender, SocketError> {
        let failed = |what| move |error| SocketError::system("frame sender", what, error);
        // Protocol 0: the socket never receives, so nothing has to be filtered or thrown away.
        let socket = Socket::new_raw(Domain::PACKET, Type::RAW.nonblocking().cloexec(), None)
            .map_err(failed("open a packet socket"))?;
        // Beyond net.core.wmem_max takes CAP_NET_ADMIN; without it the limit is what we get.
        if setsockopt(&socket, sockopt::SndBufForce, &SEND_BUFFER).is_err() {
            socket.set_send_buffer_size(SEND_BUFFER).map_err(failed("set the send buffer"))?;
        }
        Ok(FrameSender { socket })
    }

    /// Sends one frame, from the destination MAC to the end of the payload, tags included, out of a device.
    ///
    /// # Errors
    /// As the kernel gives them: `EAGAIN` (the socket's buffer is full, wait until it is writable), `ENOBUFS` (the
    /// queue of the port is full, the frame is lost), `ENETDOWN`, `ENXIO` (no such device), `EMSGSIZE` (longer than the
    /// port's MTU plus Ethernet header plus one tag).
    pub fn send(&self, ifindex: u32, frame: &[u8]) -> io::Result<()> {
        raw::send(self.socket.as_fd(), &[(ifindex, frame)]).map(drop)
    }

    /// Sends frames in order, each out of its own device (ifindex, frame). One that is refused does not hold up the
    /// others.
    pub fn send_batch(&self, frames: &[(u32, &[u8])]) -> SendReport {
        let mut report = SendReport::default();
        let mut next = 0;
        while next < frames.len() {
            let end = frames.len().min(next + PER_CALL);
            match raw::send(self.socket.as_fd(), &frames[next..end]) {
                Ok(sent) => {
                    report.sent += sent;
                    next += sent;
                }
                Err(error) => {
                    report.failures.push((next, error));
                    next += 1;
                }
            }
        }
        report
    }
}

impl AsFd for FrameSender {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for FrameSender {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}
