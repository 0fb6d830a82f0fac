//! Which interface an address belongs to, and which addresses are worth asking about: from the subnets of the interfaces'
//! devices, and from option 82 where a server sends it back.

use std::{
    collections::{BTreeMap, HashMap},
    net::Ipv4Addr,
};

use relay_common::agent;

use super::Server;
use crate::{
    config::{ResolvedConfig, domain::Policy},
    nexthop::{Address, HostView},
    plan::Plan,
};

/// The largest subnet that is asked about address by address: at a hundred a second, a /16 takes eleven minutes.
const WIDEST: u8 = 16;

/// The addresses of one subnet that clients may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subnet {
    /// The address of the network.
    pub network: Ipv4Addr,
    /// Length of its prefix.
    pub prefix_len: u8,
}

impl Subnet {
    /// The subnet that an address with a prefix is in.
    pub fn of(address: Ipv4Addr, prefix_len: u8) -> Self {
        let prefix_len = prefix_len.min(32);
        Self { network: (u32::from(address) & mask(prefix_len)).into(), prefix_len }
    }

    /// Whether the address is in it.
    pub fn contains(&self, address: Ipv4Addr) -> bool {
        u32::from(address) & mask(self.prefix_len) == u32::from(self.network)
    }

    /// Whether they have addresses in common.
    fn overlaps(&self, other: &Self) -> bool {
        self.contains(other.network) || other.contains(self.network)
    }

    /// The first and the last address that a host may have, where the subnet is small enough to ask about each.
    pub fn hosts(&self) -> Option<(u32, u32)> {
        if !(WIDEST..=30).contains(&self.prefix_len) {
            return None;
        }
        let first = u32::from(self.network);
        Some((first + 1, (first | !mask(self.prefix_len)) - 1))
    }
}

fn mask(prefix_len: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(prefix_len)).unwrap_or(0)
}

/// An interface as far as leasequery is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its index.
    pub interface: u32,
    /// Routing table of the clients' VRF.
    pub vrf: u32,
    /// Its servers.
    pub servers: Vec<Server>,
    /// Where answers go.
    pub giaddr: Ipv4Addr,
    /// Where its clients are.
    pub subnets: Vec<Subnet>,
    /// Our own addresses among them.
    pub own: Vec<Ipv4Addr>,
    /// An option 82 of ours in an answer may have been put beside another relay's: the client may be behind that.
    pub may_be_chained: bool,
}

/// Every interface, and whose option 82 is whose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    places: BTreeMap<u32, Place>,
    /// By the VRF of the servers and the hash of the value; `None` where it stands for several interfaces.
    agents: HashMap<(u32, u64), Option<u32>>,
}

/// What the configuration and the machine say of it.
pub fn places(config: &ResolvedConfig, plan: &Plan, host: &HostView) -> Places {
    // On a device that several interfaces share (VLANs without a device of their own), only the configured address of each
    // tells their subnets apart.
    let mut users: HashMap<u32, usize> = HashMap::new();
    for device in plan.devices.values() {
        *users.entry(device.ifindex).or_default() += 1;
    }
    // Gathered once: with thousands of interfaces, searching for each takes seconds.
    let mut on: HashMap<u32, Vec<&Address>> = HashMap::new();
    for address in &host.addresses {
        on.entry(address.ifindex).or_default().push(address);
    }
    let vrfs: HashMap<u32, u32> = plan.tables.ports.values().map(|port| (port.interface, port.vrf)).collect();
    let mut found = Places::default();
    for (index, interface) in (1u32..).zip(&config.interfaces) {
        let (Some(device), Some(group)) = (plan.devices.get(&index), plan.tables.groups.get(interface.group))
        else {
            continue;
        };
        // A server with several VPNs would have to be told which one is meant (RFC 6607).
        if interface.option82.as_ref().is_some_and(|option82| option82.vss.is_some()) {
            continue;
        }
        let alone = users.get(&device.ifindex) == Some(&1);
        let addresses: Vec<&Address> = on
            .get(&device.ifindex)
            .into_iter()
            .flatten()
            .copied()
            .filter(|address| alone || address.address == interface.address)
            .collect();
        let mut subnets: Vec<Subnet> =
            addresses.iter().map(|address| Subnet::of(address.address, address.prefix_len)).collect();
        subnets.sort_unstable();
        subnets.dedup();
        let vrf = vrfs.get(&index).copied().unwrap_or(0);
        let place = Place {
            interface: index,
            vrf,
            servers: group.servers.iter().map(|server| (server.vrf, server.address)).collect(),
            giaddr: interface.giaddr,
            subnets,
            own: addresses.iter().map(|address| address.address).collect(),
            may_be_chained: interface
                .option82
                .as_ref()
                .is_some_and(|option82| matches!(option82.policy, Policy::Append | Policy::Replace)),
        };
        found.places.insert(index, place);
    }
    for (key, owner) in &plan.tables.owners {
        found
            .agents
            .entry((key.vrf, key.hash))
            .and_modify(|known| *known = known.filter(|&known| known == owner.interface))
            .or_insert(Some(owner.interface));
    }
    found
}

impl Places {
    /// Of some interfaces, without option 82.
    pub fn of(places: impl IntoIterator<Item = Place>) -> Self {
        let places = places.into_iter().map(|place| (place.interface, place)).collect();
        Self { places, agents: HashMap::new() }
    }

    /// The same with an option 82 that an interface inserts.
    #[must_use]
    pub fn with_agent(mut self, server_vrf: u32, value: &[u8], interface: u32) -> Self {
        self.agents.insert((server_vrf, agent::whole(value)), Some(interface));
        self
    }

    /// One interface.
    pub fn get(&self, interface: u32) -> Option<&Place> {
        self.places.get(&interface)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Place> {
        self.places.values()
    }

    /// The interface whose option 82 this is.
    pub fn by_agent(&self, server: Server, value: &[u8]) -> Option<&Place> {
        let interface = (*self.agents.get(&(server.0, agent::whole(value)))?)?;
        self.get(interface).filter(|place| place.servers.contains(&server))
    }

    /// The one interface of this server whose subnet the address is in; `None` when there are several.
    pub fn by_address(&self, server: Server, address: Ipv4Addr) -> Option<&Place> {
        let mut fitting = self.places.values().filter(|place| {
            place.servers.contains(&server) && place.subnets.iter().any(|subnet| subnet.contains(address))
        });
        fitting.next().filter(|_| fitting.next().is_none())
    }

    /// Whether an answer about this subnet could be meant for another interface of the same servers.
    pub fn is_shared(&self, place: &Place, subnet: &Subnet) -> bool {
        self.places.values().any(|other| {
            other.interface != place.interface
                && other.servers.iter().any(|server| place.servers.contains(server))
                && other.subnets.iter().any(|theirs| theirs.overlaps(subnet))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(interface: u32, server: u8, subnets: &[(u8, u8)]) -> Place {
        Place {
            interface,
            vrf: 0,
            servers: vec![(0, [10, 0, 41, server].into())],
            giaddr: [192, 168, 60, 2].into(),
            subnets: subnets
                .iter()
                .map(|&(third, len)| Subnet::of([192, 168, third, 7].into(), len))
                .collect(),
            own: Vec::new(),
            may_be_chained: false,
        }
    }

    #[test]
    fn the_hosts_of_a_subnet_are_all_between_its_network_and_its_broadcast() {
        let hosts = |len| {
            let (first, last) = Subnet::of([192, 168, 60, 77].into(), len).hosts()?;
            Some((Ipv4Addr::from(first), Ipv4Addr::from(last)))
        };
        assert_eq!(hosts(24), Some(([192, 168, 60, 1].into(), [192, 168, 60, 254].into())));
        assert_eq!(hosts(30), Some(([192, 168, 60, 77].into(), [192, 168, 60, 78].into())));
        assert_eq!(hosts(16), Some(([192, 168, 0, 1].into(), [192, 168, 255, 254].into())));
        assert_eq!([hosts(0), hosts(15), hosts(31), hosts(32)], [None; 4]);
    }

    #[test]
    fn an_address_belongs_to_the_one_interface_of_the_server_whose_subnet_it_is_in() {
        let places = Places::of([
            place(1, 10, &[(60, 24), (61, 24)]),
            place(2, 10, &[(62, 24)]),
            place(3, 11, &[(60, 24)]),
        ]);
        let of = |server: u8, third: u8| {
            places
                .by_address((0, [10, 0, 41, server].into()), [192, 168, third, 9].into())
                .map(|place| place.interface)
        };
        assert_eq!([of(10, 60), of(10, 61), of(10, 62), of(11, 60)], [Some(1), Some(1), Some(2), Some(3)]);
        assert_eq!([of(10, 63), of(12, 60)], [None; 2]);
        assert_eq!(
            places.by_address((9, [10, 0, 41, 10].into()), [192, 168, 60, 9].into()),
            None,
            "another VRF"
        );
    }

    #[test]
    fn an_address_in_the_subnets_of_two_interfaces_of_a_server_belongs_to_neither() {
        let places =
            Places::of([place(1, 10, &[(60, 24)]), place(2, 10, &[(60, 20)]), place(3, 11, &[(60, 24)])]);
        assert_eq!(places.by_address((0, [10, 0, 41, 10].into()), [192, 168, 60, 9].into()), None);
        let shared: Vec<bool> =
            places.iter().map(|place| places.is_shared(place, &place.subnets[0])).collect();
        assert_eq!(shared, [true, true, false]);
    }

    #[test]
    fn option_82_names_its_interface_to_servers_of_that_interface_only() {
        let places = Places::of([place(1, 10, &[]), place(2, 11, &[])]).with_agent(0, &[1, 1, 7], 1);
        let of = |server: u8, value: &[u8]| {
            places.by_agent((0, [10, 0, 41, server].into()), value).map(|place| place.interface)
        };
        assert_eq!(of(10, &[1, 1, 7]), Some(1));
        assert_eq!([of(11, &[1, 1, 7]), of(10, &[1, 1, 8])], [None; 2]);
    }
}
