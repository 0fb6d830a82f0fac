//! Both paths together: what is attached where, and how a change of the machine reaches them in the right order.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::DaemonError;
use crate::{
    config::{Affinity, FastPath, ResolvedConfig, XdpMode},
    fastpath::{Attachment, EventRings, FastPathError, Mode, Object, counters::Reader, selftest},
    leases::Leases,
    memory::Memory,
    nexthop::Snapshot,
    plan::{
        self, Plan,
        blind::{self, Blind},
    },
    slowpath::{SlowPath, State, View, Ways},
    socket::PortSocket,
    tables::Tables,
};
use sizes::sizes;
use tags::refusal;

mod redirects;
mod reload;
mod sizes;
mod tags;

pub(super) use redirects::Redirects;

/// The fast path and the slow path of a running daemon.
pub(super) struct Paths {
    config: ResolvedConfig,
    state: Arc<State>,
    plan: Plan,
    leases: Arc<Leases>,
    /// Before `slow`, so that XDP is taken off while the slow path still listens.
    fast: Option<Fast>,
    slow: SlowPath,
    listening: BTreeSet<u32>,
    /// Why the fast path is off although it was wanted.
    note: Option<String>,
}

struct Fast {
    object: Object,
    modes: Vec<Mode>,
    attached: BTreeMap<u32, Attachment>,
    refused: BTreeMap<u32, String>,
    /// Ports whose tags XDP does not see, and what is said of them.
    blind: BTreeMap<u32, Blind>,
    notes: BTreeMap<u32, String>,
    /// What the maps hold: the plan's, but for what the slow path alone may have.
    tables: Tables,
}

impl Paths {
    /// Starts both. On an error everything is taken down again.
    pub(super) fn start(
        config: ResolvedConfig,
        machine: &Snapshot,
        redirects: &Redirects,
    ) -> Result<Self, DaemonError> {
        let wanted = config.relay.fast_path;
        let keys = plan::make(&config, machine, &|_| true).tables.ports.len();
        let (mut fast, note) = match wanted {
            FastPath::Off => (None, None),
            FastPath::Require => (Some(Fast::load(&config, keys)?), None),
            FastPath::Prefer => match Fast::load(&config, keys) {
                Ok(fast) => (Some(fast), None),
                Err(error) => {
                    tracing::warn!("going on without the fast path: {error}");
                    (None, Some(error.to_string()))
                }
            },
        };
        let state = Arc::new(State::default());
        let (leases, memory) = memory(&config, fast.as_mut());
        let ways = Ways::open(&config.server_vrfs(), config.relay.dscp)?;
        let slow = SlowPath::start(Arc::clone(&state), memory, ways)?;
        let mut paths = Self {
            config,
            state,
            plan: Plan::default(),
            leases,
            slow,
            listening: BTreeSet::new(),
            fast,
            note,
        };
        if let Some(ring) = paths.fast.as_mut().and_then(|fast| fast.object.take_punted()) {
            paths.slow.take_punted(ring).map_err(DaemonError::SlowPath)?;
        }
        paths.adopt(machine, redirects)?;
        // Which devices take redirected frames depends on the modes the ports have got.
        paths.adopt(machine, redirects)?;
        if wanted == FastPath::Require
            && let Some(blind) = paths.fast.as_ref().and_then(|fast| fast.blind.values().next())
        {
            return Err(refusal(blind).into());
        }
        if wanted == FastPath::Require
            && let Some((ifindex, why)) = paths.fast.as_ref().and_then(|fast| fast.refused.iter().next())
        {
            tracing::debug!(ifindex, "start-up ends: the fast path is required on every port");
            return Err(FastPathError::Refused(why.clone()).into());
        }
        Ok(paths)
    }

    /// Brings both paths to what the machine now is. What cannot be done is logged: the rest goes on.
    pub(super) fn follow(&mut self, machine: &Snapshot, redirects: &Redirects) {
        if let Err(error) = self.adopt(machine, redirects) {
            tracing::error!("a change of the machine could not be followed: {error}");
        }
    }

    fn adopt(&mut self, machine: &Snapshot, redirects: &Redirects) -> Result<(), DaemonError> {
        let native = self.fast.as_ref().is_some_and(Fast::may_be_native);
        let next = plan::make(&self.config, machine, &|ifindex| !native || redirects.takes(ifindex, machine));
        let blind =
            self.fast.as_ref().map(|fast| fast.blind_ports(&next, machine, &self.config)).unwrap_or_default();
        let known = self.fast.as_ref().is_none_or(|fast| fast.blind == blind);
        if known && next == self.plan && self.listening.iter().eq(next.ports.keys()) {
            return Ok(());
        }
        for (index, why) in &next.idle {
            if self.plan.idle.get(index) != Some(why) {
                tracing::warn!(interface = index, "not relaying: {why}");
            }
        }
        // A server may answer on a new port as soon as a request leaves by it: the slow path listens there and knows the
        // port before either path sends anything, and XDP comes last. Where a port goes, it is the other way round.
        let opened = self.open_ports(&next);
        self.publish(&next);
        if let Some(fast) = &mut self.fast {
            fast.notice(blind);
            let mut tables = next.tables.clone();
            for key in blind::unknown_to_xdp(&next, &machine.host, &fast.blind) {
                tables.ports.remove(&key);
            }
            fast.object.apply(&fast.tables, &tables)?;
            fast.tables = tables;
        }
        self.plan = next;
        self.attach_ports();
        self.detach_ports();
        self.publish(&self.plan);
        self.close_ports()?;
        opened
    }

    fn publish(&self, plan: &Plan) {
        let fast_ports = self.fast.as_ref().map(|fast| fast.attached.keys().copied().collect());
        self.state.publish(View {
            tables: Arc::new(plan.tables.clone()),
            fast_ports: fast_ports.unwrap_or_default(),
        });
    }

    /// Listens on the ports that are new. One that cannot be opened keeps none of the others from it; it is tried again
    /// with the next change.
    fn open_ports(&mut self, plan: &Plan) -> Result<(), DaemonError> {
        let mut opened = Vec::new();
        let mut outcome = Ok(());
        for ifindex in plan.ports.keys().filter(|ifindex| !self.listening.contains(ifindex)) {
            match PortSocket::open(*ifindex) {
                Ok(port) => {
                    self.slow.listen(port).map_err(DaemonError::SlowPath)?;
                    opened.push(*ifindex);
                }
                Err(error) => outcome = Err(error.into()),
            }
        }
        self.listening.extend(opened);
        outcome
    }

    fn close_ports(&mut self) -> Result<(), DaemonError> {
        let gone: Vec<u32> =
            self.listening.iter().filter(|ifindex| !self.plan.ports.contains_key(ifindex)).copied().collect();
        for ifindex in gone {
            self.slow.ignore(ifindex).map_err(DaemonError::SlowPath)?;
            self.listening.remove(&ifindex);
        }
        Ok(())
    }

    fn detach_ports(&mut self) {
        let Some(fast) = &mut self.fast else { return };
        let gone: Vec<u32> =
            fast.attached.keys().filter(|ifindex| !self.plan.ports.contains_key(ifindex)).copied().collect();
        for ifindex in gone {
            if let Some(attachment) = fast.attached.remove(&ifindex)
                && let Err(error) = fast.object.detach(attachment)
            {
                tracing::debug!(ifindex, "the program was gone from the port already: {error}");
            }
        }
        fast.refused.retain(|ifindex, _| self.plan.ports.contains_key(ifindex));
    }

    fn attach_ports(&mut self) {
        let Some(fast) = &mut self.fast else { return };
        for (ifindex, port) in &self.plan.ports {
            let done = fast.attached.contains_key(ifindex) || fast.refused.contains_key(ifindex);
            if done || !self.listening.contains(ifindex) {
                continue;
            }
            match fast.object.attach(&port.name, *ifindex, &fast.modes) {
                Ok(attachment) => {
                    tracing::info!(port = port.name, mode = attachment.mode.label(), "fast path attached");
                    fast.attached.insert(*ifindex, attachment);
                }
                Err(error) => {
                    tracing::warn!("{error}; the port is served by the slow path");
                    fast.refused.insert(*ifindex, error.to_string());
                }
            }
        }
    }

    /// The rings with the records of the fast path; once.
    pub(super) fn take_events(&mut self) -> Option<EventRings> {
        self.fast.as_mut()?.object.take_events()
    }

    pub(super) fn config(&self) -> &ResolvedConfig {
        &self.config
    }

    pub(super) fn plan(&self) -> &Plan {
        &self.plan
    }

    pub(super) fn state(&self) -> &Arc<State> {
        &self.state
    }

    /// Where the client table publishes leases.
    pub(super) fn leases(&self) -> &Arc<Leases> {
        &self.leases
    }

    pub(super) fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// Whether the fast path is there.
    pub(super) fn is_fast(&self) -> bool {
        self.fast.is_some()
    }

    /// How a port is served, and why not by XDP if that was wanted.
    pub(super) fn port_mode(&self, ifindex: u32) -> (Option<Mode>, Option<&str>) {
        let Some(fast) = &self.fast else { return (None, None) };
        let refused = fast.refused.get(&ifindex).or_else(|| fast.notes.get(&ifindex)).map(String::as_str);
        (fast.attached.get(&ifindex).map(|attachment| attachment.mode), refused)
    }

    /// The kernel's counters, if the fast path is there.
    pub(super) fn kernel_counters(&self) -> Option<&Arc<Reader>> {
        self.fast.as_ref().map(|fast| fast.object.counters())
    }
}

impl Fast {
    /// `keys`: ports and VLANs now, those of a bond's ports among them.
    fn load(config: &ResolvedConfig, keys: usize) -> Result<Self, FastPathError> {
        let wanted: &[Mode] = match config.relay.xdp_mode {
            XdpMode::Auto => &[Mode::Native, Mode::Generic],
            XdpMode::Native => &[Mode::Native],
            XdpMode::Generic => &[Mode::Generic],
        };
        let mut modes = Vec::new();
        let mut failure = None;
        for &mode in wanted {
            match selftest::run(mode) {
                Ok(()) => modes.push(mode),
                Err(error) => {
                    tracing::warn!("{error}");
                    failure = Some(error);
                }
            }
        }
        if let Some(error) = failure.filter(|_| modes.is_empty()) {
            return Err(error);
        }
        let object = Object::load(sizes(config, keys), Some(&config.relay.bpffs_dir))?;
        Ok(Self::new(object, modes))
    }

    /// On no port yet.
    fn new(object: Object, modes: Vec<Mode>) -> Self {
        Self {
            object,
            modes,
            attached: BTreeMap::new(),
            refused: BTreeMap::new(),
            blind: BTreeMap::new(),
            notes: BTreeMap::new(),
            tables: Tables::default(),
        }
    }

    /// Whether frames may be redirected by a driver, which not every device can take.
    fn may_be_native(&self) -> bool {
        if self.attached.is_empty() {
            self.modes.contains(&Mode::Native)
        } else {
            self.attached.values().any(|attachment| attachment.mode == Mode::Native)
        }
    }
}

/// Where leases are published, and what the rules remember: of the fast path if there is one.
fn memory(config: &ResolvedConfig, fast: Option<&mut Fast>) -> (Arc<Leases>, Memory) {
    let asked = asks_for_leases(config);
    let (map, maps) =
        fast.map(|fast| (fast.object.take_leases(), fast.object.take_memory())).unwrap_or_default();
    let leases = Arc::new(match map {
        Some(map) => Leases::in_kernel(map),
        None if asked => Leases::in_memory(),
        None => Leases::nowhere(),
    });
    let memory = Memory::new(maps, Arc::clone(&leases));
    (leases, memory)
}

/// Whether the rules may want to know whose lease it is.
fn asks_for_leases(config: &ResolvedConfig) -> bool {
    config.interfaces.iter().any(|interface| {
        let overrides = interface.option82.as_ref().is_some_and(|option82| option82.server_id_override);
        overrides && config.groups.get(interface.group).is_some_and(|group| group.affinity == Affinity::Auto)
    })
}
