//! `cargo xtask demo`: a client, the relay with XDP in the driver, and two ISC dhcpd in failover, in network namespaces
//! of their own. A real dhclient discovers, renews and releases; shown are the packets and the relay's counters.

use anyhow::{Result, bail};
use relay_tests::lab::frame::Direction;
use relay_tests::lab::scenario::{ClientKind, Seen, life_of_a_client};
use relay_tests::lab::topology::one_relay_two_servers;
use relay_tests::subject::{Mode, XdpDhcrelay};

fn main() -> Result<()> {
    println!(
        "Network namespaces: a client, a relay (192.168.60.2), two dhcpd in failover (10.0.41.10, 10.0.41.11)."
    );
    let topology = one_relay_two_servers("demo")?;
    let relay = XdpDhcrelay::new(Mode::Native);
    println!("dhclient discovers, renews and releases ...\n");
    let seen = life_of_a_client(&topology, &relay, ClientKind::Dhclient)?;

    println!("dhclient leased {}.\n\nAt the client:", seen.leased);
    show(&seen.client);
    for (server, at_server) in topology.servers.iter().zip(&seen.servers) {
        println!("\nAt the server {}:", server.address);
        show(at_server);
    }
    println!("\nWhat the relay counted (XDP / daemon):");
    let mut fast = 0;
    for stats in relay.stats() {
        for interface in &stats.interfaces {
            let rows = [
                ("requests", &interface.requests),
                ("replies", &interface.replies),
                ("not relayed", &interface.reasons),
            ];
            for (what, counts) in rows {
                for (name, count) in counts.iter().filter(|(_, count)| !count.is_zero()) {
                    println!("  {} {what:<12} {name:<16} {:>4} / {}", interface.name, count.fast, count.slow);
                }
            }
            fast += interface.requests.values().map(|count| count.fast).sum::<u64>();
        }
        println!("  copies to servers: {} / {}", stats.copies.fast, stats.copies.slow);
    }
    if fast == 0 {
        bail!("the fast path relayed nothing");
    }
    println!("\nEverything that was made for this is gone again.");
    Ok(())
}

fn show(seen: &Seen) {
    for (direction, packet) in &seen.0 {
        let arrow = if *direction == Direction::Incoming { "<-" } else { "->" };
        println!("  {arrow} {packet}");
    }
}
