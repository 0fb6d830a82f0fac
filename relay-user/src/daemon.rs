//! The daemon: starts both paths, follows every change of the machine, and ends leaving nothing behind.

mod answers;
mod error;
mod listening;
mod paths;
mod reload;

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
    time::timeout,
};

pub use error::DaemonError;

use crate::{
    config::{Config, Machine, domain::Leasequery},
    control,
    hosts::{HostRoutes, Wanted},
    leasequery::{Pace, Recovery, Sender, places},
    nexthop::{Options as WatchOptions, Resolution, Snapshot, Target, Watcher},
    plan,
    snoop::{Rings, Snoop, policy},
};
use answers::Answers;
use listening::Listening;
use paths::{Paths, Redirects};
use reload::Running;

/// How long start-up waits for servers to answer ARP. One that is dead must not keep the relay from starting; it is
/// served by the slow path until it answers.
const RESOLUTION_PATIENCE: Duration = Duration::from_secs(1);

/// What `run` is told.
#[derive(Clone, Debug)]
pub struct Options {
    /// The configuration file.
    pub config: PathBuf,
}

/// Reads the configuration, relays until SIGTERM or SIGINT, and takes everything down again. SIGHUP has it read the
/// configuration again.
pub async fn run(options: Options) -> Result<(), DaemonError> {
    let config = Config::load(&options.config)?;
    let machine = Machine::read().map_err(DaemonError::Machine)?;
    let config = config.resolve(&machine)?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let mut terminated = signal(SignalKind::terminate()).map_err(DaemonError::Signal)?;
    let mut interrupted = signal(SignalKind::interrupt()).map_err(DaemonError::Signal)?;
    let mut hung_up = signal(SignalKind::hangup()).map_err(DaemonError::Signal)?;

    // First of all, so that a second daemon finds out before it touches what the first one has pinned.
    let claim = control::claim(&config.relay.control_socket).await?;
    let scraped = listening::bind(&config.effective)?;
    let (watcher, mut machine) = Watcher::start(plan::targets(&config), WatchOptions::default()).await?;
    settle(&mut machine, |_| true).await;
    let (features, mut redirects) = Redirects::watch().await;
    let first = machine.borrow_and_update().clone();
    let mut paths = Paths::start(config, &first, &redirects)?;
    let wanted = Arc::new(Wanted::default());
    let hosts = HostRoutes::start(Arc::clone(&wanted), paths.plan().devices.clone())
        .map_err(DaemonError::HostRoutes)?;
    let snoop = start_snooping(&mut paths, Arc::clone(&wanted), &first)?;
    let (order, mut orders) = mpsc::channel(1);
    let answers = Arc::new(Answers::new(&options.config, &paths, &first, snoop.handle().clone(), order));
    let control = claim.serve(answers.clone());
    let mut scraped = Listening::start(scraped, answers.clone());

    tracing::info!(fast_path = paths.is_fast(), "ready");
    notify(&[sd_notify::NotifyState::Ready]);
    loop {
        let order = tokio::select! {
            _ = terminated.recv() => break,
            _ = interrupted.recv() => break,
            changed = machine.changed() => match changed {
                Ok(()) => None,
                Err(_) => return Err(DaemonError::WatcherEnded),
            },
            () = redirects.changed() => None,
            _ = hung_up.recv() => Some(None),
            Some(order) = orders.recv() => Some(Some(order)),
        };
        if let Some(order) = order {
            notify_reloading();
            let mut running = Running {
                paths: &mut paths,
                snoop: &snoop,
                hosts: &wanted,
                answers: &answers,
                scraped: &mut scraped,
                watcher: &watcher,
                machine: &mut machine,
                redirects: &redirects,
            };
            let outcome = running.reload(&options.config).await;
            notify(&[sd_notify::NotifyState::Ready]);
            if let Some(order) = order {
                // Nobody may be waiting any more.
                let _ = order.send(outcome);
            }
        }
        let snapshot = machine.borrow_and_update().clone();
        paths.follow(&snapshot, &redirects);
        hosts.follow(paths.plan().devices.clone());
        if let Err(error) = snoop.handle().configure(policy(paths.config(), paths.plan())) {
            tracing::error!("a change of the machine is not known to the client table: {error}");
        }
        if let Err(error) = tell_places(&snoop, &paths, &snapshot) {
            tracing::error!("servers are asked for leases as the machine was: {error}");
        }
        answers.update(&paths, &snapshot);
    }
    tracing::info!("ending");
    notify(&[sd_notify::NotifyState::Stopping]);
    drop(control);
    drop(scraped);
    drop(paths);
    // Behind both paths: it takes the last records, and stores what they changed.
    drop(snoop);
    drop(hosts);
    drop(features);
    watcher.shutdown().await?;
    Ok(())
}

/// Starts the client table, and hands it what the fast path writes.
fn start_snooping(paths: &mut Paths, hosts: Arc<Wanted>, machine: &Snapshot) -> Result<Snoop, DaemonError> {
    let rings = paths.take_events();
    let config = paths.config();
    let queries = match config.relay.leasequery {
        Leasequery::Off => (Recovery::new(None), None),
        Leasequery::Auto => {
            let mut recovery = Recovery::new(Some(Pace { rate: config.relay.leasequery_rate }));
            recovery.follow(places(config, paths.plan(), &machine.host));
            (recovery, Some(Sender::open(config)?))
        }
    };
    let snoop = Snoop::start(
        Arc::clone(paths.state()),
        policy(config, paths.plan()),
        Arc::new(config.clone()),
        Arc::clone(paths.leases()),
        hosts,
        queries,
    )
    .map_err(DaemonError::Clients)?;
    if let Some(rings) = rings {
        snoop.handle().take_rings(Rings(rings)).map_err(DaemonError::Clients)?;
    }
    Ok(snoop)
}

/// Tells the client table where clients are.
fn tell_places(snoop: &Snoop, paths: &Paths, machine: &Snapshot) -> std::io::Result<()> {
    match paths.config().relay.leasequery {
        Leasequery::Off => Ok(()),
        Leasequery::Auto => snoop.handle().places(places(paths.config(), paths.plan(), &machine.host)),
    }
}

/// Waits until every server that counts has been found, but not for long.
async fn settle(machine: &mut tokio::sync::watch::Receiver<Arc<Snapshot>>, counts: impl Fn(&Target) -> bool) {
    let settled = machine.wait_for(|snapshot| {
        let mut wanted = snapshot.next_hops.iter().filter(|(target, _)| counts(target));
        wanted.all(|(_, resolution)| matches!(resolution, Resolution::Resolved(_)))
    });
    match timeout(RESOLUTION_PATIENCE, settled).await {
        Ok(_) => {}
        Err(_) => {
            tracing::info!("not every server has a next hop yet; those that have none go by the slow path")
        }
    }
}

/// Tells systemd that the configuration is being read again; it waits for the word that it is done.
fn notify_reloading() {
    match sd_notify::NotifyState::monotonic_usec_now() {
        Ok(now) => notify(&[sd_notify::NotifyState::Reloading, now]),
        Err(error) => tracing::warn!(%error, "systemd is not told of the reload"),
    }
}

/// Tells systemd; without systemd there is nobody to tell.
fn notify(states: &[sd_notify::NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "systemd could not be notified");
    }
}
