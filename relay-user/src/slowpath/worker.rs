//! The thread of the slow path: waits on every socket at once, relays a batch, sends a batch.

use std::{
    collections::BTreeMap,
    io::Read as _,
    os::{
        fd::{AsFd as _, BorrowedFd},
        unix::net::UnixStream,
    },
    sync::{Arc, atomic::Ordering, mpsc},
};

use aya::maps::{MapData, RingBuf};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::{
    Relayer, State, View, Ways,
    arrival::{Queue, SETTLED, Wall},
};
use crate::{
    clients::BootTime,
    memory::Memory,
    renumber::Renumber,
    socket::{FrameBatch, PortSocket, SocketError},
};

/// What the daemon tells the thread.
pub(super) enum Change {
    Listen(PortSocket),
    Ignore(u32),
    Punted(Box<RingBuf<MapData>>),
    Follow(Box<Next>),
    End,
}

/// Another configuration.
pub struct Next {
    /// What frames are relayed by from now on.
    pub view: View,
    /// What the rules remember under it.
    pub memory: Memory,
    /// Toward its servers.
    pub ways: Ways,
    /// The copies that its fast path cannot send.
    pub punted: Option<RingBuf<MapData>>,
    /// What becomes of numbers.
    pub renumber: Arc<Renumber>,
    /// Gets its word, and goes, when it is in force.
    pub done: mpsc::SyncSender<()>,
}

pub(super) struct Worker {
    relayer: Relayer,
    state: Arc<State>,
    changes: mpsc::Receiver<Change>,
    woken: UnixStream,
    ports: BTreeMap<u32, Port>,
    wall: Wall,
    /// Records are held back until the ports have been read again.
    holds: bool,
    punted: Option<Box<RingBuf<MapData>>>,
    batch: FrameBatch,
}

struct Port {
    socket: PortSocket,
    queue: Queue,
    /// Frames that its queue had no room for, as far as they are counted.
    drops: u64,
}

impl Worker {
    pub(super) fn new(
        relayer: Relayer,
        state: Arc<State>,
        changes: mpsc::Receiver<Change>,
        woken: UnixStream,
    ) -> Self {
        Self {
            relayer,
            state,
            changes,
            woken,
            ports: BTreeMap::new(),
            wall: Wall::default(),
            holds: false,
            punted: None,
            batch: FrameBatch::new(),
        }
    }

    pub(super) fn run(mut self) {
        loop {
            if let Err(error) = self.wait() {
                tracing::error!(%error, "the slow path cannot wait for frames and ends");
                return;
            }
            if !self.apply_changes() {
                self.relayer.read_up_to(BootTime::NEVER);
                return;
            }
            self.relayer.follow(&self.state.view());
            self.relay_punted();
            if let Err(error) = self.relay_ports() {
                tracing::error!(%error, "the slow path has no clock and ends");
                return;
            }
        }
    }

    /// Sleeps until something is to be read.
    fn wait(&self) -> nix::Result<()> {
        let mut descriptors: Vec<BorrowedFd<'_>> = vec![self.woken.as_fd()];
        descriptors.extend(self.ports.values().map(|port| port.socket.as_fd()));
        descriptors.extend(self.punted.as_ref().map(|ring| ring.as_fd()));
        let mut polled: Vec<PollFd<'_>> =
            descriptors.into_iter().map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
        let most = if self.holds { PollTimeout::from(SETTLED.as_millis() as u8) } else { PollTimeout::NONE };
        match poll(&mut polled, most) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Carries out what the daemon has asked for; false is the end.
    fn apply_changes(&mut self) -> bool {
        let mut wakes = [0; 64];
        // Whatever number of wake-ups: all changes are looked at.
        while matches!(self.woken.read(&mut wakes), Ok(1..)) {}
        loop {
            match self.changes.try_recv() {
                Ok(Change::Listen(port)) => {
                    self.forget(port.ifindex());
                    let listened = Port { socket: port, queue: Queue::default(), drops: 0 };
                    self.ports.insert(listened.socket.ifindex(), listened);
                }
                Ok(Change::Ignore(ifindex)) => self.forget(ifindex),
                Ok(Change::Punted(ring)) => self.punted = Some(ring),
                Ok(Change::Follow(next)) => self.follow(*next),
                Ok(Change::End) | Err(mpsc::TryRecvError::Disconnected) => return false,
                Err(mpsc::TryRecvError::Empty) => return true,
            }
        }
    }

    /// Goes over to another configuration. The programs that fill the ring of copies do not run any more: what is in it is
    /// sent by the configuration that it was rewritten by.
    fn follow(&mut self, next: Next) {
        let Next { view, memory, ways, punted, renumber, done } = next;
        while self.relay_punted() {}
        self.relayer.go_over(memory, ways, &renumber);
        self.state.publish(view);
        self.punted = punted.map(Box::new);
        // Nobody may be waiting any more.
        let _ = done.send(());
    }

    fn forget(&mut self, ifindex: u32) {
        if let Some(mut port) = self.ports.remove(&ifindex) {
            count_drops(&port.socket, &mut port.drops, &self.state);
        }
    }

    /// Whether there may be more of them.
    fn relay_punted(&mut self) -> bool {
        let Some(ring) = &mut self.punted else { return false };
        let view = self.state.view();
        let mut count = 0;
        // Bounded, so that a flood of copies does not starve the ports.
        while count < FrameBatch::CAPACITY
            && let Some(record) = ring.next()
        {
            self.relayer.punted(&view, &record);
            count += 1;
        }
        self.relayer.flush();
        count == FrameBatch::CAPACITY
    }

    /// Relays a batch of each port.
    fn relay_ports(&mut self) -> nix::Result<()> {
        let since = self.wall.read()?;
        let all: Vec<u32> = self.ports.keys().copied().collect();
        for ifindex in all {
            self.relay_port(ifindex, since)?;
        }
        let known = self.ports.values().map(|port| port.queue.known()).min();
        self.holds = self.relayer.read_up_to(known.unwrap_or(since));
        Ok(())
    }

    fn relay_port(&mut self, ifindex: u32, since: BootTime) -> nix::Result<()> {
        let Some(Port { socket, queue, drops }) = self.ports.get_mut(&ifindex) else { return Ok(()) };
        match socket.recv_batch(&mut self.batch) {
            Ok(0) => queue.read(since, true),
            Ok(count) => {
                let (view, now) = (self.state.view(), BootTime::now()?);
                for (octets, received) in self.batch.iter() {
                    let at = queue.arrival(&self.wall, received.stamp, now);
                    self.relayer.frame(&view, octets, received, at);
                }
                self.relayer.flush();
                queue.read(since, count < FrameBatch::CAPACITY);
                // A queue that was full had something to read: ports on which nothing came are not asked.
                count_drops(socket, drops, &self.state);
            }
            Err(error) => {
                queue.read(since, true);
                tracing::warn!(port = socket.device(), %error, "frames cannot be received");
                // A port that is only down comes back by itself; one that is gone would wake the thread for ever.
                if matches!(socket.health(), Err(SocketError::PortGone { .. })) {
                    self.forget(ifindex);
                }
            }
        }
        Ok(())
    }
}

/// Adds what was lost on a port since it was `counted`.
fn count_drops(port: &PortSocket, counted: &mut u64, state: &State) {
    match port.drops() {
        Ok(drops) => {
            state.receive_drops.fetch_add(drops - *counted, Ordering::Relaxed);
            *counted = drops;
        }
        Err(error) => {
            tracing::debug!(port = port.device(), %error, "the kernel does not say how many frames were lost");
        }
    }
}
