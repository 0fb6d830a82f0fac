//! Thousands of interfaces on one relay: every reply reaches the client that asked, and no other.
//!
//! What start-up and a scrape of the metrics take and what memory it needs is printed (`-- --nocapture`), and decides nothing.

#![allow(clippy::unwrap_used, reason = "a test panics; clippy exempts only the functions marked #[test]")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Instant;

use relay_common::abi::Server as NextHop;
use relay_common::{SliceFrame, Verdict, address_copy};
use relay_tests::host;
use relay_tests::lab::direct::{Direct, EDGE};
use relay_tests::lab::frame::Packet;
use relay_tests::scale::clients::every_circuit_asked_once;
use relay_tests::scale::cost::Memory;
use relay_tests::scale::server::{Echo, offer};
use relay_tests::scale::{Circuit, Server, batch, every_client_gets_its_own_reply, vrfs};
use relay_tests::scrape::{Samples, request};
use relay_tests::subject::Mode;
use relay_tests::vm::daemon::Daemon;
use relay_user::config::Config;
use relay_user::control::model::Count;
use relay_user::plan;
use relay_user::tables::HostEnv;

/// The counters of more interfaces are a document of many megabytes, which a daemon without optimisation on a busy machine does not
/// write within the patience of who asks.
const COUNTED: usize = 1024;
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 41, 10);
const METRICS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9567);
/// The servers' and the clients' side of one giaddr for all.
const SHARED_GIADDR: Ipv4Addr = Ipv4Addr::new(10, 255, 0, 1);

/// 4,094: every VLAN there is, with a circuit-id each.
fn vlans() -> Vec<Circuit> {
    (1..=4094).map(|vlan| Circuit::new(vlan, &[vlan]).identified()).collect()
}

/// 500 pairs of tags; each tag of a pair is in others, too.
fn pairs() -> Vec<Circuit> {
    (0..500).map(|number| Circuit::new(number + 1, &[100 + number / 25, 100 + number % 25])).collect()
}

/// 1,024 interfaces that only their circuit-ids tell apart.
fn shared() -> Vec<Circuit> {
    (1..=1024).map(|vlan| Circuit::new(vlan, &[vlan]).identified().behind(SHARED_GIADDR)).collect()
}

fn every_reply_is_its_own(title: &str, mode: Mode, circuits: &[Circuit]) {
    every_reply_is_its_own_from(Echo::Whole, title, mode, circuits);
}

fn every_reply_is_its_own_from(echo: Echo, title: &str, mode: Mode, circuits: &[Circuit]) {
    let title = format!("{title}-{mode:?}").to_lowercase();
    let network = Direct::new(&title, 1).unwrap();
    let addresses = circuits.iter().fold(String::new(), |mut lines, circuit| {
        writeln!(lines, "addr add {}/24 dev {EDGE}", circuit.address).unwrap();
        lines
    });
    batch(&network.relay, &addresses).unwrap();
    network.relay.address("lo", &format!("{SHARED_GIADDR}/32")).unwrap();
    network.hosts[0].address(EDGE, &format!("{SERVER}/24")).unwrap();
    let server = Server::start(&network.hosts[0], &[EDGE.to_owned()], echo).unwrap();

    let mut configuration = format!("[[server_group]]\nname = \"core\"\nservers = [\"{SERVER}\"]\n\n");
    configuration.extend(circuits.iter().map(|circuit| circuit.configuration(EDGE, "core")));
    let started = Instant::now();
    let settings = format!("{}\nmetrics_listen = \"{METRICS}\"", mode.settings());
    let relay = Daemon::with(&network.relay, &settings, &configuration).unwrap();
    let (start, memory) = (started.elapsed(), Memory::of(relay.process().pid()).unwrap());

    let asked = Instant::now();
    every_client_gets_its_own_reply(&network.client, EDGE, circuits).unwrap();
    println!(
        "{title}: {} interfaces, ready after {start:?}, {} dialogues in {:?}; resident {} KiB, at most {} KiB, in the kernel {} KiB",
        circuits.len(),
        circuits.len() + 1,
        asked.elapsed(),
        memory.resident,
        memory.peak,
        memory.kernel,
    );
    every_circuit_asked_once(circuits, &server.end().unwrap()).unwrap();
    a_scrape_has_every_interface(&title, &network, mode, circuits);
    if circuits.len() <= COUNTED {
        nothing_else_was_counted(&relay, mode, circuits.len());
    }
}

/// A scrape has what every interface has counted, and nothing that it has not.
fn a_scrape_has_every_interface(title: &str, network: &Direct, mode: Mode, circuits: &[Circuit]) {
    let (path, other) = if mode.is_fast() { ("fast", "slow") } else { ("slow", "fast") };
    let started = Instant::now();
    let answer = request(&network.relay, "GET", METRICS, "/metrics").unwrap();
    let took = started.elapsed();
    assert_eq!(answer.status, 200, "{}", answer.body);
    let samples = Samples::read(&answer.body).unwrap();
    println!(
        "{title}: a scrape of {} octets, {} samples, in {took:?}",
        answer.length,
        samples.iter().count()
    );
    for (direction, message) in [("requests", "discover"), ("replies", "offer")] {
        let total = |path| {
            samples.get(&format!("{direction}_total{{message=\"{message}\",path=\"{path}\"}}")).unwrap()
        };
        assert_eq!((total(path), total(other)), (circuits.len() as f64 + 1.0, 0.0), "{title}: {direction}");
        let name = format!("xdp_dhcrelay_interface_{direction}_total{{");
        let series: Vec<f64> =
            samples.iter().filter(|(series, _)| series.starts_with(&name)).map(|(_, count)| count).collect();
        assert_eq!(series.len(), circuits.len(), "{title}: {direction}");
        assert_eq!(series.iter().sum::<f64>(), total(path), "{title}: {direction}");
    }
}

/// Every interface has relayed one request and one reply, the first interface another one, all by the right path.
fn nothing_else_was_counted(relay: &Daemon, mode: Mode, circuits: usize) {
    let stats = relay.stats().unwrap();
    assert_eq!(stats.interfaces.len(), circuits);
    let by_path = |count: u64| match mode {
        Mode::Off => Count { fast: 0, slow: count },
        Mode::Generic | Mode::Native => Count { fast: count, slow: 0 },
    };
    let all = |counts: &BTreeMap<String, Count>| {
        counts.values().fold((0, 0), |(fast, slow), count| (fast + count.fast, slow + count.slow))
    };
    for interface in &stats.interfaces {
        let expected = by_path(if interface.index == 1 { 2 } else { 1 });
        assert_eq!(all(&interface.requests), (expected.fast, expected.slow), "{interface:?}");
        assert_eq!(all(&interface.replies), (expected.fast, expected.slow), "{interface:?}");
        assert_eq!(all(&interface.reasons), (0, 0), "{interface:?}");
        assert_eq!(interface.option82_left_out, Count { fast: 0, slow: 0 }, "{interface:?}");
    }
}

#[test]
fn each_of_4094_vlans_on_one_port_gets_its_own_replies_in_native_mode() {
    every_reply_is_its_own("vlans", Mode::Native, &vlans());
}

#[test]
fn each_of_4094_vlans_on_one_port_gets_its_own_replies_without_xdp() {
    every_reply_is_its_own("vlans", Mode::Off, &vlans());
}

#[test]
fn each_of_500_pairs_of_tags_on_one_port_gets_its_own_replies() {
    for mode in Mode::ALL {
        every_reply_is_its_own("pairs", mode, &pairs());
    }
}

#[test]
fn each_of_1024_interfaces_with_one_giaddr_gets_its_own_replies() {
    for mode in Mode::ALL {
        every_reply_is_its_own("shared", mode, &shared());
    }
}

/// Whether link selection comes back must not matter (RFC 3527 section 3).
#[test]
fn each_of_1024_interfaces_gets_its_own_replies_of_a_server_that_sends_the_circuit_id_alone_back() {
    every_reply_is_its_own_from(Echo::FirstSubOption, "circuit", Mode::Off, &shared());
}

/// The same rules and the daemon's own plan, on a machine that is only described: every VRF has the same addresses, and
/// the clients of each are served from the next one.
#[test]
fn each_of_64_vrfs_with_the_same_addresses_is_served_by_its_own_server() {
    const COUNT: u16 = 64;
    let (machine, snapshot) = vrfs::described(COUNT);
    let text = vrfs::configuration(COUNT);
    let config = Config::from_str(&text, Path::new("vrfs.toml")).unwrap().resolve(&machine).unwrap();
    let plan = plan::make(&config, &snapshot, &|_| true);
    assert_eq!(plan.idle, BTreeMap::new());
    let buckets = RefCell::new(BTreeMap::new());
    let memory = relay_user::memory::Memory::without_leases();
    let env = HostEnv::new(&plan.tables, &buckets, &memory, Instant::now());

    for (index, circuit) in (1u32..).zip(vrfs::circuits(COUNT)) {
        let vrf = circuit.number % COUNT + 1;
        let outcome = host::run(&env, &circuit.discover(7), vrfs::index_of_edge());
        let Verdict::ToServers { interface, group, servers, .. } = outcome.verdict else {
            panic!("{circuit:?}: {outcome:?}")
        };
        assert_eq!((interface, group, servers), (index, u32::from(vrf) - 1, 1), "{circuit:?}");
        let hop = plan.tables.groups[group as usize].servers[0].hop.unwrap();
        assert_eq!(hop.ifindex, vrfs::index_of_server_port(vrf));
        assert_eq!(hop.next_mac, vrfs::mac_of_server(vrf));

        let mut octets = outcome.frame;
        let len = octets.len();
        let copy = NextHop {
            address: SERVER.octets(),
            vrf: 0,
            ifindex: hop.ifindex,
            next_mac: hop.next_mac,
            port_mac: hop.port_mac,
        };
        address_copy(&mut SliceFrame::new(&mut octets, 0, len), &copy).unwrap();
        let reply = offer(&Packet::read(&octets).unwrap(), Echo::Whole).unwrap();
        for other in 1..=COUNT {
            let outcome = host::run(&env, &reply, vrfs::index_of_server_port(other));
            if other == vrf {
                assert_eq!(outcome.verdict, Verdict::ToClient { interface: index, message: 2 });
                let given = Packet::read(&outcome.frame).unwrap();
                let tags: Vec<_> =
                    given.ethernet.tags.iter().map(|tag| (tag.protocol, tag.control)).collect();
                assert_eq!((tags, given.ethernet.destination), (circuit.tags(), circuit.mac()));
            } else {
                // Addressed to another port, it is not even looked at.
                assert!(matches!(outcome.verdict, Verdict::Not { interface: 0, .. }), "{outcome:?}");
            }
        }
        let port = plan.tables.ports.values().find(|port| port.interface == index).unwrap();
        assert_eq!(port.vrf, 1000 + u32::from(circuit.number), "the VRF of the clients of {circuit:?}");
    }
}

fn each_of_64_vrfs_is_served_by_its_own_server(mode: Mode) {
    let network = vrfs::Network::new(&format!("vrfs-{mode:?}").to_lowercase(), 64).unwrap();
    let _relay = Daemon::start(&network.relay, mode, &vrfs::configuration(64)).unwrap();
    network.every_vrf_is_served_by_its_own().unwrap();
}

#[test]
#[ignore = "needs VRF and 802.1Q devices: cargo xtask vm"]
fn vm_each_of_64_vrfs_is_served_by_its_own_server_without_xdp() {
    each_of_64_vrfs_is_served_by_its_own_server(Mode::Off);
}

#[test]
#[ignore = "needs VRF and 802.1Q devices: cargo xtask vm"]
fn vm_each_of_64_vrfs_is_served_by_its_own_server_in_generic_mode() {
    each_of_64_vrfs_is_served_by_its_own_server(Mode::Generic);
}

#[test]
#[ignore = "needs VRF and 802.1Q devices: cargo xtask vm"]
fn vm_each_of_64_vrfs_is_served_by_its_own_server_in_native_mode() {
    each_of_64_vrfs_is_served_by_its_own_server(Mode::Native);
}
