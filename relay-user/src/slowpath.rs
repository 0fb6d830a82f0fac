//! The slow path: the same rules as in the kernel, on frames from packet sockets.
//!
//! It has what XDP passes up (fragments, IP options, no room to grow), everything when the fast path is off, and the
//! copies of requests for servers whose next hop is not known yet. One thread waits on all of it; a batch of frames is
//! received, relayed and sent with a system call each.

mod arrival;
mod held;
pub mod record;
mod relay;
mod shorter;
mod state;
mod ways;
mod worker;

use std::{
    io::{self, Write as _},
    os::unix::net::UnixStream,
    sync::{Arc, mpsc},
    thread::JoinHandle,
};

use aya::maps::{MapData, RingBuf};

pub use relay::Relayer;
pub use state::{State, View};
pub use ways::Ways;
pub use worker::Next;

use crate::{
    memory::Memory,
    socket::{PortSocket, SocketError},
};
use worker::{Change, Worker};

/// The running slow path; dropping it ends the thread.
pub struct SlowPath {
    changes: mpsc::Sender<Change>,
    waker: UnixStream,
    thread: Option<JoinHandle<()>>,
}

impl SlowPath {
    /// Starts the thread in the network namespace of the calling one.
    pub fn start(state: Arc<State>, memory: Memory, ways: Ways) -> Result<Self, SocketError> {
        let relayer = Relayer::new(Arc::clone(&state), memory, ways)?;
        let failed = |error| SocketError::system("slow path", "make a socket pair", error);
        let (waker, woken) = UnixStream::pair().map_err(failed)?;
        woken.set_nonblocking(true).map_err(failed)?;
        let told = waker.try_clone().map_err(failed)?;
        told.set_nonblocking(true).map_err(failed)?;
        state.wakes(told);
        let (changes, received) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("slow-path".to_owned())
            .spawn(move || Worker::new(relayer, state, received, woken).run())
            .map_err(failed)?;
        Ok(Self { changes, waker, thread: Some(thread) })
    }

    /// Listens on one more port, or on the same one anew.
    pub fn listen(&self, port: PortSocket) -> io::Result<()> {
        self.tell(Change::Listen(port))
    }

    /// Stops listening on a port.
    pub fn ignore(&self, ifindex: u32) -> io::Result<()> {
        self.tell(Change::Ignore(ifindex))
    }

    /// Takes over the copies that the fast path cannot send.
    pub fn take_punted(&self, ring: RingBuf<MapData>) -> io::Result<()> {
        self.tell(Change::Punted(Box::new(ring)))
    }

    /// Goes over to another configuration. Its [`Next::done`] hears of it.
    pub fn follow(&self, next: Next) -> io::Result<()> {
        self.tell(Change::Follow(Box::new(next)))
    }

    fn tell(&self, change: Change) -> io::Result<()> {
        self.changes.send(change).map_err(|_| io::Error::other("the slow path has ended"))?;
        (&self.waker).write_all(&[0])
    }
}

impl Drop for SlowPath {
    fn drop(&mut self) {
        if self.tell(Change::End).is_ok()
            && let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the slow path ended with a panic");
        }
    }
}
