//! The client table of a running daemon with many clients: what one costs in memory, how many messages a second one core
//! takes in, and how long a start takes.
//!
//! Frames are run through the relay's own program by `BPF_PROG_TEST_RUN`, one at a time, each of another client: their records
//! go through the real rings to the daemon's thread, and from there into table, kernel map and store. CPU time is that of
//! the thread alone.

mod besieged;
mod lives;
mod thread;

use std::{net::Ipv4Addr, path::PathBuf, time::Duration};

use anyhow::{Context as _, Result, ensure};
use relay_tests::{
    scale::cost::Memory,
    subject::{Mode, stats},
};
use relay_user::{
    clients::{BootTime, Hardware, Published, State, bench},
    control::leases::ClientStats,
    fastpath::{Object, Sizes},
    leases::{Changes, Leases},
};

use crate::{
    figures::{rate, table},
    ours::{Ours, Programs},
    rig::{CLIENT_PORT, Rig, pin, pin_process},
    tools::{Action, Tools, cpu_time},
};
use lives::Lives;
use thread::Clients;

const CLIENTS: u32 = 200_000;
/// Clients whose messages the rings of one CPU hold: one DISCOVER, and four others of each.
const CHUNK: u32 = 4_000;

/// # Errors
/// The laboratory or the relay does not come up, or clients are lost.
pub(crate) fn run() -> Result<String> {
    let rig = Rig::new("snoop", 2, 1)?;
    let [first, second] = [rig.servers[0], rig.servers[1]];
    let most = format!("clients_max = {}\n", CLIENTS + CHUNK);
    let configuration = format!(
        "{most}\n[[server_group]]\nname = \"core\"\nservers = [\"{first}\", \"{second}\"]\n\n\
         [[interface]]\nname = \"{CLIENT_PORT}\"\nserver_group = \"core\"\n{most}"
    );
    let mut relay = Ours::with(&rig.relay, Mode::Native, &configuration)?;
    let programs = Programs::of(&rig.relay, CLIENT_PORT)?;
    let mut tools = Tools::load(1)?;
    tools.set_next(&programs.ingress)?;
    pin_process(relay.process.pid(), 1)?;
    let mut lives = Lives::new(&rig)?;
    let empty = Memory::of(relay.process.pid())?.anonymous;
    let (rows, full) = {
        let daemon = Daemon::of(&relay);
        rig.relay.enter(|| fed(&daemon, &tools, &mut lives))??
    };
    let kernel = Memory::of(relay.process.pid())?.kernel;
    drop(programs);

    relay.again(&rig.relay)?;
    let line = relay.process.wait_for_line("stored leases taken over", Duration::from_secs(60))?;
    let load = line.split("took=").nth(1).context("the log does not say how long it took")?;
    let after = Daemon::of(&relay).clients()?;
    ensure!(after.bound == u64::from(CLIENTS), "after a restart: {after:?}");
    Clients::of(relay.process.pid())?.until_idle()?;
    let again = Memory::of(relay.process.pid())?.anonymous;
    drop(relay);

    let alone = bench::table(CLIENTS, |_| ());
    let (batched, single) = published()?;
    let mut text = table(&["messages of 200,000 clients", "a second on one core", "ns each"], &rows);
    text += &format!(
        "\nThe table alone, without rings, kernel map, watch and store: {} a second while binding, {} while renewing.\n\n",
        rate(alone.binding as f64 / alone.binding_took.as_secs_f64()),
        rate(alone.renewing as f64 / alone.renewing_took.as_secs_f64()),
    );
    let each = |kib: u64| kib.saturating_sub(empty) * 1024 / u64::from(CLIENTS);
    text += &format!(
        "Memory of the daemon (anonymous, without clients {empty} KiB): **{} octets a client** after all have been bound and \
         have renewed, {} after a restart. The kernel says its maps hold {kernel} KiB.\n\n\
         Loading the store with {CLIENTS} leases at a start: **{}**.\n\n\
         A lease into the kernel's map: {batched:.0} ns in batches of {}, {single:.0} ns by a system call each.\n",
        each(full),
        each(again),
        load.trim(),
        Changes::BATCH,
    );
    text += &format!("\n### A flood of DISCOVERs while bound clients renew\n\n{}", besieged::run()?);
    Ok(text)
}

/// All clients are bound and renew; the rows, and the memory then.
fn fed(daemon: &Daemon, tools: &Tools, lives: &mut Lives) -> Result<(Vec<Vec<String>>, u64)> {
    pin(0)?;
    let thread = Clients::of(daemon.process)?;
    let mut rows = Vec::new();
    let mut measure = |title: &str, at_once: bool, mut life: Life<'_>| -> Result<()> {
        let (before, mut spent) = (daemon.clients()?, Duration::ZERO);
        for first in (0..CLIENTS).step_by(CHUNK as usize) {
            thread.until_idle()?;
            let start = thread.worked()?;
            let mut feed = || (first..CLIENTS.min(first + CHUNK)).try_for_each(&mut life);
            if at_once {
                thread.stopped(feed)?
            } else {
                feed()?
            }
            thread.until_idle()?;
            spent += thread.worked()?.saturating_sub(start);
        }
        let after = daemon.clients()?;
        ensure!(after.bound == u64::from(CLIENTS) && after.events_lost == 0, "{title}: {after:?}");
        let messages = (after.messages - before.messages) as f64;
        rows.push(vec![
            title.to_owned(),
            format!("**{}**", rate(messages / spent.as_secs_f64())),
            format!("{:.0}", spent.as_nanos() as f64 / messages),
        ]);
        Ok(())
    };
    let lives = std::cell::RefCell::new(lives);
    let feed = |frame: &[u8], device: u32| verdict(tools, frame, device);
    measure("binding, rings full", true, Box::new(|client| lives.borrow_mut().bind(client, feed)))?;
    measure("renewing, rings full", true, Box::new(|client| lives.borrow_mut().renew(client, 1, feed)))?;
    measure("renewing, as they come", false, Box::new(|client| lives.borrow_mut().renew(client, 2, feed)))?;
    Ok((rows, Memory::of(daemon.process)?.anonymous))
}

type Life<'a> = Box<dyn FnMut(u32) -> Result<()> + 'a>;

/// Feeds a frame that the relay relays or lets pass.
fn verdict(tools: &Tools, frame: &[u8], device: u32) -> Result<()> {
    match tools.feed(frame, device)? {
        Action::Pass | Action::Redirect => Ok(()),
        other => anyhow::bail!("the relay's verdict is {other:?}"),
    }
}

/// The relay, for threads that only ask.
struct Daemon {
    process: u32,
    socket: PathBuf,
}

impl Daemon {
    fn of(relay: &Ours) -> Self {
        Self { process: relay.process.pid(), socket: relay.socket.clone() }
    }

    /// What the table says of itself.
    fn clients(&self) -> Result<ClientStats> {
        Ok(stats(&self.socket)?.clients)
    }
}

/// Nanoseconds of CPU time to put a lease into a map, in batches and one by one.
fn published() -> Result<(f64, f64)> {
    let sizes = Sizes { interfaces: 1, groups: 1, ports: 1, addresses: 1, owners: 1, leases: 2 * CLIENTS };
    let mut object = Object::load(sizes, None)?;
    let leases = Leases::in_kernel(object.take_leases().context("the map of leases is taken")?);
    let mut changes = Changes::default();
    let mut measure = |first: u32, every: usize| -> Result<f64> {
        let start = cpu_time()?;
        let mut waiting = 0;
        for client in first..first + CLIENTS {
            changes.publish(&Published {
                vrf: 0,
                address: Ipv4Addr::from(client),
                interface: 1,
                hardware: Hardware { len: 6, octets: [2; 16] },
                server: Ipv4Addr::LOCALHOST,
                seconds: 3600,
                state: State::Bound,
                expires: BootTime::NEVER,
            });
            waiting += 1;
            if waiting == every {
                leases.write(&mut changes);
                waiting = 0;
            }
        }
        leases.write(&mut changes);
        Ok((cpu_time()? - start).as_nanos() as f64 / f64::from(CLIENTS))
    };
    let figures = (measure(0, Changes::BATCH)?, measure(CLIENTS, 1)?);
    ensure!(leases.refused() == 0, "{} leases were refused", leases.refused());
    Ok(figures)
}
