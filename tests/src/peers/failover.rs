//! Two ISC dhcpd in failover, configured as an operator published it: split 128, three seconds until the load balance
//! gives up, response delay 30. The lease time is short, so MCLT never shortens it further.

use std::net::Ipv4Addr;

use anyhow::Result;

use crate::lab::Namespace;

use super::DEADLINE;
use super::dhcpd::Dhcpd;

/// The pair, both in state normal.
pub struct FailoverPair {
    pub primary: Dhcpd,
    pub secondary: Dhcpd,
}

/// Where one of the two listens.
pub struct Place<'a> {
    pub host: &'a Namespace,
    pub interface: &'a str,
    pub address: Ipv4Addr,
}

impl FailoverPair {
    /// Starts both with `subnets` (text of dhcpd.conf whose pools name `failover peer "dhcp-failover"`), and returns
    /// when both log that both are normal: before that neither answers.
    pub fn start(primary: &Place<'_>, secondary: &Place<'_>, subnets: &str) -> Result<Self> {
        let started = |place: &Place<'_>, peer: Ipv4Addr, role: &str| {
            Dhcpd::start(place.host, place.interface, &configuration(place.address, peer, role, subnets))
        };
        let pair = Self {
            primary: started(primary, secondary.address, "primary")?,
            secondary: started(secondary, primary.address, "secondary")?,
        };
        for server in [&pair.primary, &pair.secondary] {
            server.process().wait_for_line("Both servers normal", DEADLINE)?;
        }
        Ok(pair)
    }
}

fn configuration(address: Ipv4Addr, peer: Ipv4Addr, role: &str, subnets: &str) -> String {
    // Only the primary may state these two.
    let primary_only = if role == "primary" { "mclt 1800; split 128;" } else { "" };
    format!(
        r#"authoritative;
ddns-update-style none;
failover peer "dhcp-failover" {{
    {role};
    address {address};
    port 647;
    peer address {peer};
    peer port 647;
    max-response-delay 30;
    max-unacked-updates 10;
    load balance max seconds 3;
    {primary_only}
}}
{subnets}
"#
    )
}
