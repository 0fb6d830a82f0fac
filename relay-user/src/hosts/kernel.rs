//! One route and one neighbour in the kernel: made, found again and taken away, and never a stranger's.

use std::net::{IpAddr, Ipv4Addr};

use nix::errno::Errno;
use rtnetlink::{
    packet_core::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE},
    packet_route::{
        AddressFamily, RouteNetlinkMessage,
        neighbour::{NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState},
        route::{RouteAddress, RouteAttribute, RouteMessage, RouteProtocol, RouteScope, RouteType},
    },
};

use super::{Entry, PROTOCOL};
use crate::nexthop::request::{RequestError, Requests};

/// What became of a wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Done,
    /// A stranger has one for the address.
    Conflict,
}

const OURS: RouteProtocol = RouteProtocol::Other(PROTOCOL);

/// A route of ours, as it is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Route {
    pub(super) table: u32,
    pub(super) address: Ipv4Addr,
    pub(super) ifindex: u32,
}

impl Route {
    pub(super) fn of(entry: &Entry) -> Self {
        Self { table: entry.table, address: entry.address, ifindex: entry.ifindex }
    }

    fn message(self) -> RouteMessage {
        let mut message = RouteMessage::default();
        message.header.address_family = AddressFamily::Inet;
        message.header.destination_prefix_length = 32;
        message.header.protocol = OURS;
        message.header.scope = RouteScope::Link;
        message.header.kind = RouteType::Unicast;
        message.attributes = vec![
            RouteAttribute::Table(self.table),
            RouteAttribute::Destination(RouteAddress::Inet(self.address)),
            RouteAttribute::Oif(self.ifindex),
        ];
        message
    }

    fn read(message: &RouteMessage) -> Option<Self> {
        if message.header.protocol != OURS || message.header.destination_prefix_length != 32 {
            return None;
        }
        let (mut table, mut address, mut ifindex) = (u32::from(message.header.table), None, None);
        for attribute in &message.attributes {
            match attribute {
                RouteAttribute::Table(number) => table = *number,
                RouteAttribute::Destination(RouteAddress::Inet(destination)) => address = Some(*destination),
                RouteAttribute::Oif(index) => ifindex = Some(*index),
                _ => {}
            }
        }
        Some(Self { table, address: address?, ifindex: ifindex? })
    }
}

/// All routes of ours, in every table.
pub(super) async fn routes(requests: &mut Requests) -> Result<Vec<Route>, RequestError> {
    // The kernel looks at the protocol in a strict dump (Linux 4.20): a full table is not copied out for a few.
    let mut question = RouteMessage::default();
    question.header.address_family = AddressFamily::Inet;
    question.header.protocol = OURS;
    let found = requests.dump(RouteNetlinkMessage::GetRoute(question)).await?;
    Ok(found
        .iter()
        .filter_map(|object| match object {
            RouteNetlinkMessage::NewRoute(message) => Route::read(message),
            _ => None,
        })
        .collect())
}

/// All neighbours of ours: device and address.
pub(super) async fn neighbours(requests: &mut Requests) -> Result<Vec<(u32, Ipv4Addr)>, RequestError> {
    let mut question = NeighbourMessage::default();
    question.header.family = AddressFamily::Inet;
    let found = requests.dump(RouteNetlinkMessage::GetNeighbour(question)).await?;
    Ok(found
        .iter()
        .filter_map(|object| match object {
            RouteNetlinkMessage::NewNeighbour(message) if is_ours(message) => {
                Some((message.header.ifindex, destination(message)?))
            }
            _ => None,
        })
        .collect())
}

pub(super) async fn add_route(requests: &mut Requests, route: Route) -> Result<Outcome, RequestError> {
    let message = RouteNetlinkMessage::NewRoute(route.message());
    match requests.change(message, NLM_F_CREATE | NLM_F_EXCL).await {
        Ok(()) => Ok(Outcome::Done),
        Err(RequestError::Refused(Errno::EEXIST)) => Ok(Outcome::Conflict),
        Err(error) => Err(error),
    }
}

/// The kernel takes away only what has our protocol and leads to that device.
pub(super) async fn remove_route(requests: &mut Requests, route: Route) -> Result<(), RequestError> {
    match requests.change(RouteNetlinkMessage::DelRoute(route.message()), 0).await {
        Ok(()) | Err(RequestError::Refused(Errno::ESRCH | Errno::ENODEV)) => Ok(()),
        Err(error) => Err(error),
    }
}

pub(super) async fn set_neighbour(requests: &mut Requests, entry: &Entry) -> Result<Outcome, RequestError> {
    let flags = match find(requests, entry.ifindex, entry.address).await? {
        None => NLM_F_CREATE | NLM_F_EXCL,
        Some(found) if is_permanent(&found) && !is_ours(&found) => return Ok(Outcome::Conflict),
        // Learnt by ARP, or ours from before.
        Some(_) => NLM_F_REPLACE,
    };
    let mut message = neighbour(entry.ifindex, entry.address);
    message.header.state = NeighbourState::Permanent;
    message.attributes.push(NeighbourAttribute::LinkLayerAddress(entry.mac.to_vec()));
    message.attributes.push(NeighbourAttribute::Protocol(OURS));
    match requests.change(RouteNetlinkMessage::NewNeighbour(message), flags).await {
        Ok(()) => Ok(Outcome::Done),
        Err(RequestError::Refused(Errno::EEXIST)) => Ok(Outcome::Conflict),
        Err(error) => Err(error),
    }
}

pub(super) async fn remove_neighbour(
    requests: &mut Requests,
    ifindex: u32,
    address: Ipv4Addr,
) -> Result<(), RequestError> {
    if !find(requests, ifindex, address).await?.is_some_and(|found| is_ours(&found)) {
        return Ok(());
    }
    match requests.change(RouteNetlinkMessage::DelNeighbour(neighbour(ifindex, address)), 0).await {
        Ok(()) | Err(RequestError::Refused(Errno::ENOENT | Errno::ENODEV | Errno::ENXIO)) => Ok(()),
        Err(error) => Err(error),
    }
}

async fn find(
    requests: &mut Requests,
    ifindex: u32,
    address: Ipv4Addr,
) -> Result<Option<NeighbourMessage>, RequestError> {
    match requests.get(RouteNetlinkMessage::GetNeighbour(neighbour(ifindex, address))).await {
        Ok(RouteNetlinkMessage::NewNeighbour(message)) => Ok(Some(message)),
        Ok(_) => Err(RequestError::Empty),
        Err(RequestError::Refused(Errno::ENOENT | Errno::ENODEV)) => Ok(None),
        Err(error) => Err(error),
    }
}

fn neighbour(ifindex: u32, address: Ipv4Addr) -> NeighbourMessage {
    let mut message = NeighbourMessage::default();
    message.header.ifindex = ifindex;
    message.header.family = AddressFamily::Inet;
    message.attributes.push(NeighbourAttribute::Destination(NeighbourAddress::from(IpAddr::V4(address))));
    message
}

fn is_permanent(message: &NeighbourMessage) -> bool {
    matches!(message.header.state, NeighbourState::Permanent | NeighbourState::Noarp)
}

fn is_ours(message: &NeighbourMessage) -> bool {
    let has = |attribute: &NeighbourAttribute| matches!(attribute, NeighbourAttribute::Protocol(protocol) if *protocol == OURS);
    is_permanent(message) && message.attributes.iter().any(has)
}

fn destination(message: &NeighbourMessage) -> Option<Ipv4Addr> {
    message.attributes.iter().find_map(|attribute| match attribute {
        NeighbourAttribute::Destination(NeighbourAddress::Inet(address)) => Some(*address),
        _ => None,
    })
}
