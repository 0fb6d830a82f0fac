//! One pass over all targets: route, device, neighbour.
//!
//! A pass asks the kernel anew for every target. It is short (two requests per server, each some microseconds), and its
//! result never depends on the order in which events came.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr},
};

use super::{
    NextHop, Resolution, Table, Target, Unresolved,
    host::{HostView, Link},
    neighbour::{Key, Neighbours, Reach},
    request::{RequestError, Requests},
    route::{self, Domain, Route},
};

/// Resolves every target, takes their gateways into care and releases those that no target needs any more.
///
/// # Errors
/// The kernel could not be asked; the caller keeps the old table and tries again.
pub(super) async fn resolve_all(
    requests: &mut Requests,
    neighbours: &mut Neighbours,
    host: &HostView,
    targets: &BTreeSet<Target>,
) -> Result<Table, RequestError> {
    let mut table = Table::new();
    let mut asked = BTreeMap::new();
    for target in targets {
        let resolution = match find_egress(requests, host, target).await? {
            Err(reason) => Resolution::Unresolved(reason),
            Ok(egress) => {
                let key = (egress.link.index, egress.gateway);
                let reach = match asked.get(&key) {
                    Some(reach) => *reach,
                    None => neighbours.keep(requests, key).await?,
                };
                asked.insert(key, reach);
                egress.resolution(reach)
            }
        };
        table.insert(target.clone(), resolution);
    }
    let unused: Vec<Key> = neighbours.keys().filter(|key| !asked.contains_key(key)).collect();
    neighbours.release(requests, unused).await;
    Ok(table)
}

/// A usable device and the address to resolve on it.
struct Egress<'a> {
    link: &'a Link,
    port_mac: [u8; 6],
    gateway: IpAddr,
    preferred_source: Option<Ipv4Addr>,
    mtu: u16,
}

async fn find_egress<'a>(
    requests: &mut Requests,
    host: &'a HostView,
    target: &Target,
) -> Result<Result<Egress<'a>, Unresolved>, RequestError> {
    let vrf = match &target.vrf {
        None => None,
        Some(name) => match domain(host, name) {
            Some(domain) => Some(domain),
            None => return Ok(Err(Unresolved::NoVrf { vrf: name.clone() })),
        },
    };
    let route = route::look_up(requests, target.server, vrf).await?;
    Ok(egress(host, route))
}

fn domain(host: &HostView, vrf: &str) -> Option<Domain> {
    let link = host.link(vrf)?;
    Some(Domain { ifindex: link.index, table: link.vrf_table? })
}

fn egress(host: &HostView, route: Route) -> Result<Egress<'_>, Unresolved> {
    let (ifindex, gateway, preferred_source, route_mtu) = match route {
        Route::Via { ifindex, gateway, preferred_source, mtu } => (ifindex, gateway, preferred_source, mtu),
        Route::Encapsulated { ifindex } => {
            return Err(Unresolved::Encapsulated { device: device_name(host, ifindex) });
        }
        Route::Local => return Err(Unresolved::LocalAddress),
        Route::NotUnicast => return Err(Unresolved::NotUnicast),
        Route::Blackhole => return Err(Unresolved::Blackhole),
        Route::Unreachable => return Err(Unresolved::Unreachable),
        Route::Prohibited => return Err(Unresolved::Prohibited),
        Route::None => return Err(Unresolved::NoRoute),
    };
    // A route on a device that is not yet in the view: the event that adds it is under way and starts another pass.
    let Some(link) = host.links.get(&ifindex) else {
        return Err(Unresolved::LinkDown { device: device_name(host, ifindex) });
    };
    let port_mac = match link.mac {
        Some(mac) if link.ethernet => mac,
        _ => return Err(Unresolved::NotEthernet { device: link.name.clone() }),
    };
    if !link.up {
        return Err(Unresolved::LinkDown { device: link.name.clone() });
    }
    let mtu = route_mtu.unwrap_or(u32::MAX).min(link.mtu);
    Ok(Egress { link, port_mac, gateway, preferred_source, mtu: u16::try_from(mtu).unwrap_or(u16::MAX) })
}

fn device_name(host: &HostView, ifindex: u32) -> String {
    host.links.get(&ifindex).map_or_else(|| format!("device {ifindex}"), |link| link.name.clone())
}

impl Egress<'_> {
    fn resolution(self, reach: Reach) -> Resolution {
        let Self { link, port_mac, gateway, preferred_source, mtu } = self;
        let device = link.name.clone();
        match reach {
            Reach::At(next_mac) => Resolution::Resolved(NextHop {
                ifindex: link.index,
                device,
                kind: link.kind.clone(),
                port_mac,
                next_mac,
                gateway,
                preferred_source,
                mtu,
            }),
            Reach::Pending => Resolution::Unresolved(Unresolved::NeighbourPending { device, gateway }),
            Reach::Failed => Resolution::Unresolved(Unresolved::NeighbourFailed { device, gateway }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(change: impl FnOnce(&mut Link)) -> HostView {
        let mut link = Link {
            index: 3,
            name: "eth0".into(),
            mac: Some([2, 0, 0, 0, 0, 1]),
            mtu: 1500,
            up: true,
            ethernet: true,
            master: None,
            kind: None,
            vlan: None,
            filters_vlans: false,
            in_reserve: false,
            vrf_table: None,
        };
        change(&mut link);
        HostView { links: [(3, link)].into(), ..HostView::default() }
    }

    fn via(mtu: Option<u32>) -> Route {
        Route::Via { ifindex: 3, gateway: Ipv4Addr::new(10, 0, 0, 1).into(), preferred_source: None, mtu }
    }

    #[test]
    fn the_smaller_of_device_and_route_mtu_counts() {
        assert_eq!(egress(&host(|_| ()), via(None)).ok().unwrap().mtu, 1500);
        assert_eq!(egress(&host(|_| ()), via(Some(1400))).ok().unwrap().mtu, 1400);
        assert_eq!(egress(&host(|_| ()), via(Some(9000))).ok().unwrap().mtu, 1500);
        assert_eq!(egress(&host(|link| link.mtu = 65536), via(None)).ok().unwrap().mtu, 65535);
    }

    #[test]
    fn a_device_without_ethernet_header_or_without_carrier_is_not_used() {
        let device = || "eth0".to_owned();
        let tunnel = host(|link| link.ethernet = false);
        assert_eq!(egress(&tunnel, via(None)).err(), Some(Unresolved::NotEthernet { device: device() }));
        let down = host(|link| link.up = false);
        assert_eq!(egress(&down, via(None)).err(), Some(Unresolved::LinkDown { device: device() }));
    }

    #[test]
    fn a_device_that_is_no_vrf_does_not_stand_for_one() {
        let host = host(|_| ());
        assert_eq!(domain(&host, "eth0"), None);
        assert_eq!(domain(&host, "mgmt"), None);
    }
}
