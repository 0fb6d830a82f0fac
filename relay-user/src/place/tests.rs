//! Every kind of device by name, on one machine that has them all.

use super::*;
use crate::nexthop::Vlan;

const ETH1: u32 = 1;
const ETH1_100: u32 = 2;
const ETH1_100_7: u32 = 3;
const ETH1_100_7_9: u32 = 4;
const BOND: u32 = 5;
const BOND_100: u32 = 8;
const BRIDGE: u32 = 9;
const VXLAN: u32 = 12;
const AWARE: u32 = 13;
const AWARE_100: u32 = 15;
const AWARE_100_7: u32 = 16;
const EMPTY: u32 = 18;

fn node<'a>(index: u32, name: &'a str, kind: Option<&'a str>, controller: Option<u32>) -> Node<'a> {
    let vlan = None;
    Node { index, name, kind, controller, vlan, vrf: false, filters_vlans: false, in_reserve: false }
}

fn vlan(index: u32, name: &str, parent: u32, protocol: u16, id: u16) -> Node<'_> {
    Node { vlan: Some(Vlan { parent, protocol, id }), ..node(index, name, Some("vlan"), None) }
}

fn machine() -> Topology<'static> {
    Topology::new([
        node(ETH1, "eth1", None, None),
        vlan(ETH1_100, "eth1.100", ETH1, 0x8100, 100),
        vlan(ETH1_100_7, "eth1.100.7", ETH1_100, 0x8100, 7),
        vlan(ETH1_100_7_9, "eth1.100.7.9", ETH1_100_7, 0x8100, 9),
        node(BOND, "bond0", Some("bond"), None),
        node(6, "eth2", None, Some(BOND)),
        Node { in_reserve: true, ..node(7, "eth3", None, Some(BOND)) },
        vlan(BOND_100, "bond0.100", BOND, 0x88a8, 100),
        node(BRIDGE, "br0", Some("bridge"), None),
        node(10, "eth4", None, Some(BRIDGE)),
        node(11, "eth5", None, Some(BRIDGE)),
        node(VXLAN, "vxlan10", Some("vxlan"), Some(BRIDGE)),
        Node { filters_vlans: true, ..node(AWARE, "br1", Some("bridge"), None) },
        node(14, "eth6", None, Some(AWARE)),
        vlan(AWARE_100, "vlan100", AWARE, 0x8100, 100),
        vlan(AWARE_100_7, "vlan100.7", AWARE_100, 0x8100, 7),
        Node { vrf: true, ..node(17, "red", Some("vrf"), None) },
        node(EMPTY, "br2", Some("bridge"), None),
    ])
}

fn wanted<'a>(name: &'a str, vlan: &[u16]) -> Wanted<'a> {
    let vlan = VlanTags { outer: vlan.first().copied(), inner: vlan.get(1).copied() };
    Wanted { name, vlan, members: false, generic: false }
}

fn place(name: &str, vlan: &[u16]) -> Place {
    machine().place(&wanted(name, vlan)).unwrap_or_else(|error| panic!("{error}"))
}

/// The ports, the tags, and the first device whose address counts.
fn summary(place: &Place) -> (Vec<u32>, Vec<u16>, u32) {
    let tags = [place.tags.outer, place.tags.inner].into_iter().flatten().collect();
    (place.ports.clone(), tags, place.holders[0])
}

#[test]
fn a_vlan_device_is_its_port_with_the_tag_and_has_the_address() {
    let by_device = place("eth1.100", &[]);
    assert_eq!(summary(&by_device), (vec![ETH1], vec![100], ETH1_100));
    assert_eq!((by_device.out, by_device.tpid), (ETH1, 0x8100));
    assert_eq!(by_device.holders, [ETH1_100], "the port's own address is another link's");
    assert_eq!(summary(&place("eth1", &[100])), summary(&by_device));
    assert_eq!(summary(&place("eth1", &[])), (vec![ETH1], vec![], ETH1));
}

#[test]
fn two_tags_may_be_two_devices_or_one_and_a_key_and_keep_the_protocols_of_the_devices() {
    let expected = (vec![ETH1], vec![100, 7], ETH1_100_7);
    for (name, vlan) in [("eth1.100.7", &[][..]), ("eth1.100", &[7]), ("eth1", &[100, 7])] {
        let place = place(name, vlan);
        assert_eq!(summary(&place), expected, "{name} {vlan:?}");
        assert_eq!(place.tpid, 0x8100, "802.1Q in 802.1Q, as the devices are");
    }
    // Without devices: what is usual, and the address is the port's.
    let bare = place("eth1", &[200, 7]);
    assert_eq!((summary(&bare), bare.tpid), ((vec![ETH1], vec![200, 7], ETH1), 0x88a8));
}

#[test]
fn more_than_two_tags_are_refused() {
    for (name, vlan) in [("eth1.100.7.9", &[][..]), ("eth1.100.7", &[9]), ("eth1.100", &[7, 9])] {
        let refused = machine().place(&wanted(name, vlan)).expect_err(name);
        assert_eq!(refused, Misplaced::TooManyTags { name: name.into(), tags: 3 }, "{vlan:?}");
    }
}

#[test]
fn a_bond_shows_its_ports_but_not_the_one_in_reserve() {
    assert_eq!(summary(&place("bond0", &[])), (vec![BOND], vec![], BOND));
    assert_eq!(machine().shown(BOND), [BOND, 6]);
    assert_eq!(machine().shown(ETH1), [ETH1]);
    assert_eq!(machine().shown(BRIDGE), [BRIDGE], "a bridge shows itself alone");
    let refused = machine().place(&wanted("eth2", &[])).expect_err("a port of the bond");
    assert_eq!(refused, Misplaced::Taken { port: "eth2".into(), controller: "bond0".into() });
    assert_eq!(refused.remedy(), "name \"bond0\"");
}

#[test]
fn a_vlan_of_a_bond_is_the_bond_with_the_tag_unless_xdp_runs_in_the_stack() {
    let native = place("bond0.100", &[]);
    assert_eq!((summary(&native), native.tpid), ((vec![BOND], vec![100], BOND_100), 0x88a8));
    for (name, vlan) in [("bond0.100", &[][..]), ("bond0", &[100])] {
        let generic = Wanted { generic: true, ..wanted(name, vlan) };
        let generic = machine().place(&generic).expect("right");
        assert_eq!(summary(&generic), (vec![BOND_100], vec![], BOND_100), "{name} {vlan:?}");
    }
}

#[test]
fn a_bridge_is_itself_and_its_vlan_devices_are_themselves() {
    assert_eq!(summary(&place("br0", &[])), (vec![BRIDGE], vec![], BRIDGE));
    assert_eq!(summary(&place("vlan100", &[])), (vec![AWARE_100], vec![], AWARE_100));
    assert_eq!(summary(&place("br1", &[100])), (vec![AWARE_100], vec![], AWARE_100));
    for (name, vlan) in [("vlan100.7", &[][..]), ("vlan100", &[7]), ("br1", &[100, 7])] {
        assert_eq!(summary(&place(name, vlan)), (vec![AWARE_100], vec![7], AWARE_100_7), "{name} {vlan:?}");
    }
    // No device for the tag: the frames are looked for on the bridge.
    assert_eq!(summary(&place("br1", &[300])), (vec![AWARE], vec![300], AWARE));
}

#[test]
fn the_members_of_a_bridge_are_its_ports_but_the_tunnels_and_replies_leave_by_the_bridge() {
    let members = |name| machine().place(&Wanted { members: true, ..wanted(name, &[]) });
    let place = members("br0").expect("right");
    assert_eq!(summary(&place), (vec![10, 11], vec![], BRIDGE));
    assert_eq!(place.out, BRIDGE);
    assert_eq!(members("eth1"), Err(Misplaced::NoBridge("eth1".into())));
    assert_eq!(members("eth1.100"), Err(Misplaced::NoBridge("eth1.100".into())));
    assert_eq!(members("br1"), Err(Misplaced::FiltersVlans("br1".into())));
    assert_eq!(members("vlan100"), Err(Misplaced::FiltersVlans("vlan100".into())));
    assert_eq!(members("br2"), Err(Misplaced::NoMembers("br2".into())));
}

#[test]
fn a_port_of_a_bridge_has_the_address_of_the_bridge_or_of_its_vlan_device() {
    let member = place("eth4", &[]);
    assert_eq!((summary(&member), &member.holders[..]), ((vec![10], vec![], 10), &[10, BRIDGE][..]));
    let tagged = place("eth6", &[100]);
    assert_eq!((tagged.ports, &tagged.holders[..]), (vec![14], &[14, AWARE_100, AWARE][..]));
    // Which VLAN its untagged frames are in is the bridge's secret: the address says it.
    let untagged = place("eth6", &[]);
    assert_eq!((&untagged.holders[..], &untagged.far_holders[..]), (&[14, AWARE][..], &[AWARE_100][..]));
}

#[test]
fn a_vrf_and_a_device_that_is_not_there_are_no_places() {
    assert_eq!(machine().place(&wanted("red", &[])), Err(Misplaced::Vrf("red".into())));
    assert_eq!(machine().place(&wanted("eth9", &[])), Err(Misplaced::NoDevice("eth9".into())));
}
