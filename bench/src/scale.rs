//! What size costs: the same work with more interfaces and more server groups, start-up, another configuration, and memory.
//!
//! Frames for all interfaces are fed in turn, one each, which is the worst there is: nothing that is looked up is in the CPU's
//! nearest cache. Beside it stand the frames of the last interface alone, for which only the size of the tables differs.

mod leases;

use std::{fmt::Write as _, net::Ipv4Addr, time::Instant};

use anyhow::{Context as _, Result};
use relay_tests::{
    lab::build::{BOOTREPLY, Bootp, Datagram},
    scale::{Circuit, batch, cost::Memory},
    subject::Mode,
};

use crate::{
    cost::{Found, Prepared, REPEATS, measure},
    figures::table,
    goals::{Goal, goals},
    ours::{Ours, Programs},
    rig::{CLIENT_PORT, Rig, egress, pin},
    tools::{Action, Tools},
};

const SERVERS: usize = 2;
/// What size may cost: times the cost of the smallest.
const GOAL: f64 = 1.2;
const CACHE: &str = "port, interface, option 82, address and counters are its interface's alone, as is the frame that is put back: of so \
    many interfaces none is in the CPU's nearer caches when its turn comes; the rows of one interface have the same tables";

/// Interfaces and server groups; the first row is what the others are compared with.
const SIZES: [(u16, u16); 6] = [(1, 1), (64, 1), (1024, 1), (4094, 1), (1024, 64), (1024, 1024)];

struct Row {
    interfaces: u16,
    groups: u16,
    /// Of all interfaces in turn.
    turn: Costs,
    /// Of the last interface alone.
    alone: Costs,
    started: f64,
    reloaded: f64,
    memory: Memory,
}

struct Costs {
    request: Found,
    reply: Found,
}

/// # Errors
/// The laboratory or the relay does not come up, or a frame meets another verdict than expected.
pub(crate) fn run() -> Result<String> {
    let rows: Vec<Row> =
        SIZES.iter().map(|&(interfaces, groups)| one(interfaces, groups)).collect::<Result<_>>()?;
    let first = rows.first().context("no sizes")?;
    let ratio = |found: &Found, first: &Found| found.again.median() / first.again.median();
    let times = |found: &Found, first: &Found| format!("**{:.2}**", ratio(found, first));
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            vec![
                row.interfaces.to_string(),
                row.groups.to_string(),
                times(&row.alone.request, &first.alone.request),
                times(&row.alone.reply, &first.alone.reply),
                times(&row.turn.request, &first.turn.request),
                times(&row.turn.reply, &first.turn.reply),
                row.turn.request.again.to_string(),
                row.turn.reply.again.to_string(),
                format!("{:.2}", row.started),
                format!("{:.2}", row.reloaded),
                format!("{:.1}", row.memory.resident as f64 / 1024.0),
                format!("{:.1}", row.memory.kernel as f64 / 1024.0),
            ]
        })
        .collect();
    let head = [
        "interfaces",
        "groups",
        "request of one interface, × first row",
        "reply",
        "requests of all in turn, × first row",
        "replies",
        "requests in turn, ns",
        "replies in turn, ns",
        "start-up, s",
        "reload, s",
        "daemon, MiB",
        "BPF maps and programs, MiB",
    ];
    let most = rows.iter().max_by_key(|row| row.interfaces).context("no sizes")?;
    let interfaces = most.interfaces;
    let mut aims = vec![
        Goal::at_most(
            format!("a request with {interfaces} interfaces, of one with one"),
            (GOAL, ratio(&most.alone.request, &first.alone.request)),
            "",
        ),
        Goal::at_most("a reply, likewise", (GOAL, ratio(&most.alone.reply, &first.alone.reply)), ""),
        Goal::at_most(
            "requests of all of them in turn",
            (GOAL, ratio(&most.turn.request, &first.turn.request)),
            "",
        )
        .because(CACHE),
        Goal::at_most(
            "replies of all of them in turn",
            (GOAL, ratio(&most.turn.reply, &first.turn.reply)),
            "",
        )
        .because(CACHE),
    ];
    let (leases, more) = leases::run()?;
    aims.extend(more);
    Ok(format!("{}\n{leases}{}", table(&head, &cells), goals(&aims)))
}

fn one(interfaces: u16, groups: u16) -> Result<Row> {
    let rig = Rig::new("scale", SERVERS, 1)?;
    let circuits: Vec<Circuit> =
        (1..=interfaces).map(|number| Circuit::new(number, &[number]).identified()).collect();
    let mut addresses = String::new();
    for circuit in &circuits {
        writeln!(addresses, "addr add {}/24 dev {CLIENT_PORT}", circuit.address)?;
    }
    batch(&rig.relay, &addresses)?;
    let began = Instant::now();
    let relay = Ours::with(&rig.relay, Mode::Native, &configuration(&rig.servers, &circuits, groups)?)?;
    let started = began.elapsed().as_secs_f64();
    let programs = Programs::of(&rig.relay, CLIENT_PORT)?;
    let mut tools = Tools::with_templates(1, u32::from(interfaces))?;
    let (client, server) = (rig.relay.ifindex(CLIENT_PORT)?, rig.relay.ifindex(&egress(0))?);
    let prepared = |frames, device| Prepared { frames, device, verdict: Action::Redirect };
    let requests = |of: &[Circuit]| prepared(of.iter().map(|circuit| circuit.discover(0)).collect(), client);
    let replies = |of: &[Circuit]| -> Result<Prepared> {
        Ok(prepared(of.iter().map(|circuit| offer(&rig, circuit)).collect::<Result<_>>()?, server))
    };
    let last = circuits.get(circuits.len() - 1..).context("no interfaces")?;
    let cases = [requests(&circuits), replies(&circuits)?, requests(last), replies(last)?];
    let found = rig
        .relay
        .enter(|| pin(1).and_then(|()| measure(&mut tools, &programs.ingress, &cases, REPEATS)))??;
    let [request, reply, request_alone, reply_alone] = found.try_into().ok().context("four cases")?;
    let memory = Memory::of(relay.process.pid())?;
    let reloaded = relay.reload()?;
    let (turn, alone) = (Costs { request, reply }, Costs { request: request_alone, reply: reply_alone });
    Ok(Row { interfaces, groups, turn, alone, started, reloaded, memory })
}

fn configuration(servers: &[Ipv4Addr], circuits: &[Circuit], groups: u16) -> Result<String> {
    let servers: Vec<String> = servers.iter().map(|server| format!("\"{server}\"")).collect();
    let mut text = String::new();
    for group in 0..groups {
        writeln!(text, "[[server_group]]\nname = \"core{group}\"\nservers = [{}]\n", servers.join(", "))?;
    }
    for circuit in circuits {
        text += &circuit.configuration(CLIENT_PORT, &format!("core{}", circuit.number % groups));
    }
    Ok(text)
}

/// What the first server answers to the client of a circuit, option 82 in it.
fn offer(rig: &Rig, circuit: &Circuit) -> Result<Vec<u8>> {
    let server = rig.servers[0];
    let option82 = circuit.option82().context("a circuit without option 82")?;
    let mut message = Bootp::new(BOOTREPLY, Some(2), circuit.mac())
        .option(54, &server.octets())
        .option(51, &[0, 0, 14, 16])
        .option(1, &[255, 255, 255, 0])
        .option(82, &option82);
    message.yiaddr = circuit.leased();
    message.giaddr = circuit.giaddr;
    let (from, to) = (rig.hosts[0].mac("eth0")?, rig.relay.mac(&egress(0))?);
    Ok(Datagram::between((from, server), (to, circuit.giaddr), &message).frame())
}
