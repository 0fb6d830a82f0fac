//! Asks the kernel's FIB for the route to a server.
//!
//! A real lookup (`RTM_GETROUTE` for one destination, as a socket would do it) and not a copy of the table: policy rules,
//! ECMP, nexthop objects and VRFs are then decided by the same code that decides for the slow path's socket.

use std::net::{IpAddr, Ipv4Addr};

use nix::errno::Errno;
use rtnetlink::packet_route::{
    AddressFamily, RouteNetlinkMessage,
    route::{
        RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteMetric, RouteType, RouteVia,
    },
};

use super::request::{RequestError, Requests};

const RT_TABLE_DEFAULT: u32 = 253;
const RT_TABLE_MAIN: u32 = RouteHeader::RT_TABLE_MAIN as u32;

/// The VRF a lookup is made in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Domain {
    pub(super) ifindex: u32,
    pub(super) table: u32,
}

/// What the FIB says of one destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    Via { ifindex: u32, gateway: IpAddr, preferred_source: Option<Ipv4Addr>, mtu: Option<u32> },
    Encapsulated { ifindex: u32 },
    Local,
    NotUnicast,
    Blackhole,
    Unreachable,
    Prohibited,
    None,
}

/// # Errors
/// Only where the question itself failed; a destination without a route is an answer.
pub(super) async fn look_up(
    requests: &mut Requests,
    server: Ipv4Addr,
    vrf: Option<Domain>,
) -> Result<Route, RequestError> {
    let mut question = RouteMessage::default();
    question.header.address_family = AddressFamily::Inet;
    question.header.destination_prefix_length = 32;
    // Without this flag the answer's table is always "main", whatever table it came from.
    question.header.flags = RouteFlags::LookupTable;
    question.attributes.push(RouteAttribute::Destination(RouteAddress::Inet(server)));
    if let Some(vrf) = vrf {
        question.attributes.push(RouteAttribute::Oif(vrf.ifindex));
    }
    match requests.get(RouteNetlinkMessage::GetRoute(question)).await {
        Ok(RouteNetlinkMessage::NewRoute(answer)) => Ok(interpret(&answer, server, vrf)),
        Ok(_) => Err(RequestError::Empty),
        // fib_props[]: the error number is how the kernel tells these route types apart.
        Err(RequestError::Refused(errno)) => match errno {
            Errno::ENETUNREACH | Errno::EAGAIN | Errno::ENODEV => Ok(Route::None),
            Errno::EHOSTUNREACH => Ok(Route::Unreachable),
            Errno::EACCES => Ok(Route::Prohibited),
            Errno::EINVAL => Ok(Route::Blackhole),
            errno => Err(RequestError::Refused(errno)),
        },
        Err(error) => Err(error),
    }
}

fn interpret(answer: &RouteMessage, server: Ipv4Addr, vrf: Option<Domain>) -> Route {
    match answer.header.kind {
        RouteType::Unicast => {}
        RouteType::Local => return Route::Local,
        RouteType::BlackHole => return Route::Blackhole,
        RouteType::Unreachable => return Route::Unreachable,
        RouteType::Prohibit => return Route::Prohibited,
        _ => return Route::NotUnicast,
    }
    let mut table = u32::from(answer.header.table);
    let (mut ifindex, mut gateway, mut preferred_source, mut mtu) = (None, None, None, None);
    let mut encapsulated = false;
    for attribute in &answer.attributes {
        match attribute {
            RouteAttribute::Table(value) => table = *value,
            RouteAttribute::Oif(index) => ifindex = Some(*index),
            RouteAttribute::Gateway(RouteAddress::Inet(address))
            | RouteAttribute::Via(RouteVia::Inet(address)) => {
                gateway = Some(IpAddr::V4(*address));
            }
            RouteAttribute::Gateway(RouteAddress::Inet6(address))
            | RouteAttribute::Via(RouteVia::Inet6(address)) => {
                gateway = Some(IpAddr::V6(*address));
            }
            RouteAttribute::PrefSource(RouteAddress::Inet(address)) => preferred_source = Some(*address),
            RouteAttribute::Metrics(metrics) => {
                mtu = metrics.iter().find_map(|metric| match metric {
                    RouteMetric::Mtu(mtu) if *mtu != 0 => Some(*mtu),
                    _ => None,
                });
            }
            RouteAttribute::EncapType(_) => encapsulated = true,
            _ => {}
        }
    }
    // A VRF table without a default route lets the lookup fall through to the main table. What leaves a VRF so leaves
    // it by accident; a leak on purpose is a route in the VRF's own table.
    if let Some(vrf) = vrf
        && vrf.table != table
        && [RT_TABLE_MAIN, RT_TABLE_DEFAULT].contains(&table)
    {
        return Route::None;
    }
    match ifindex {
        None => Route::None,
        Some(ifindex) if encapsulated => Route::Encapsulated { ifindex },
        Some(ifindex) => {
            Route::Via { ifindex, gateway: gateway.unwrap_or(IpAddr::V4(server)), preferred_source, mtu }
        }
    }
}

#[cfg(test)]
mod tests {
    use rtnetlink::packet_route::route::RouteLwEnCapType;

    use super::*;

    const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 41, 10);
    const VRF: Domain = Domain { ifindex: 9, table: 100 };

    fn answer(attributes: Vec<RouteAttribute>) -> RouteMessage {
        let mut message = RouteMessage::default();
        message.header.kind = RouteType::Unicast;
        message.attributes = attributes;
        message
    }

    #[test]
    fn a_lookup_in_a_vrf_that_fell_through_to_the_main_table_is_no_route() {
        let in_main = answer(vec![RouteAttribute::Table(RT_TABLE_MAIN), RouteAttribute::Oif(3)]);
        assert_eq!(interpret(&in_main, SERVER, Some(VRF)), Route::None);
        let on_link = Route::Via { ifindex: 3, gateway: SERVER.into(), preferred_source: None, mtu: None };
        assert_eq!(interpret(&in_main, SERVER, None), on_link);
        let in_vrf = answer(vec![RouteAttribute::Table(VRF.table), RouteAttribute::Oif(3)]);
        assert_eq!(interpret(&in_vrf, SERVER, Some(VRF)), on_link);
    }

    #[test]
    fn a_route_that_encapsulates_is_not_a_plain_next_hop() {
        let encapsulating = answer(vec![
            RouteAttribute::Oif(3),
            RouteAttribute::EncapType(RouteLwEnCapType::Mpls),
            RouteAttribute::Gateway(RouteAddress::Inet(Ipv4Addr::new(10, 0, 0, 1))),
        ]);
        assert_eq!(interpret(&encapsulating, SERVER, None), Route::Encapsulated { ifindex: 3 });
    }
}
