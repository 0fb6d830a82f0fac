//! Finds out by trying whether this kernel's fan-out can be trusted.
//!
//! Before "bpf: Run generic devmap egress prog on private skb" generic mode shared one buffer between all copies, and
//! every server got the last one's. Distributions carry the fix in kernels of many versions, so the version says
//! nothing: two ports are made in a network namespace of their own, a request is sent in, and the copies are looked at.

mod lab;

use std::{
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use super::{FastPathError, Mode, Object, Sizes, capabilities};
use crate::tables::{GroupState, Hop, ServerState, Tables};
use lab::Lab;
use relay_common::{
    Sum,
    abi::{Interface, Port, PortKey},
    wire::{bootp, eth, ipv4, udp},
};

/// How long the copies may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(3);
/// Documentation addresses (RFC 5737): they never leave the namespace.
const SERVERS: [Ipv4Addr; 3] =
    [Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 2), Ipv4Addr::new(192, 0, 2, 3)];
const RELAY: [u8; 4] = [198, 51, 100, 1];

/// Sends one request through a fan-out to three servers behind one port and checks that each gets its own copy.
///
/// Without the right to make a network namespace (CAP_SYS_ADMIN) nothing can be tried; that is logged and trusted.
///
/// # Errors
/// A missing capability, programs that cannot be loaded, a laboratory that cannot be made, or what is wrong with the
/// fan-out.
pub fn run(mode: Mode) -> Result<(), FastPathError> {
    capabilities::check()?;
    let not_run = move |cause: String| FastPathError::SelfTestNotRun { mode: mode.label(), cause };
    let test = std::thread::Builder::new().name("self-test".to_owned()).spawn(move || {
        // The namespace is this thread's alone, and goes with it.
        if let Err(error) = nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET) {
            tracing::warn!(
                "the fan-out self-test in {mode} mode needs a network namespace ({error}): not run, the fan-out is trusted"
            );
            return Ok(());
        }
        let sizes = Sizes { interfaces: 1, groups: 1, ports: 4, addresses: 8, owners: 1, leases: 1 };
        let seen = fan_out(mode, Object::load(sizes, None)?).map_err(not_run)?;
        if seen == SERVERS {
            return Ok(());
        }
        let finding = format!("of {SERVERS:?}, copies reached {seen:?}");
        Err(FastPathError::SelfTest { mode: mode.label(), finding })
    });
    match test.map(std::thread::JoinHandle::join) {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(not_run("it panicked".to_owned())),
        Err(error) => Err(not_run(format!("no thread: {error}"))),
    }
}

/// The servers that a copy reached, sorted.
fn fan_out(mode: Mode, mut object: Object) -> Result<Vec<Ipv4Addr>, String> {
    let lab = Lab::new()?;
    object.apply(&Tables::default(), &tables(&lab)).map_err(|error| error.to_string())?;
    // A program on the far end of the server link makes its veth take redirected frames.
    for (port, ifindex) in [("client port", lab.client.near), ("server link", lab.server.far)] {
        object.attach(port, ifindex, &[mode]).map_err(|error| error.to_string())?;
    }
    lab.send(&discover())?;
    let deadline = Instant::now() + PATIENCE;
    let mut seen = Vec::new();
    while seen.len() < SERVERS.len() {
        let Some(frame) = lab.receive(deadline)? else { break };
        let at = eth::HEADER_LEN + ipv4::DESTINATION;
        let Some(address) = frame.get(at..).and_then(|octets| octets.first_chunk::<4>()) else { continue };
        seen.push(Ipv4Addr::from(*address));
    }
    seen.sort();
    Ok(seen)
}

fn tables(lab: &Lab) -> Tables {
    let mut tables = Tables::default();
    let hop = Hop {
        ifindex: lab.server.near,
        next_mac: [2, 0, 0, 0, 0, 2],
        port_mac: [2, 0, 0, 0, 0, 1],
        mtu: 1500,
        redirect: true,
    };
    let servers =
        SERVERS.map(|address| ServerState { address, vrf: 0, min_secs: 0, hop: Some(hop) }).to_vec();
    tables.groups.push(GroupState { servers });
    tables.interfaces.push(Interface {
        ifindex: lab.client.near,
        address: RELAY,
        giaddr: RELAY,
        source: RELAY,
        mtu: 1500,
        max_hops: 16,
        first: 1,
        ..Interface::default()
    });
    let key = PortKey { ifindex: lab.client.near, outer: 0, inner: 0 };
    tables.ports.insert(key, Port { interface: 1, vrf: 0, mac: [2, 0, 0, 0, 0, 3], upstream: 0 });
    tables
}

/// A broadcast DHCPDISCOVER without a UDP checksum.
fn discover() -> Vec<u8> {
    let mut message = vec![0; bootp::MIN_LEN];
    message[..4].copy_from_slice(&[bootp::BOOTREQUEST, bootp::ETHERNET, eth::ADDRESS_LEN as u8, 0]);
    message[bootp::CHADDR..bootp::CHADDR + 6].copy_from_slice(&[2, 0, 0, 0, 0, 9]);
    message[bootp::COOKIE..bootp::OPTIONS].copy_from_slice(&bootp::MAGIC);
    message[bootp::OPTIONS..bootp::OPTIONS + 4].copy_from_slice(&[
        bootp::option::MESSAGE_TYPE,
        1,
        1,
        bootp::option::END,
    ]);
    let length = (udp::HEADER_LEN + message.len()) as u16;
    let total = length + ipv4::HEADER_LEN as u16;
    let mut header = [0; ipv4::HEADER_LEN];
    header[0] = ipv4::VERSION_IHL;
    header[ipv4::TOTAL_LENGTH..ipv4::TOTAL_LENGTH + 2].copy_from_slice(&total.to_be_bytes());
    header[8] = ipv4::TTL;
    header[ipv4::PROTOCOL] = ipv4::UDP;
    header[ipv4::DESTINATION..].copy_from_slice(&ipv4::BROADCAST);
    let sum = header.as_chunks::<2>().0.iter().fold(Sum::new(), |sum, pair| sum.pair(*pair));
    header[ipv4::CHECKSUM..ipv4::CHECKSUM + 2].copy_from_slice(&sum.checksum());

    let mut frame = Vec::new();
    frame.extend_from_slice(&eth::BROADCAST);
    frame.extend_from_slice(&[2, 0, 0, 0, 0, 9]);
    frame.extend_from_slice(&eth::IPV4.to_be_bytes());
    frame.extend_from_slice(&header);
    frame.extend_from_slice(&udp::BOOTPC.to_be_bytes());
    frame.extend_from_slice(&udp::BOOTPS.to_be_bytes());
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(&[0, 0]);
    frame.extend_from_slice(&message);
    frame
}
