//! Clients and one server by script, straight at a relay's ports ([`Direct`]), fast enough for thousands of dialogues: each
//! message is waited for on the other side, so what has happened is known after every step.

use std::net::Ipv4Addr;
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::lab::build::{BOOTREPLY, BOOTREQUEST, Bootp, Datagram};
use crate::lab::direct::{Direct, EDGE, RELAY, upstream};
use crate::lab::frame::Packet;
use crate::lab::packet::{Deliver, PacketSocket};

/// DHCP message types (RFC 2132 section 9.6).
pub const DISCOVER: u8 = 1;
pub const OFFER: u8 = 2;
pub const REQUEST: u8 = 3;
pub const ACK: u8 = 5;
pub const RELEASE: u8 = 7;

/// How long a message may take on a busy machine.
const DEADLINE: Duration = Duration::from_secs(20);

/// Both ends of the relay.
pub struct Wires {
    client: PacketSocket,
    servers: Vec<End>,
    relay_macs: Vec<[u8; 6]>,
}

struct End {
    socket: PacketSocket,
    mac: [u8; 6],
    address: Ipv4Addr,
}

/// A client's hardware address.
pub fn mac(client: u8) -> [u8; 6] {
    [0x02, 0, 0xc1, 0, 0, client]
}

/// The same as the relay prints it.
pub fn mac_text(client: u8) -> String {
    mac(client).map(|octet| format!("{octet:02x}")).join(":")
}

/// The address of server `number`.
pub fn server(number: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 41 + number as u8, 10)
}

/// A client's message.
pub fn from_client(client: u8, kind: u8, xid: u32) -> Bootp {
    Bootp { xid, ..Bootp::new(BOOTREQUEST, Some(kind), mac(client)) }
}

impl Wires {
    /// Sets up the servers' addresses, and listens.
    pub fn new(network: &Direct) -> Result<Self> {
        let mut servers = Vec::new();
        let mut relay_macs = Vec::new();
        for (number, host) in network.hosts.iter().enumerate() {
            let address = server(number);
            host.address(EDGE, &format!("{address}/24"))?;
            let socket = PacketSocket::open(host, EDGE, Deliver::Incoming)?;
            servers.push(End { socket, mac: host.mac(EDGE)?, address });
            relay_macs.push(network.relay.mac(&upstream(number))?);
        }
        let client = PacketSocket::open(&network.client, EDGE, Deliver::Incoming)?;
        Ok(Self { client, servers, relay_macs })
    }

    /// Broadcasts a client's message.
    pub fn client_sends(&self, message: &Bootp) -> Result<()> {
        let mac = *message.chaddr.first_chunk().context("a hardware address")?;
        self.client.send(&Datagram::from_client(mac, message).frame())
    }

    /// Waits until server `number` has the message with this xid and type.
    ///
    /// # Errors
    /// It does not come.
    pub fn reaches(&self, number: usize, xid: u32, kind: u8) -> Result<Packet> {
        let end = &self.servers[number];
        receive(&end.socket, DEADLINE, |packet| is(packet, xid, kind))
            .with_context(|| format!("message {kind} of dialogue {xid:08x} at server {}", end.address))
    }

    /// Server `number` answers a client, by way of the relay.
    pub fn server_sends(&self, number: usize, reply: &Bootp) -> Result<()> {
        let end = &self.servers[number];
        let to = (self.relay_macs[number], RELAY);
        end.socket.send(&Datagram::between((end.mac, end.address), to, reply).frame())
    }

    /// Waits until a client has the reply with this xid and type.
    ///
    /// # Errors
    /// It does not come.
    pub fn client_gets(&self, xid: u32, kind: u8) -> Result<Packet> {
        receive(&self.client, DEADLINE, |packet| is(packet, xid, kind))
            .with_context(|| format!("reply {kind} of dialogue {xid:08x} at the client"))
    }

    /// What server `number` says to a client's message.
    pub fn reply(&self, number: usize, asked: &Bootp, kind: u8, address: Ipv4Addr, lease: u32) -> Bootp {
        let mut reply = Bootp { op: BOOTREPLY, yiaddr: address, giaddr: RELAY, ..asked.clone() };
        reply.options = vec![(53, vec![kind])];
        reply.option(54, &self.servers[number].address.octets()).option(51, &lease.to_be_bytes())
    }

    /// A client gets a lease from server 0, or extends it: REQUEST and ACK.
    ///
    /// # Errors
    /// A message does not arrive.
    pub fn binds(&self, client: u8, xid: u32, address: Ipv4Addr, lease: u32) -> Result<()> {
        let request = from_client(client, REQUEST, xid)
            .option(50, &address.octets())
            .option(54, &self.servers[0].address.octets());
        self.client_sends(&request)?;
        self.reaches(0, xid, REQUEST)?;
        self.server_sends(0, &self.reply(0, &request, ACK, address, lease))?;
        self.client_gets(xid, ACK).map(drop)
    }
}

fn is(packet: &Packet, xid: u32, kind: u8) -> bool {
    packet.bootp().is_ok_and(|bootp| bootp.xid() == xid && bootp.option(53).as_deref() == Some(&[kind]))
}

/// Takes frames until one is wanted; the others are forgotten.
fn receive(socket: &PacketSocket, deadline: Duration, wanted: impl Fn(&Packet) -> bool) -> Result<Packet> {
    let end = Instant::now() + deadline;
    loop {
        match socket.receive() {
            Ok(frame) => {
                if let Ok(packet) = frame.packet()
                    && packet.is_dhcp()
                    && wanted(&packet)
                {
                    return Ok(packet);
                }
            }
            Err(nix::Error::EAGAIN) => {
                let left = end.saturating_duration_since(Instant::now());
                ensure!(!left.is_zero(), "it does not come within {deadline:?}");
                let mut ready = [PollFd::new(socket.as_ref().as_fd(), PollFlags::POLLIN)];
                match poll(&mut ready, PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)) {
                    Ok(_) | Err(nix::Error::EINTR) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            Err(nix::Error::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
