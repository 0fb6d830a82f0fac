//! The sockets that queries leave by: one for each VRF that servers are in, from port 67, as RFC 4388 has it. What comes back is
//! for the slow path, whose packet sockets hear of every reply.

use std::{collections::BTreeMap, time::Instant};

use super::Query;
use crate::{
    config::ResolvedConfig,
    quota::Quota,
    socket::{ServerSocket, SocketError},
};

/// Sends queries.
pub struct Sender {
    dscp: u8,
    /// By the routing table of the VRF.
    sockets: BTreeMap<u32, Way>,
    complaints: Quota<String>,
}

struct Way {
    /// The VRF device.
    vrf: Option<String>,
    /// `None` after an error: a VRF that was deleted and made again wants a new one.
    socket: Option<ServerSocket>,
}

impl Sender {
    /// Opens the sockets in the network namespace of the calling thread.
    ///
    /// # Errors
    /// As [`ServerSocket::open`].
    pub fn open(config: &ResolvedConfig) -> Result<Self, SocketError> {
        let dscp = config.relay.dscp;
        let mut sockets = BTreeMap::new();
        for (table, vrf) in config.server_vrfs() {
            let socket = Some(ServerSocket::open(vrf.as_deref(), dscp)?);
            sockets.insert(table, Way { vrf, socket });
        }
        Ok(Self { dscp, sockets, complaints: Quota::default() })
    }

    /// Sends one. What cannot be sent is as good as lost on the way: it is asked again.
    pub fn send(&mut self, query: &Query) {
        let Query { server: (table, server), source, message } = query;
        let Some(way) = self.sockets.get_mut(table) else { return };
        let sent = match way.socket.take() {
            Some(socket) => Ok(socket),
            None => ServerSocket::open(way.vrf.as_deref(), self.dscp),
        }
        .and_then(|socket| socket.send(*source, *server, message).map(|()| socket));
        match sent {
            Ok(socket) => way.socket = Some(socket),
            Err(error) => {
                if let Some(suppressed) = self.complaints.admit(&server.to_string(), Instant::now()) {
                    tracing::warn!(%server, suppressed, "a leasequery cannot be sent: {error}");
                }
            }
        }
    }
}
