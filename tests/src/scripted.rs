//! Clients and a server without programs: every frame of their dialogues is made here, so that there may be thousands of
//! them, and liars among them. They live in a network of [`Direct`], the server behind its first port.

use std::net::Ipv4Addr;

use anyhow::Result;

use crate::lab::build::{BOOTREPLY, BOOTREQUEST, Bootp, Datagram};
use crate::lab::direct::{Direct, EDGE, RELAY, upstream};
use crate::lab::packet::{Deliver, PacketSocket};

/// The server's address.
pub const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 41, 10);

/// The frames, and the two ends of the wire they are put on.
pub struct Script {
    from_client: PacketSocket,
    from_server: PacketSocket,
    /// The relay's, to the clients and to the server.
    relay_macs: [[u8; 6]; 2],
    server_mac: [u8; 6],
}

/// The Ethernet address of a client.
pub fn mac(client: u16) -> [u8; 6] {
    let [high, low] = client.to_be_bytes();
    [2, 0, 0, 1, high, low]
}

/// The address a client gets.
pub fn address(client: u16) -> Ipv4Addr {
    let [high, low] = client.to_be_bytes();
    Ipv4Addr::new(192, 168, 64 + high, low)
}

/// The lease time that an ACK of a round gives, seconds: it tells which ACK was the last.
pub fn lease_time(round: u32) -> u32 {
    3600 + round
}

impl Script {
    /// In a network; the server's host gets its address.
    pub fn new(network: &Direct) -> Result<Self> {
        network.hosts[0].address(EDGE, &format!("{SERVER}/24"))?;
        Ok(Self {
            from_client: PacketSocket::open(&network.client, EDGE, Deliver::Nothing)?,
            from_server: PacketSocket::open(&network.hosts[0], EDGE, Deliver::Nothing)?,
            relay_macs: [network.relay.mac(EDGE)?, network.relay.mac(&upstream(0))?],
            server_mac: network.hosts[0].mac(EDGE)?,
        })
    }

    /// A message of a dialogue.
    pub fn message(&self, op: u8, kind: u8, client: u16, round: u32) -> Bootp {
        Bootp { xid: round << 16 | u32::from(client), ..Bootp::new(op, Some(kind), mac(client)) }
    }

    /// The server's ACK.
    pub fn ack(&self, client: u16, round: u32) -> Bootp {
        Bootp { yiaddr: address(client), ..self.message(BOOTREPLY, 5, client, round) }
            .option(54, &SERVER.octets())
            .option(51, &lease_time(round).to_be_bytes())
    }

    /// A client gets its lease through the relay.
    pub fn bind(&self, client: u16) -> Result<()> {
        let request = self
            .message(BOOTREQUEST, 3, client, 0)
            .option(54, &SERVER.octets())
            .option(50, &address(client).octets());
        self.from_client.send(&Datagram::from_client(mac(client), &request).frame())?;
        let ack = Bootp { giaddr: RELAY, ..self.ack(client, 0) };
        let datagram = Datagram::between((self.server_mac, SERVER), (self.relay_macs[1], RELAY), &ack);
        self.from_server.send(&datagram.frame())
    }

    /// What a client sends to a server's own address, past the relay.
    pub fn unicast(&self, client: u16, message: &Bootp, server: Ipv4Addr) -> Datagram {
        Datagram {
            destination_mac: self.relay_macs[0],
            source: address(client),
            destination: server,
            ..Datagram::from_client(mac(client), message)
        }
    }

    /// What a server sends to a client's own address, past the relay.
    pub fn answer(&self, client: u16, message: &Bootp, server: Ipv4Addr) -> Datagram {
        let to = (self.relay_macs[1], address(client));
        Datagram { destination_port: 68, ..Datagram::between((self.server_mac, server), to, message) }
    }

    /// A client asks for its lease to be extended.
    pub fn asks(&self, client: u16, round: u32) -> Result<()> {
        let request = Bootp { ciaddr: address(client), ..self.message(BOOTREQUEST, 3, client, round) };
        self.client_sends(&self.unicast(client, &request, SERVER))
    }

    /// The server extends it.
    pub fn answers(&self, client: u16, round: u32) -> Result<()> {
        self.server_sends(&self.answer(client, &self.ack(client, round), SERVER))
    }

    /// From the clients' end of the wire.
    pub fn client_sends(&self, datagram: &Datagram) -> Result<()> {
        self.from_client.send(&datagram.frame())
    }

    /// From the server's.
    pub fn server_sends(&self, datagram: &Datagram) -> Result<()> {
        self.from_server.send(&datagram.frame())
    }
}
