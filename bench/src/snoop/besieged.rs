//! A flood of DISCOVERs, each of another client, while bound clients renew: is anybody lost from the table?
//!
//! The flood is made in the kernel and goes through the relay's program, for the time that a storm lasts; it is not sent on,
//! which would take the processor that makes it. The renewals go through the same program, both ways; their lease time says which round it was, so
//! that the table shows whether the last ACK of each client has arrived in it.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use relay_tests::subject::Mode;
use relay_user::control::{
    self, Command, Question,
    leases::{Filter, Leases},
    model::Stats,
};

use super::{Daemon, lives::Lives, verdict};
use crate::{
    figures::rate,
    ours::{Ours, Programs, Settings},
    rig::{CLIENT_PORT, Rig, pin, pin_process},
    tools::{Action, Tools},
};

/// Clients that are bound and renew.
const BOUND: u32 = 1_000;
/// How long it lasts.
const TIME: Duration = Duration::from_secs(20);
/// Frames of one system call: some milliseconds.
const RUN: u32 = 16_384;
/// What was asked for.
const GOAL: f64 = 1e6;

/// # Errors
/// The laboratory or the relay does not come up, or a bound client is lost.
pub(super) fn run() -> Result<String> {
    let rig = Rig::new("besieged", 2, 1)?;
    let relay = Ours::start(&rig.relay, CLIENT_PORT, &rig.servers, &Settings::new(Mode::Native))?;
    let programs = Programs::of(&rig.relay, CLIENT_PORT)?;
    // The daemon and what renews have the other CPU.
    pin_process(relay.process.pid(), 1)?;
    let mut flood = Tools::load(1)?;
    flood.set_next(&programs.ingress)?;
    let mut frame = rig.discover();
    frame[40..42].fill(0);
    flood.set_frame(&frame)?;
    let mut others = Tools::load(1)?;
    others.set_next(&programs.ingress)?;
    let mut lives = Lives::new(&rig)?;
    let device = rig.relay.ifindex(CLIENT_PORT)?;
    rig.relay.enter(|| -> Result<()> {
        (0..BOUND).try_for_each(|client| lives.bind(client, |frame, port| verdict(&others, frame, port)))
    })??;
    let daemon = &Daemon::of(&relay);
    let before = daemon.clients()?;
    ensure!(before.bound == u64::from(BOUND), "before the flood: {before:?}");

    let (ended, sent) = (AtomicBool::new(false), AtomicU64::new(0));
    let (ended, sent) = (&ended, &sent);
    let begin = Instant::now();
    let (rounds, took) = thread::scope(|scope| -> Result<(u32, Duration)> {
        let flooding = scope.spawn(|| -> Result<Duration> {
            rig.relay.enter(|| -> Result<Duration> {
                pin(0)?;
                let begin = Instant::now();
                while begin.elapsed() < TIME {
                    let verdict = flood.repeat("flood", &frame, device, RUN)?;
                    ensure!(verdict == Action::Redirect, "the relay's verdict on a DISCOVER is {verdict:?}");
                    sent.fetch_add(RUN.into(), Ordering::Relaxed);
                }
                ended.store(true, Ordering::Relaxed);
                Ok(begin.elapsed())
            })?
        });
        let rounds = rig.relay.enter(|| renew(daemon, &others, &mut lives, ended));
        // It ends by the clock, whatever has become of the renewals.
        let took = flooding.join().map_err(|_| anyhow::anyhow!("the flood panicked"))??;
        Ok((rounds??, took))
    })?;
    let after: Stats = control::ask(&daemon.socket, Command::Stats)?;
    let table = &after.clients;
    ensure!(table.bound == u64::from(BOUND), "after the flood: {table:?}");
    ensure!(table.events_lost == 0, "{} messages other than DISCOVERs were lost", table.events_lost);
    let offered = sent.load(Ordering::Relaxed) as f64 / took.as_secs_f64();
    let counted = after.interfaces[0].requests["discover"].fast;
    Ok(format!(
        "**{}** DISCOVERs a second for {:.1} s, each of another client (goal: {}); the relay's program took {counted}, \
         which were not sent on. Meanwhile {BOUND} bound clients renewed {rounds} times each: none was lost, and the \
         table had every ACK. It took in {} messages; of the DISCOVERs it never heard of {}, and {} more made no entry, \
         because entries without a lease may fill half of the table at most. {} clients were in it in the end. \
         All in all {:.1} s.\n",
        rate(offered),
        took.as_secs_f64(),
        rate(GOAL),
        table.messages,
        table.discovers_lost,
        table.limit_reached,
        table.clients,
        begin.elapsed().as_secs_f64(),
    ))
}

/// Renews all clients over and over until the flood ends; how often. Each round is in the table before the next begins.
fn renew(daemon: &Daemon, tools: &Tools, lives: &mut Lives, ended: &AtomicBool) -> Result<u32> {
    pin(1)?;
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
