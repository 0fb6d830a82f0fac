//! Clients that come back all at once, as after a power cut: each sends DISCOVER, takes the first offer, and asks again as
//! RFC 2131 section 4.1 says when nothing comes: after 4, 8, 16, 32 and 64 seconds, each up to a second earlier or later.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    net::Ipv4Addr,
    os::fd::AsFd as _,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use relay_tests::lab::{
    Namespace,
    build::{BOOTREQUEST, Bootp, Datagram},
    packet::{Deliver, PacketSocket},
};

use crate::figures::Samples;

/// Messages sent before what has come back is looked at.
const BURST: usize = 32;

/// Who comes back, and how fast.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crowd {
    pub(crate) clients: u32,
    /// First messages a second; infinite for all at once.
    pub(crate) rate: f64,
    /// How long everybody may take together.
    pub(crate) patience: Duration,
}

/// What became of them.
#[derive(Debug, Default)]
pub(crate) struct Bound {
    pub(crate) bound: u32,
    /// From the first message of the first client until the last one was bound.
    pub(crate) elapsed: Duration,
    /// Seconds from a client's first message until it was bound.
    pub(crate) waited: Samples,
    /// Messages sent, and those among them that repeat one.
    pub(crate) sent: u64,
    pub(crate) repeated: u64,
    /// Frames that came back but found no room in the clients' socket.
    pub(crate) lost: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Selecting,
    Requesting { address: Ipv4Addr, server: Ipv4Addr },
    Bound,
}

#[derive(Clone, Copy, Debug)]
struct Client {
    state: State,
    began: Option<Instant>,
    /// Messages of this state that were sent.
    tries: u32,
}

struct Run {
    clients: Vec<Client>,
    /// When a client is to send next; an entry whose number of tries is not the client's is out of date.
    due: BinaryHeap<Reverse<(Instant, u32, u32)>>,
    found: Bound,
}

impl Crowd {
    /// Lets them all ask at `port`, and returns when everybody is bound or patience is at an end.
    ///
    /// # Errors
    /// The socket fails.
    pub(crate) fn ask(&self, host: &Namespace, port: &str) -> Result<Bound> {
        let socket = PacketSocket::open(host, port, Deliver::Incoming)?;
        let began = Instant::now();
        let client = Client { state: State::Selecting, began: None, tries: 0 };
        let mut run = Run {
            clients: vec![client; self.clients as usize],
            due: (0..self.clients)
                .map(|index| {
                    let after = if self.rate.is_finite() { f64::from(index) / self.rate } else { 0.0 };
                    Reverse((began + Duration::from_secs_f64(after), index, 0))
                })
                .collect(),
            found: Bound::default(),
        };
        while run.found.bound < self.clients && began.elapsed() < self.patience {
            for _ in 0..BURST {
                if !run.send_next(&socket)? {
                    break;
                }
            }
            while let Some((index, answer)) = receive(&socket)? {
                run.answered(&socket, index, answer)?;
            }
            run.rest(&socket)?;
        }
        run.found.elapsed = began.elapsed();
        run.found.lost = socket.lost()?;
        Ok(run.found)
    }
}

/// An OFFER or ACK.
struct Answer {
    message: u8,
    address: Ipv4Addr,
    server: Ipv4Addr,
}

/// The next answer that is queued, and the client it is for.
fn receive(socket: &PacketSocket) -> Result<Option<(u32, Answer)>> {
    loop {
        let frame = match socket.receive() {
            Ok(frame) => frame,
            Err(nix::Error::EAGAIN) => return Ok(None),
            Err(nix::Error::EINTR) => continue,
            Err(error) => return Err(error.into()),
        };
        let Ok(packet) = frame.packet() else { continue };
        let Some(answer) = read(&packet) else { continue };
        return Ok(Some(answer));
    }
}

fn read(packet: &relay_tests::lab::frame::Packet) -> Option<(u32, Answer)> {
    let bootp = packet.is_dhcp().then(|| packet.bootp().ok())??;
    let [message] = bootp.option(53)?[..] else { return None };
    let server: [u8; 4] = bootp.option(54)?.try_into().ok()?;
    let answer = Answer { message, address: bootp.yiaddr(), server: server.into() };
    // The number of a client is its transaction, too.
    Some((bootp.xid(), answer))
}

impl Run {
    /// Sends for the client that is due, if one is.
    fn send_next(&mut self, socket: &PacketSocket) -> Result<bool> {
        let now = Instant::now();
        while let Some(&Reverse((at, index, tries))) = self.due.peek() {
            if at > now {
                return Ok(false);
            }
            self.due.pop();
            let client = &self.clients[index as usize];
            if client.state != State::Bound && client.tries == tries {
                self.send(socket, index, now)?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn send(&mut self, socket: &PacketSocket, index: u32, now: Instant) -> Result<()> {
        let client = &mut self.clients[index as usize];
        let began = *client.began.get_or_insert(now);
        let mac = mac(index);
        let mut message = match client.state {
            State::Requesting { address, server } => Bootp::new(BOOTREQUEST, Some(3), mac)
                .option(50, &address.octets())
                .option(54, &server.octets()),
            State::Selecting | State::Bound => Bootp::new(BOOTREQUEST, Some(1), mac),
        };
        message.xid = index;
        message.secs = u16::try_from(now.duration_since(began).as_secs()).unwrap_or(u16::MAX);
        socket.send(&Datagram::from_client(mac, &message).frame())?;
        self.found.sent += 1;
        self.found.repeated += u64::from(client.tries != 0);
        client.tries += 1;
        self.due.push(Reverse((now + pause(index, client.tries), index, client.tries)));
        Ok(())
    }

    fn answered(&mut self, socket: &PacketSocket, index: u32, answer: Answer) -> Result<()> {
        let now = Instant::now();
        let Some(client) = self.clients.get_mut(index as usize) else { return Ok(()) };
        match (client.state, answer.message) {
            (State::Selecting, 2) => {
                client.state = State::Requesting { address: answer.address, server: answer.server };
                client.tries = 0;
                self.send(socket, index, now)
            }
            (State::Requesting { address, .. }, 5) if address == answer.address => {
                client.state = State::Bound;
                self.found.bound += 1;
                let began = client.began.context("bound without having asked")?;
                self.found.waited.push(now.duration_since(began).as_secs_f64());
                Ok(())
            }
            // NAK: from the beginning.
            (State::Requesting { .. }, 6) => {
                client.state = State::Selecting;
                client.tries = 0;
                self.due.push(Reverse((now, index, 0)));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Waits for an answer, or until somebody is due.
    fn rest(&self, socket: &PacketSocket) -> Result<()> {
        let next = self.due.peek().map(|Reverse((at, ..))| at.saturating_duration_since(Instant::now()));
        let most = next.unwrap_or(Duration::from_millis(100)).min(Duration::from_millis(100));
        if most < Duration::from_millis(1) {
            return Ok(());
        }
        let mut ready = [PollFd::new(socket.as_ref().as_fd(), PollFlags::POLLIN)];
        match poll(&mut ready, PollTimeout::try_from(most).unwrap_or(PollTimeout::ZERO)) {
            Ok(_) | Err(nix::Error::EINTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

fn mac(index: u32) -> [u8; 6] {
    let [a, b, c, d] = index.to_be_bytes();
    [0x02, 0xc0, a, b, c, d]
}

/// How long to wait for an answer to the message of this number (from 1): 4 s, doubled each time up to 64 s, up to a second
/// more or less, the same in every run.
fn pause(index: u32, tries: u32) -> Duration {
    let mixed = index.wrapping_mul(0x9e37_79b9).wrapping_add(tries.wrapping_mul(0x85eb_ca6b));
    let around = Duration::from_secs(4 << (tries - 1).min(4));
    around - Duration::from_secs(1) + Duration::from_millis(u64::from(mixed >> 16) % 2000)
}
