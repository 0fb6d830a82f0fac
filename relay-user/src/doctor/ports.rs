//! Each port: the mode it would get, and what is in the way of a better one.

use serde::Serialize;

use super::{Finding, Look, Weight, mode_word};
use crate::{
    config::{FastPath, XdpMode},
    control::model::PortMode,
    fastpath::Mode,
    nexthop::Link,
    plan::PortUse,
};

/// The largest IP packet for which every driver without multi-buffer support has room in a page: 4096 less the headroom of
/// XDP (256), the Ethernet header (14) and what the kernel keeps at the end (320).
const LARGEST_MTU: u32 = 3506;

/// A port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PortReport {
    /// Its name.
    pub name: String,
    /// Its index.
    pub ifindex: u32,
    /// Kind of device: `veth`, `bond`, `bridge`, …; absent for a physical port.
    pub kind: Option<String>,
    /// Whether its driver has native XDP; absent where the kernel does not say.
    pub native: Option<bool>,
    /// Whether it takes frames that native XDP redirects to it.
    pub redirect_target: bool,
    /// Where XDP would run.
    pub mode: PortMode,
    /// Octets of IP packet.
    pub mtu: u32,
    /// Receive queues, where the driver says.
    pub queues: Option<u32>,
    /// Whether clients are behind it.
    pub clients: bool,
    /// Whether servers are.
    pub servers: bool,
    /// What is in the way.
    pub findings: Vec<Finding>,
}

pub(super) fn judge(look: &Look) -> Vec<PortReport> {
    let ports = look.plan.ports.iter();
    ports
        .filter_map(|(ifindex, port)| Some(report(look, look.machine_view.host.links.get(ifindex)?, port)))
        .collect()
}

fn report(look: &Look, link: &Link, port: &PortUse) -> PortReport {
    let ifindex = link.index;
    let mode = look.mode(ifindex);
    let queues = look.channels.get(&ifindex).map(|channels| channels.rx).filter(|queues| *queues > 0);
    let mut findings = Vec::new();
    if !link.up {
        findings.push(Finding::new(
            Weight::Fault,
            "it is down or has no carrier",
            format!("`ip link set {} up`, and look at the cable", link.name),
        ));
    }
    if !look.modes.is_empty() {
        findings.extend(driver(look, link, mode));
        findings.extend(obstacles(look, ifindex));
        findings.extend(tags(look, ifindex));
        findings.extend(missing_vlan_devices(look, link));
        if mode == Some(Mode::Native) {
            findings.extend(mtu(link));
        }
        findings.extend(queues.and_then(|queues| spread(look, queues, mode)));
    }
    PortReport {
        name: port.name.clone(),
        ifindex,
        kind: link.kind.clone(),
        native: look.native(ifindex),
        redirect_target: look.takes(ifindex),
        mode: mode_word(mode),
        mtu: link.mtu,
        queues,
        clients: port.clients,
        servers: port.servers,
        findings,
    }
}

/// A daemon that requires the fast path does not start; another one goes by the slow path.
fn refused(look: &Look) -> Weight {
    if look.config.relay.fast_path == FastPath::Require { Weight::Fault } else { Weight::Slow }
}

fn driver(look: &Look, link: &Link, mode: Option<Mode>) -> Option<Finding> {
    let no_native = || match link.kind.as_deref() {
        Some(kind) => format!("a {kind} device has no native XDP"),
        None => "its driver has no native XDP".to_owned(),
    };
    let bridge = link.kind.as_deref() == Some("bridge");
    match mode {
        None if look.config.relay.xdp_mode == XdpMode::Native || look.modes == [Mode::Native] => {
            Some(Finding::new(refused(look), no_native(), "set relay.xdp_mode = \"auto\" or \"generic\""))
        }
        Some(Mode::Generic) if look.config.relay.xdp_mode == XdpMode::Auto => Some(if bridge {
            Finding {
                remedy: Some("members = true, or its ports as interfaces: docs/devices.md".into()),
                ..Finding::note(no_native())
            }
        } else {
            Finding::note(format!("{}: generic is slower, but right", no_native()))
        }),
        None | Some(_) => None,
    }
}

fn obstacles(look: &Look, ifindex: u32) -> Vec<Finding> {
    let found = look.obstacles.get(&ifindex).into_iter().flatten();
    found
        .map(|obstacle| {
            if obstacle.relay {
                Finding::note(format!("a relay is at work: {}", obstacle.cause))
            } else {
                Finding::new(refused(look), obstacle.cause.clone(), obstacle.remedy.clone())
            }
        })
        .collect()
}

fn tags(look: &Look, ifindex: u32) -> Option<Finding> {
    let blind = look.blind.get(&ifindex)?;
    let what = format!("{} in XDP, because {}", blind.consequence(), blind.hidden.cause);
    Some(Finding::new(refused(look), what, blind.hidden.remedy.clone()))
}

/// A card that filters VLANs only lets in those that a VLAN device was made for.
fn missing_vlan_devices(look: &Look, link: &Link) -> Vec<Finding> {
    if !look.offloads.get(&link.index).is_some_and(|offloads| offloads.on("rx-vlan-filter")) {
        return Vec::new();
    }
    let outer = look.plan.tables.ports.keys().filter(|key| key.ifindex == link.index && key.outer != 0);
    let mut missing: Vec<u16> = outer
        .map(|key| key.outer)
        .filter(|tag| {
            let made =
                |other: &Link| other.vlan.is_some_and(|vlan| (vlan.parent, vlan.id) == (link.index, *tag));
            !look.machine_view.host.links.values().any(made)
        })
        .collect();
    missing.dedup();
    let Some(first) = missing.first() else { return Vec::new() };
    let name = &link.name;
    vec![Finding::new(
        Weight::Fault,
        format!("it drops frames of {} VLANs that have no VLAN device, {first} to begin with", missing.len()),
        format!(
            "`ethtool -K {name} rx-vlan-filter off`, or `ip link add link {name} name {name}.{first} type vlan id {first}`"
        ),
    )]
}

fn mtu(link: &Link) -> Option<Finding> {
    (link.mtu > LARGEST_MTU).then(|| {
        Finding::new(
            Weight::Slow,
            format!("with an MTU of {} most drivers refuse native XDP", link.mtu),
            format!("`ip link set {} mtu 3500`, or relay.xdp_mode = \"auto\" and generic XDP", link.name),
        )
    })
}

fn spread(look: &Look, queues: u32, mode: Option<Mode>) -> Option<Finding> {
    let fewer = mode.is_some() && (queues as usize) < look.cpus;
    fewer.then(|| {
        Finding::note(format!(
            "receive queues: {queues} for {} processors; no more of them relay what comes in here",
            look.cpus
        ))
    })
}
