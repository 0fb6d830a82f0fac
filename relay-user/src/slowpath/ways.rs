//! The sockets towards servers, one for each VRF that servers are in, as long as that is the same device: a socket is bound to
//! the device, and of one that was deleted it leads nowhere, whatever is made with its name.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    socket::{ServerSocket, SocketError},
    tables::Tables,
};

/// No datagram gets to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the VRF it is reached through is not there")]
pub(super) struct NoWay;

/// The sockets, by the routing tables of their VRFs.
pub struct Ways {
    dscp: u8,
    open: BTreeMap<u32, ServerSocket>,
    followed: Option<Arc<Tables>>,
}

impl Ways {
    /// Opens those of a configuration, where each has to be there, in the network namespace of the calling thread. `vrfs` are the
    /// devices by routing table, `dscp` (0 to 63) marks what is sent.
    ///
    /// # Errors
    /// As [`ServerSocket::open`].
    pub fn open(vrfs: &BTreeMap<u32, Option<String>>, dscp: u8) -> Result<Self, SocketError> {
        let mut open = BTreeMap::new();
        for (table, vrf) in vrfs {
            open.insert(*table, ServerSocket::open(vrf.as_deref(), dscp)?);
        }
        Ok(Self { dscp, open, followed: None })
    }

    /// Follows the VRFs of the tables. What cannot be opened is tried again with their next change.
    pub(super) fn follow(&mut self, tables: &Arc<Tables>) {
        let known = self.followed.as_ref().is_some_and(|followed| Arc::ptr_eq(followed, tables));
        // Before the first tables are published there are no groups.
        if known || tables.groups.is_empty() {
            return;
        }
        self.followed = Some(Arc::clone(tables));
        self.open.retain(|table, socket| {
            tables.vrfs.get(table).is_some_and(|vrf| socket.is_in(vrf.device.as_deref()))
        });
        for (table, vrf) in &tables.vrfs {
            if self.open.contains_key(table) {
                continue;
            }
            match ServerSocket::open(vrf.device.as_deref(), self.dscp) {
                Ok(socket) => {
                    self.open.insert(*table, socket);
                }
                Err(error) => tracing::warn!("servers are not reached by the slow path: {error}"),
            }
        }
    }

    /// The socket to servers in a VRF.
    pub(super) fn to(&self, table: u32) -> Result<&ServerSocket, NoWay> {
        self.open.get(&table).ok_or(NoWay)
    }
}
