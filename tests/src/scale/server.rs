//! A server that offers every client the address of its circuit and sends option 82 back, on any number of ports; it keeps
//! what it was asked.

use std::net::Ipv4Addr;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use anyhow::{Result, anyhow, ensure};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::circuit::{number, on_subnet};
use crate::lab::Namespace;
use crate::lab::build::{BOOTREPLY, BOOTREQUEST, Bootp, Datagram};
use crate::lab::frame::Packet;
use crate::lab::packet::{Deliver, PacketSocket};

const RELAY_INFORMATION: u8 = 82;
const SERVER_IDENTIFIER: u8 = 54;
const OFFER: u8 = 2;

/// What a server sends back of option 82.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Echo {
    /// All of it (RFC 3046 section 2.2).
    Whole,
    /// The first sub-option, which is the circuit-id, alone: without link selection, for example.
    FirstSubOption,
}

impl Echo {
    fn of(self, value: &[u8]) -> &[u8] {
        match (self, value) {
            (Self::FirstSubOption, [_, length, ..]) => &value[..2 + usize::from(*length)],
            _ => value,
        }
    }
}

/// A request as it arrived, and the port it arrived on (its place in the list).
#[derive(Clone, Debug)]
pub struct Request {
    pub port: usize,
    pub packet: Packet,
}

/// The server; it answers until it is dropped.
pub struct Server {
    requests: Arc<Mutex<Vec<Request>>>,
    stop: Option<UnixStream>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl Server {
    /// Answers on these ports of a host as soon as this returns.
    pub fn start(host: &Namespace, ports: &[String], echo: Echo) -> Result<Self> {
        let sockets: Vec<PacketSocket> = ports
            .iter()
            .map(|port| PacketSocket::open(host, port, Deliver::Incoming))
            .collect::<Result<_>>()?;
        let (stop, stopped) = UnixStream::pair()?;
        let requests = Arc::new(Mutex::default());
        let kept = Arc::clone(&requests);
        let thread = thread::spawn(move || answer(&sockets, echo, &stopped, &kept));
        Ok(Self { requests, stop: Some(stop), thread: Some(thread) })
    }

    /// Everything asked so far.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends it, and says whether it saw everything and could answer it.
    pub fn end(mut self) -> Result<Vec<Request>> {
        drop(self.stop.take());
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(outcome)) => outcome?,
            _ => return Err(anyhow!("the server panicked")),
        }
        Ok(self.requests())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        match self.thread.take().map(JoinHandle::join) {
            None | Some(Ok(Ok(()))) => {}
            Some(Ok(Err(error))) => eprintln!("the server ended: {error:#}"),
            Some(Err(_)) => eprintln!("the server panicked"),
        }
    }
}

fn answer(
    sockets: &[PacketSocket],
    echo: Echo,
    stopped: &UnixStream,
    requests: &Mutex<Vec<Request>>,
) -> Result<()> {
    loop {
        let mut ready = vec![PollFd::new(stopped.as_fd(), PollFlags::POLLIN)];
        ready.extend(sockets.iter().map(|socket| PollFd::new(socket.as_ref().as_fd(), PollFlags::POLLIN)));
        match poll(&mut ready, PollTimeout::NONE) {
            Ok(_) => {}
            Err(nix::Error::EINTR) => continue,
            Err(error) => return Err(error.into()),
        }
        let ready: Vec<bool> = ready.iter().map(|polled| polled.any().unwrap_or(true)).collect();
        for (port, socket) in sockets.iter().enumerate().filter(|(port, _)| ready[port + 1]) {
            answer_all(port, socket, echo, requests)?;
        }
        if ready[0] {
            return Ok(());
        }
    }
}

fn answer_all(port: usize, socket: &PacketSocket, echo: Echo, requests: &Mutex<Vec<Request>>) -> Result<()> {
    loop {
        let frame = match socket.receive() {
            Ok(frame) => frame,
            Err(nix::Error::EAGAIN) => break,
            Err(nix::Error::EINTR) => continue,
            Err(error) => return Err(error.into()),
        };
        let Ok(packet) = frame.packet() else { continue };
        if packet.udp.destination != 67 || packet.bootp()?.op() != BOOTREQUEST {
            continue;
        }
        let reply = offer(&packet, echo)?;
        // Kept before it is answered: who has the answer finds the question here.
        requests.lock().unwrap_or_else(PoisonError::into_inner).push(Request { port, packet });
        socket.send(&reply)?;
    }
    let lost = socket.lost()?;
    ensure!(lost == 0, "the server's socket lost {lost} frames");
    Ok(())
}

/// The offer to a request, back to where the request came from.
///
/// # Errors
/// When the request is no BOOTP message.
pub fn offer(request: &Packet, echo: Echo) -> Result<Vec<u8>> {
    let asked = request.bootp()?;
    let mut message = Bootp::new(BOOTREPLY, Some(OFFER), asked.chaddr());
    message.xid = asked.xid();
    message.flags = asked.flags();
    message.giaddr = asked.giaddr();
    message.yiaddr = on_subnet(number(asked.chaddr()), 100);
    let server: Ipv4Addr = request.ip.destination;
    message = message.option(SERVER_IDENTIFIER, &server.octets());
    for (code, value) in asked.options().iter().filter(|(code, _)| *code == RELAY_INFORMATION) {
        message = message.option(*code, echo.of(value));
    }
    let from = (request.ethernet.destination, server);
    let to = (request.ethernet.source, asked.giaddr());
    Ok(Datagram::between(from, to, &message).frame())
}
