//! Reading the configuration again: all of it is in force when this returns, or nothing of it.

use std::{path::Path, sync::Arc, time::Instant};

use tokio::sync::watch;

use super::{
    DaemonError,
    answers::Answers,
    listening::Listening,
    paths::{Paths, Redirects},
    settle,
};
use crate::{
    config::{Changes, Config, Difference, Machine, domain::Leasequery},
    control::{Refusal, model::Reloaded},
    hosts::Wanted,
    leasequery::{Sender, places},
    nexthop::{Snapshot, Target, Watcher},
    plan,
    snoop::{Next, Rings, Snoop, policy},
};

/// What runs, and has to follow.
pub(super) struct Running<'a> {
    pub(super) paths: &'a mut Paths,
    pub(super) snoop: &'a Snoop,
    pub(super) hosts: &'a Wanted,
    pub(super) answers: &'a Answers,
    pub(super) scraped: &'a mut Listening,
    pub(super) watcher: &'a Watcher,
    pub(super) machine: &'a mut watch::Receiver<Arc<Snapshot>>,
    pub(super) redirects: &'a Redirects,
}

impl Running<'_> {
    /// Goes over to the configuration as `file` now is, and logs what comes of it.
    pub(super) async fn reload(&mut self, file: &Path) -> Result<Reloaded, Refusal> {
        let began = Instant::now();
        match self.follow(file).await {
            Ok(changes) => {
                let milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
                tracing::info!(milliseconds, "reloaded: {}", summary(&changes));
                Ok(Reloaded { changes, milliseconds })
            }
            Err(error) => {
                let text = error.to_string();
                for line in text.lines() {
                    tracing::error!("{line}");
                }
                tracing::error!("the configuration is not reloaded; the one before goes on");
                Err(Refusal { error: text, configuration: error.is_configuration() })
            }
        }
    }

    async fn follow(&mut self, file: &Path) -> Result<Changes, DaemonError> {
        let config = Config::load(file)?;
        let machine = Machine::read().map_err(DaemonError::Machine)?;
        let config = config.resolve(&machine)?;
        let changes = Changes::between(&self.paths.config().effective, &config.effective)?;
        for warning in &config.warnings {
            tracing::warn!("{warning}");
        }
        let listener = self.scraped.prepare(&self.paths.config().effective, &config.effective)?;
        // The servers of both: those that are new want a next hop before a request is for them.
        let before = plan::targets(self.paths.config());
        let after = plan::targets(&config);
        let both: Vec<Target> = before.iter().chain(&after).cloned().collect();
        self.watcher.set_targets(both).await?;
        settle(self.machine, |target| !before.contains(target)).await;
        let snapshot = self.machine.borrow_and_update().clone();
        let done = self.go_over(config, &snapshot);
        if done.is_ok() {
            self.scraped.go_over(listener).await;
        }
        self.watcher.set_targets(if done.is_ok() { after } else { before }).await?;
        done.map(|()| changes)
    }

    fn go_over(
        &mut self,
        config: crate::config::ResolvedConfig,
        machine: &Snapshot,
    ) -> Result<(), DaemonError> {
        let sender = match config.relay.leasequery {
            Leasequery::Off => None,
            Leasequery::Auto => Some(Sender::open(&config)?),
        };
        let prepared = self.paths.prepare(config, machine, self.redirects)?;
        let mut answers = self.answers.hold();
        let followed = self.paths.go_over(prepared, machine, self.redirects)?;
        let (config, plan) = (self.paths.config(), self.paths.plan());
        let next = Next {
            known: policy(config, plan),
            config: Arc::new(config.clone()),
            renumber: followed.renumber,
            rings: followed.rings.map(Rings),
            leases: Arc::clone(self.paths.leases()),
            queries: sender.map(|sender| (places(config, plan, &machine.host), sender)),
        };
        self.hosts.hide();
        let told = self.snoop.handle().follow_configuration(next);
        self.hosts.show(plan.devices.clone());
        answers.update(self.paths, machine);
        told.map_err(DaemonError::Clients)
    }
}

/// What has changed, in a few words.
fn summary(changes: &Changes) -> String {
    if changes.is_empty() {
        return "nothing has changed".to_owned();
    }
    let Changes { relay, groups, upstreams, interfaces } = changes;
    let count = |what: &str, difference: &Difference| {
        let Difference { added, removed, changed } = difference;
        let parts = [("added", added), ("removed", removed), ("changed", changed)];
        let parts: Vec<String> = parts
            .into_iter()
            .filter(|(_, names)| !names.is_empty())
            .map(|(word, names)| format!("{} {word}", names.len()))
            .collect();
        (!parts.is_empty()).then(|| format!("{what}: {}", parts.join(", ")))
    };
    let relay = (!relay.is_empty()).then(|| format!("relay: {}", relay.join(", ")));
    let all = [
        relay,
        count("server groups", groups),
        count("upstream ports", upstreams),
        count("interfaces", interfaces),
    ];
    all.into_iter().flatten().collect::<Vec<_>>().join("; ")
}
