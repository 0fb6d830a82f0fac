//! All clients at one port of the relay: each asks once, and what comes back is held against what was asked.

use std::collections::BTreeMap;
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::Circuit;
use super::circuit::number;
use super::server::Request;
use crate::lab::Namespace;
use crate::lab::frame::{Checksum, Packet};
use crate::lab::packet::{Deliver, PacketSocket};

/// Requests under way at a time: a veth ring holds 256 frames, and loses what does not fit without a word.
const UNDER_WAY: usize = 64;
/// How long a reply may take on a busy machine.
const DEADLINE: Duration = Duration::from_secs(30);
/// Transaction identifiers begin here; the number of the circuit is added.
const FIRST_XID: u32 = 0x5ca1_0000;
/// The transaction of the request behind all others.
const LAST_XID: u32 = 0x1a57_0000;

/// Sends one DISCOVER for each circuit, and waits for the replies. One more of the first circuit is sent when all are
/// there: with its reply, what was on the way has arrived.
///
/// # Errors
/// When a circuit has no reply, more than one, or one that is not its own.
pub fn every_client_gets_its_own_reply(host: &Namespace, port: &str, circuits: &[Circuit]) -> Result<()> {
    let socket = PacketSocket::open(host, port, Deliver::Incoming)?;
    let mut replies = Vec::new();
    for window in circuits.chunks(UNDER_WAY) {
        for circuit in window {
            socket.send(&circuit.discover(FIRST_XID + u32::from(circuit.number)))?;
        }
        receive(&socket, window.len(), &mut replies)
            .with_context(|| format!("clients {} and on", window[0].number))?;
    }
    let first = circuits.first().context("no circuits")?;
    socket.send(&first.discover(LAST_XID))?;
    receive(&socket, 1, &mut replies).context("the reply behind all others")?;
    let last = replies.pop().context("no reply")?;
    ensure!(last.bootp()?.xid() == LAST_XID, "the last reply is {last}");

    let mut of: BTreeMap<u16, Vec<Packet>> = BTreeMap::new();
    for reply in replies {
        of.entry(number(reply.bootp()?.chaddr())).or_default().push(reply);
    }
    for circuit in circuits {
        let found = of.remove(&circuit.number).unwrap_or_default();
        let [reply] = &found[..] else {
            bail!("{} replies for circuit {}: {found:?}", found.len(), circuit.number);
        };
        its_own(circuit, reply).with_context(|| format!("the reply to {circuit:?}: {reply}"))?;
    }
    ensure!(of.is_empty(), "replies for nobody: {of:?}");
    Ok(())
}

/// Whether the server was asked once by each client, under the giaddr of its circuit and with its option 82; the request
/// behind all others is the last.
///
/// # Errors
/// What is wrong.
pub fn every_circuit_asked_once(circuits: &[Circuit], requests: &[Request]) -> Result<()> {
    ensure!(
        requests.len() == circuits.len() + 1,
        "{} requests of {} clients at the server",
        requests.len(),
        circuits.len()
    );
    let mut asked: BTreeMap<u16, &Request> = BTreeMap::new();
    for request in &requests[..circuits.len()] {
        asked.insert(number(request.packet.bootp()?.chaddr()), request);
    }
    for circuit in circuits {
        let Some(request) = asked.get(&circuit.number) else {
            bail!("nothing of circuit {} at the server", circuit.number)
        };
        let bootp = request.packet.bootp()?;
        let relayed: Vec<Vec<u8>> =
            bootp.options().into_iter().filter(|(code, _)| *code == 82).map(|(_, value)| value).collect();
        let expected: Vec<Vec<u8>> = circuit.option82().into_iter().collect();
        let right = bootp.giaddr() == circuit.giaddr
            && bootp.xid() == FIRST_XID + u32::from(circuit.number)
            && relayed == expected
            && request.packet.udp.checksum == Checksum::Right;
        ensure!(right, "the request of {circuit:?}: {}, option 82 {relayed:?}", request.packet);
    }
    Ok(())
}

/// Takes datagrams for clients until there are `count` more.
fn receive(socket: &PacketSocket, count: usize, replies: &mut Vec<Packet>) -> Result<()> {
    let wanted = replies.len() + count;
    let end = Instant::now() + DEADLINE;
    while replies.len() < wanted {
        match socket.receive() {
            Ok(frame) => replies.extend(frame.packet().ok().filter(Packet::is_dhcp)),
            Err(nix::Error::EAGAIN) => {
                let left = end.saturating_duration_since(Instant::now());
                let missing = wanted - replies.len();
                ensure!(!left.is_zero(), "{missing} of {count} replies are missing");
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
    let lost = socket.lost()?;
    ensure!(lost == 0, "the clients' socket lost {lost} frames");
    Ok(())
}

fn its_own(circuit: &Circuit, reply: &Packet) -> Result<()> {
    let tags: Vec<(u16, u16)> = reply.ethernet.tags.iter().map(|tag| (tag.protocol, tag.control)).collect();
    ensure!(tags == circuit.tags(), "tags {tags:x?}");
    ensure!(reply.ethernet.destination == circuit.mac(), "for another station");
    ensure!(reply.ip.source == circuit.address, "from another address");
    ensure!(reply.ip.destination == circuit.leased(), "for another address");
    ensure!((reply.udp.source, reply.udp.destination) == (67, 68), "other ports");
    ensure!(reply.ip.header_checksum_right && reply.udp.checksum == Checksum::Right, "a wrong checksum");
    let bootp = reply.bootp()?;
    ensure!(bootp.xid() == FIRST_XID + u32::from(circuit.number), "another transaction");
    ensure!(bootp.yiaddr() == circuit.leased(), "another lease");
    ensure!(bootp.giaddr() == circuit.giaddr, "another giaddr");
    ensure!(bootp.options().iter().all(|(code, _)| *code != 82), "option 82 is left in it");
    ensure!(reply.payload.len() == 300, "{} octets", reply.payload.len());
    Ok(())
}
