//! One client-facing interface on the machine: its device, its address, and option 82 as bytes.

use std::net::Ipv4Addr;

use super::{
    super::{
        domain::{Identifier, Interface, Option82, VlanTags},
        error::Report,
        host::{Device, DeviceAddress, Machine},
        resolved::{ResolvedGroup, ResolvedInterface, ResolvedOption82},
        template::Context,
    },
    existing, vrf,
};

/// The length of option 82 is one byte.
const MAX_OPTION: usize = 255;

/// `None` after a fault.
pub(super) fn client_facing(
    index: usize,
    interface: &Interface,
    groups: &[ResolvedGroup],
    machine: &Machine,
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

    let holder = holder(device, interface.vlan, machine);
    let (own, address_ifindex) = match interface.address {
        Some(address) => given_address(&key("address"), address, device, holder, machine, report)?,
        None => first_address(&key("name"), device, holder, report)?,
    };
    let giaddr = interface.giaddr.unwrap_or(own.address);
    if giaddr != own.address {
        check_giaddr(&key("giaddr"), giaddr, own.address, groups.get(interface.group), machine, report)?;
    }
    let option82 = match &interface.option82 {
        Some(option82) => {
            let context =
                Context { name: &device.name, vlan: interface.vlan, mac, hostname: machine.hostname() };
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
    Some(ResolvedInterface {
        name: device.name.clone(),
        ifindex: device.ifindex,
        mac,
        mtu: device.mtu,
        vlan: interface.vlan,
        address_ifindex,
        vrf: machine.vrf_of(holder).and_then(vrf),
        address: own.address,
        prefix_len: own.prefix_len,
        giaddr,
        group: interface.group,
        rate_limit: interface.rate_limit,
        clients_max: interface.clients_max,
        host_routes: interface.host_routes,
        option82,
    })
}

/// The device that would have our address: the 802.1Q device for these tags where there is one. Frames need none, so
/// without one it is the port itself.
fn holder<'m>(port: &'m Device, vlan: VlanTags, machine: &'m Machine) -> &'m Device {
    let tags = [vlan.outer, vlan.inner].into_iter().flatten();
    tags.into_iter().try_fold(port, |below, tag| machine.vlan_device(below.ifindex, tag)).unwrap_or(port)
}

/// The addresses an interface may have, with the device each is on: those of the holder, then those of the port.
fn candidates<'m>(port: &'m Device, holder: &'m Device) -> impl Iterator<Item = (DeviceAddress, u32)> {
    let port_too = (holder.ifindex != port.ifindex).then_some(port);
    [holder]
        .into_iter()
        .chain(port_too)
        .flat_map(|device| device.addresses.iter().map(|address| (*address, device.ifindex)))
}

fn first_address(
    key: &str,
    port: &Device,
    holder: &Device,
    report: &mut Report<'_>,
) -> Option<(DeviceAddress, u32)> {
    let first = candidates(port, holder).next();
    if first.is_none() {
        report.error(
            key,
            format!("\"{}\" has no IPv4 address", holder.name),
            format!(
                "give it the relay's address on the client subnet: ip address add 192.0.2.1/24 dev {}",
                holder.name
            ),
        );
    }
    first
}

fn given_address(
    key: &str,
    address: Ipv4Addr,
    port: &Device,
    holder: &Device,
    machine: &Machine,
    report: &mut Report<'_>,
) -> Option<(DeviceAddress, u32)> {
    let found = candidates(port, holder).find(|(candidate, _)| candidate.address == address);
    if found.is_none() {
        let elsewhere = machine.devices_with(address).next();
        let message = match elsewhere {
            Some(device) => {
                format!("{address} is an address of \"{}\", not of \"{}\"", device.name, holder.name)
            }
            None => format!("{address} is not an address of \"{}\"", holder.name),
        };
        let has: Vec<String> = candidates(port, holder).map(|(own, _)| own.address.to_string()).collect();
        let remedy = match has.as_slice() {
            [] => format!("\"{}\" has none: add it with ip address add {address}/24 dev {0}", holder.name),
            _ => format!("\"{}\" has: {}", holder.name, has.join(", ")),
        };
        report.error(key, message, remedy);
    }
    found
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
    let servers_vrf = group.and_then(|group| group.vrf.as_ref()).map(|vrf| vrf.name.as_str());
    let vrf_name = |device: &Device| machine.vrf_of(device).map(|vrf| vrf.name.clone());
    if !holders.iter().any(|holder| vrf_name(holder).as_deref() == servers_vrf) {
        let describe =
            |vrf: Option<&str>| vrf.map_or("the main table".to_owned(), |vrf| format!("VRF \"{vrf}\""));
        report.warning(
            key,
            format!(
                "{giaddr} (\"{}\") is in {}, the servers are in {}",
                first.name,
                describe(vrf_name(first).as_deref()),
                describe(servers_vrf)
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
