//! Two interfaces of the configuration that are one on the machine: the same frames by two names.

use std::collections::HashMap;

use super::{
    super::{
        domain::{Interface, VlanTags, XdpMode},
        error::Report,
    },
    interface::wanted,
};
use crate::place::{Place, Topology, Wanted};

/// Reports every interface whose frames are another one's already: a VLAN device and its port with the tag, a bridge and
/// a port of it.
pub(super) fn apart(
    interfaces: &[Interface],
    mode: XdpMode,
    topology: &Topology<'_>,
    report: &mut Report<'_>,
) {
    let generic = mode == XdpMode::Generic;
    let places: Vec<Option<Place>> = interfaces
        .iter()
        // What is no place was reported where it was looked up.
        .map(|interface| topology.place(&Wanted { generic, ..wanted(interface) }).ok())
        .collect();
    let mut taken: HashMap<(u32, VlanTags), usize> = HashMap::new();
    for (index, place) in places.iter().enumerate() {
        let Some(place) = place else { continue };
        let first = place.ports.iter().find_map(|port| taken.get(&(*port, place.tags)).copied());
        for port in &place.ports {
            taken.entry((*port, place.tags)).or_insert(index);
        }
        if let Some(first) = first {
            report.error(
                &format!("interface[{index}].name"),
                format!(
                    "{} stands for the same frames as interface[{first}], {}",
                    called(&interfaces[index]),
                    called(&interfaces[first])
                ),
                "remove one of the two",
            );
        }
    }
    // A bridge hands up what its ports have seen; one of them twice is one relayed twice.
    let bridges: HashMap<u32, usize> = (0..)
        .zip(&places)
        .filter_map(|(index, place)| Some((index, place.as_ref()?)))
        .filter(|(index, place)| place.tags == VlanTags::default() && !interfaces[*index].members)
        .map(|(index, place)| (place.out, index))
        .collect();
    for (index, place) in places.iter().enumerate() {
        let Some(place) = place.as_ref().filter(|place| place.tags == VlanTags::default()) else { continue };
        let bridge = topology.get(place.named).and_then(|node| bridges.get(&node.controller?));
        if let Some(bridge) = bridge {
            report.error(
                &format!("interface[{index}].name"),
                format!(
                    "{} is a port of interface[{bridge}], {}: its requests would be relayed twice",
                    called(&interfaces[index]),
                    called(&interfaces[*bridge])
                ),
                "name the bridge, or its ports",
            );
        }
    }
}

fn called(interface: &Interface) -> String {
    let Interface { name, vlan, .. } = interface;
    match vlan.outer {
        None => format!("\"{name}\""),
        Some(_) => format!("\"{name}\" vlan {vlan}"),
    }
}
