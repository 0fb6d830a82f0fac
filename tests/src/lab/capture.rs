//! A capture on one interface: every frame from the moment it starts, to be asserted on or waited for.
//!
//! It takes frames on a thread of its own, so a test that is busy loses none; frames that the kernel had to drop make
//! the test fail instead of passing on half of the evidence. On a panic the frames go to
//! `target/relay-tests/<laboratory>-<host>-<interface>.pcap`.

use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::frame::{Direction, Frame, Packet};
use super::namespace::Namespace;
use super::packet::{Deliver, PacketSocket};
use super::{pcap, report_dir};

/// A running capture.
pub struct Capture {
    label: String,
    frames: Arc<Frames>,
    /// Closing it ends the thread.
    stop: Option<UnixStream>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Frames {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    frames: Vec<Frame>,
    /// Why the capture is not complete.
    broken: Option<String>,
}

impl Capture {
    /// Captures what arrives at and leaves `interface`; ready when it returns.
    pub fn start(namespace: &Namespace, interface: &str) -> Result<Self> {
        Self::open(namespace, interface, Deliver::Both)
    }

    /// Captures only what arrives at `interface`.
    pub fn incoming(namespace: &Namespace, interface: &str) -> Result<Self> {
        Self::open(namespace, interface, Deliver::Incoming)
    }

    fn open(namespace: &Namespace, interface: &str, deliver: Deliver) -> Result<Self> {
        let socket = PacketSocket::open(namespace, interface, deliver)?;
        let (stop, stopped) = UnixStream::pair()?;
        let frames = Arc::new(Frames::default());
        let collected = Arc::clone(&frames);
        let thread = thread::spawn(move || {
            if let Err(error) = collect(&socket, &stopped, &collected) {
                collected.lock().broken = Some(format!("{error:#}"));
                collected.changed.notify_all();
            }
        });
        let label = format!("{}-{interface}", namespace.kernel_name());
        Ok(Self { label, frames, stop: Some(stop), thread: Some(thread) })
    }

    /// Every frame so far.
    ///
    /// # Panics
    /// When the capture lost frames: nothing can be concluded from it.
    pub fn frames(&self) -> Vec<Frame> {
        self.since(0)
    }

    /// The frames from `mark` on, a number of frames.
    ///
    /// # Panics
    /// As [`Capture::frames`].
    pub fn since(&self, mark: usize) -> Vec<Frame> {
        let state = self.frames.lock();
        assert!(state.broken.is_none(), "capture {}: {:?}", self.label, state.broken);
        state.frames.get(mark..).unwrap_or_default().to_vec()
    }

    /// The UDP datagrams from or to the ports 67 and 68 so far, with their direction.
    pub fn dhcp(&self) -> Vec<(Direction, Packet)> {
        dhcp(&self.frames())
    }

    /// Waits until `probe` finds in the frames what it looks for.
    ///
    /// # Errors
    /// When the deadline passes; the message lists every frame there was.
    pub fn wait_for<T>(
        &self,
        what: &str,
        deadline: Duration,
        mut probe: impl FnMut(&[Frame]) -> Option<T>,
    ) -> Result<T> {
        let end = Instant::now() + deadline;
        let mut state = self.frames.lock();
        loop {
            if let Some(broken) = &state.broken {
                return Err(anyhow!("capture {}: {broken}", self.label));
            }
            if let Some(found) = probe(&state.frames) {
                return Ok(found);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(anyhow!(
                    "{what}: not on {} within {deadline:?}. Captured:\n{}",
                    self.label,
                    summary(&state.frames)
                ));
            }
            state = self
                .frames
                .changed
                .wait_timeout(state, left)
                .map(|(state, _)| state)
                .unwrap_or_else(|poisoned| poisoned.into_inner().0);
        }
    }

    /// Waits for the first DHCP packet from `mark` on (a number of DHCP packets, `dhcp().len()`) that `wanted` accepts.
    pub fn wait_for_dhcp(
        &self,
        what: &str,
        mark: usize,
        deadline: Duration,
        wanted: impl Fn(Direction, &Packet) -> bool,
    ) -> Result<Packet> {
        self.wait_for(what, deadline, |frames| {
            let later = dhcp(frames).into_iter().skip(mark);
            later.into_iter().find(|(direction, packet)| wanted(*direction, packet)).map(|(_, packet)| packet)
        })
    }

    /// One line for each frame.
    pub fn summary(&self) -> String {
        summary(&self.frames.lock().frames)
    }

    /// Writes the frames to `target/relay-tests/` and returns the file.
    pub fn write_pcap(&self) -> Result<PathBuf> {
        let path = report_dir()?.join(format!("{}.pcap", self.label));
        pcap::write(&path, &self.frames.lock().frames)?;
        Ok(path)
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            eprintln!("capture {}: its thread panicked", self.label);
        }
        if thread::panicking() {
            match self.write_pcap() {
                Ok(path) => eprintln!("--- captured, {}\n{}", path.display(), self.summary()),
                Err(error) => eprintln!("capture {} was not written: {error:#}", self.label),
            }
        }
    }
}

impl Frames {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn collect(socket: &PacketSocket, stopped: &UnixStream, frames: &Frames) -> Result<()> {
    loop {
        let mut ready = [
            PollFd::new(socket.as_ref().as_fd(), PollFlags::POLLIN),
            PollFd::new(stopped.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut ready, PollTimeout::NONE) {
            Ok(_) => {}
            Err(nix::Error::EINTR) => continue,
            Err(error) => return Err(error.into()),
        }
        let stop = ready[1].any().unwrap_or(true);
        loop {
            match socket.receive() {
                Ok(frame) => frames.lock().frames.push(frame),
                Err(nix::Error::EAGAIN) => break,
                Err(nix::Error::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        frames.changed.notify_all();
        let lost = socket.lost()?;
        anyhow::ensure!(lost == 0, "the kernel dropped {lost} frames");
        if stop {
            return Ok(());
        }
    }
}

fn dhcp(frames: &[Frame]) -> Vec<(Direction, Packet)> {
    let packets = frames.iter().filter_map(|frame| Some((frame.direction, frame.packet().ok()?)));
    packets.filter(|(_, packet)| packet.is_dhcp()).collect()
}

fn summary(frames: &[Frame]) -> String {
    let start = frames.first().map(|frame| frame.at);
    let line = |frame: &Frame| {
        let since = start.and_then(|start| frame.at.duration_since(start).ok()).unwrap_or_default();
        format!("{:>9.3} ms  {frame}\n", since.as_secs_f64() * 1e3)
    };
    frames.iter().map(line).collect()
}
