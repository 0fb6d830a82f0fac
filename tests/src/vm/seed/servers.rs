//! ISC dhcpd on the two servers: each with a range of its own, or as a failover pair.
//!
//! dhcpd knows link selection (sub-option 5) by itself: the loopback giaddr is on no subnet it is told of. Server
//! identifier override (sub-option 11) it is told in its configuration: to give for its own address what the relay asks for.

use std::ops::RangeInclusive;

use anyhow::{Context, Result};

use super::{EDGE, Seed};
use crate::peers::Dhcpd;
use crate::peers::failover::{FailoverPair, Place};

/// The last octets of what s1 and s2 lease when each has its own range, as in the article.
pub const RANGES: [RangeInclusive<u8>; 2] = [6..=20, 132..=150];

const OVERRIDE: &str = "option agent.server-identifier-override code 11 = ip-address;\n";

/// Two servers that know nothing of each other.
pub fn start_split(seed: &Seed) -> Result<[Dhcpd; 2]> {
    let start = |number: usize| {
        let (first, last) = (RANGES[number].start(), RANGES[number].end());
        let pool = format!("range 172.16.0.{first} 172.16.0.{last};");
        let configuration = format!("{OVERRIDE}ddns-update-style none;\n{}", subnets(&pool));
        let host = &seed.servers[number].host;
        Dhcpd::start(host, EDGE, &configuration).with_context(|| host.name().to_owned())
    };
    Ok([start(0)?, start(1)?])
}

/// A failover pair.
pub fn start_pair(seed: &Seed) -> Result<FailoverPair> {
    let [primary, secondary] = &seed.servers;
    let place = |server: &'_ super::ServerHost| (server.host.clone(), server.address);
    let (primary, secondary) = (place(primary), place(secondary));
    let pool = "pool { failover peer \"dhcp-failover\"; range 172.16.0.100 172.16.0.119; }";
    FailoverPair::start(
        &Place { host: &primary.0, interface: EDGE, address: primary.1 },
        &Place { host: &secondary.0, interface: EDGE, address: secondary.1 },
        &format!("{OVERRIDE}{}", subnets(pool)),
    )
}

fn subnets(pool: &str) -> String {
    format!(
        r"ping-check false;
default-lease-time 3600;
max-lease-time 3600;
subnet 10.1.0.0 netmask 255.255.255.0 {{ }}
subnet 172.16.0.0 netmask 255.255.255.0 {{
    option subnet-mask 255.255.255.0;
    option dhcp-server-identifier = option agent.server-identifier-override;
    {pool}
}}
"
    )
}
