//! The sockets that queries leave by: one for each VRF that servers are in, from port 67, as RFC 4388 has it. What comes back is
//! for the slow path, whose packet sockets hear of every reply.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use super::Query;
use crate::{
    config::{HostError, Machine, ResolvedConfig},
    quota::Quota,
    socket::{ServerSocket, SocketError},
    tables::NOWHERE,
};

/// Sends queries.
pub struct Sender {
    dscp: u8,
    /// The VRF devices that servers are in; `None`: the main table.
    vrfs: BTreeSet<Option<String>>,
    /// By the routing table of the VRF. What did not work is not there: a VRF that was deleted and made again wants a new socket,
    /// and perhaps has another table.
    sockets: BTreeMap<u32, ServerSocket>,
    complaints: Quota<String>,
}

/// Why a query was not sent.
#[derive(Debug, thiserror::Error)]
enum NotSent {
    #[error("the VRF it is reached through is not there")]
    NoVrf,
    #[error(transparent)]
    Machine(#[from] HostError),
    #[error(transparent)]
    Socket(#[from] SocketError),
}

impl Sender {
    /// Opens the sockets in the network namespace of the calling thread.
    ///
    /// # Errors
    /// As [`ServerSocket::open`].
    pub fn open(config: &ResolvedConfig) -> Result<Self, SocketError> {
        let dscp = config.relay.dscp;
        let (mut vrfs, mut sockets) = (BTreeSet::new(), BTreeMap::new());
        for (table, vrf) in config.server_vrfs() {
            sockets.insert(table, ServerSocket::open(vrf.as_deref(), dscp)?);
            vrfs.insert(vrf);
        }
        Ok(Self { dscp, vrfs, sockets, complaints: Quota::default() })
    }

    /// Sends one. What cannot be sent is as good as lost on the way: it is asked again.
    pub fn send(&mut self, query: &Query) {
        let Query { server: (table, server), source, message } = query;
        let failed: NotSent = match self.take(*table) {
            Ok(socket) => match socket.send(*source, *server, message) {
                Ok(()) => {
                    self.sockets.insert(*table, socket);
                    return;
                }
                Err(error) => error.into(),
            },
            Err(error) => error,
        };
        if let Some(suppressed) = self.complaints.admit(&server.to_string(), Instant::now()) {
            tracing::warn!(%server, suppressed, "a leasequery cannot be sent: {failed}");
        }
    }

    /// The socket to servers in the VRF that has this routing table now.
    fn take(&mut self, table: u32) -> Result<ServerSocket, NotSent> {
        if let Some(socket) = self.sockets.remove(&table) {
            return Ok(socket);
        }
        if table == NOWHERE {
            return Err(NotSent::NoVrf);
        }
        let machine = Machine::read()?;
        let now = |vrf: &&Option<String>| match vrf {
            None => table == 0,
            Some(name) => machine.device(name).and_then(|device| device.vrf_table) == Some(table),
        };
        let vrf = self.vrfs.iter().find(now).ok_or(NotSent::NoVrf)?;
        Ok(ServerSocket::open(vrf.as_deref(), self.dscp)?)
    }
}
