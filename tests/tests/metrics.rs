//! The metrics of a relay at work, scraped over HTTP inside its namespace: a real client's dialogue is in them, they say what
//! `stats`, `status`, `servers` and `leases` say, and the listener starts, moves, ends and gives clients up as it should.

#![allow(clippy::unwrap_used, reason = "a test panics; clippy exempts only the functions marked #[test]")]

#[path = "metrics/agree.rs"]
mod agree;
#[path = "metrics/clients.rs"]
mod clients;
#[path = "metrics/listener.rs"]
mod listener;
#[path = "metrics/reload.rs"]
mod reload;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use relay_tests::lab::scenario::subnets;
use relay_tests::lab::topology::{EDGE, one_relay_one_server};
use relay_tests::lab::wait;
use relay_tests::peers::dhcpd::Dhcpd;
use relay_tests::peers::{Client as _, Dhclient};
use relay_tests::scrape::scrape;
use relay_tests::site::Site;
use relay_tests::subject::Mode;
use relay_user::control::leases::Filter;

const DEADLINE: Duration = Duration::from_secs(120);
const ADDRESS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9567);

/// The line that has a relay listen.
fn listen(address: SocketAddr) -> String {
    format!("metrics_listen = \"{address}\"")
}

fn a_clients_dialogue_is_in_the_metrics(mode: Mode) {
    let topology = one_relay_one_server(&format!("metrics-{mode:?}").to_lowercase()).unwrap();
    let server = &topology.servers[0];
    let configuration = format!("authoritative;\nddns-update-style none;\n{}", subnets(""));
    let _dhcpd = Dhcpd::start(&server.host, EDGE, &configuration).unwrap();
    let host = &topology.relays[0].host;
    let site = Site::new(host).unwrap();
    let rest = format!(
        "[[server_group]]\nname = \"core\"\nservers = [\"{}\"]\n[[interface]]\nname = \"{EDGE}\"\nserver_group = \"core\"\n",
        server.address
    );
    site.configure(mode, &listen(ADDRESS), &rest).unwrap();
    let _relay = site.start().unwrap();
    let before = scrape(host, ADDRESS).unwrap();
    assert_eq!(before.get("clients{vrf=\"\",state=\"bound\"}").unwrap(), 0.0, "{mode:?}");

    let client = Dhclient::start(&topology.client("c1").unwrap(), EDGE).unwrap();
    client.bound().unwrap();
    let bound = || Filter { state: Some("bound".into()), ..Filter::default() };
    wait::until("the lease is in the table", DEADLINE, || {
        Ok((site.leases(bound())?.leases.len() == 1).then_some(()))
    })
    .unwrap();
    let samples = agree::at_rest(&site, host);

    let (right, wrong) = if mode.is_fast() { ("fast", "slow") } else { ("slow", "fast") };
    for (direction, messages) in [("requests", ["discover", "request"]), ("replies", ["offer", "ack"])] {
        for message in messages {
            let total = |path| {
                samples.get(&format!("{direction}_total{{message=\"{message}\",path=\"{path}\"}}")).unwrap()
            };
            assert!(total(right) >= 1.0, "{mode:?}: {message} {samples:?}");
            assert_eq!(total(wrong), 0.0, "{mode:?}: {message} {samples:?}");
            let own = |path| {
                let labels = format!("interface=\"{EDGE}\",vlan=\"\",message=\"{message}\",path=\"{path}\"");
                samples.find(&format!("interface_{direction}_total{{{labels}}}"))
            };
            assert_eq!(own(right), Some(total(right)), "{mode:?}: {message} {samples:?}");
            assert_eq!(own(wrong), None, "{mode:?}: {message} {samples:?}");
        }
    }
    let path = |path: &str| {
        let labels = format!("group=\"core\",server=\"{}\",vrf=\"\",path=\"{path}\"", server.address);
        samples.get(&format!("server_path{{{labels}}}")).unwrap()
    };
    assert_eq!([right, wrong, "none"].map(path), [1.0, 0.0, 0.0], "{mode:?}: {samples:?}");
    assert_eq!(samples.get("fast_path_active").unwrap(), f64::from(u8::from(mode.is_fast())), "{mode:?}");
    let bound = samples.get(&format!("interface_bound_clients{{interface=\"{EDGE}\",vlan=\"\"}}")).unwrap();
    assert_eq!(bound, 1.0, "{mode:?}: {samples:?}");
    let answered = format!("group=\"core\",server=\"{}\",vrf=\"\"", server.address);
    assert!(
        samples.get(&format!("server_response_seconds_count{{{answered}}}")).unwrap() >= 2.0,
        "{samples:?}"
    );
    assert!(samples.get(&format!("server_response_seconds_sum{{{answered}}}")).unwrap() > 0.0, "{samples:?}");
}

#[test]
fn a_clients_dialogue_is_in_the_metrics_in_every_mode() {
    Mode::ALL.into_iter().for_each(a_clients_dialogue_is_in_the_metrics);
}
