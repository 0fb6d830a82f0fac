//! A flood of DISCOVERs on a client's port, each of another client, while bound clients renew: is anybody lost from the table?
//!
//! The flood is made in the kernel, on one CPU, and put on the wire at a million frames a second, if it can be. The daemon and
//! what renews have the other CPU. Where the relay's port takes its packets in on the CPU of the flood, nothing is lost on the wire, and
//! the flood is as fast as both together allow; a `rate_limit` makes the relay's share small. Where it takes them in on the other
//! CPU, what it cannot take in time is lost in its ring, as from a network card. The renewals go through the relay's program,
//! both ways; their lease time says which round it was, so that the table shows whether the last ACK of each client has arrived in it.

mod napi;

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use anyhow::{Result, ensure};
use aya::programs::XdpMode;
use relay_tests::subject::Mode;
use relay_user::control::{
    self, Command, Question,
    leases::{Filter, Leases},
    model::Stats,
};

use super::{Daemon, lives::Lives, verdict};
use crate::{
    figures::{rate, table},
    flood::wire::{self, Sent},
    load::settled,
    ours::{Ours, Programs},
    rig::{CLIENT_PORT, Rig, pin, pin_process},
    tools::Tools,
};

/// Clients that are bound and renew.
const BOUND: u32 = 1_000;
/// How long it lasts.
const TIME: Duration = Duration::from_secs(20);
/// DISCOVERs a second that are put on the wire.
const OFFERED: f64 = 1e6;
/// A limit far below what is offered, and far above what clients need.
const LIMIT: u32 = 20_000;
/// The CPU of the flood, and that of everybody else.
const CPUS: [usize; 2] = [0, 1];

/// # Errors
/// The laboratory or the relay does not come up, or a bound client is lost.
pub(super) fn run() -> Result<String> {
    let kinds = [(None, Port::SameCpu), (Some(LIMIT), Port::SameCpu), (None, Port::OtherCpu)];
    let rows = kinds.map(|(limit, port)| one(limit, port)).into_iter().collect::<Result<Vec<_>>>()?;
    let head = [
        "rate_limit",
        "port's packets are taken in",
        "DISCOVERs/s offered",
        "lost in the port's ring",
        "refused (rate_limited)",
        "relayed",
        "copies at the servers",
        "records lost",
        "without room for an entry",
        "renewals of each client",
        "clients lost",
    ];
    Ok(format!(
        "{BOUND} bound clients renew for {} s during a flood from as many clients as it has messages (goal: {} a second).\n\n{}",
        TIME.as_secs(),
        rate(OFFERED),
        table(&head, &rows)
    ))
}

/// Who takes in the packets of the relay's port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Port {
    /// The CPU of the flood, as it sends them.
    SameCpu,
    /// A thread on the other one.
    OtherCpu,
}

fn one(limit: Option<u32>, port: Port) -> Result<Vec<String>> {
    let rig = Rig::new("besieged", 2, 1)?;
    let rate_limit = limit.map(|limit| format!("rate_limit = {limit}\n")).unwrap_or_default();
    let relay = Ours::with(
        &rig.relay,
        Mode::Native,
        &format!(
            "[[server_group]]\nname = \"core\"\nservers = [\"{}\", \"{}\"]\n\n\
             [[interface]]\nname = \"{CLIENT_PORT}\"\nserver_group = \"core\"\n{rate_limit}",
            rig.servers[0], rig.servers[1]
        ),
    )?;
    let programs = Programs::of(&rig.relay, CLIENT_PORT)?;
    pin_process(relay.process.pid(), CPUS[1])?;
    if port == Port::OtherCpu {
        napi::threads(&rig.relay, CLIENT_PORT, CPUS[1])?;
    }
    let mut flood = Tools::load(1)?;
    let mut frame = rig.discover();
    // Without a UDP checksum, so that nothing else has to be changed with the addresses.
    frame[40..42].fill(0);
    flood.set_frame(&frame)?;
    let sink = rig.hosts[0].ifindex("eth0")?;
    rig.hosts[0].enter(|| flood.attach("sink", sink, XdpMode::Driver))??;
    let mut others = Tools::load(1)?;
    others.set_next(&programs.ingress)?;
    let mut lives = Lives::new(&rig)?;
    rig.relay.enter(|| -> Result<()> {
        (0..BOUND).try_for_each(|client| lives.bind(client, |frame, port| verdict(&others, frame, port)))
    })??;
    let daemon = &Daemon::of(&relay);
    let before: Stats = control::ask(&daemon.socket, Command::Stats)?;
    ensure!(before.clients.bound == u64::from(BOUND), "before the flood: {:?}", before.clients);

    let (device, ended) = (rig.client.ifindex("eth0")?, AtomicBool::new(false));
    let (ended, flood) = (&ended, &flood);
    let (rounds, sent) = thread::scope(|scope| -> Result<(u32, Sent)> {
        let flooding = scope.spawn(|| {
            let what = ("generate_others", &frame[..], device);
            let sent = rig.client.enter(|| wire::offer(flood, what, (CPUS[0], OFFERED), |took| took < TIME));
            ended.store(true, Ordering::Relaxed);
            sent?
        });
        let rounds = rig.relay.enter(|| renew(daemon, &others, &mut lives, ended));
        // It ends by the clock, whatever has become of the renewals.
        let sent = flooding.join().map_err(|_| anyhow::anyhow!("the flood panicked"))??;
        Ok((rounds??, sent))
    })?;
    let copies = settled(flood)?;
    let after: Stats = control::ask(&daemon.socket, Command::Stats)?;
    let table = &after.clients;
    ensure!(table.bound == u64::from(BOUND), "after the flood: {table:?}");
    ensure!(table.events_lost == 0, "{} messages other than DISCOVERs were lost", table.events_lost);
    let count = |stats: &Stats| {
        let interface = &stats.interfaces[0];
        let refused = interface.reasons.get("rate_limited").map_or(0, |count| count.fast);
        (interface.requests["discover"].fast, refused)
    };
    let ((first, _), (relayed, refused)) = (count(&before), count(&after));
    let relayed = relayed - first;
    let share = |part: u64| format!("{part} ({:.0} %)", part as f64 * 100.0 / sent.frames as f64);
    Ok(vec![
        limit.map_or("none".to_owned(), |limit| limit.to_string()),
        match port {
            Port::SameCpu => "on the CPU of the flood",
            Port::OtherCpu => "on the other CPU",
        }
        .to_owned(),
        format!("**{}** for {:.1} s", rate(sent.rate()), sent.took.as_secs_f64()),
        share(sent.frames.saturating_sub(relayed + refused)),
        share(refused),
        share(relayed),
        copies.to_string(),
        table.discovers_lost.to_string(),
        table.limit_reached.to_string(),
        rounds.to_string(),
        format!("**{}** of {BOUND}", u64::from(BOUND) - table.bound),
    ])
}

/// Renews all clients over and over until the flood ends; how often. Each round is in the table before the next begins.
fn renew(daemon: &Daemon, tools: &Tools, lives: &mut Lives, ended: &AtomicBool) -> Result<u32> {
    pin(CPUS[1])?;
    let mut round = 0;
    while !ended.load(Ordering::Relaxed) {
        round += 1;
        lives.lease_time(3600 + round);
        (0..BOUND)
            .try_for_each(|client| lives.renew(client, round, |frame, port| verdict(tools, frame, port)))?;
        let filter = Filter { state: Some("bound".to_owned()), ..Filter::default() };
        let question = Question { command: Command::Leases, filter };
        let leases: Leases = control::ask(&daemon.socket, question)?;
        let renewed = leases.leases.iter().filter(|lease| lease.lease_seconds == Some(3600 + round)).count();
        ensure!(
            renewed == BOUND as usize,
            "round {round}: {renewed} of {BOUND} clients are bound and renewed"
        );
    }
    Ok(round)
}
