//! The rules against the frames that ISC dhcrelay made of the same inputs: message, ports, lengths, checksums, and
//! toward the client the addresses as well. `tests/fixtures/golden/README.md` says what is not compared and why.

use relay_common::{Reason, Verdict};

use crate::host::{self, Maps};
use crate::lab::frame::{Checksum, Packet};
use crate::lab::golden::{self, Golden};
use crate::oracle::world::{C0, Group, Interface, Port, S0, Server, World};

/// Runs every stored pair; the number of pairs.
///
/// # Errors
/// The first pair that comes out otherwise, by name.
pub fn golden() -> Result<usize, String> {
    let names = golden::names().map_err(|error| error.to_string())?;
    let world = world().map_err(|error| format!("{error:#}"))?;
    let maps = Maps::new(&world);
    for name in &names {
        let pair = golden::read(name).map_err(|error| format!("{error:#}"))?;
        compare(&maps, name, &pair).map_err(|difference| format!("golden frame {name}: {difference}"))?;
    }
    Ok(names.len())
}

/// The relay that dhcrelay was; the Ethernet addresses are those of the laboratory it ran in.
fn world() -> anyhow::Result<World> {
    let output = |name: &str| -> anyhow::Result<Packet> {
        Packet::read(&golden::read(name)?.output.unwrap_or_default())
    };
    let (discover, offer) = (output("discover")?.ethernet, output("offer")?.ethernet);
    let address = golden::RELAY.octets();
    let interface = Interface {
        device: C0,
        vlans: [0, 0],
        vrf: 0,
        tpid: 0x8100,
        group: 0,
        address,
        giaddr: address,
        source: address,
        mac: offer.source,
        max_hops: golden::MAX_HOPS,
        tos: 0,
        max_message: 1472,
        option82: None,
        always_checksum: false,
        rate: 0,
        mtu: 1500,
        slow_replies: false,
        further_of: 0,
        tries: 0,
        prefix: 24,
        affinity: false,
    };
    let port = |device, interface, mac| Port {
        device,
        vlans: [0, 0],
        interface,
        vrf: 0,
        mac,
        upstream: interface == 0,
    };
    let server = Server {
        address: golden::SERVER.octets(),
        vrf: 0,
        min_secs: 0,
        device: S0,
        next_mac: discover.destination,
        port_mac: discover.source,
    };
    Ok(World {
        ports: vec![port(C0, 1, offer.source), port(S0, 0, discover.source)],
        interfaces: vec![interface],
        groups: vec![Group { mtu: 1500, servers: vec![server] }],
        local: vec![(0, address), (0, [10, 0, 41, 2])],
        clients: vec![],
        attempts: vec![],
        holders: vec![],
        leases: vec![],
    })
}

fn compare(maps: &Maps, name: &str, pair: &Golden) -> Result<(), String> {
    let input = Packet::read(&pair.input).map_err(|error| error.to_string())?;
    let from_server = input.ip.source == golden::SERVER;
    let outcome = host::run(maps, &pair.input, if from_server { S0 } else { C0 });
    let ours = match outcome.verdict {
        Verdict::ToServers { group, servers, .. } => maps.copies(group, servers, &outcome).pop(),
        Verdict::ToClient { .. } => Some(outcome.frame),
        Verdict::Not { .. } => None,
    };
    if golden::DIFFERENT.contains(&name) {
        return different(name, &input, outcome.verdict, ours.as_deref());
    }
    match (&pair.output, ours) {
        (None, None) => Ok(()),
        (Some(theirs), Some(ours)) => packets(theirs, &ours, from_server),
        (theirs, _) => {
            let theirs = if theirs.is_some() { "relayed it" } else { "sent nothing" };
            Err(format!("{:?}, dhcrelay {theirs}", outcome.verdict))
        }
    }
}

/// What the README says must be the same.
fn packets(theirs: &[u8], ours: &[u8], to_client: bool) -> Result<(), String> {
    let read = |frame: &[u8]| Packet::read(frame).map_err(|error| error.to_string());
    let (theirs, ours) = (read(theirs)?, read(ours)?);
    sound(&ours)?;
    let pairs = [
        ("message", ours.payload == theirs.payload),
        ("Ethernet header", ours.ethernet == theirs.ethernet),
        ("IPv4 destination", ours.ip.destination == theirs.ip.destination),
        ("IPv4 source", !to_client || ours.ip.source == theirs.ip.source),
        ("IPv4 length", ours.ip.total_length == theirs.ip.total_length),
        ("UDP ports", (ours.udp.source, ours.udp.destination) == (theirs.udp.source, theirs.udp.destination)),
        ("UDP length", ours.udp.length == theirs.udp.length),
    ];
    match pairs.iter().find(|(_, same)| !same) {
        Some((part, _)) => Err(format!("the {part} differs\nours   {ours}\ntheirs {theirs}")),
        None => Ok(()),
    }
}

fn sound(packet: &Packet) -> Result<(), String> {
    if packet.ip.header_checksum_right && packet.udp.checksum == Checksum::Right {
        Ok(())
    } else {
        Err(format!("a wrong checksum: {packet}"))
    }
}

/// The README's second table.
fn different(name: &str, input: &Packet, verdict: Verdict, ours: Option<&[u8]>) -> Result<(), String> {
    let bootp = input.bootp().map_err(|error| error.to_string())?;
    let (mac, address) = match name {
        "op-3" => {
            return match verdict {
                Verdict::Not { reason: Reason::BadOp, .. } => Ok(()),
                other => Err(format!("{other:?}, not dropped for its op")),
            };
        }
        "nak" => ([0xff; 6], std::net::Ipv4Addr::BROADCAST),
        "ack-inform" => (bootp.chaddr(), bootp.ciaddr()),
        _ => return Err("the README does not say what a correct relay does".to_owned()),
    };
    let ours = Packet::read(ours.ok_or("not relayed")?).map_err(|error| error.to_string())?;
    sound(&ours)?;
    if (ours.ethernet.destination, ours.ip.destination) != (mac, address) {
        return Err(format!("not delivered to {address}: {ours}"));
    }
    if ours.payload == input.payload { Ok(()) } else { Err(format!("the message differs: {ours}")) }
}
