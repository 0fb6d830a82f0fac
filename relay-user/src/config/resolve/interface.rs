//! One client-facing interface on the machine: its device, its address, and option 82 as bytes.

use std::{collections::BTreeSet, net::Ipv4Addr};

use super::{
    super::{
        domain::{Identifier, Interface, Option82},
        error::Report,
        host::{Device, DeviceAddress, Machine},
        resolved::{ResolvedGroup, ResolvedInterface, ResolvedOption82, ResolvedServer, SmartRelay},
        template::Context,
    },
    existing, smart, vrf,
};
use crate::place::{Place, Topology, Wanted};

/// The length of option 82 is one byte.
const MAX_OPTION: usize = 255;

/// `None` after a fault.
pub(super) fn client_facing(
    index: usize,
    (interface, others): (&Interface, &[Interface]),
    groups: &[ResolvedGroup],
    machine: &Machine,
    topology: &Topology<'_>,
    report: &mut Report<'_>,
) -> Option<ResolvedInterface> {
    let key = |name: &str| format!("interface[{index}].{name}");
    let device = existing(&key("name"), &interface.name, machine, report)?;
    let Some(mac) = device.mac else {
        report.error(
            &key("name"),
            format!("\"{}\" is not an Ethernet device", device.name),
            "name the device whose link the clients are on",
        );
        return None;
    };
    let place = match topology.place(&wanted(interface)) {
        Ok(place) => place,
        Err(misplaced) => {
            report.error(&key("name"), misplaced.to_string(), misplaced.remedy());
            return None;
        }
    };

    let holders = Holders::of(&place, machine)?;
    let own = match interface.address {
        Some(address) => holders.given(&key("address"), address, machine, report)?,
        None => holders.first(&key("name"), report)?,
    };
    let (own, holder) = own;
    let giaddr = interface.giaddr.unwrap_or(own.address);
    if giaddr != own.address {
        check_giaddr(&key("giaddr"), giaddr, own.address, groups.get(interface.group), machine, report)?;
    }
    let option82 = match &interface.option82 {
        Some(option82) => {
            let context = Context { name: &device.name, vlan: place.tags, mac, hostname: machine.hostname() };
            let option82 = relay_information(option82, giaddr != own.address, &context);
            check_option82(&key("option82"), &option82, report)?;
            Some(option82)
        }
        None => None,
    };
    if giaddr != own.address && !option82.as_ref().is_some_and(|option82| option82.link_selection) {
        report.warning(
            &key("giaddr"),
            format!("giaddr {giaddr} is not the address {}, and no link selection is sent", own.address),
            "a server that chooses the subnet by giaddr chooses the wrong one: add [interface.option82] with \
             link_selection = true",
        );
    }
    let smart_relay = match interface.smart_relay {
        Some(tries) => {
            let link_selection = option82.as_ref().is_some_and(|option82| option82.link_selection);
            if giaddr != own.address && !link_selection {
                report.error(
                    &key("smart_relay"),
                    format!("giaddr {giaddr} stays the same, and without link selection nothing else names the other addresses"),
                    "set option82.link_selection = true, or remove giaddr",
                );
                return None;
            }
            let usable = smart::Usable { own, holder, others };
            Some(SmartRelay { tries, further: usable.further(index, interface, report)? })
        }
        None => None,
    };
    Some(ResolvedInterface {
        name: device.name.clone(),
        ifindex: device.ifindex,
        mac,
        mtu: device.mtu,
        vlan: interface.vlan,
        members: interface.members,
        address_ifindex: holder.ifindex,
        vrf: machine.vrf_of(holder).and_then(vrf),
        address: own.address,
        prefix_len: own.prefix_len,
        giaddr,
        smart_relay,
        group: interface.group,
        rate_limit: interface.rate_limit,
        clients_max: interface.clients_max,
        host_routes: interface.host_routes,
        option82,
    })
}

/// Where the interface is to be, as far as its address goes: that does not depend on the mode of XDP.
pub(super) fn wanted(interface: &Interface) -> Wanted<'_> {
    let Interface { name, vlan, members, .. } = interface;
    Wanted { name, vlan: *vlan, members: *members, generic: false }
}

/// The devices that may have our address on a client subnet.
struct Holders<'m> {
    /// The clients' own device.
    nearest: &'m Device,
    /// It, and what is as good.
    near: Vec<&'m Device>,
    /// Only for an address that the configuration names.
    far: Vec<&'m Device>,
}

impl<'m> Holders<'m> {
    fn of(place: &Place, machine: &'m Machine) -> Option<Self> {
        let devices =
            |indexes: &[u32]| indexes.iter().filter_map(|index| machine.device_at(*index)).collect();
        let near: Vec<&Device> = devices(&place.holders);
        Some(Self { nearest: near.first()?, near, far: devices(&place.far_holders) })
    }

    fn addresses<'d>(devices: &'d [&'m Device]) -> impl Iterator<Item = (DeviceAddress, &'m Device)> + 'd {
        devices.iter().flat_map(|device| device.addresses.iter().map(|address| (*address, *device)))
    }

    fn first(&self, key: &str, report: &mut Report<'_>) -> Option<(DeviceAddress, &'m Device)> {
        let first = Self::addresses(&self.near).next();
        if first.is_none() {
            let name = &self.nearest.name;
            report.error(
                key,
                format!("\"{name}\" has no IPv4 address"),
                format!(
                    "give it the relay's address on the client subnet: ip address add 192.0.2.1/24 dev {name}"
                ),
            );
        }
        first
    }

    fn given(
        &self,
        key: &str,
        address: Ipv4Addr,
        machine: &Machine,
        report: &mut Report<'_>,
    ) -> Option<(DeviceAddress, &'m Device)> {
        let mut all = Self::addresses(&self.near).chain(Self::addresses(&self.far));
        let found = all.find(|(candidate, _)| candidate.address == address);
        if found.is_none() {
            let name = &self.nearest.name;
            let elsewhere = machine.devices_with(address).next();
            let message = match elsewhere {
                Some(device) => format!("{address} is an address of \"{}\", not of \"{name}\"", device.name),
                None => format!("{address} is not an address of \"{name}\""),
            };
            let has: Vec<String> =
                Self::addresses(&self.near).map(|(own, _)| own.address.to_string()).collect();
            let remedy = match has.as_slice() {
                [] => format!("\"{name}\" has none: add it with ip address add {address}/24 dev {name}"),
                _ => format!("\"{name}\" has: {}", has.join(", ")),
            };
            report.error(key, message, remedy);
        }
        found
    }
}

/// Replies come to giaddr, so it must be ours; where the servers are in a VRF, in that one.
fn check_giaddr(
    key: &str,
    giaddr: Ipv4Addr,
    address: Ipv4Addr,
    group: Option<&ResolvedGroup>,
    machine: &Machine,
    report: &mut Report<'_>,
) -> Option<()> {
    let holders: Vec<&Device> = machine.devices_with(giaddr).collect();
    let Some(first) = holders.first() else {
        report.error(
            key,
            format!("{giaddr} is not an address of this machine"),
            format!("add it to a device (for inter-VRF relaying: in the servers' VRF), or remove the key to use {address}"),
        );
        return None;
    };
    let servers = group.into_iter().flat_map(|group| &group.servers);
    let servers: BTreeSet<Option<String>> = servers.map(ResolvedServer::vrf_name).collect();
    let vrf_name = |device: &Device| machine.vrf_of(device).map(|vrf| vrf.name.clone());
    let held: BTreeSet<Option<String>> = holders.iter().map(|holder| vrf_name(holder)).collect();
    let describe = |vrf: &Option<String>| {
        vrf.as_ref().map_or("the main table".to_owned(), |vrf| format!("VRF \"{vrf}\""))
    };
    let lacking: Vec<String> = servers.difference(&held).map(describe).collect();
    if !lacking.is_empty() {
        // Not all of them, perhaps.
        let which = if servers.len() == lacking.len() { "the servers" } else { "some servers" };
        report.warning(
            key,
            format!(
                "{giaddr} (\"{}\") is in {}, {which} are in {}",
                first.name,
                describe(&vrf_name(first)),
                lacking.join(" and ")
            ),
            "replies arrive only if the servers' VRF has a route for giaddr to this machine",
        );
    }
    Some(())
}

fn relay_information(option82: &Option82, giaddr_differs: bool, context: &Context<'_>) -> ResolvedOption82 {
    let Option82 {
        policy,
        trusted,
        circuit_id,
        remote_id,
        link_selection,
        server_id_override,
        flags,
        vss,
        relay_id,
        numbering,
    } = option82;
    let bytes = |identifier: &Option<Identifier>| {
        identifier.as_ref().map(|identifier| match identifier {
            Identifier::Template(template) => template.render(context).into_bytes(),
            Identifier::Bytes(bytes) => bytes.clone(),
        })
    };
    ResolvedOption82 {
        policy: *policy,
        trusted: *trusted,
        circuit_id: bytes(circuit_id),
        remote_id: bytes(remote_id),
        link_selection: link_selection.unwrap_or(giaddr_differs),
        flags: *flags && *server_id_override,
        server_id_override: *server_id_override,
        relay_id: bytes(relay_id),
        vss: vss.clone(),
        numbering: *numbering,
    }
}

fn check_option82(key: &str, option82: &ResolvedOption82, report: &mut Report<'_>) -> Option<()> {
    let length = option82.encoded_len();
    if length <= MAX_OPTION {
        return Some(());
    }
    report.error(
        key,
        format!("the option would have {length} bytes, and one DHCP option holds {MAX_OPTION}"),
        "shorten circuit_id, remote_id, relay_id or vss",
    );
    None
}
