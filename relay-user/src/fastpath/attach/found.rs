//! What is on a port that refused XDP, and above it: a refusal is one error number, and the operator has to know which
//! program of whom it is about.
//!
//! Nothing here can fail: what cannot be found out is left out of the message.

use aya::programs::loaded_programs;
use rtnetlink::packet_route::link::{LinkAttribute, LinkMessage, LinkXdp};

use super::{Mode, holder::Holder};
use crate::{config::host::links, features};

/// A port and what has to do with XDP there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// The device.
    pub(super) port: String,
    /// Octets of IP packet.
    pub(super) mtu: Option<u32>,
    /// Whether the driver has native XDP at all (Linux 6.3 tells).
    pub(super) driver_has_native: Option<bool>,
    /// Programs on the port.
    pub(super) here: Vec<Program>,
    /// Programs on devices that the port is under: its bridge, bond or VRF, its VLAN devices.
    pub(super) above: Vec<Program>,
}

/// An XDP program on a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Program {
    /// Name of the device.
    pub(super) device: String,
    /// How it is attached. `None`: in the hardware.
    pub(super) mode: Option<Mode>,
    /// The kernel's number for it.
    pub(super) id: u32,
    /// Its name; asking takes CAP_SYS_ADMIN.
    pub(super) name: Option<String>,
    /// What keeps it there, if that is a BPF link.
    pub(super) holder: Option<Holder>,
}

impl Found {
    /// Looks at the port `ifindex` and the devices above it.
    pub(super) fn look(port: &str, ifindex: u32) -> Self {
        let links = links().unwrap_or_else(|error| {
            tracing::debug!(%error, "what is on the port cannot be told");
            Vec::new()
        });
        let own = links.iter().find(|link| link.header.index == ifindex);
        let attribute = |pick: fn(&LinkAttribute) -> Option<u32>| own?.attributes.iter().find_map(pick);
        let features = features::query().ok();
        let controller = attribute(|attribute| match attribute {
            LinkAttribute::Controller(ifindex) => Some(*ifindex),
            _ => None,
        });
        let above = |link: &&LinkMessage| {
            let on_it = |attribute: &LinkAttribute| *attribute == LinkAttribute::Link(ifindex);
            // The peer of a veth is its IFLA_LINK too.
            Some(link.header.index) == controller
                || link.attributes.iter().any(on_it)
                    && !own.is_some_and(|own| links_to(own, link.header.index))
        };
        Self {
            port: port.to_owned(),
            mtu: attribute(|attribute| match attribute {
                LinkAttribute::Mtu(mtu) => Some(*mtu),
                _ => None,
            }),
            driver_has_native: features
                .and_then(|features| features.get(&ifindex).map(|features| features.native())),
            here: own.map(programs).unwrap_or_default(),
            above: links.iter().filter(above).flat_map(programs).collect(),
        }
    }
}

fn links_to(link: &LinkMessage, ifindex: u32) -> bool {
    link.attributes.contains(&LinkAttribute::Link(ifindex))
}

fn programs(link: &LinkMessage) -> Vec<Program> {
    let name = link.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::IfName(name) => Some(name.clone()),
        _ => None,
    });
    let device = name.unwrap_or_else(|| format!("device {}", link.header.index));
    let xdp = link.attributes.iter().filter_map(|attribute| match attribute {
        LinkAttribute::Xdp(xdp) => Some(xdp),
        _ => None,
    });
    let attached = xdp.flatten().filter_map(|xdp| match xdp {
        LinkXdp::DrvProgId(id) => Some((*id, Some(Mode::Native))),
        LinkXdp::SkbProgId(id) => Some((*id, Some(Mode::Generic))),
        LinkXdp::HwProgId(id) => Some((*id, None)),
        _ => None,
    });
    attached
        .map(|(id, mode)| Program {
            device: device.clone(),
            mode,
            id,
            name: name_of(id),
            holder: Holder::find(id, link.header.index),
        })
        .collect()
}

fn name_of(id: u32) -> Option<String> {
    let info = loaded_programs().filter_map(Result::ok).find(|info| info.id() == id)?;
    info.name_as_str().filter(|name| !name.is_empty()).map(str::to_owned)
}
