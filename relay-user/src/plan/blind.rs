//! Ports on which XDP would take a tagged frame for an untagged one, because the tag is beside the frame (`features::Tags`):
//! there it must not relay untagged frames, and tagged ones it cannot find. The slow path sees both right.

use std::collections::{BTreeMap, BTreeSet};

use relay_common::abi::PortKey;

use super::Plan;
use crate::{
    features::{Hidden, Tags},
    nexthop::{HostView, Link},
    place::Topology,
};

/// A port whose tags XDP does not see, though it matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blind {
    /// Its name.
    pub name: String,
    /// Interfaces with tags are on it: XDP never finds them.
    pub tagged: bool,
    /// Untagged frames are relayed on it, and tagged ones could be taken for them.
    pub untagged: bool,
    /// Why, and what to do.
    pub hidden: Hidden,
}

impl Blind {
    /// What follows from it, for an operator.
    pub fn consequence(&self) -> &'static str {
        match (self.tagged, self.untagged) {
            (_, true) => "its untagged frames cannot be told from tagged ones",
            (_, false) => "its tagged interfaces are not found",
        }
    }
}

/// The blind ports of a plan, by index. `tags` says where the tags of a device are, `generic` whether XDP runs in the network
/// stack on a port.
pub fn find(
    plan: &Plan,
    host: &HostView,
    generic: &dyn Fn(u32) -> bool,
    tags: &mut dyn FnMut(&Link) -> Tags,
) -> BTreeMap<u32, Blind> {
    let used: BTreeSet<(u32, bool)> =
        plan.tables.ports.keys().map(|key| (key.ifindex, key.outer != 0)).collect();
    // Most machines have no VLAN near the relay, and a machine with thousands of ports is looked at again with every change.
    if used.iter().all(|(_, tagged)| !tagged) && host.links.values().all(|link| link.vlan.is_none()) {
        return BTreeMap::new();
    }
    let topology = Topology::of_host(host);
    let mut blind = BTreeMap::new();
    for (port, usage) in &plan.ports {
        let tagged = used.contains(&(*port, true));
        let untagged = used.contains(&(*port, false));
        let stacked = topology.vlan_devices(*port).next().is_some();
        if !(tagged || untagged && stacked) {
            continue;
        }
        let Some(link) = host.links.get(port) else { continue };
        let hidden = match where_tags_are(link, host, &topology, generic(*port), tags) {
            Tags::Beside(hidden) => hidden,
            Tags::Unknown(hidden) if untagged => hidden,
            Tags::Unknown(_) | Tags::InFrame => continue,
        };
        blind.insert(*port, Blind { name: usage.name.clone(), tagged, untagged, hidden });
    }
    blind
}

/// On a bond the program runs on its ports, if natively: what hides tags on one of them hides them.
fn where_tags_are(
    link: &Link,
    host: &HostView,
    topology: &Topology<'_>,
    generic: bool,
    tags: &mut dyn FnMut(&Link) -> Tags,
) -> Tags {
    if link.kind.as_deref() != Some("bond") {
        return tags(link);
    }
    if generic {
        let name = &link.name;
        return Tags::Beside(Hidden {
            cause: format!("what the ports of {name} hand up to it has its tag beside the frame"),
            remedy: "use a bonding mode that has native XDP, or set relay.xdp_mode = \"generic\" and name VLAN devices"
                .to_owned(),
        });
    }
    let ports = topology.shown(link.index);
    let mut all = ports.iter().skip(1).filter_map(|port| host.links.get(port)).map(tags);
    let mut worst = Tags::InFrame;
    for found in &mut all {
        match found {
            Tags::Beside(_) => return found,
            Tags::Unknown(_) => worst = found,
            Tags::InFrame => {}
        }
    }
    worst
}

/// The keys that XDP must not know: the untagged frames of blind ports.
pub fn unknown_to_xdp(plan: &Plan, host: &HostView, blind: &BTreeMap<u32, Blind>) -> BTreeSet<PortKey> {
    let topology = Topology::of_host(host);
    blind
        .iter()
        .filter(|(_, blind)| blind.untagged)
        .flat_map(|(port, _)| topology.shown(*port))
        .map(|ifindex| PortKey { ifindex, outer: 0, inner: 0 })
        .filter(|key| plan.tables.ports.contains_key(key))
        .collect()
}
