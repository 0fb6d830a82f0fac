//! A client in VRF red whose server group has a server in its own VRF and one in VRF mgmt; both understand virtual subnet
//! selection (RFC 6607), the near one is never told of it.

use std::net::Ipv4Addr;

use anyhow::Result;

use crate::lab::{Capture, Namespace};
use crate::subject::Mode;

use super::daemon::Daemon;
use super::vrfs::{EDGE, NEAR_SERVER, RED, SERVER, Vrfs};
use super::vss::{Leases, Vss, VssServer};

/// Addresses for clients of VPN red that the far server has.
pub const OF_FAR: Ipv4Addr = Ipv4Addr::new(192, 168, 60, 111);
/// Those of the near server.
pub const OF_NEAR: Ipv4Addr = Ipv4Addr::new(192, 168, 60, 133);

/// The laboratory; everything ends with it.
pub struct NearAndFar {
    /// Its devices and VRFs.
    pub network: Vrfs,
    /// Where the client is.
    pub client: Namespace,
    /// The client's Ethernet address.
    pub mac: [u8; 6],
    /// What it hears.
    pub at_client: Capture,
    /// Where the server in VRF red is.
    pub near_host: Namespace,
    /// The server in VRF mgmt.
    pub far: VssServer,
    /// The server in VRF red.
    pub near: VssServer,
    /// The relay.
    pub daemon: Daemon,
}

impl NearAndFar {
    /// Starts all of it. `title` is unique among laboratories.
    ///
    /// # Errors
    /// Something does not come up.
    pub fn new(title: &str, mode: Mode, configuration: &str) -> Result<Self> {
        let network = Vrfs::new(title)?;
        let client = network.client("c1", RED, "red")?;
        let near_host = network.near_server()?;
        let far = Leases::from([(b"\0red".to_vec(), OF_FAR)]);
        let far = VssServer::start(&network.s1, SERVER, far, Vss::Understood)?;
        let own = Leases::from([(Vec::new(), OF_NEAR)]);
        let near = VssServer::start(&near_host, NEAR_SERVER, own, Vss::Understood)?;
        let daemon = Daemon::start(&network.relay, mode, configuration)?;
        let at_client = Capture::start(&client, EDGE)?;
        let mac = client.mac(EDGE)?;
        Ok(Self { network, client, mac, at_client, near_host, far, near, daemon })
    }
}
