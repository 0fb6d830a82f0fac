//! Where an interface of the configuration is on this machine: `name` may be a port, a VLAN device, a bond, a bridge or the
//! VLAN device of one, and this module says on which devices its frames are taken up, with which tags, and by which one
//! replies leave. A pure function of the devices' stacking; `docs/devices.md` has the reasons.

mod topology;

pub use topology::{Node, Topology};

use crate::config::VlanTags;

/// The most tags that are read from a frame.
const MAX_TAGS: usize = 2;
/// The customer tag, 802.1Q.
const TAG_8021Q: u16 = 0x8100;
/// The service tag, 802.1ad.
const TAG_8021AD: u16 = 0x88a8;

/// What the configuration says of an interface's place.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// `name`
    pub name: &'a str,
    /// `vlan`: tags on that device.
    pub vlan: VlanTags,
    /// `members`: the ports of that bridge, not the bridge.
    pub members: bool,
    /// XDP runs in the network stack only.
    pub generic: bool,
}

/// Where an interface is. Devices by their index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// What `name` names.
    pub named: u32,
    /// Replies leave by this one: the only one of `ports`, or the bridge they are members of.
    pub out: u32,
    /// Requests come in by these, and there the program and the slow path's socket are.
    pub ports: Vec<u32>,
    /// Tags of the clients' frames on `ports`.
    pub tags: VlanTags,
    /// Protocol of the outer tag.
    pub tpid: u16,
    /// Whose addresses may be the interface's, the clients' own device first.
    pub holders: Vec<u32>,
    /// Whose addresses may be too, when the configuration names one: VLAN devices of the bridge that the port is a member of.
    pub far_holders: Vec<u32>,
}

/// Why `name` is no place for an interface.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misplaced {
    /// No such device.
    #[error("there is no device {0}")]
    NoDevice(String),
    /// A VRF has no link.
    #[error("\"{0}\" is a VRF, and no clients are on a VRF itself")]
    Vrf(String),
    /// A port that a bond or team has taken.
    #[error("\"{port}\" is a port of \"{controller}\"")]
    Taken {
        /// What was named.
        port: String,
        /// What has taken it.
        controller: String,
    },
    /// More tags than are read.
    #[error("\"{name}\" stands for frames with {tags} tags, and {MAX_TAGS} are read")]
    TooManyTags {
        /// What was named.
        name: String,
        /// How many, those of `vlan` included.
        tags: usize,
    },
    /// `members` without a bridge.
    #[error("\"{0}\" is no bridge, and members = true is about the ports of one")]
    NoBridge(String),
    /// `members` of a bridge that has tags of its own.
    #[error("\"{0}\" filters VLANs, and members = true does not know which of its ports are in which VLAN")]
    FiltersVlans(String),
    /// `members` of a bridge without any.
    #[error("\"{0}\" has no port but tunnels")]
    NoMembers(String),
}

impl Misplaced {
    /// What would be right.
    pub fn remedy(&self) -> String {
        match self {
            Self::NoDevice(_) => "create it, or name another one".into(),
            Self::Vrf(_) => "name the device in the VRF whose link the clients are on".into(),
            Self::Taken { controller, .. } => format!("name \"{controller}\""),
            Self::TooManyTags { .. } => "remove the key vlan, or name a device with fewer tags".into(),
            Self::NoBridge(_) => "remove the key members, or name the bridge".into(),
            Self::FiltersVlans(_) => {
                "remove the key members; or make one [[interface]] for each member port, with its vlan and with \
                 address set to the one of the bridge"
                    .into()
            }
            Self::NoMembers(name) => {
                format!("add a port to \"{name}\", or remove the key members")
            }
        }
    }
}

impl Topology<'_> {
    /// Where an interface is.
    ///
    /// # Errors
    /// [`Misplaced`], for a name that is none or cannot be one.
    pub fn place(&self, wanted: &Wanted<'_>) -> Result<Place, Misplaced> {
        let named = self.named(wanted.name)?;
        let (below, mut tags) = self.descend(named, wanted.generic);
        let mut port = below;
        let mut explicit: Vec<u16> = [wanted.vlan.outer, wanted.vlan.inner].into_iter().flatten().collect();
        let mut holder = named;
        // The tags of frames that come up through a bridge are beside the frame: its VLAN device has them without.
        while let Some(tag) = explicit.first()
            && let Some(device) = self.vlan_device(holder.index, *tag)
        {
            if port.index == holder.index && self.hides_tags(port, wanted.generic) {
                port = device;
            } else {
                tags.extend(device.vlan.map(|vlan| (vlan.id, Some(vlan.protocol))));
            }
            holder = device;
            explicit.remove(0);
        }
        if !explicit.is_empty() {
            // Without a device for all of them, the clients are on what was named.
            holder = named;
        }
        tags.extend(explicit.iter().map(|tag| (*tag, None)));
        if tags.len() > MAX_TAGS {
            return Err(Misplaced::TooManyTags { name: wanted.name.to_owned(), tags: tags.len() });
        }
        let ports = if wanted.members { self.members(named, port, &tags)? } else { vec![port.index] };
        let mut place = Place {
            named: named.index,
            out: port.index,
            ports,
            tags: VlanTags { outer: tags.first().map(|tag| tag.0), inner: tags.get(1).map(|tag| tag.0) },
            tpid: tpid(&tags),
            holders: vec![holder.index],
            far_holders: Vec::new(),
        };
        if named.index != holder.index {
            place.holders.push(named.index);
        }
        self.bridge_holders(named, &mut place);
        Ok(place)
    }

    fn named(&self, name: &str) -> Result<&Node<'_>, Misplaced> {
        let named = self.by_name(name).ok_or_else(|| Misplaced::NoDevice(name.to_owned()))?;
        if named.vrf {
            return Err(Misplaced::Vrf(name.to_owned()));
        }
        match named.controller.and_then(|index| self.get(index)) {
            Some(controller) if controller.aggregates() => {
                Err(Misplaced::Taken { port: name.to_owned(), controller: controller.name.to_owned() })
            }
            _ => Ok(named),
        }
    }

    /// From a VLAN device to the device whose frames have its tag, as long as that one shows them; the outer tag first.
    fn descend<'n>(&'n self, named: &'n Node<'n>, generic: bool) -> (&'n Node<'n>, Vec<(u16, Option<u16>)>) {
        let mut at = named;
        let mut tags = Vec::new();
        // Each level has a tag, and more than two are refused; the bound is against a loop in a stale view.
        while tags.len() <= MAX_TAGS
            && let Some(vlan) = at.vlan
            && let Some(parent) = self.get(vlan.parent)
            && !self.hides_tags(parent, generic)
        {
            tags.insert(0, (vlan.id, Some(vlan.protocol)));
            at = parent;
        }
        (at, tags)
    }

    /// Whether tagged frames come to XDP on this device with the tag beside them: what a port has handed up to its
    /// bridge, bond or team has been through the stack, which takes the tag out. On a bond in native mode the program runs
    /// on the ports.
    pub fn hides_tags(&self, node: &Node<'_>, generic: bool) -> bool {
        match node.kind {
            Some("bridge" | "team") => true,
            Some("bond") => generic,
            _ => false,
        }
    }

    /// The bridge's ports but its tunnels, whose far ends have relays of their own.
    fn members(
        &self,
        named: &Node<'_>,
        port: &Node<'_>,
        tags: &[(u16, Option<u16>)],
    ) -> Result<Vec<u32>, Misplaced> {
        let name = || named.name.to_owned();
        let over_bridge = named.vlan.and_then(|vlan| self.get(vlan.parent)).is_some_and(Node::is_bridge);
        if over_bridge || port.index != named.index || !tags.is_empty() || named.filters_vlans {
            return Err(if named.is_bridge() || over_bridge {
                Misplaced::FiltersVlans(name())
            } else {
                Misplaced::NoBridge(name())
            });
        }
        if !named.is_bridge() {
            return Err(Misplaced::NoBridge(name()));
        }
        let ports: Vec<u32> =
            self.ports_of(named.index).filter(|port| !port.is_tunnel()).map(|port| port.index).collect();
        if ports.is_empty() { Err(Misplaced::NoMembers(name())) } else { Ok(ports) }
    }

    /// A member port has the address of its bridge: of the bridge itself, or of its VLAN device.
    fn bridge_holders(&self, named: &Node<'_>, place: &mut Place) {
        let Some(bridge) = named.controller.and_then(|index| self.get(index)).filter(|node| node.is_bridge())
        else {
            return;
        };
        if let Some(device) = place.tags.outer.and_then(|tag| self.vlan_device(bridge.index, tag)) {
            place.holders.push(device.index);
        }
        place.holders.push(bridge.index);
        place.far_holders.extend(self.vlan_devices(bridge.index).map(|device| device.index));
    }

    /// The devices whose index a frame that came in by `port` may show to XDP: a program on a bond runs on its ports, those
    /// that are in use. A frame on another one is a second copy, which the bond drops.
    pub fn shown(&self, port: u32) -> Vec<u32> {
        let aggregates = self.get(port).is_some_and(|node| node.kind == Some("bond"));
        let ports = self.ports_of(port).filter(|node| aggregates && !node.in_reserve).map(|node| node.index);
        std::iter::once(port).chain(ports).collect()
    }
}

/// What the device says; else what is usual: 802.1ad around 802.1Q.
fn tpid(tags: &[(u16, Option<u16>)]) -> u16 {
    let usual = if tags.len() > 1 { TAG_8021AD } else { TAG_8021Q };
    tags.first().and_then(|(_, protocol)| *protocol).unwrap_or(usual)
}

#[cfg(test)]
mod tests;
