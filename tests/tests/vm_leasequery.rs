//! Leasequeries between real VRF devices whose addresses overlap: each leaves by the VRF of its servers, and what comes back
//! belongs to the clients of its own VRF.

#![allow(clippy::unwrap_used, reason = "what fails in a helper of a test fails the test")]

use std::time::Duration;

use relay_tests::lab::scenario::ClientKind;
use relay_tests::lab::{Namespace, wait};
use relay_tests::site::Site;
use relay_tests::subject::Mode;
use relay_tests::vm::vrfs::{
    BLUE, BLUE_GIADDR, EDGE, LEASES_OF_S1, LEASES_OF_S2, RED, RED_GIADDR, SERVER, Vrfs,
};
use relay_user::control::leases::{Filter, LeaseRow};

const DEADLINE: Duration = Duration::from_secs(120);

fn lease_in(site: &Site, vrf: &str, host: &Namespace) -> LeaseRow {
    let mac = host.mac(EDGE).unwrap().map(|octet| format!("{octet:02x}")).join(":");
    let filter = Filter { vrf: Some(vrf.into()), mac: Some(mac), ..Filter::default() };
    wait::until("the lease", DEADLINE, || {
        let rows = site.leases(filter.clone())?.leases;
        Ok(rows.into_iter().find(|row| row.state == "bound"))
    })
    .unwrap()
}

#[test]
#[ignore = "needs VRF devices: cargo xtask vm"]
fn a_lost_table_of_clients_in_overlapping_vrfs_comes_back_from_the_servers_of_each() {
    let network = Vrfs::new("vm-leasequery").unwrap();
    let clients = [network.client("c1", RED, "red").unwrap(), network.client("c2", BLUE, "blue").unwrap()];
    let _servers = network.start_servers().unwrap();
    let site = Site::new(&network.relay).unwrap();
    let rest = format!(
        "[[server_group]]\nname = \"s1\"\nvrf = \"mgmt\"\nservers = [\"{SERVER}\"]\n\
         [[server_group]]\nname = \"s2\"\nservers = [\"{SERVER}\"]\n\
         [[interface]]\nname = \"{RED}\"\nserver_group = \"s1\"\ngiaddr = \"{RED_GIADDR}\"\n\
         [[interface]]\nname = \"{BLUE}\"\nserver_group = \"s2\"\ngiaddr = \"{BLUE_GIADDR}\"\n"
    );
    site.configure(Mode::Native, "leasequery = \"auto\"\n", &rest).unwrap();
    let first = site.start().unwrap();
    let _running = clients.each_ref().map(|client| {
        let running = ClientKind::Udhcpc.start(client, EDGE).unwrap();
        running.bound().unwrap();
        running
    });
    let before = [lease_in(&site, "red", &clients[0]), lease_in(&site, "blue", &clients[1])];
    assert!(first.stop().unwrap().success());
    std::fs::remove_dir_all(site.state()).unwrap();

    let second = site.start().unwrap();
    let after = [lease_in(&site, "red", &clients[0]), lease_in(&site, "blue", &clients[1])];
    for ((before, after), range) in before.iter().zip(&after).zip([LEASES_OF_S1, LEASES_OF_S2]) {
        assert_eq!((after.address, &after.interface), (before.address, &before.interface));
        assert!(range.contains(&after.address.unwrap().octets()[3]), "{after:?}");
    }
    let stats = site.stats().unwrap().clients.leasequery.unwrap();
    assert!(stats.recovered >= 1 && stats.unplaced == 0 && stats.unsolicited == 0, "{stats:?}");
    assert!(second.stop().unwrap().success());
}
