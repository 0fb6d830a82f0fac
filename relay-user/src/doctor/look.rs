//! What is there: the machine, the plan the daemon would make for it, and what the kernel says of the ports.

use std::{collections::BTreeMap, sync::Arc};

use super::{Finding, Weight};
use crate::{
    config::{FastPath, ResolvedConfig, XdpMode},
    fastpath::{FastPathError, Mode, Obstacle, check_capabilities, obstacles, on_bpffs, selftest},
    features::{self, Channels, Ethtool, Features, Offloads, PortFeatures, Tags},
    nexthop::{NextHopError, Options, Snapshot, Upkeep, Watcher},
    plan::{
        self, Plan,
        blind::{self, Blind},
    },
};

/// What was seen at one moment.
#[derive(Clone, Debug)]
pub struct Look {
    /// The configuration on this machine.
    pub config: ResolvedConfig,
    /// Devices, addresses and next hops.
    pub machine_view: Arc<Snapshot>,
    /// What the daemon would do.
    pub plan: Plan,
    /// Modes that may be used: asked for, and not refused by the self-test.
    pub modes: Vec<Mode>,
    /// The kernel's word on every device; `None` before Linux 6.3.
    pub features: Option<PortFeatures>,
    /// By port.
    pub offloads: BTreeMap<u32, Offloads>,
    /// By port, where the driver says.
    pub channels: BTreeMap<u32, Channels>,
    /// By port.
    pub obstacles: BTreeMap<u32, Vec<Obstacle>>,
    /// Ports on which XDP does not see tags.
    pub blind: BTreeMap<u32, Blind>,
    /// Processors that are in use.
    pub cpus: usize,
    /// What is to be said of the machine and the process.
    pub machine: Vec<Finding>,
}

impl Look {
    /// The mode that a port would get; `None`: it would be refused, or the fast path is off.
    pub fn mode(&self, ifindex: u32) -> Option<Mode> {
        self.modes.iter().copied().find(|mode| *mode == Mode::Generic || self.native(ifindex) != Some(false))
    }

    /// Whether a port has native XDP; `None` where the kernel does not say.
    pub fn native(&self, ifindex: u32) -> Option<bool> {
        let kind = self.machine_view.host.links.get(&ifindex).and_then(|link| link.kind.as_deref());
        let known = |features: &PortFeatures| features.get(&ifindex).copied().is_some_and(Features::native);
        match (&self.features, kind) {
            (Some(features), _) => Some(known(features)),
            (None, Some("veth" | "bond" | "tun") | None) => None,
            (None, Some(_)) => Some(false),
        }
    }

    /// Whether a device takes frames that native XDP redirects to it.
    pub fn takes(&self, ifindex: u32) -> bool {
        let link = self.machine_view.host.links.get(&ifindex);
        match &self.features {
            Some(features) => features.get(&ifindex).copied().is_some_and(Features::redirect_target),
            None => features::redirect_target_by_kind(link.and_then(|link| link.kind.as_deref())),
        }
    }

    /// Whether any port would have native XDP: then what is redirected needs devices that take it.
    pub fn any_native(&self) -> bool {
        self.plan.ports.keys().any(|ifindex| self.mode(*ifindex) == Some(Mode::Native))
    }
}

/// Looks. Neighbours are only read: a server that nobody has talked to yet has none.
///
/// # Errors
/// The machine cannot be read over netlink.
pub async fn look(config: ResolvedConfig) -> Result<Look, NextHopError> {
    let options = Options { upkeep: Upkeep::Nothing, ..Options::default() };
    let (watcher, view) = Watcher::start(plan::targets(&config), options).await?;
    let machine_view = view.borrow().clone();
    watcher.shutdown().await?;

    let mut machine = Vec::new();
    let modes = modes(&config, &mut machine);
    let features = features::query().inspect_err(|error| machine.push(Finding::note(error.to_string()))).ok();
    let mut look = Look {
        plan: plan::make(&config, &machine_view, &|_| true),
        config,
        machine_view,
        modes,
        features,
        offloads: BTreeMap::new(),
        channels: BTreeMap::new(),
        obstacles: BTreeMap::new(),
        blind: BTreeMap::new(),
        cpus: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        machine,
    };
    // Which devices must take redirected frames depends on the modes, and the modes on the ports.
    let native = look.any_native();
    look.plan = plan::make(&look.config, &look.machine_view, &|ifindex| !native || look.takes(ifindex));
    look.ask_about_ports();
    Ok(look)
}

impl Look {
    fn ask_about_ports(&mut self) {
        let mut ethtool = Ethtool::open()
            .inspect_err(|error| self.machine.push(Finding::note(format!("offloads are not known: {error}"))))
            .ok();
        let links = &self.machine_view.host.links;
        for (ifindex, port) in &self.plan.ports {
            if let Some(ethtool) = &mut ethtool {
                // Not every driver has queues to tell of.
                self.offloads.extend(ethtool.offloads(*ifindex).ok().map(|found| (*ifindex, found)));
                self.channels.extend(ethtool.channels(*ifindex).ok().map(|found| (*ifindex, found)));
            }
            self.obstacles.insert(*ifindex, obstacles(&port.name, *ifindex));
        }
        if !self.modes.is_empty() {
            let generic = |ifindex| self.mode(ifindex) == Some(Mode::Generic);
            let blind = blind::find(&self.plan, &self.machine_view.host, &generic, &mut |link| {
                Tags::now(&link.name, link.kind.as_deref(), link.index, ethtool.as_mut())
            });
            self.blind = blind;
        }
        debug_assert!(self.plan.ports.keys().all(|ifindex| links.contains_key(ifindex)));
    }
}

/// The modes that are asked for and work, with what is to be said of those that do not.
fn modes(config: &ResolvedConfig, machine: &mut Vec<Finding>) -> Vec<Mode> {
    let relay = &config.relay;
    if relay.fast_path == FastPath::Off {
        machine.push(Finding::new(
            Weight::Slow,
            "relay.fast_path is \"off\": everything goes by the slow path",
            "set it to \"require\" or \"prefer\"",
        ));
        return Vec::new();
    }
    let weight = if relay.fast_path == FastPath::Require { Weight::Fault } else { Weight::Slow };
    let mut complain = |error: FastPathError| {
        let text = error.to_string();
        let (what, remedy) = text.split_once("; ").unwrap_or((&text, "see the text"));
        machine.push(Finding::new(weight, what, remedy));
    };
    if let Err(error) = on_bpffs(&relay.bpffs_dir) {
        complain(error);
    }
    if let Err(error) = check_capabilities() {
        complain(error);
        return wanted(relay.xdp_mode);
    }
    let works = |mode: &Mode| selftest::run(*mode).map_err(&mut complain).is_ok();
    wanted(relay.xdp_mode).into_iter().filter(works).collect()
}

fn wanted(mode: XdpMode) -> Vec<Mode> {
    match mode {
        XdpMode::Auto => vec![Mode::Native, Mode::Generic],
        XdpMode::Native => vec![Mode::Native],
        XdpMode::Generic => vec![Mode::Generic],
    }
}
