//! What a relay has put into its kernel for a client: a route of its protocol number, and a permanent neighbour.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::Result;

use crate::lab::{Namespace, wait};

const DEADLINE: Duration = Duration::from_secs(60);

/// Where a client is looked for.
pub struct Place<'a> {
    pub relay: &'a Namespace,
    /// The client's device on it.
    pub device: &'a str,
    /// The routing table, `main` or a number.
    pub table: &'a str,
}

impl Place<'_> {
    /// The routes with the relay's protocol number, in this table and in all.
    pub fn routes(&self) -> Result<[String; 2]> {
        let of = |table: &str| self.relay.run(&format!("ip route show table {table} proto 82"));
        Ok([of(self.table)?, of("all")?])
    }

    /// The neighbour of an address, empty when there is none.
    pub fn neighbour(&self, address: Ipv4Addr) -> Result<String> {
        self.relay.run(&format!("ip neigh show {address} dev {} nud permanent", self.device))
    }

    /// Waits until a client has both.
    pub fn until_routed(&self, address: Ipv4Addr, mac: [u8; 6]) -> Result<()> {
        let mac: Vec<String> = mac.iter().map(|octet| format!("{octet:02x}")).collect();
        let mac = mac.join(":");
        wait::until(&format!("{address} has a route and a neighbour"), DEADLINE, || {
            let [here, _] = self.routes()?;
            let route = here.lines().any(|line| line.starts_with(&format!("{address} dev {}", self.device)));
            Ok((route && self.neighbour(address)?.contains(&mac)).then_some(()))
        })
    }

    /// Waits until it has neither, in no table.
    pub fn until_unrouted(&self, address: Ipv4Addr) -> Result<()> {
        wait::until(&format!("{address} has neither route nor neighbour"), DEADLINE, || {
            let [_, all] = self.routes()?;
            let route = all.lines().any(|line| line.starts_with(&format!("{address} ")));
            Ok((!route && self.neighbour(address)?.is_empty()).then_some(()))
        })
    }
}
