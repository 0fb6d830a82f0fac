//! A storm: 100,000 clients come back at once, through a relay to a Kea server. Kea, the clients and the relay share the
//! machine, and Kea is the limit: what counts is what the relay adds to that.

use std::time::Duration;

use anyhow::{Context as _, Result};
use relay_tests::{peers::kea::Kea, subject::Mode};
use serde_json::json;

use crate::{
    contestant::Contestant,
    crowd::{Bound, Crowd},
    figures::table,
    rig::{RELAY, Rig},
};

const CLIENTS: u32 = 100_000;
const PATIENCE: Duration = Duration::from_secs(400);

const RELAYS: [Contestant; 2] =
    [Contestant::Dhcrelay, Contestant::Ours { mode: Mode::Native, option82: false }];

/// # Errors
/// A relay or the server does not come up.
pub(crate) fn run() -> Result<String> {
    let mut found = Vec::new();
    for relay in RELAYS {
        let bound = measure(relay).with_context(|| relay.title())?;
        eprintln!("{}: {} bound after {:?}", relay.title(), bound.bound, bound.elapsed);
        found.push((relay, bound));
    }
    let reference = found.first().map_or(f64::NAN, |(_, bound)| bound.elapsed.as_secs_f64());
    let rows: Vec<Vec<String>> = found
        .iter()
        .map(|(relay, bound)| {
            let elapsed = bound.elapsed.as_secs_f64();
            vec![
                relay.title(),
                format!("**{:.2}**", elapsed / reference),
                format!("{elapsed:.1}"),
                bound.bound.to_string(),
                format!("{:.2}", bound.waited.median()),
                format!("{:.2}", bound.waited.quantile(0.99)),
                format!("{:.2}", bound.sent as f64 / f64::from(CLIENTS)),
                bound.lost.to_string(),
            ]
        })
        .collect();
    let head = [
        "relay",
        "time, × dhcrelay",
        "until all are bound, s",
        "bound",
        "a client waits, median, s",
        "p99, s",
        "messages a client",
        "answers lost at the clients' socket",
    ];
    Ok(format!("{CLIENTS} clients at once, one Kea server.\n\n{}", table(&head, &rows)))
}

fn measure(relay: Contestant) -> Result<Bound> {
    let rig = Rig::new("storm", 1, 1)?;
    let _server = serve(&rig, "100.64.0.0/14", "100.64.0.1 - 100.67.255.254", RELAY)?;
    let _relay = relay.start_alone(&rig)?;
    Crowd { clients: CLIENTS, rate: f64::INFINITY, patience: PATIENCE }.ask(&rig.client, "eth0")
}

/// A Kea server on the first host that leases a pool to clients behind `giaddr`.
pub(crate) fn serve(rig: &Rig, subnet: &str, pool: &str, giaddr: std::net::Ipv4Addr) -> Result<Kea> {
    let output = json!([{ "output": "stdout", "flush": true }]);
    let configuration = json!({
        "valid-lifetime": 3600,
        "subnet4": [{
            "id": 1,
            "subnet": subnet,
            "pools": [{ "pool": pool }],
            "relay": { "ip-addresses": [giaddr.to_string()] },
        }],
        "loggers": [
            { "name": "kea-dhcp4", "severity": "INFO", "output_options": output },
            { "name": "kea-dhcp4.leases", "severity": "ERROR", "output_options": output },
            { "name": "kea-dhcp4.alloc-engine", "severity": "ERROR", "output_options": output },
        ],
    });
    Kea::start(&rig.hosts[0], "eth0", configuration)
}
