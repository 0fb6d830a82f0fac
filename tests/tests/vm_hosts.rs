//! Host routes of clients in a real VRF: in its table, and in no other.

#![allow(clippy::unwrap_used, reason = "what fails in a helper of a test fails the test")]

use relay_tests::peers::dhcpd::Dhcpd;
use relay_tests::peers::{Client, Dhclient};
use relay_tests::pinned;
use relay_tests::routed::Place;
use relay_tests::subject::Mode;
use relay_tests::vm::daemon::Daemon;
use relay_tests::vm::vrfs::{EDGE, RED, RED_GIADDR, SERVER, Vrfs};

/// The routing table of VRF red.
const TABLE: u32 = 10;

/// The second client's lease ends before it renews it.
fn configuration(brief: [u8; 6]) -> String {
    let brief: Vec<String> = brief.iter().map(|octet| format!("{octet:02x}")).collect();
    format!(
        r"ping-check false;
authoritative;
ddns-update-style none;
default-lease-time 600;
max-lease-time 600;
host brief {{ hardware ethernet {}; default-lease-time 15; max-lease-time 15; }}
subnet 10.0.41.0 netmask 255.255.255.0 {{ }}
shared-network clients {{
    subnet 10.255.0.0 netmask 255.255.255.0 {{ }}
    subnet 192.168.60.0 netmask 255.255.255.0 {{
        option routers 192.168.60.2;
        range 192.168.60.100 192.168.60.109;
    }}
}}
",
        brief.join(":")
    )
}

fn routes_are_in_the_clients_vrf(mode: Mode) {
    let network = Vrfs::new("vm-hosts").unwrap();
    let host = network.client("c1", RED, "red").unwrap();
    let mac = host.mac(EDGE).unwrap();
    let place = Place { relay: &network.relay, device: RED, table: &TABLE.to_string() };
    let daemon = Daemon::start(
        &network.relay,
        mode,
        &format!(
            "[[server_group]]\nname = \"s1\"\nvrf = \"mgmt\"\nservers = [\"{SERVER}\"]\n\n\
             [[interface]]\nname = \"{RED}\"\nserver_group = \"s1\"\ngiaddr = \"{RED_GIADDR}\"\nhost_routes = true\n"
        ),
    )
    .unwrap();

    let server = Dhcpd::start(&network.s1, EDGE, &configuration([2, 0, 0, 0, 0, 0xff])).unwrap();
    let client = Dhclient::start(&host, EDGE).unwrap();
    let address = client.bound().unwrap();
    place.until_routed(address, mac).unwrap();
    let [here, all] = place.routes().unwrap();
    assert_eq!(all.lines().count(), 1, "{mode:?}: in one table alone:\n{all}");
    assert!(here.contains(&address.to_string()), "{here}");
    if mode.is_fast() {
        let mapped = pinned::leases(&pinned::directory(daemon.socket()).unwrap()).unwrap();
        let keys: Vec<_> = mapped.iter().map(|lease| (lease.vrf, lease.address)).collect();
        assert_eq!(keys, [(u64::from(TABLE), address)], "{mode:?}");
    }
    // The server is in another VRF: the release only passes the relay, and ends the lease for it.
    Box::new(client).release().unwrap();
    place.until_unrouted(address).unwrap();
    drop(server);

    let _server = Dhcpd::start(&network.s1, EDGE, &configuration(mac)).unwrap();
    let client = Dhclient::start(&host, EDGE).unwrap();
    let address = client.bound().unwrap();
    place.until_routed(address, mac).unwrap();
    drop(client);
    place.until_unrouted(address).unwrap();
    let counts = daemon.stats().unwrap().clients;
    assert_eq!((counts.suspicious, counts.host_route_failures), (0, 0), "{mode:?}: {counts:?}");
}

#[test]
#[ignore = "needs VRF devices: cargo xtask vm"]
fn routes_are_in_the_clients_vrf_without_xdp() {
    routes_are_in_the_clients_vrf(Mode::Off);
}

#[test]
#[ignore = "needs VRF devices: cargo xtask vm"]
fn routes_are_in_the_clients_vrf_in_generic_mode() {
    routes_are_in_the_clients_vrf(Mode::Generic);
}

#[test]
#[ignore = "needs VRF devices: cargo xtask vm"]
fn routes_are_in_the_clients_vrf_in_native_mode() {
    routes_are_in_the_clients_vrf(Mode::Native);
}
