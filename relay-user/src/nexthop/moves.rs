//! VRFs that come and go, and devices that move between them, told to the operator: an interface is relayed where the kernel
//! routes it, so that a VRF that is deleted leaves its clients and servers in the main table without any packet being lost.

use std::{collections::BTreeMap, sync::Arc};

use super::host::{HostView, Link};

/// Logs what is otherwise now.
pub(super) fn tell(before: &Arc<HostView>, after: &Arc<HostView>) {
    // The first view is no change.
    if Arc::ptr_eq(before, after) || before.links.is_empty() {
        return;
    }
    for Move { lost, says } in moves(before, after) {
        if lost {
            tracing::warn!("{says}");
        } else {
            tracing::info!("{says}");
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Move {
    /// Something is in no VRF any more.
    lost: bool,
    says: String,
}

fn moves(before: &HostView, after: &HostView) -> Vec<Move> {
    let (were, are) = (vrfs(before), vrfs(after));
    let mut all = Vec::new();
    let mut say = |lost, says| all.push(Move { lost, says });
    for (name, table) in &were {
        match are.get(name) {
            None => say(true, format!("VRF {name} is gone: its routing table {table} is no VRF's any more")),
            Some(now) if now != table => {
                say(false, format!("VRF {name} has the routing table {now} now, not {table} any more"));
            }
            Some(_) => {}
        }
    }
    for (name, table) in are.iter().filter(|(name, _)| !were.contains_key(*name)) {
        say(false, format!("VRF {name} is there now, with the routing table {table}"));
    }
    // Where there are no VRFs, no device can have moved.
    if were.is_empty() && are.is_empty() {
        return all;
    }
    for link in after.links.values().filter(|link| link.vrf_table.is_none()) {
        if !before.links.contains_key(&link.index) {
            continue;
        }
        let device = &link.name;
        match (name(before, link), name(after, link)) {
            (Some(was), None) => {
                say(true, format!("{device} is not in VRF {was} any more, but in the main table"));
            }
            (None, Some(is)) => say(false, format!("{device} is in VRF {is} now")),
            (Some(was), Some(is)) if was != is => {
                say(false, format!("{device} is in VRF {is} now, not in {was} any more"));
            }
            _ => {}
        }
    }
    all
}

/// The VRFs by name, with their tables.
fn vrfs(host: &HostView) -> BTreeMap<&str, u32> {
    host.links.values().filter_map(|link| Some((link.name.as_str(), link.vrf_table?))).collect()
}

fn name<'a>(host: &'a HostView, link: &Link) -> Option<&'a str> {
    host.vrf_of(link.index).map(|vrf| vrf.name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(index: u32, name: &str, master: Option<u32>, vrf_table: Option<u32>) -> (u32, Link) {
        let link = Link {
            index,
            name: name.into(),
            mac: None,
            mtu: 1500,
            up: true,
            ethernet: true,
            master,
            kind: None,
            vlan: None,
            filters_vlans: false,
            in_reserve: false,
            vrf_table,
        };
        (index, link)
    }

    fn host(links: impl IntoIterator<Item = (u32, Link)>) -> HostView {
        HostView { links: links.into_iter().collect(), ..HostView::default() }
    }

    fn said(before: &HostView, after: &HostView) -> Vec<String> {
        moves(before, after).into_iter().map(|Move { lost, says }| format!("{lost} {says}")).collect()
    }

    #[test]
    fn a_vrf_that_goes_and_comes_back_is_told_with_what_was_in_it() {
        let bridge = || link(2, "br0", Some(9), None);
        let port = || link(3, "eth1", Some(2), None);
        let there = host([link(9, "red", None, Some(10)), bridge(), port()]);
        let gone = host([link(2, "br0", None, None), port()]);
        let again = host([link(12, "red", None, Some(11)), link(2, "br0", Some(12), None), port()]);
        assert_eq!(
            said(&there, &gone),
            [
                "true VRF red is gone: its routing table 10 is no VRF's any more",
                "true br0 is not in VRF red any more, but in the main table",
                "true eth1 is not in VRF red any more, but in the main table",
            ]
        );
        assert_eq!(
            said(&gone, &again),
            [
                "false VRF red is there now, with the routing table 11",
                "false br0 is in VRF red now",
                "false eth1 is in VRF red now",
            ]
        );
        // So fast that nobody has seen it gone.
        assert_eq!(said(&there, &again), ["false VRF red has the routing table 11 now, not 10 any more"]);
    }

    #[test]
    fn a_device_that_is_new_or_gone_has_not_moved() {
        let alone = host([link(9, "red", None, Some(10))]);
        let with = host([link(9, "red", None, Some(10)), link(2, "eth1", Some(9), None)]);
        assert_eq!(said(&alone, &with), [""; 0]);
        assert_eq!(said(&with, &alone), [""; 0]);
        let blue = host([
            link(9, "red", None, Some(10)),
            link(8, "blue", None, Some(20)),
            link(2, "eth1", Some(8), None),
        ]);
        assert_eq!(
            said(&with, &blue),
            [
                "false VRF blue is there now, with the routing table 20",
                "false eth1 is in VRF blue now, not in red any more"
            ]
        );
    }
}
