//! What option 82 alone costs: the same frame through two interfaces of one relay, of which one inserts and removes it.
//! The two are measured in turn and subtracted pair by pair, so that what else happens to the machine meets both.

use std::net::Ipv4Addr;

use anyhow::Result;
use relay_tests::{
    lab::build::{BOOTREPLY, BOOTREQUEST, Bootp, Datagram},
    subject::Mode,
};

use super::{Prepared, measure};
use crate::{
    figures::{Samples, table},
    goals::Goal,
    ours::{Ours, Programs},
    rig::{CLIENT_PORT, RELAY, Rig, egress, pin},
    tools::{Action, Tools},
};

/// The interface that has nothing to do with the option.
const PLAIN_PORT: &str = "eth9";
const PLAIN: Ipv4Addr = Ipv4Addr::new(192, 168, 61, 2);
/// What is inserted and removed: 21 octets with code and length.
const CONFIGURATION: &str =
    "[interface.option82]\ncircuit_id = \"circuit-7\"\nremote_id = { hex = \"020000000001\" }\n";
const VALUE: &[u8] = b"\x01\x09circuit-7\x02\x06\x02\0\0\0\0\x01";
/// What insertion and removal may cost, nanoseconds.
const GOAL: f64 = 40.0;
const WHY: &str = "all figures of a run move with the speed of the machine, which halves and doubles within minutes; at full \
    speed the frame without option 82 takes some 330 to 390 ns in this table";
/// Rounds beside those of other cases, because a difference of two figures is told.
const ROUNDS: usize = 301;

/// A frame with the option's work to be done, the same frame without, and the device each comes in on.
struct Pair {
    name: &'static str,
    with: Prepared,
    without: Prepared,
}

/// # Errors
/// As of the other cases.
pub(super) fn run() -> Result<(String, Vec<Goal>)> {
    let rig = Rig::new("cost82", 1, 1)?;
    // Its end of the link lives as long as the namespace.
    let _client = rig.second_client(PLAIN_PORT, PLAIN)?;
    let configuration = format!(
        "[[server_group]]\nname = \"core\"\nservers = [\"{}\"]\n\n\
         [[interface]]\nname = \"{CLIENT_PORT}\"\nserver_group = \"core\"\n{CONFIGURATION}\n\
         [[interface]]\nname = \"{PLAIN_PORT}\"\nserver_group = \"core\"\n",
        rig.servers[0]
    );
    let relay = Ours::with(&rig.relay, Mode::Native, &configuration)?;
    let programs = Programs::of(&rig.relay, CLIENT_PORT)?;
    let mut tools = Tools::load(1)?;
    let pairs = pairs(&rig)?;
    let names: Vec<&str> = pairs.iter().map(|pair| pair.name).collect();
    let prepared: Vec<Prepared> = pairs.into_iter().flat_map(|pair| [pair.with, pair.without]).collect();
    let measured = rig
        .relay
        .enter(|| pin(1).and_then(|()| measure(&mut tools, &programs.ingress, &prepared, ROUNDS)))??;
    drop(relay);
    let (found, _) = measured.as_chunks::<2>();
    let mut aims = Vec::new();
    let rows: Vec<Vec<String>> = names
        .iter()
        .zip(found)
        .map(|(name, [with, without])| {
            let difference: Samples = with.again.differences(&without.again).collect();
            let goal = Goal::at_most(format!("option 82 {name}"), (GOAL, difference.median()), "ns");
            aims.push(goal.because(WHY));
            vec![
                (*name).to_owned(),
                with.again.to_string(),
                without.again.to_string(),
                difference.to_string(),
            ]
        })
        .collect();
    Ok((table(&["option 82", "ns with", "ns without", "difference (quartiles)"], &rows), aims))
}

fn pairs(rig: &Rig) -> Result<Vec<Pair>> {
    let client = |name, frame: Vec<u8>| -> Result<Pair> {
        let prepared = |port: &str| -> Result<Prepared> {
            Ok(Prepared {
                frames: vec![frame.clone()],
                device: rig.relay.ifindex(port)?,
                verdict: Action::Redirect,
            })
        };
        Ok(Pair { name, with: prepared(CLIENT_PORT)?, without: prepared(PLAIN_PORT)? })
    };
    let upstream = rig.relay.ifindex(&egress(0))?;
    let answer = |frame| Prepared { frames: vec![frame], device: upstream, verdict: Action::Redirect };
    let server = |giaddr, message: Bootp| -> Result<Prepared> {
        let (from, to) = (rig.hosts[0].mac("eth0")?, rig.relay.mac(&egress(0))?);
        let message = Bootp { giaddr, ..message };
        Ok(answer(Datagram::between((from, rig.servers[0]), (to, giaddr), &message).frame()))
    };
    let removed = |name, message: &dyn Fn() -> Bootp| -> Result<Pair> {
        let with = server(RELAY, message().option(82, VALUE))?;
        Ok(Pair { name, with, without: server(PLAIN, message())? })
    };
    Ok(vec![
        client("inserted where padding was: DISCOVER of dhclient", rig.discover())?,
        client("inserted behind the end: DISCOVER of 350 octets", long_request(rig))?,
        removed("removed, then padded to 300 octets: OFFER", &|| offer(rig))?,
        removed("removed, frame shortened: OFFER of 350 octets", &|| {
            offer(rig).option(15, b"a-rather-long-domain-name.of-some-lab.example").option(12, &[b'h'; 40])
        })?,
    ])
}

fn long_request(rig: &Rig) -> Vec<u8> {
    let message = Bootp::new(BOOTREQUEST, Some(1), rig.mac)
        .option(12, &[b'c'; 63])
        .option(55, &[1, 28, 2, 3, 15, 6, 119, 12, 44, 47, 26, 121, 42])
        .option(60, &[b'v'; 32]);
    Datagram::from_client(rig.mac, &message).frame()
}

fn offer(rig: &Rig) -> Bootp {
    let mut message = Bootp::new(BOOTREPLY, Some(2), rig.mac)
        .option(54, &rig.servers[0].octets())
        .option(51, &[0, 0, 14, 16])
        .option(1, &[255, 255, 255, 0])
        .option(3, &RELAY.octets())
        .option(6, &RELAY.octets());
    message.yiaddr = Ipv4Addr::new(192, 168, 60, 100);
    message
}
