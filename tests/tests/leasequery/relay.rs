//! The relay that loses its table, and the subnet of its clients as dhcpd is told of it.

#![allow(clippy::unwrap_used, reason = "a test panics; clippy exempts only the functions marked #[test]")]

use std::time::Duration;

use relay_tests::lab::topology::{EDGE, Topology};
use relay_tests::lab::{Namespace, Proc, wait};
use relay_tests::site::Site;
use relay_tests::subject::Mode;
use relay_user::control::leases::{Filter, LeaseRow, LeasequeryStats};

pub(crate) const DEADLINE: Duration = Duration::from_secs(60);
/// Queries a second to each server.
pub(crate) const RATE: u32 = 100;

/// The clients' subnet, with room around the pool so that a scan of all of it is short. The clients' real prefix is
/// longer than the topology's, which is why the relay gets an address of its own there.
pub(crate) fn subnets(allow: &str, pool: &str) -> String {
    format!(
        r#"ping-check false;
{allow}
subnet 10.0.41.0 netmask 255.255.255.0 {{ }}
subnet 192.168.60.0 netmask 255.255.255.0 {{
    option subnet-mask 255.255.255.0;
    option routers 192.168.60.1;
    default-lease-time 3600;
    max-lease-time 86400;
    {pool}
}}
"#
    )
}

/// A pool that two in failover share.
pub(crate) const SPLIT_POOL: &str =
    r#"pool { failover peer "dhcp-failover"; range 192.168.60.110 192.168.60.210; }"#;
/// The same addresses, of one server.
pub(crate) const POOL: &str = "range 192.168.60.110 192.168.60.210;";

/// A relay on the topology's relay host.
pub(crate) struct Relay {
    pub(crate) site: Site,
    pub(crate) process: Option<Proc>,
}

impl Relay {
    pub(crate) fn new(topology: &Topology, mode: Mode) -> Self {
        Self::with(topology, mode, "")
    }

    /// With more about the interface.
    pub(crate) fn with(topology: &Topology, mode: Mode, interface: &str) -> Self {
        let host = &topology.relays[0].host;
        let site = Site::new(host).unwrap();
        let servers: Vec<String> =
            topology.server_addresses().iter().map(|server| format!("\"{server}\"")).collect();
        site.configure(
            mode,
            &format!("leasequery = \"auto\"\nleasequery_rate = {RATE}\n"),
            &format!(
                "[[server_group]]\nname = \"core\"\nservers = [{}]\n[[interface]]\nname = \"{EDGE}\"\n\
                 server_group = \"core\"\n{interface}",
                servers.join(", ")
            ),
        )
        .unwrap();
        let process = Some(site.start().unwrap());
        Self { site, process }
    }

    pub(crate) fn stop(&mut self) {
        assert!(self.process.take().unwrap().stop().unwrap().success());
    }

    pub(crate) fn start(&mut self) {
        self.process = Some(self.site.start().unwrap());
    }

    /// Ends it, takes all it has stored away, and starts it again.
    pub(crate) fn loses_its_table(&mut self) {
        self.stop();
        std::fs::remove_dir_all(self.site.state()).unwrap();
        self.start();
    }

    pub(crate) fn lease(&self, host: &Namespace) -> Option<LeaseRow> {
        let filter = Filter { mac: Some(mac(host)), ..Filter::default() };
        self.site.leases(filter).unwrap().leases.into_iter().next()
    }

    pub(crate) fn until(&self, what: &str, host: &Namespace, wanted: impl Fn(&LeaseRow) -> bool) -> LeaseRow {
        let mut last = None;
        wait::until(what, DEADLINE, || {
            last = self.lease(host);
            Ok(last.clone().filter(&wanted))
        })
        .unwrap_or_else(|error| panic!("{error:#}: {last:?}\n{:?}", self.asked()))
    }

    pub(crate) fn asked(&self) -> LeasequeryStats {
        self.site.stats().unwrap().clients.leasequery.unwrap()
    }

    pub(crate) fn until_asked(
        &self,
        what: &str,
        wanted: impl Fn(&LeasequeryStats) -> bool,
    ) -> LeasequeryStats {
        let mut last = None;
        wait::until(what, DEADLINE, || {
            last = Some(self.asked());
            Ok(last.filter(&wanted))
        })
        .unwrap_or_else(|error| panic!("{error:#}: {last:?}"))
    }

    /// What the watch says about leasequeries.
    pub(crate) fn findings(&self) -> Vec<String> {
        let findings = self.site.servers().unwrap().findings.into_iter().map(|finding| finding.text);
        findings.filter(|text| text.contains("leasequer")).collect()
    }
}

/// As in the table.
fn mac(host: &Namespace) -> String {
    let octets = host.mac(EDGE).unwrap();
    octets.iter().map(|octet| format!("{octet:02x}")).collect::<Vec<_>>().join(":")
}
