//! What a lease is good for that a relay has learnt from real servers (RFC 4388): the client's renewal goes to the server that
//! holds it, although clients know every server by the relay's address. And clients of a subnet too large to be asked about
//! address by address: they are asked about by their hardware address when they show themselves. In every mode.

#![allow(clippy::unwrap_used, reason = "a test panics; clippy exempts only the functions marked #[test]")]

#[path = "leasequery/relay.rs"]
#[allow(dead_code, reason = "each test program uses its part of it")]
mod relay;

use std::net::Ipv4Addr;

use relay::{DEADLINE, POOL, Relay, subnets};
use relay_tests::lab::build::{BOOTREQUEST, Bootp, Datagram};
use relay_tests::lab::capture::Capture;
use relay_tests::lab::frame::Packet;
use relay_tests::lab::packet::{Deliver, PacketSocket};
use relay_tests::lab::topology::{EDGE, Topology};
use relay_tests::lab::{Namespace, wait};
use relay_tests::peers::dhcpd::Dhcpd;
use relay_tests::peers::{Client, Dhclient};
use relay_tests::subject::Mode;
use relay_user::control::leases::LeaseRow;

const DISCOVER: u8 = 1;
const REQUEST: u8 = 3;
const LEASEQUERY: u8 = 10;
const RELAY: Ipv4Addr = Ipv4Addr::new(192, 168, 60, 2);
const XID: u32 = 0x5eed_0001;
/// Another client's, behind every message that is looked for.
const LAST_XID: u32 = 0x5eed_ffff;

/// dhcpd does not know sub-option 11 (RFC 5107) by itself: it is told to call itself what the relay asks it to.
const OVERRIDE: &str = "option agent.server-identifier-override code 11 = ip-address;
if exists agent.server-identifier-override {
    option dhcp-server-identifier = option agent.server-identifier-override;
}
";

fn dhcpd(host: &Namespace, pool: &str) -> Dhcpd {
    let subnets = subnets("allow leasequery;", pool);
    let text = format!("authoritative;\nddns-update-style none;\n{OVERRIDE}{subnets}");
    Dhcpd::start(host, EDGE, &text).unwrap()
}

/// A real client gets a lease through the relay, and is not there any more: whatever is heard of it then, the test says.
fn bound_once(relay: &Relay, host: &Namespace) -> LeaseRow {
    let client = Dhclient::start(host, EDGE).unwrap();
    let address = client.bound().unwrap();
    let row = relay.until("a lease", host, |row| row.address == Some(address) && row.state == "bound");
    assert_eq!(row.client_id, None, "dhclient goes by its hardware address");
    row
}

fn message(host: &Namespace, kind: u8, xid: u32) -> Bootp {
    Bootp { xid, ..Bootp::new(BOOTREQUEST, Some(kind), host.mac(EDGE).unwrap()) }
}

fn sends(host: &Namespace, datagram: &Datagram) {
    PacketSocket::open(host, EDGE, Deliver::Nothing).unwrap().send(&datagram.frame()).unwrap();
}

/// What a client sends that takes the relay for its server and extends its lease.
fn renewal(topology: &Topology, host: &Namespace, address: Ipv4Addr, xid: u32) -> Datagram {
    let request = Bootp { ciaddr: address, ..message(host, REQUEST, xid) };
    Datagram {
        destination_mac: topology.relays[0].host.mac(EDGE).unwrap(),
        source: address,
        destination: RELAY,
        ..Datagram::from_client(host.mac(EDGE).unwrap(), &request)
    }
}

/// How many copies of a message each server gets: counted when a later one, which goes to all, has come.
fn copies(captures: &[Capture], host: &Namespace, datagram: &Datagram, xid: u32) -> Vec<usize> {
    let marks: Vec<usize> = captures.iter().map(|capture| capture.dhcp().len()).collect();
    sends(host, datagram);
    let mut last = Bootp::new(BOOTREQUEST, Some(DISCOVER), [2, 0, 0, 0, 0x77, 1]);
    last.xid = LAST_XID;
    sends(host, &Datagram::from_client(host.mac(EDGE).unwrap(), &last));
    let is = |packet: &Packet, xid| packet.bootp().is_ok_and(|bootp| bootp.xid() == xid);
    captures
        .iter()
        .zip(marks)
        .map(|(capture, mark)| {
            capture
                .wait_for_dhcp("the last message", mark, DEADLINE, |_, packet| is(packet, LAST_XID))
                .unwrap();
            capture.dhcp().iter().skip(mark).filter(|(_, packet)| is(packet, xid)).count()
        })
        .collect()
}

fn a_recovered_lease_is_renewed_by_its_server(mode: Mode) {
    let topology = Topology::new(&format!("lq-renew-{mode:?}").to_lowercase(), 1, 2).unwrap();
    let [first, second] = &topology.servers[..] else { panic!("two servers") };
    // The first gives nothing to clients that it has not been told of, so that the lease is the second's.
    let _other = dhcpd(&first.host, "pool { deny unknown-clients; range 192.168.60.20 192.168.60.30; }");
    let holder = dhcpd(&second.host, POOL);
    let mut relay = Relay::with(&topology, mode, "[interface.option82]\nserver_id_override = true\n");
    let host = topology.client("c1").unwrap();
    let before = bound_once(&relay, &host);
    let address = before.address.unwrap();
    assert_eq!((before.server, before.server_id), (Some(second.address), Some(RELAY)));

    relay.loses_its_table();
    let after = relay.until("the lease is back", &host, |row| row.state == "bound");
    assert_eq!((after.address, after.server), (Some(address), Some(second.address)));
    relay.until_asked("all is asked", |stats| !stats.asking);
    let captures = [first, second].map(|server| Capture::incoming(&server.host, EDGE).unwrap());

    let nobodys = Ipv4Addr::new(192, 168, 60, 99);
    let unknown = renewal(&topology, &host, nobodys, XID);
    assert_eq!(copies(&captures, &host, &unknown, XID), [1, 1], "{mode:?}: nobody's lease");
    let xid = XID + 1;
    let renewal = renewal(&topology, &host, address, xid);
    assert_eq!(copies(&captures, &host, &renewal, xid), [0, 1], "{mode:?}");
    let count = relay.site.stats().unwrap().interfaces[0].to_holder;
    assert_eq!(
        if mode.is_fast() { (count.fast, count.slow) } else { (count.slow, count.fast) },
        (1, 0),
        "{mode:?}"
    );
    let acknowledged = format!("DHCPACK on {address}");
    assert!(holder.process().wait_for_line(&acknowledged, DEADLINE).unwrap().contains("192.168.60.2"));
    let renewed =
        relay.until("the renewal is in the table", &host, |row| row.xid == xid && row.state == "bound");
    assert_eq!((renewed.address, renewed.server), (Some(address), Some(second.address)));
}

#[test]
fn a_recovered_lease_is_renewed_by_its_server_without_xdp() {
    a_recovered_lease_is_renewed_by_its_server(Mode::Off);
}

#[test]
fn a_recovered_lease_is_renewed_by_its_server_in_generic_mode() {
    a_recovered_lease_is_renewed_by_its_server(Mode::Generic);
}

#[test]
fn a_recovered_lease_is_renewed_by_its_server_in_native_mode() {
    a_recovered_lease_is_renewed_by_its_server(Mode::Native);
}

/// Hardware addresses that were asked about, with the address that was asked about beside it, if any.
fn asked_about(capture: &Capture) -> Vec<(Vec<u8>, Ipv4Addr)> {
    capture
        .dhcp()
        .iter()
        .filter_map(|(_, packet)| packet.bootp().ok())
        .filter(|bootp| bootp.option(53) == Some(vec![LEASEQUERY]))
        .map(|bootp| (bootp.chaddr().to_vec(), bootp.ciaddr()))
        .collect()
}

fn a_client_of_a_wide_subnet_is_asked_about_by_its_hardware_address(mode: Mode) {
    let topology = Topology::new(&format!("lq-mac-{mode:?}").to_lowercase(), 1, 1).unwrap();
    let router = &topology.relays[0].host;
    router.run(&format!("ip address flush dev {EDGE}")).unwrap();
    router.address(EDGE, &format!("{RELAY}/15")).unwrap();
    let server = &topology.servers[0];
    let _dhcpd = dhcpd(&server.host, POOL);
    let mut relay = Relay::new(&topology, mode);
    let (host, stranger) = (topology.client("c1").unwrap(), topology.client("c2").unwrap());
    let before = bound_once(&relay, &host);
    let capture = Capture::incoming(&server.host, EDGE).unwrap();
    relay.loses_its_table();
    // It is ready, and has begun to ask if it were to: the subnet is too large.
    let line = "192.168.0.0/15 is not asked about address by address";
    relay.process.as_ref().unwrap().wait_for_line(line, DEADLINE).unwrap();
    assert_eq!((relay.asked().sent, relay.lease(&host)), (0, None), "{mode:?}");

    for host in [&stranger, &host] {
        let discover = message(host, DISCOVER, XID);
        sends(host, &Datagram::from_client(host.mac(EDGE).unwrap(), &discover));
    }
    let after = relay.until("the lease is back", &host, |row| row.state == "bound");
    assert_eq!((after.address, after.server), (before.address, Some(server.address)), "{mode:?}");
    // What is left of it; since when, dhcpd counts from the DISCOVER.
    let (was, is) = (before.expires_in_seconds.unwrap(), after.expires_in_seconds.unwrap());
    assert!(was.abs_diff(is) <= 60, "{mode:?}: {was} s were left of the lease, now {is} s");
    // Of one whom it has offered an address and no more, dhcpd says that it is assigned nothing.
    let stats = relay.until_asked("both answers", |stats| stats.active + stats.unassigned >= 2);
    assert_eq!((stats.recovered, stats.active, stats.unassigned), (1, 1, 1), "{mode:?}: {stats:?}");
    let mut expected: Vec<(Vec<u8>, Ipv4Addr)> =
        [&host, &stranger].map(|host| (host.mac(EDGE).unwrap().to_vec(), Ipv4Addr::UNSPECIFIED)).into();
    // Once for each, unless an answer took longer than the relay waits.
    let mut asked = wait::until("both queries are captured", DEADLINE, || {
        let asked = asked_about(&capture);
        Ok((asked.len() >= 2).then_some(asked))
    })
    .unwrap();
    asked.sort();
    asked.dedup();
    expected.sort();
    assert_eq!(asked, expected, "{mode:?}");
    assert_eq!(relay.lease(&stranger).map(|row| row.address), Some(None), "{mode:?}: nothing is invented");
}

#[test]
fn a_client_of_a_wide_subnet_is_asked_about_by_its_hardware_address_without_xdp() {
    a_client_of_a_wide_subnet_is_asked_about_by_its_hardware_address(Mode::Off);
}

#[test]
fn a_client_of_a_wide_subnet_is_asked_about_by_its_hardware_address_in_generic_mode() {
    a_client_of_a_wide_subnet_is_asked_about_by_its_hardware_address(Mode::Generic);
}

#[test]
fn a_client_of_a_wide_subnet_is_asked_about_by_its_hardware_address_in_native_mode() {
    a_client_of_a_wide_subnet_is_asked_about_by_its_hardware_address(Mode::Native);
}
