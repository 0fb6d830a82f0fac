//! The frames of many clients' lives: DISCOVER, two OFFERs, REQUEST and ACK through the relay, then REQUEST and ACK of a
//! renewal that only passes through the router. Made from templates, of which a client's own octets are changed.

use std::net::Ipv4Addr;

use anyhow::Result;
use relay_tests::lab::build::{BOOTREPLY, BOOTREQUEST, Bootp, Datagram};

use crate::rig::{CLIENT_PORT, RELAY, Rig, egress};

/// Offset of the message in an untagged frame.
const MESSAGE: usize = 14 + 20 + 8;
const XID: usize = MESSAGE + 4;
const CIADDR: usize = MESSAGE + 12;
const YIADDR: usize = MESSAGE + 16;
const CHADDR: usize = MESSAGE + 28;
/// The Ethernet address within the client identifier, which stands behind option 53.
const CLIENT_ID: usize = MESSAGE + 240 + 3 + 3;
const IP: usize = 14;

/// Frames by kind; see the module.
pub(crate) struct Lives {
    discover: Vec<u8>,
    offers: [Vec<u8>; 2],
    request: Vec<u8>,
    ack: Vec<u8>,
    renewal: Vec<u8>,
    renewed: Vec<u8>,
    /// The relay's ports to the clients and to the servers.
    ports: [u32; 2],
}

impl Lives {
    /// Of clients of a rig with two servers behind one port.
    pub(crate) fn new(rig: &Rig) -> Result<Self> {
        let lease = |message: Bootp, server: Ipv4Addr| {
            message.option(54, &server.octets()).option(51, &[0, 0, 14, 16])
        };
        let asks = |kind| Bootp::new(BOOTREQUEST, Some(kind), [0; 6]).option(61, &[1, 0, 0, 0, 0, 0, 0]);
        let first = rig.servers[0];
        let (host, upstream) = (rig.hosts[0].mac("eth0")?, rig.relay.mac(&egress(0))?);
        let reply = |kind, server: Ipv4Addr| {
            let mut message = lease(Bootp::new(BOOTREPLY, Some(kind), [0; 6]), server);
            message.giaddr = RELAY;
            unchecked(Datagram::between((host, server), (upstream, RELAY), &message).frame())
        };
        let select = asks(3).option(54, &first.octets()).option(50, &[0; 4]);
        let mut renewal = Datagram::from_client(rig.mac, &asks(3));
        renewal.destination_mac = rig.relay.mac(CLIENT_PORT)?;
        renewal.destination = first;
        let ack = lease(Bootp::new(BOOTREPLY, Some(5), [0; 6]), first);
        let mut renewed = Datagram::between((host, first), (upstream, RELAY), &ack);
        renewed.destination_port = 68;
        Ok(Self {
            discover: unchecked(Datagram::from_client(rig.mac, &asks(1)).frame()),
            offers: [reply(2, first), reply(2, rig.servers[1])],
            request: unchecked(Datagram::from_client(rig.mac, &select).frame()),
            ack: reply(5, first),
            renewal: unchecked(renewal.frame()),
            renewed: unchecked(renewed.frame()),
            ports: [rig.relay.ifindex(CLIENT_PORT)?, rig.relay.ifindex(&egress(0))?],
        })
    }

    /// The lease time of the ACKs that renew from now on, seconds.
    pub(crate) fn lease_time(&mut self, seconds: u32) {
        // Behind option 53 (three octets) and option 54 (six), and its own code and length.
        let at = MESSAGE + 240 + 3 + 6 + 2;
        self.renewed[at..at + 4].copy_from_slice(&seconds.to_be_bytes());
    }

    /// How a client gets its lease, a frame with its port at a time.
    pub(crate) fn bind(&mut self, client: u32, mut feed: impl FnMut(&[u8], u32) -> Result<()>) -> Result<()> {
        let xid = client.wrapping_mul(0x9e37_79b9);
        let [clients, servers] = self.ports;
        feed(from(&mut self.discover, client, xid), clients)?;
        for offer in &mut self.offers {
            feed(to(offer, client, xid), servers)?;
        }
        // Option 50 is behind the server identifier.
        let at = CLIENT_ID + 6 + 6 + 2;
        self.request[at..at + 4].copy_from_slice(&address(client));
        feed(from(&mut self.request, client, xid), clients)?;
        feed(to(&mut self.ack, client, xid), servers)
    }

    /// How it renews it.
    pub(crate) fn renew(
        &mut self,
        client: u32,
        round: u32,
        mut feed: impl FnMut(&[u8], u32) -> Result<()>,
    ) -> Result<()> {
        let xid = client.wrapping_mul(0x9e37_79b9) ^ round;
        let [clients, servers] = self.ports;
        let frame = &mut self.renewal;
        frame[CIADDR..CIADDR + 4].copy_from_slice(&address(client));
        frame[IP + 12..IP + 16].copy_from_slice(&address(client));
        header_sum(frame);
        feed(from(frame, client, xid), clients)?;
        let frame = &mut self.renewed;
        frame[IP + 16..IP + 20].copy_from_slice(&address(client));
        header_sum(frame);
        feed(to(frame, client, xid), servers)
    }
}

/// Without a UDP checksum, so that nothing but the octets themselves has to be changed.
fn unchecked(mut frame: Vec<u8>) -> Vec<u8> {
    frame[MESSAGE - 2..MESSAGE].fill(0);
    frame
}

fn address(client: u32) -> [u8; 4] {
    (0x6440_0000 + client).to_be_bytes()
}

fn hardware(client: u32) -> [u8; 6] {
    let [a, b, c, d] = client.to_be_bytes();
    [2, 0, a, b, c, d]
}

fn from(frame: &mut [u8], client: u32, xid: u32) -> &[u8] {
    frame[XID..XID + 4].copy_from_slice(&xid.to_be_bytes());
    frame[CHADDR..CHADDR + 6].copy_from_slice(&hardware(client));
    frame[CLIENT_ID..CLIENT_ID + 6].copy_from_slice(&hardware(client));
    frame
}

fn to(frame: &mut [u8], client: u32, xid: u32) -> &[u8] {
    frame[XID..XID + 4].copy_from_slice(&xid.to_be_bytes());
    frame[YIADDR..YIADDR + 4].copy_from_slice(&address(client));
    frame[CHADDR..CHADDR + 6].copy_from_slice(&hardware(client));
    frame
}

/// The checksum of the IPv4 header, which has no options.
fn header_sum(frame: &mut [u8]) {
    frame[IP + 10..IP + 12].fill(0);
    let words =
        frame[IP..IP + 20].chunks_exact(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    frame[IP + 10..IP + 12].copy_from_slice(&(!(sum as u16)).to_be_bytes());
}
