//! The clients' VRF is deleted and made again while the relay runs, with another routing table. The number of a table means
//! nothing but what it means now: what belonged to the VRF is found in the table it has, and whoever has its old number gets
//! nothing of it.

use std::net::Ipv4Addr;

use nix::sys::signal::Signal;
use relay_tests::lab::Namespace;
use relay_tests::lab::wait;
use relay_tests::peers::{Client, Dhclient};
use relay_tests::pinned;
use relay_tests::routed::Place;
use relay_tests::subject::Mode;
use relay_tests::vm::daemon::Daemon;
use relay_tests::vm::vrfs::{EDGE, RED, TO_MAIN, Vrfs};

use relay_user::control::{self, Command, leases::Leases as Listed};

use super::{DEADLINE, groups, red};

/// The routing table of VRF red at first, and when it was made again.
const TABLE: u32 = 10;
const OTHER: u32 = 11;
/// In the way of nothing.
const STRANGER: Ipv4Addr = Ipv4Addr::new(192, 168, 60, 250);

struct Scene {
    network: Vrfs,
    client: Namespace,
    daemon: Daemon,
    mode: Mode,
}

impl Scene {
    /// Lets a client get a lease, and finds its route in this table (0: main) and in no other.
    fn is_routed_in(&self, table: u32) {
        let running = Dhclient::start(&self.client, EDGE).unwrap();
        let address = running.bound().unwrap();
        assert_eq!(address.octets()[..3], [192, 168, 60]);
        let name = if table == 0 { "main".to_owned() } else { table.to_string() };
        let place = Place { relay: &self.network.relay, device: RED, table: &name };
        place.until_routed(address, self.client.mac(EDGE).unwrap()).unwrap();
        let [here, all] = place.routes().unwrap();
        assert_eq!(all.lines().count(), 1, "{:?}: in table {name} alone:\n{all}", self.mode);
        assert!(here.contains(&address.to_string()), "{here}");
        if self.mode.is_fast() {
            let mapped = pinned::leases(&pinned::directory(self.daemon.socket()).unwrap()).unwrap();
            let keys: Vec<_> = mapped.iter().map(|lease| (lease.vrf, lease.address)).collect();
            assert_eq!(keys, [(u64::from(table), address)], "{:?}", self.mode);
        }
        let listed: Listed = control::ask(self.daemon.socket(), Command::Leases).unwrap();
        let vrf = (table != 0).then(|| "red".to_owned());
        let listed: Vec<_> = listed.leases.into_iter().map(|lease| (lease.vrf, lease.address)).collect();
        assert_eq!(listed, [(vrf, Some(address))], "{:?}", self.mode);
        drop(running);
        self.client.run(&format!("ip addr flush dev {EDGE}")).unwrap();
    }

    /// What is done to the devices, until the daemon says it and has forgotten who was in the former VRF.
    fn changes(&self, says: &str, change: impl FnOnce()) {
        let mark = self.daemon.process().lines().len();
        change();
        self.daemon.process().wait_for_line_after(mark, says, DEADLINE).unwrap();
        wait::until("nobody is bound", DEADLINE, || {
            let clients = self.daemon.stats()?.clients;
            Ok((clients.bound == 0 && clients.host_routes == 0).then_some(()))
        })
        .unwrap();
        let routes = self.network.relay.run("ip route show table all proto 82").unwrap();
        assert_eq!(routes, "", "{:?}: routes of clients nobody knows", self.mode);
    }

    /// What others have in every table.
    fn strangers(&self) -> String {
        self.network.relay.run("ip route show table all proto static").unwrap()
    }
}

fn host_routes_follow_a_vrf_that_is_made_again(mode: Mode) {
    let network = Vrfs::new("vm-clients-vrf").unwrap();
    let client = network.client("c1", RED, "red").unwrap();
    let _servers = network.start_servers().unwrap();
    for line in [
        format!("ip route add {STRANGER}/32 dev {TO_MAIN} proto static"),
        format!("ip route add blackhole {STRANGER}/32 table {TABLE} proto static"),
        format!("ip route add blackhole {STRANGER}/32 table {OTHER} proto static"),
        // In tables that clients are not in, all that they may get.
        "ip route add blackhole 192.168.60.96/27 table 12 proto static".to_owned(),
    ] {
        network.relay.run(&line).unwrap();
    }
    let configuration = [groups(), red().trim_end().to_owned(), "\nhost_routes = true\n".to_owned()].concat();
    let daemon = Daemon::start(&network.relay, mode, &configuration).unwrap();
    let mut scene = Scene { network, client, daemon, mode };
    let strangers = scene.strangers();
    assert_eq!(strangers.lines().count(), 4, "{strangers}");
    scene.is_routed_in(TABLE);

    let relay = scene.network.relay.clone();
    scene.changes(&format!("{RED} is not in VRF red any more"), || {
        relay.run("ip link del red").unwrap();
    });
    scene.is_routed_in(0);
    scene.changes(&format!("{RED} is in VRF red now"), || {
        scene.network.make_vrf("red", OTHER).unwrap();
        relay.run(&format!("ip link set {RED} master red")).unwrap();
    });
    scene.is_routed_in(OTHER);

    // The next daemon finds the route where it belongs now.
    wait::until("the lease is stored", DEADLINE, || {
        Ok((scene.daemon.stats()?.clients.stored > 0).then_some(()))
    })
    .unwrap();
    scene.daemon.restart(Signal::SIGKILL).unwrap();
    wait::until("the route is known again", DEADLINE, || {
        Ok((scene.daemon.stats()?.clients.host_routes == 1).then_some(()))
    })
    .unwrap();
    let routes = relay.run("ip route show table all proto 82").unwrap();
    assert!(routes.lines().count() == 1 && routes.contains(&format!("table {OTHER}")), "{mode:?}: {routes}");
    assert_eq!(scene.strangers(), strangers, "{mode:?}: what somebody else has set");
    let counts = scene.daemon.stats().unwrap().clients;
    assert_eq!((counts.host_route_conflicts, counts.host_route_failures), (0, 0), "{mode:?}: {counts:?}");
}

#[test]
#[ignore = "needs VRF devices: cargo xtask vm"]
fn host_routes_follow_a_clients_vrf_that_is_made_again_with_another_table_without_xdp() {
    host_routes_follow_a_vrf_that_is_made_again(Mode::Off);
}

#[test]
#[ignore = "needs VRF devices: cargo xtask vm"]
fn host_routes_follow_a_clients_vrf_that_is_made_again_with_another_table_in_generic_mode() {
    host_routes_follow_a_vrf_that_is_made_again(Mode::Generic);
}

#[test]
#[ignore = "needs VRF devices: cargo xtask vm"]
fn host_routes_follow_a_clients_vrf_that_is_made_again_with_another_table_in_native_mode() {
    host_routes_follow_a_vrf_that_is_made_again(Mode::Native);
}
