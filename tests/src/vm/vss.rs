//! A DHCP server that understands virtual subnet selection (RFC 6607), which neither ISC dhcpd nor Kea does: a client is
//! in the VPN that sub-option 151 names, and gets that VPN's address. Or one that pretends: it keeps sub-option 152.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use anyhow::{Result, anyhow};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::lab::Namespace;
use crate::lab::bootp;
use crate::lab::build::{BOOTREPLY, Bootp};

const DISCOVER: u8 = 1;
const OFFER: u8 = 2;
const REQUEST: u8 = 3;
const ACK: u8 = 5;
const SUBNET_MASK: u8 = 1;
const LEASE_TIME: u8 = 51;
const MESSAGE_TYPE: u8 = 53;
const SERVER_IDENTIFIER: u8 = 54;
const RELAY_INFORMATION: u8 = 82;
/// Sub-options of option 82.
const VSS: u8 = 151;
const VSS_CONTROL: u8 = 152;
const PORT: u16 = 67;
const DAY: u32 = 86_400;

/// What the server makes of the VPN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vss {
    /// Leases of the VPN's own, and 152 is taken out of the answer.
    Understood,
    /// The same answer, with 152 left in it: what RFC 6607 has a relay look for.
    Ignored,
}

/// The type and name in 151 of each VPN, or nothing where it is the server's own, and the address its client gets.
pub type Leases = BTreeMap<Vec<u8>, Ipv4Addr>;

/// The server; it answers until it is dropped.
pub struct VssServer {
    asked: Arc<Mutex<Vec<Vec<u8>>>>,
    stop: Option<UnixStream>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl VssServer {
    /// Answers on `address` of a host as soon as this returns.
    pub fn start(host: &Namespace, address: Ipv4Addr, leases: Leases, vss: Vss) -> Result<Self> {
        let socket = host.enter(|| UdpSocket::bind(SocketAddrV4::new(address, PORT)))??;
        let (stop, stopped) = UnixStream::pair()?;
        let asked = Arc::new(Mutex::default());
        let kept = Arc::clone(&asked);
        let server = Answering { socket, address, leases, vss };
        let thread = thread::spawn(move || server.run(&stopped, &kept));
        Ok(Self { asked, stop: Some(stop), thread: Some(thread) })
    }

    /// The value of option 82 in every request so far.
    pub fn asked(&self) -> Vec<Vec<u8>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends it, and says whether it could answer everything.
    pub fn end(mut self) -> Result<()> {
        self.join()
    }

    fn join(&mut self) -> Result<()> {
        drop(self.stop.take());
        match self.thread.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(outcome)) => outcome,
            Some(Err(_)) => Err(anyhow!("the server panicked")),
        }
    }
}

impl Drop for VssServer {
    fn drop(&mut self) {
        if let Err(error) = self.join() {
            eprintln!("the server ended: {error:#}");
        }
    }
}

struct Answering {
    socket: UdpSocket,
    address: Ipv4Addr,
    leases: Leases,
    vss: Vss,
}

impl Answering {
    fn run(&self, stopped: &UnixStream, asked: &Mutex<Vec<Vec<u8>>>) -> Result<()> {
        let mut buffer = [0; 1500];
        loop {
            let mut ready = [
                PollFd::new(self.socket.as_fd(), PollFlags::POLLIN),
                PollFd::new(stopped.as_fd(), PollFlags::POLLIN),
            ];
            match poll(&mut ready, PollTimeout::NONE) {
                Ok(_) => {}
                Err(nix::Error::EINTR) => continue,
                Err(error) => return Err(error.into()),
            }
            if ready[1].any().unwrap_or(true) {
                return Ok(());
            }
            let (length, _) = self.socket.recv_from(&mut buffer)?;
            let request = bootp::Bootp::new(&buffer[..length])?;
            let Some(option82) = request.option(RELAY_INFORMATION) else { continue };
            // Kept before it is answered: who has the answer finds the question here.
            asked.lock().unwrap_or_else(PoisonError::into_inner).push(option82.clone());
            if let Some(reply) = self.answer(&request, &option82) {
                self.socket.send_to(&reply.bytes(), SocketAddrV4::new(request.giaddr(), PORT))?;
            }
        }
    }

    fn answer(&self, request: &bootp::Bootp<'_>, option82: &[u8]) -> Option<Bootp> {
        let kind = match request.option(MESSAGE_TYPE)?[..] {
            [DISCOVER] => OFFER,
            [REQUEST] => ACK,
            _ => return None,
        };
        let sub_options = sub_options(option82);
        let vpn = sub_options.iter().find(|sub_option| sub_option.first() == Some(&VSS));
        let vpn = vpn.map_or(&[][..], |sub_option| &sub_option[2..]);
        let sent_back: Vec<u8> = match self.vss {
            Vss::Ignored => option82.to_vec(),
            Vss::Understood => {
                let kept = sub_options.iter().filter(|sub_option| sub_option.first() != Some(&VSS_CONTROL));
                kept.flat_map(|sub_option| sub_option.iter().copied()).collect()
            }
        };
        let mut reply = Bootp::new(BOOTREPLY, Some(kind), request.chaddr());
        reply.xid = request.xid();
        reply.flags = request.flags();
        reply.ciaddr = request.ciaddr();
        reply.giaddr = request.giaddr();
        reply.yiaddr = *self.leases.get(vpn)?;
        Some(
            reply
                .option(SERVER_IDENTIFIER, &self.address.octets())
                .option(LEASE_TIME, &DAY.to_be_bytes())
                .option(SUBNET_MASK, &[255, 255, 255, 0])
                .option(RELAY_INFORMATION, &sent_back),
        )
    }
}

/// Each sub-option with its code and length; what runs past the end is left out.
pub fn sub_options(mut option82: &[u8]) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    while let [_, length, ..] = option82
        && let Some((sub_option, after)) = option82.split_at_checked(2 + usize::from(*length))
    {
        all.push(sub_option.to_vec());
        option82 = after;
    }
    all
}
