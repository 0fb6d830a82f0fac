//! Host routes and neighbours of real clients, from the ACK that binds them to the RELEASE or the end of the lease, over a
//! restart of the relay, and beside what strangers have put into the same tables; in every mode.

#![allow(clippy::unwrap_used, reason = "a test panics; clippy exempts only the functions marked #[test]")]

use std::net::Ipv4Addr;
use std::time::Duration;

use nix::sys::signal::Signal;
use relay_tests::lab::Namespace;
use relay_tests::lab::topology::{EDGE, Topology, one_relay_one_server};
use relay_tests::lab::wait;
use relay_tests::peers::dhcpd::Dhcpd;
use relay_tests::peers::{Client, Dhclient};
use relay_tests::routed::Place;
use relay_tests::subject::Mode;
use relay_tests::vm::daemon::Daemon;
use relay_user::control::leases::ClientStats;

const DEADLINE: Duration = Duration::from_secs(60);
/// A route and a neighbour that somebody else has set, in the way of nothing.
const STRANGER: Ipv4Addr = Ipv4Addr::new(192, 168, 60, 250);
/// A route and a neighbour that an earlier relay has left behind.
const ORPHAN: Ipv4Addr = Ipv4Addr::new(192, 168, 60, 251);

/// The client renews after two seconds; the client `brief` has its lease for ten.
fn configuration(brief: [u8; 6]) -> String {
    let brief: Vec<String> = brief.iter().map(|octet| format!("{octet:02x}")).collect();
    format!(
        r"ping-check false;
authoritative;
ddns-update-style none;
dhcp-cache-threshold 0;
default-lease-time 600;
max-lease-time 600;
option dhcp-renewal-time 2;
option dhcp-rebinding-time 500;
host brief {{ hardware ethernet {}; default-lease-time 10; max-lease-time 10; }}
subnet 10.0.41.0 netmask 255.255.255.0 {{ }}
subnet 192.168.60.0 netmask 255.255.255.0 {{
    option subnet-mask 255.255.255.0;
    option routers 192.168.60.1;
    range 192.168.60.100 192.168.60.119;
}}
",
        brief.join(":")
    )
}

struct Scene {
    topology: Topology,
    daemon: Daemon,
    _server: Dhcpd,
    client: Namespace,
    brief: Namespace,
}

impl Scene {
    fn new(mode: Mode) -> Self {
        let topology = one_relay_one_server(&format!("hosts-{mode:?}").to_lowercase()).unwrap();
        let (client, brief) = (topology.client("c1").unwrap(), topology.client("c2").unwrap());
        let server = &topology.servers[0];
        let text = configuration(brief.mac(EDGE).unwrap());
        let running = Dhcpd::start(&server.host, EDGE, &text).unwrap();
        let relay = &topology.relays[0].host;
        let daemon = Daemon::start(
            relay,
            mode,
            &format!(
                "[[server_group]]\nname = \"core\"\nservers = [\"{}\"]\n\
                 [[interface]]\nname = \"{EDGE}\"\nserver_group = \"core\"\nhost_routes = true\n",
                server.address
            ),
        )
        .unwrap();
        Self { topology, daemon, _server: running, client, brief }
    }

    fn relay(&self) -> &Namespace {
        &self.topology.relays[0].host
    }

    fn place(&self) -> Place<'_> {
        Place { relay: self.relay(), device: EDGE, table: "main" }
    }

    fn clients(&self) -> ClientStats {
        self.daemon.stats().unwrap().clients
    }

    /// What strangers have in the tables, to the letter.
    fn strangers(&self) -> [String; 2] {
        let relay = self.relay();
        [
            relay.run(&format!("ip route show {STRANGER}")).unwrap(),
            relay.run(&format!("ip neigh show {STRANGER} dev {EDGE} nud permanent")).unwrap(),
        ]
    }
}

fn clients_have_routes_while_they_have_leases(mode: Mode) {
    let mut scene = Scene::new(mode);
    for line in [
        format!("ip route add {STRANGER}/32 dev {EDGE} proto static"),
        format!("ip neigh add {STRANGER} dev {EDGE} lladdr 02:00:00:00:77:01 nud permanent"),
    ] {
        scene.relay().run(&line).unwrap();
    }
    let strangers = scene.strangers();
    let client = Dhclient::start(&scene.client, EDGE).unwrap();
    let address = client.bound().unwrap();
    let mac = scene.client.mac(EDGE).unwrap();
    scene.place().until_routed(address, mac).unwrap();
    client.renew().unwrap();
    scene.place().until_routed(address, mac).unwrap();

    // A client that vanishes has them until its lease ends.
    let brief = Dhclient::start(&scene.brief, EDGE).unwrap();
    let borrowed = brief.bound().unwrap();
    scene.place().until_routed(borrowed, scene.brief.mac(EDGE).unwrap()).unwrap();
    drop(brief);
    scene.place().until_unrouted(borrowed).unwrap();

    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        wait::until("the lease is stored", DEADLINE, || Ok((scene.clients().stored > 0).then_some(())))
            .unwrap();
        // Left by an earlier relay, for a client that nobody remembers.
        for line in [
            format!("ip route add {ORPHAN}/32 dev {EDGE} proto 82 scope link"),
            format!("ip neigh add {ORPHAN} dev {EDGE} lladdr 02:00:00:00:77:02 nud permanent protocol 82"),
        ] {
            scene.relay().run(&line).unwrap();
        }
        scene.daemon.restart(signal).unwrap();
        scene.place().until_unrouted(ORPHAN).unwrap();
        scene.place().until_routed(address, mac).unwrap();
        wait::until("the route is known again", DEADLINE, || {
            Ok((scene.clients().host_routes == 1).then_some(()))
        })
        .unwrap();
        client.renew().unwrap();
    }

    Box::new(client).release().unwrap();
    scene.place().until_unrouted(address).unwrap();
    let counts = scene.clients();
    assert_eq!(
        (counts.host_routes, counts.host_route_conflicts, counts.host_route_failures),
        (0, 0, 0),
        "{mode:?}"
    );
    assert_eq!(scene.strangers(), strangers, "{mode:?}: what somebody else has set");
    assert!(strangers.iter().all(|line| !line.is_empty()), "{strangers:?}");
}

#[test]
fn clients_have_routes_while_they_have_leases_without_xdp() {
    clients_have_routes_while_they_have_leases(Mode::Off);
}

#[test]
fn clients_have_routes_while_they_have_leases_in_generic_mode() {
    clients_have_routes_while_they_have_leases(Mode::Generic);
}

#[test]
fn clients_have_routes_while_they_have_leases_in_native_mode() {
    clients_have_routes_while_they_have_leases(Mode::Native);
}

#[test]
fn a_port_that_is_down_too_briefly_to_be_seen_keeps_no_client_without_its_route() {
    let scene = Scene::new(Mode::Native);
    let client = Dhclient::start(&scene.client, EDGE).unwrap();
    let address = client.bound().unwrap();
    let mac = scene.client.mac(EDGE).unwrap();
    drop(client);
    let batch = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(batch.path(), format!("link set {EDGE} down\nlink set {EDGE} up\n").repeat(50)).unwrap();
    for _ in 0..10 {
        scene.place().until_routed(address, mac).unwrap();
        // The kernel takes the route away with the first line, and says so to nobody.
        scene.relay().run(&format!("ip -batch {}", batch.path().display())).unwrap();
    }
    scene.place().until_routed(address, mac).unwrap();
}

#[test]
fn a_strangers_route_for_a_clients_address_stays_and_is_counted() {
    let scene = Scene::new(Mode::Native);
    // All addresses there are, but by another way.
    for last in 100..120 {
        scene.relay().run(&format!("ip route add 192.168.60.{last}/32 dev {EDGE} proto static")).unwrap();
    }
    let before = scene.relay().run("ip route show proto static").unwrap();
    let client = Dhclient::start(&scene.client, EDGE).unwrap();
    let address = client.bound().unwrap();
    wait::until("the conflict is counted", DEADLINE, || {
        Ok((scene.clients().host_route_conflicts > 0).then_some(()))
    })
    .unwrap();
    Box::new(client).release().unwrap();
    wait::until("nobody is bound", DEADLINE, || Ok((scene.clients().bound == 0).then_some(()))).unwrap();
    assert_eq!(scene.relay().run("ip route show proto static").unwrap(), before, "{address}");
}
