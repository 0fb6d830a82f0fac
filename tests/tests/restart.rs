//! What becomes of the client table when the daemon ends, when its disk is full or its store is not what it was, when there are more
//! clients than it may hold, and when those who follow it do not read: relaying goes on, and what is wrong is said.

#![allow(clippy::unwrap_used, reason = "a test panics; clippy exempts only the functions marked #[test]")]

#[path = "restart/disk.rs"]
mod disk;
#[path = "restart/followers.rs"]
mod followers;
#[path = "restart/stored.rs"]
mod stored;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use relay_tests::churn::{Wires, mac_text, server};
use relay_tests::lab::direct::{Direct, EDGE};
use relay_tests::lab::{Proc, wait};
use relay_tests::site::Site;
use relay_tests::subject::Mode;
use relay_user::control::leases::{ClientStats, Filter};

const DEADLINE: Duration = Duration::from_secs(60);
const LEASE: u32 = 7200;

/// A relay between clients and a server by script.
struct Stage {
    /// It is gone with the value.
    _network: Direct,
    wires: Wires,
    site: Site,
    xid: u32,
}

impl Stage {
    /// With lines for the tables `relay` and `interface`.
    fn new(title: &str, mode: Mode, relay: &str, interface: &str) -> Self {
        let network = Direct::new(&format!("restart-{title}-{mode:?}").to_lowercase(), 1).unwrap();
        let wires = Wires::new(&network).unwrap();
        let site = Site::new(&network.relay).unwrap();
        let rest = format!(
            "[[server_group]]\nname = \"core\"\nservers = [\"{}\"]\n[[interface]]\nname = \"{EDGE}\"\n\
             server_group = \"core\"\n{interface}\n",
            server(0)
        );
        site.configure(mode, relay, &rest).unwrap();
        Self { _network: network, wires, site, xid: 0x4e57_0000 }
    }

    fn address(client: u8) -> Ipv4Addr {
        Ipv4Addr::new(192, 168, 60, 10 + client)
    }

    /// The client has its ACK when this returns.
    fn binds(&mut self, client: u8) {
        self.xid += 1;
        self.wires.binds(client, self.xid, Self::address(client), LEASE).unwrap();
    }

    /// Who holds what, by what `leases` says.
    fn table(&self) -> BTreeMap<String, Ipv4Addr> {
        let filter = Filter { state: Some("bound".into()), ..Filter::default() };
        let rows = self.site.leases(filter).unwrap().leases;
        rows.into_iter()
            .map(|row| {
                assert_eq!((row.lease_seconds, row.server), (Some(LEASE), Some(server(0))), "{row:?}");
                assert!(row.expires_in_seconds.unwrap() > 6000, "{row:?}");
                (row.mac.unwrap(), row.address.unwrap())
            })
            .collect()
    }

    fn of(clients: impl IntoIterator<Item = u8>) -> BTreeMap<String, Ipv4Addr> {
        clients.into_iter().map(|client| (mac_text(client), Self::address(client))).collect()
    }

    fn clients(&self) -> ClientStats {
        self.site.stats().unwrap().clients
    }

    fn until(&self, what: &str, wanted: impl Fn(&ClientStats) -> bool) -> ClientStats {
        let mut last = None;
        wait::until(what, DEADLINE, || {
            last = Some(self.clients());
            Ok(last.clone().filter(&wanted))
        })
        .unwrap_or_else(|error| panic!("{error:#}: {last:?}"))
    }

    fn ends(process: Proc) {
        assert!(process.stop().unwrap().success());
    }
}
