//! Going over to another configuration without a moment in which nothing is relayed, or a frame that is relayed by half of
//! each.
//!
//! Maps of fixed size, and numbers that are places in the file: the fast path of the new configuration is a second object with
//! maps of its own, which are filled while the first one works. All ports then go over at once, in four steps:
//!
//! 1. The new program takes the old one's place on every port, without knowing any: whatever comes in passes to the slow path,
//!    which relays by the old configuration.
//! 2. The kernel says when the last frame of the old program has left. In native mode one egress program finishes the copies of
//!    a whole batch, so a batch must not have copies of both.
//! 3. The slow path, one thread, goes over between two frames.
//! 4. The new program is told of its ports.

use std::{
    collections::BTreeSet,
    sync::{Arc, mpsc},
    time::Instant,
};

use super::{DaemonError, Fast, Paths, Redirects, memory, refusal, sizes};
use crate::{
    config::{FastPath, ResolvedConfig},
    fastpath::{EventRings, FastPathError, Object},
    leases::Leases,
    memory::Memory,
    nexthop::Snapshot,
    plan::{self, Plan, blind},
    renumber::Renumber,
    slowpath::{Next, View, Ways},
    socket::PortSocket,
    tables::Tables,
};

/// Another configuration, ready to take the place of the present one; nothing is relayed by it yet.
pub(in crate::daemon) struct Prepared {
    config: ResolvedConfig,
    plan: Plan,
    fast: Option<Fast>,
    renumber: Arc<Renumber>,
    memory: Memory,
    leases: Arc<Leases>,
    ways: Ways,
    /// Of the ports that are new.
    ports: Vec<PortSocket>,
}

/// What the client table has to follow.
pub(in crate::daemon) struct Followed {
    pub(in crate::daemon) renumber: Arc<Renumber>,
    pub(in crate::daemon) rings: Option<EventRings>,
}

impl Paths {
    /// Makes everything that another configuration takes, as far as it can fail.
    ///
    /// # Errors
    /// It cannot be had on this machine; the present configuration is untouched.
    pub(in crate::daemon) fn prepare(
        &mut self,
        config: ResolvedConfig,
        machine: &Snapshot,
        redirects: &Redirects,
    ) -> Result<Prepared, DaemonError> {
        let native = self.fast.as_ref().is_some_and(Fast::may_be_native);
        let plan = plan::make(&config, machine, &|ifindex| !native || redirects.takes(ifindex, machine));
        let renumber =
            Arc::new(Renumber::between((&self.config, &self.plan.tables), (&config, &plan.tables)));
        let new_ports = plan.ports.keys().filter(|ifindex| !self.listening.contains(ifindex));
        let ports = new_ports.map(|ifindex| PortSocket::open(*ifindex)).collect::<Result<_, _>>()?;
        let ways = Ways::open(&config.server_vrfs(), config.relay.dscp)?;
        let mut fast = match &self.fast {
            Some(fast) => Some(fast.beside(&config, &plan, machine, &renumber)?),
            None => None,
        };
        let (leases, memory) = memory(&config, fast.as_mut());
        Ok(Prepared { config, plan, fast, renumber, memory, leases, ways, ports })
    }

    /// Goes over to it. What a single port refuses now is logged: the slow path has such a port.
    ///
    /// # Errors
    /// The thread of the slow path has ended.
    pub(in crate::daemon) fn go_over(
        &mut self,
        prepared: Prepared,
        machine: &Snapshot,
        redirects: &Redirects,
    ) -> Result<Followed, DaemonError> {
        let Prepared { config, plan, mut fast, renumber, memory, leases, ways, ports } = prepared;
        for port in ports {
            let ifindex = port.ifindex();
            self.slow.listen(port).map_err(DaemonError::SlowPath)?;
            self.listening.insert(ifindex);
        }
        let (done, wait) = mpsc::sync_channel(1);
        let next = Next {
            view: slow_view(&plan),
            memory,
            ways,
            punted: fast.as_mut().and_then(|fast| fast.object.take_punted()),
            renumber: Arc::clone(&renumber),
            done,
        };
        let began = Instant::now();
        // From here on XDP does not record what only passes.
        self.state.publish(slow_view(&self.plan));
        if let (Some(old), Some(new)) = (&mut self.fast, &mut fast) {
            new.replace(old, &plan);
            if let Err(error) = old.object.fence() {
                tracing::error!("the fast path before this configuration may not have ended: {error}");
            }
        }
        self.slow.follow(next).map_err(DaemonError::SlowPath)?;
        wait.recv().map_err(|_| DaemonError::SlowPath(std::io::Error::other("the slow path has ended")))?;
        if let Some(new) = &mut fast
            && let Err(error) = new.begin()
        {
            tracing::error!("the fast path does not know all of its ports: {error}");
        }
        tracing::debug!(took = ?began.elapsed(), "the configuration has changed places; the slow path had all ports meanwhile");
        (self.config, self.plan, self.leases) = (config, plan, leases);
        let mut rings = None;
        if let (Some(old), Some(mut new)) = (self.fast.take(), fast) {
            if let Err(error) = new.object.counters().go_on_from(old.object.counters(), &renumber) {
                tracing::error!("counters of the fast path begin anew: {error}");
            }
            rings = new.object.take_events();
            self.fast = Some(new.succeed(old));
        }
        self.publish(&self.plan);
        self.attach_ports();
        self.detach_ports();
        self.close_ports()?;
        // Which devices take redirected frames depends on the modes the new ports have got.
        self.follow(machine, redirects);
        Ok(Followed { renumber, rings })
    }
}

/// The tables of a plan for a slow path that has all frames.
fn slow_view(plan: &Plan) -> View {
    View { tables: Arc::new(plan.tables.clone()), fast_ports: BTreeSet::new() }
}

impl Fast {
    /// The fast path of another configuration, with its maps filled but for the ports, and already on those ports that are
    /// new: it passes everything there.
    fn beside(
        &self,
        config: &ResolvedConfig,
        plan: &Plan,
        machine: &Snapshot,
        renumber: &Renumber,
    ) -> Result<Self, FastPathError> {
        let object = Object::load_beside(sizes(config, plan.tables.ports.len()), &config.relay.bpffs_dir)?;
        let mut new = Self::new(object, self.modes.clone());
        for (ifindex, port) in plan.ports.iter().filter(|(ifindex, _)| !self.attached.contains_key(ifindex)) {
            match new.object.attach(&port.name, *ifindex, &new.modes) {
                Ok(attachment) => {
                    tracing::debug!(
                        port = port.name,
                        mode = attachment.mode.label(),
                        "fast path attached, without work yet"
                    );
                    new.attached.insert(*ifindex, attachment);
                }
                Err(error) => _ = new.refused.insert(*ifindex, error.to_string()),
            }
        }
        // As they will be: on the others the program runs in the mode that it has there.
        let mode = |ifindex: u32| {
            let attachment = new.attached.get(&ifindex).or_else(|| self.attached.get(&ifindex));
            attachment.map(|attachment| attachment.mode)
        };
        let blind = Self::blind_among(plan, machine, config, &mode);
        if config.relay.fast_path == FastPath::Require {
            if let Some(blind) = blind.values().next() {
                return Err(refusal(blind));
            }
            if let Some(why) = new.refused.values().next() {
                return Err(FastPathError::Refused(why.clone()));
            }
        }
        for why in new.refused.values() {
            tracing::warn!("{why}; the port is served by the slow path");
        }
        new.notice(blind);
        let mut tables = plan.tables.clone();
        for key in blind::unknown_to_xdp(plan, &machine.host, &new.blind) {
            tables.ports.remove(&key);
        }
        let ports = std::mem::take(&mut tables.ports);
        new.object.apply(&Tables::default(), &tables)?;
        new.tables = Tables { ports, ..tables };
        // All but what comes in from now on, which the slow path takes over in the end.
        new.object.remembered().take_over(self.object.remembered(), renumber);
        Ok(new)
    }

    /// Takes the place of `old` on its ports, those that go included. Frames pass until [`Self::begin`].
    fn replace(&mut self, old: &mut Self, plan: &Plan) {
        for (ifindex, attachment) in std::mem::take(&mut old.attached) {
            match self.object.replace(&mut old.object, attachment) {
                Ok(attachment) => _ = self.attached.insert(ifindex, attachment),
                // Tried again as a new port, if it is one of this configuration's.
                Err(error) => tracing::warn!(
                    port = plan.ports.get(&ifindex).map(|port| port.name.as_str()),
                    ifindex,
                    "the program on the port cannot be replaced: {error}"
                ),
            }
        }
    }

    /// Tells the program of its ports: from now on it relays.
    fn begin(&mut self) -> Result<(), FastPathError> {
        let ports = Tables { ports: self.tables.ports.clone(), ..Tables::default() };
        self.object.apply(&Tables::default(), &ports)
    }

    /// Takes over what is left of `old`: the names of its maps.
    fn succeed(mut self, mut old: Self) -> Self {
        if let Err(error) = self.object.succeed(&mut old.object) {
            tracing::error!("the pinned maps are not those of the present configuration: {error}");
        }
        self
    }
}
