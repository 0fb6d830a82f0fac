//! Servers that come, go and move while the relay runs, in native mode: nobody waits for a dead one, and a server is
//! followed to its new Ethernet address.

use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use relay_tests::lab::build::{BOOTREQUEST, Bootp, Datagram};
use relay_tests::lab::packet::{Deliver, PacketSocket};
use relay_tests::lab::{Capture, Lab, Namespace, wait};
use relay_tests::subject::{Mode, XdpDhcrelay, stats};
use relay_user::control::{
    self, Command,
    model::{ServerPath, Status},
};

const DEADLINE: Duration = Duration::from_secs(20);
const LIVE: Ipv4Addr = Ipv4Addr::new(10, 0, 41, 10);
const LATE: Ipv4Addr = Ipv4Addr::new(10, 0, 41, 11);

struct Network {
    client: Namespace,
    relay: Namespace,
    host: Namespace,
    _lab: Lab,
}

fn network(title: &str) -> Network {
    let lab = Lab::new(title).unwrap();
    let client = lab.host("c").unwrap();
    let relay = lab.host("r").unwrap();
    let host = lab.host("s").unwrap();
    lab.link(&client, "eth0", &relay, "eth0").unwrap();
    lab.link(&relay, "eth1", &host, "eth0").unwrap();
    client.offload("eth0", "tx", false).unwrap();
    relay.address("eth0", "192.168.60.2/24").unwrap();
    relay.address("eth1", "10.0.41.1/24").unwrap();
    host.address("eth0", &format!("{LIVE}/24")).unwrap();
    Network { client, relay, host, _lab: lab }
}

impl Network {
    fn discover(&self, xid: u32) {
        let mac = self.client.mac("eth0").unwrap();
        let mut message = Bootp::new(BOOTREQUEST, Some(1), mac);
        message.xid = xid;
        let sender = PacketSocket::open(&self.client, "eth0", Deliver::Nothing).unwrap();
        sender.send(&Datagram::from_client(mac, &message).frame()).unwrap();
    }
}

fn arrives(capture: &Capture, server: Ipv4Addr, xid: u32) -> [u8; 6] {
    let packet = capture
        .wait_for_dhcp(&format!("message {xid:x} for {server}"), 0, DEADLINE, |_, packet| {
            packet.ip.destination == server && packet.bootp().is_ok_and(|bootp| bootp.xid() == xid)
        })
        .unwrap_or_else(|error| panic!("{error:#}"));
    packet.ethernet.destination
}

/// Waits until the relay says of a server what is wanted.
fn until_server(socket: &Path, server: Ipv4Addr, path: ServerPath, mac: Option<&str>) {
    wait::until(&format!("{server} by path {path}"), DEADLINE, || {
        let status: Status = serde_json::from_value(control::ask(socket, Command::Status)?)?;
        let found = status.groups[0].servers.iter().find(|found| found.address == server);
        let as_wanted = found.is_some_and(|found| {
            found.path == path && mac.is_none_or(|mac| found.mac.as_deref() == Some(mac))
        });
        Ok(as_wanted.then_some(()))
    })
    .unwrap_or_else(|error| panic!("{error:#}"));
}

#[test]
fn a_dead_server_delays_nobody_and_moves_to_the_fast_path_when_it_comes() {
    let network = network("late-server");
    let (relay, socket) =
        XdpDhcrelay::new(Mode::Native).start_on(&network.relay, "eth0", &[LIVE, LATE]).unwrap();
    let capture = Capture::incoming(&network.host, "eth0").unwrap();
    until_server(&socket, LIVE, ServerPath::Fast, None);
    network.discover(1);
    arrives(&capture, LIVE, 1);
    let counted = stats(&socket).unwrap();
    assert_eq!(counted.interfaces[0].requests["discover"].fast, 1, "{counted:?}");
    assert_eq!(counted.copies.fast, 1, "the live server has its copy from the fast path: {counted:?}");

    wait::until("the dead server's copy is with the daemon", DEADLINE, || {
        Ok((stats(&socket)?.punts == 1).then_some(()))
    })
    .unwrap();

    // Found by the kernel's next probe, without any message for it.
    network.host.address("eth0", &format!("{LATE}/24")).unwrap();
    until_server(&socket, LATE, ServerPath::Fast, None);
    let before = stats(&socket).unwrap();
    network.discover(3);
    arrives(&capture, LIVE, 3);
    arrives(&capture, LATE, 3);
    let after = stats(&socket).unwrap();
    assert_eq!(after.copies.fast - before.copies.fast, 2, "both by the fast path now: {after:?}");
    drop(relay);
}

#[test]
fn a_server_that_changes_its_ethernet_address_is_followed() {
    let network = network("new-mac");
    let (relay, socket) = XdpDhcrelay::new(Mode::Native).start_on(&network.relay, "eth0", &[LIVE]).unwrap();
    let capture = Capture::incoming(&network.host, "eth0").unwrap();
    until_server(&socket, LIVE, ServerPath::Fast, None);
    network.discover(1);
    arrives(&capture, LIVE, 1);
    network.relay.run(&format!("ip neigh replace {LIVE} dev eth1 lladdr 02:00:00:00:0a:0b")).unwrap();
    until_server(&socket, LIVE, ServerPath::Fast, Some("02:00:00:00:0a:0b"));
    network.discover(2);
    assert_eq!(arrives(&capture, LIVE, 2), [2, 0, 0, 0, 0x0a, 0x0b]);
    drop(relay);
}
