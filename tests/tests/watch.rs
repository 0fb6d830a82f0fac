//! The failover watch on the wire: clients send DISCOVERs with `secs` 0 to 9 as a published experiment did, to servers that
//! share them by a hash and answer their partner's only when `secs` has grown. Is one missing from the group, the relay
//! says so in words; with both it is silent. In every mode.

#![allow(clippy::unwrap_used, reason = "a test panics; clippy exempts only the functions marked #[test]")]

use std::net::Ipv4Addr;
use std::time::Duration;

use relay_tests::churn::{DISCOVER, OFFER, Wires, from_client, server};
use relay_tests::lab::build::{BOOTREQUEST, Bootp, Datagram};
use relay_tests::lab::direct::{Direct, EDGE};
use relay_tests::lab::packet::{Deliver, PacketSocket};
use relay_tests::lab::topology::Topology;
use relay_tests::lab::{Namespace, Proc, wait};
use relay_tests::peers::dhcpd::Dhcpd;
use relay_tests::peers::failover::{FailoverPair, Place};
use relay_tests::site::Site;
use relay_tests::subject::Mode;
use relay_user::control::leases::Servers;

const DEADLINE: Duration = Duration::from_secs(60);
const CLIENTS: u8 = 40;
/// From this `secs` on, a Windows server answers for its partner.
const WINDOWS: u16 = 6;
/// And ISC dhcpd as configured here: above `load balance max seconds 3`.
const ISC: u16 = 4;

/// A daemon whose group has these servers.
fn relay(host: &Namespace, mode: Mode, servers: &[Ipv4Addr]) -> (Site, Proc) {
    let servers: Vec<String> = servers.iter().map(|server| format!("\"{server}\"")).collect();
    let site = Site::new(host).unwrap();
    let rest = format!(
        "[[server_group]]\nname = \"core\"\nservers = [{}]\n[[interface]]\nname = \"{EDGE}\"\nserver_group = \"core\"\n",
        servers.join(", ")
    );
    site.configure(mode, "", &rest).unwrap();
    let process = site.start().unwrap();
    (site, process)
}

/// What it says once it has heard of so many OFFERs.
fn said(site: &Site, offers: u32) -> (Servers, Vec<String>) {
    let servers = wait::until("all OFFERs are counted", DEADLINE, || {
        let servers = site.servers()?;
        let counted: u32 =
            servers.groups.iter().flat_map(|group| &group.servers).flat_map(|server| &server.offers).sum();
        Ok((counted >= offers).then_some(servers))
    })
    .unwrap();
    let texts = servers.findings.iter().map(|finding| finding.text.clone()).collect();
    (servers, texts)
}

/// Every client sends `secs` 0 to 9, whatever it is offered; of the two servers, those in `reached` get them. Each offers its
/// own clients an address at once, and its partner's from `WINDOWS` on.
fn scripted(mode: Mode, reached: &[usize]) -> Vec<String> {
    let title = format!("watch-{mode:?}-{}", reached.len()).to_lowercase();
    let network = Direct::new(&title, 2).unwrap();
    let wires = Wires::new(&network).unwrap();
    let group: Vec<Ipv4Addr> = reached.iter().map(|&number| server(number)).collect();
    let (site, _process) = relay(&network.relay, mode, &group);
    let (mut xid, mut offers) = (0x3ec5_0000, 0);
    for client in 0..CLIENTS {
        for secs in 0..10 {
            xid += 1;
            let discover = Bootp { secs, ..from_client(client, DISCOVER, xid) };
            wires.client_sends(&discover).unwrap();
            for &number in reached {
                wires.reaches(number, xid, DISCOVER).unwrap();
                if usize::from(client % 2) == number || secs >= WINDOWS {
                    let own = Ipv4Addr::new(192, 168, 60, 50 + client + 100 * number as u8);
                    wires.server_sends(number, &wires.reply(number, &discover, OFFER, own, 1800)).unwrap();
                    wires.client_gets(xid, OFFER).unwrap();
                    offers += 1;
                }
            }
        }
    }
    let (servers, texts) = said(&site, offers);
    let group = &servers.groups[0];
    assert_eq!(group.discovers[..10], [u32::from(CLIENTS); 10], "{mode:?}: {group:?}");
    let printed = site.prints(&["servers"]).unwrap();
    assert!(texts.iter().all(|text| printed.contains(text)), "{printed}");
    texts
}

const HALF_WAIT: &str = "half of the clients of eth0 wait for secs ≥ 6: is a server missing from the group?";

#[test]
fn with_a_server_missing_from_the_group_the_watch_says_that_half_of_the_clients_wait() {
    for mode in Mode::ALL {
        assert_eq!(scripted(mode, &[0]), [HALF_WAIT], "{mode:?}");
    }
}

#[test]
fn with_both_servers_in_the_group_the_watch_is_silent() {
    for mode in Mode::ALL {
        assert_eq!(scripted(mode, &[0, 1]), [] as [&str; 0], "{mode:?}");
    }
}

const SUBNETS: &str = r#"ping-check false;
subnet 10.0.41.0 netmask 255.255.255.0 { }
subnet 192.168.60.0 netmask 255.255.255.0 {
    option routers 192.168.60.1;
    pool {
        failover peer "dhcp-failover";
        default-lease-time 3600;
        max-lease-time 86400;
        range 192.168.60.50 192.168.60.250;
    }
}
"#;

/// What a dhcpd does about the one DISCOVER that comes after line `mark` of its log.
fn offers_an_address(server: &Dhcpd, mark: usize, mac: [u8; 6]) -> bool {
    let mac = mac.map(|octet| format!("{octet:02x}")).join(":");
    wait::until("the server has decided", DEADLINE, || {
        let lines = server.process().lines();
        let mut own = lines[mark..].iter().filter(|line| line.contains(&mac));
        Ok(own.find_map(|line| match line {
            _ if line.contains("DHCPOFFER on ") => Some(true),
            _ if line.contains("load balance to peer") => Some(false),
            _ => None,
        }))
    })
    .unwrap()
}

/// The same with two ISC dhcpd in failover, of which the relay knows `known`.
fn isc(mode: Mode, known: usize) -> Vec<String> {
    let title = format!("watch-isc-{mode:?}-{known}").to_lowercase();
    let topology = Topology::new(&title, 1, 2).unwrap();
    let place = |number: usize| {
        let server = &topology.servers[number];
        Place { host: &server.host, interface: EDGE, address: server.address }
    };
    let pair = FailoverPair::start(&place(0), &place(1), SUBNETS).unwrap();
    let group = &topology.server_addresses()[..known];
    let (site, _process) = relay(&topology.relays[0].host, mode, group);
    let client = topology.client("c").unwrap();
    let socket = PacketSocket::open(&client, EDGE, Deliver::Nothing).unwrap();
    let servers = [&pair.primary, &pair.secondary];
    let mut offers = 0;
    for number in 0..CLIENTS {
        for secs in 0..10u16 {
            let mac = [2, 0, 0x3e, 0xc5, 0, number];
            let xid = 0x3ec6_0000 + u32::from(number) * 16 + u32::from(secs);
            let discover = Bootp { secs, xid, ..Bootp::new(BOOTREQUEST, Some(DISCOVER), mac) };
            let marks = servers.map(|server| server.process().lines().len());
            socket.send(&Datagram::from_client(mac, &discover).frame()).unwrap();
            for (server, mark) in servers.iter().zip(marks).take(known) {
                offers += u32::from(offers_an_address(server, mark, mac));
            }
            // An OFFER that comes after the next DISCOVER would count for nobody.
            said(&site, offers);
        }
    }
    assert!(offers > u32::from(CLIENTS) * u32::from(10 - ISC) * known as u32 / 2, "{offers}");
    said(&site, offers).1
}

#[test]
fn of_two_dhcpd_in_failover_the_watch_misses_the_one_that_is_not_in_the_group() {
    let texts = isc(Mode::Native, 1);
    assert!(
        matches!(&texts[..], [text] if text.ends_with("of the clients of eth0 wait for secs ≥ 4: is a server missing from the group?")),
        "{texts:?}"
    );
}

#[test]
fn of_two_dhcpd_in_failover_that_are_both_in_the_group_the_watch_says_nothing() {
    let texts = isc(Mode::Generic, 2);
    // Later on, each offers an address of its own half of the pool.
    assert_eq!(texts, [] as [&str; 0]);
}
