//! Golden frames: what ISC dhcrelay makes of hand-built frames, kept as hex text under `tests/fixtures/golden/`.
//!
//! They pin the rules of the rewrite (hops, giaddr, body, delivery) by a program that shares no code with ours.
//! `README.md` beside the frames says how they were made and where a correct relay differs from dhcrelay.

use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::build::{BOOTREPLY, BOOTREQUEST, BROADCAST_FLAG, Bootp, Datagram};
use super::frame::sum;

/// The relay's address on the client subnet, as in the topologies; its giaddr.
pub const RELAY: Ipv4Addr = Ipv4Addr::new(192, 168, 60, 2);
/// The only server.
pub const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 41, 10);
/// The hop limit dhcrelay ran with.
pub const MAX_HOPS: u8 = 16;

/// Cases where a correct relay does something else than dhcrelay; the README beside the frames says what.
pub const DIFFERENT: &[&str] = &["ack-inform", "nak", "op-3"];

const LEASED: Ipv4Addr = Ipv4Addr::new(192, 168, 60, 100);
/// Another relay, on a subnet behind the client's, and its address there.
const OTHER_RELAY: Ipv4Addr = Ipv4Addr::new(10, 9, 9, 1);

const DISCOVER: u8 = 1;
const OFFER: u8 = 2;
const REQUEST: u8 = 3;
const DECLINE: u8 = 4;
const ACK: u8 = 5;
const NAK: u8 = 6;
const RELEASE: u8 = 7;
const INFORM: u8 = 8;
/// Not assigned by any RFC.
const UNKNOWN: u8 = 99;

/// The side of the relay a frame comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    Client,
    Server,
}

/// The Ethernet addresses at both sides of the relay.
pub struct Macs {
    pub client: [u8; 6],
    pub relay_client_side: [u8; 6],
    pub relay_server_side: [u8; 6],
    pub server: [u8; 6],
}

/// One frame for the relay.
pub struct Case {
    /// File name without its endings.
    pub name: &'static str,
    pub from: From,
    /// The transaction, different in every case.
    pub xid: u32,
    pub frame: Vec<u8>,
}

/// A stored pair.
pub struct Golden {
    pub input: Vec<u8>,
    /// Absent when dhcrelay sent nothing.
    pub output: Option<Vec<u8>>,
}

/// Every case, requests first.
pub fn cases(macs: &Macs) -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, message) in requests(macs.client) {
        let mut datagram = Datagram::from_client(macs.client, &message);
        if message.giaddr == OTHER_RELAY {
            let (from, to) = ((macs.client, OTHER_RELAY), (macs.relay_client_side, RELAY));
            datagram = Datagram::between(from, to, &message);
        }
        cases.push((name, From::Client, message, datagram));
    }
    for (name, message) in replies(macs.client) {
        let (from, to) = ((macs.server, SERVER), (macs.relay_server_side, message.giaddr));
        let datagram = Datagram::between(from, to, &message);
        cases.push((name, From::Server, message, datagram));
    }
    let numbered = cases.into_iter().zip(0x6071_0001..);
    numbered
        .map(|((name, from, mut message, mut datagram), xid)| {
            message.xid = xid;
            datagram.payload = message.bytes();
            Case { name, from, xid, frame: datagram.frame() }
        })
        .collect()
}

fn requests(client: [u8; 6]) -> Vec<(&'static str, Bootp)> {
    let message = |kind: u8| {
        let identifier = [&[1][..], &client].concat();
        Bootp::new(BOOTREQUEST, Some(kind), client).option(61, &identifier)
    };
    let server = SERVER.octets();
    let discover = || message(DISCOVER).option(55, &[1, 3, 6, 15, 51, 54, 58, 59]);
    let with = |mut message: Bootp, change: fn(&mut Bootp)| {
        change(&mut message);
        message
    };
    vec![
        ("discover", discover()),
        ("discover-broadcast-flag", with(discover(), |message| message.flags = BROADCAST_FLAG)),
        ("discover-secs", with(discover(), |message| message.secs = 0x1234)),
        ("discover-unpadded", with(discover(), |message| message.padded_to = 0)),
        (
            "discover-long",
            with(discover().option(60, &[b'v'; 200]).option(43, &[7; 60]), |message| message.padded_to = 548),
        ),
        ("request-select", message(REQUEST).option(50, &LEASED.octets()).option(54, &server)),
        ("request-rebind", with(message(REQUEST), |message| message.ciaddr = LEASED)),
        ("decline", message(DECLINE).option(50, &LEASED.octets()).option(54, &server)),
        ("release", with(message(RELEASE).option(54, &server), |message| message.ciaddr = LEASED)),
        ("inform", with(message(INFORM), |message| message.ciaddr = LEASED)),
        ("bootp", Bootp::new(BOOTREQUEST, None, client)),
        ("unknown-type", message(UNKNOWN)),
        ("chain", with(discover(), |message| (message.giaddr, message.hops) = (OTHER_RELAY, 3))),
        ("hops-below-limit", with(discover(), |message| message.hops = MAX_HOPS - 1)),
        ("hops-at-limit", with(discover(), |message| message.hops = MAX_HOPS)),
        ("own-giaddr", with(discover(), |message| (message.giaddr, message.hops) = (RELAY, 1))),
        ("hlen-17", with(discover(), |message| message.hlen = 17)),
        ("op-3", with(discover(), |message| message.op = 3)),
        ("reply-from-client", with(discover(), |message| message.op = BOOTREPLY)),
    ]
}

fn replies(client: [u8; 6]) -> Vec<(&'static str, Bootp)> {
    let message = |kind: u8, flags: u16| {
        let mut message = Bootp::new(BOOTREPLY, Some(kind), client).option(54, &SERVER.octets());
        (message.giaddr, message.hops, message.flags) = (RELAY, 1, flags);
        if kind != NAK {
            message.yiaddr = LEASED;
            message = message.option(51, &120u32.to_be_bytes()).option(1, &[255, 255, 255, 0]);
        }
        message
    };
    let with = |mut message: Bootp, change: fn(&mut Bootp)| {
        change(&mut message);
        message
    };
    vec![
        ("offer", message(OFFER, 0)),
        ("offer-broadcast-flag", message(OFFER, BROADCAST_FLAG)),
        ("offer-long", with(message(OFFER, 0).option(43, &[9; 250]), |message| message.padded_to = 548)),
        ("ack", message(ACK, 0)),
        ("ack-broadcast-flag", message(ACK, BROADCAST_FLAG)),
        ("ack-renew", with(message(ACK, 0), |message| message.ciaddr = LEASED)),
        (
            "ack-inform",
            with(message(ACK, 0), |message| {
                (message.ciaddr, message.yiaddr) = (LEASED, Ipv4Addr::UNSPECIFIED)
            }),
        ),
        ("nak", message(NAK, 0)),
        ("nak-broadcast-flag", message(NAK, BROADCAST_FLAG)),
        ("bootp-reply", with(message(ACK, 0), |message| message.options.clear())),
        (
            "reply-unknown-giaddr",
            with(message(OFFER, 0), |message| message.giaddr = Ipv4Addr::new(192, 168, 60, 77)),
        ),
        ("request-from-server", with(message(OFFER, 0), |message| message.op = BOOTREQUEST)),
    ]
}

/// A frame that is certainly relayed, to end the waiting for one that may not be.
pub fn marker(macs: &Macs, from: From, xid: u32) -> Vec<u8> {
    match from {
        From::Client => {
            let mut message = Bootp::new(BOOTREQUEST, Some(DISCOVER), macs.client);
            message.xid = xid;
            Datagram::from_client(macs.client, &message).frame()
        }
        From::Server => {
            let mut message = Bootp::new(BOOTREPLY, Some(OFFER), macs.client);
            (message.xid, message.giaddr, message.flags) = (xid, RELAY, BROADCAST_FLAG);
            Datagram::between((macs.server, SERVER), (macs.relay_server_side, RELAY), &message).frame()
        }
    }
}

/// The frame with IPv4 identification 0, so that two runs store the same: dhcrelay's kernel counts it.
pub fn without_identification(frame: &[u8]) -> Vec<u8> {
    let mut frame = frame.to_vec();
    if let Some(header) = frame.get_mut(14..34) {
        header[4..6].fill(0);
        header[10..12].fill(0);
        let checksum = !sum(&[header]);
        header[10..12].copy_from_slice(&checksum.to_be_bytes());
    }
    frame
}

/// Where the frames are kept.
pub fn directory() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/golden"))
}

/// The names of all stored pairs.
pub fn names() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory()).with_context(|| directory().display().to_string())? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        names.extend(name.strip_suffix(".in.hex").map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

/// Reads a stored pair.
pub fn read(name: &str) -> Result<Golden> {
    let output = file(name, "out");
    Ok(Golden {
        input: from_hex(
            &fs::read_to_string(file(name, "in")).with_context(|| format!("golden frame {name}"))?,
        )?,
        output: if output.exists() { Some(from_hex(&fs::read_to_string(output)?)?) } else { None },
    })
}

/// Stores a pair in place of the one there is.
pub fn write(name: &str, golden: &Golden) -> Result<()> {
    fs::create_dir_all(directory())?;
    fs::write(file(name, "in"), to_hex(&golden.input))?;
    match &golden.output {
        Some(output) => fs::write(file(name, "out"), to_hex(output))?,
        None if file(name, "out").exists() => fs::remove_file(file(name, "out"))?,
        None => {}
    }
    Ok(())
}

fn file(name: &str, side: &str) -> PathBuf {
    directory().join(format!("{name}.{side}.hex"))
}

fn to_hex(bytes: &[u8]) -> String {
    let words = |line: &[u8]| line.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
    bytes.chunks(16).map(|line| words(line) + "\n").collect()
}

fn from_hex(text: &str) -> Result<Vec<u8>> {
    text.split_whitespace().map(|byte| Ok(u8::from_str_radix(byte, 16)?)).collect()
}
