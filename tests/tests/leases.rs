//! The client table of a relay between a real client and two ISC dhcpd in failover: what it says after every step is
//! what the client was told, the steps that only pass through the router included.

#![allow(clippy::unwrap_used, reason = "a test panics; clippy exempts only the functions marked #[test]")]

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use relay_tests::lab::build::{BOOTREQUEST, Bootp, Datagram};
use relay_tests::lab::packet::{Deliver, PacketSocket};
use relay_tests::lab::topology::{EDGE, Topology, one_relay_two_servers};
use relay_tests::lab::{Namespace, Proc, wait};
use relay_tests::peers::dhcpd::Dhcpd;
use relay_tests::peers::failover::{FailoverPair, Place};
use relay_tests::peers::{Client, Dhclient};
use relay_tests::pinned;
use relay_tests::subject::{Mode, XdpDhcrelay, stats};
use relay_user::control::leases::{Filter, LeaseRow, Leases, Servers, StepRow};
use relay_user::control::{self, Command, Question};

const DEADLINE: Duration = Duration::from_secs(60);

/// An operator's lease times: an hour, which MCLT makes half an hour at first. The client renews after four seconds, which dhcpd
/// must not answer with what is left of the old lease (`dhcp-cache-threshold`), and asks everybody after twelve; the client
/// `brief` gets a lease of ten seconds.
fn subnets(brief: &str) -> String {
    format!(
        r#"ping-check false;
dhcp-cache-threshold 0;
option dhcp-renewal-time 4;
option dhcp-rebinding-time 12;
host brief {{ hardware ethernet {brief}; default-lease-time 10; max-lease-time 10; }}
subnet 10.0.41.0 netmask 255.255.255.0 {{ }}
subnet 192.168.60.0 netmask 255.255.255.0 {{
    option subnet-mask 255.255.255.0;
    option broadcast-address 192.168.60.255;
    option routers 192.168.60.1;
    pool {{
        failover peer "dhcp-failover";
        default-lease-time 3600;
        max-lease-time 86400;
        range 192.168.60.110 192.168.60.210;
    }}
}}
"#
    )
}

/// A relay at work between clients and the pair.
struct Scene {
    mode: Mode,
    topology: Topology,
    servers: [Option<Dhcpd>; 2],
    socket: PathBuf,
    steps: Arc<Mutex<Vec<StepRow>>>,
    relay: Proc,
    client: Namespace,
    brief: Namespace,
}

impl Scene {
    fn new(mode: Mode) -> Self {
        let topology = one_relay_two_servers(&format!("leases-{mode:?}").to_lowercase()).unwrap();
        let (client, brief) = (topology.client("c1").unwrap(), topology.client("c2").unwrap());
        let place = |number: usize| {
            let server = &topology.servers[number];
            Place { host: &server.host, interface: EDGE, address: server.address }
        };
        let brief_mac = mac(&brief);
        let pair = FailoverPair::start(&place(0), &place(1), &subnets(&brief_mac)).unwrap();
        let (relay, socket) = XdpDhcrelay::new(mode)
            .start_on(&topology.relays[0].host, EDGE, &topology.server_addresses())
            .unwrap();
        let steps = follow(&socket);
        let probe = topology.client("probe").unwrap();
        until_followed(&probe, &steps);
        let servers = [Some(pair.primary), Some(pair.secondary)];
        Self { mode, topology, servers, socket, steps, relay, client, brief }
    }

    fn leases(&self, filter: Filter) -> Leases {
        control::ask(&self.socket, Question { command: Command::Leases, filter }).unwrap()
    }

    /// Waits until the table says of a client what is wanted.
    fn until(&self, host: &Namespace, what: &str, wanted: impl Fn(&LeaseRow) -> bool) -> LeaseRow {
        let filter = Filter { mac: Some(mac(host)), ..Filter::default() };
        let mut last = None;
        let waited = wait::until(what, DEADLINE, || {
            last = self.leases(filter.clone()).leases.into_iter().next();
            Ok(last.clone().filter(&wanted))
        });
        waited.unwrap_or_else(|error| {
            let steps: Vec<String> = self.steps.lock().unwrap().iter().map(said).collect();
            panic!(
                "{:?}: {error:#}: {last:?}\n{}\n{:?}\n{}",
                self.mode,
                steps.join("\n"),
                stats(&self.socket),
                self.relay.lines().join("\n")
            )
        })
    }

    /// Waits until nobody holds the address.
    fn until_free(&self, address: Ipv4Addr) {
        let filter = Filter { address: Some(address), state: Some("bound".into()), ..Filter::default() };
        wait::until("the entry is gone", DEADLINE, || {
            Ok(self.leases(filter.clone()).leases.is_empty().then_some(()))
        })
        .unwrap_or_else(|error| panic!("{:?}: {error:#}", self.mode));
    }

    /// The pinned map as bpftool reads it; without a fast path there is none.
    fn mapped(&self) -> Vec<pinned::Lease> {
        let pins = pinned::directory(&self.socket).unwrap();
        if self.mode.is_fast() {
            return pinned::leases(&pins).unwrap();
        }
        assert!(!pins.join("leases").exists());
        Vec::new()
    }

    /// What the map says of a client's address is what the table has said.
    fn is_mapped(&self, host: &Namespace, address: Ipv4Addr, row: &LeaseRow) {
        let all = self.mapped();
        let found = all.iter().find(|lease| lease.address == address);
        let Some(lease) = found else {
            assert!(!self.mode.is_fast(), "{:?}: {address} is not in {all:?}", self.mode);
            return;
        };
        assert_eq!((lease.vrf, lease.interface), (0, 1), "{lease:?}");
        assert_eq!((Some(lease.seconds), Some(lease.server)), (row.lease_seconds.map(u64::from), row.server));
        assert_eq!(lease.chaddr, host.mac(EDGE).unwrap());
        assert!((1..=3).contains(&lease.state), "{lease:?}");
        let left = Duration::from_nanos(lease.expires)
            .saturating_sub(clock_gettime(ClockId::CLOCK_BOOTTIME).unwrap().into());
        assert!(left <= Duration::from_secs(lease.seconds), "{left:?}: {lease:?}");
        assert!(
            lease.seconds == 10 || left > Duration::from_secs(lease.seconds - 100),
            "{left:?}: {lease:?}"
        );
    }

    /// The steps of a client so far, by name, without repetitions.
    fn steps_of(&self, host: &Namespace) -> Vec<String> {
        let own = mac(host);
        let all = self.steps.lock().unwrap();
        let mut names: Vec<String> =
            all.iter().filter(|step| step.mac.as_ref() == Some(&own)).map(|step| step.step.clone()).collect();
        names.dedup();
        names
    }
}

fn mac(host: &Namespace) -> String {
    let octets = host.mac(EDGE).unwrap();
    octets.iter().map(|octet| format!("{octet:02x}")).collect::<Vec<_>>().join(":")
}

fn said(step: &StepRow) -> String {
    format!("{step:?}")
}

/// Follows the events until the relay ends.
fn follow(socket: &Path) -> Arc<Mutex<Vec<StepRow>>> {
    let steps = Arc::new(Mutex::new(Vec::new()));
    let (socket, into) = (socket.to_owned(), Arc::clone(&steps));
    std::thread::spawn(move || {
        let question = Question::from(Command::Events);
        // It ends with the relay, which is no failure here.
        let _ = control::follow(&socket, &question, |step: StepRow| {
            into.lock().unwrap().push(step);
            true
        });
    });
    steps
}

/// Sends DISCOVERs of a client of no consequence until the first is followed.
fn until_followed(probe: &Namespace, steps: &Mutex<Vec<StepRow>>) {
    let own = probe.mac(EDGE).unwrap();
    let sender = PacketSocket::open(probe, EDGE, Deliver::Nothing).unwrap();
    let frame = Datagram::from_client(own, &Bootp::new(BOOTREQUEST, Some(1), own)).frame();
    wait::until("somebody follows", DEADLINE, || {
        sender.send(&frame)?;
        Ok((!steps.lock().unwrap().is_empty()).then_some(()))
    })
    .unwrap();
}

fn the_table_is_what_the_client_was_told(mode: Mode) {
    let mut scene = Scene::new(mode);
    let client = Dhclient::start(&scene.client, EDGE).unwrap();
    let address = client.bound().unwrap();

    let first = scene.until(&scene.client, "the first lease", |row| row.address == Some(address));
    assert_eq!(first.lease_seconds, Some(1800), "{mode:?}: MCLT: {first:?}");
    assert_eq!((first.interface.as_str(), first.t1_seconds), (EDGE, Some(4)), "{first:?}");
    assert!(first.expires_in_seconds.is_some_and(|left| left <= 1800), "{first:?}");
    assert_eq!(first.server, first.server_id);
    let server = first.server.unwrap();
    scene.is_mapped(&scene.client, address, &first);
    assert!(first.offers.iter().any(|offer| offer.server == server && offer.address == address), "{first:?}");

    // The renewal goes from the client to the server, past the relay.
    let relayed = |stats: &relay_user::control::model::Stats| {
        let count = stats.interfaces[0].requests["request"];
        count.fast + count.slow
    };
    let before = relayed(&stats(&scene.socket).unwrap());
    let renewed = scene.until(&scene.client, "the renewed lease", |row| row.lease_seconds == Some(3600));
    assert_eq!((renewed.address, renewed.server), (Some(address), Some(server)));
    assert!(renewed.expires_in_seconds.is_some_and(|left| (3500..=3600).contains(&left)), "{renewed:?}");
    assert_eq!(relayed(&stats(&scene.socket).unwrap()), before, "{mode:?}: the renewal was relayed");
    scene.is_mapped(&scene.client, address, &renewed);

    // The server dies. The client asks it in vain, then everybody, and the partner extends the lease.
    let number = scene.topology.servers.iter().position(|host| host.address == server).unwrap();
    drop(scene.servers[number].take());
    let partner = scene.topology.servers[1 - number].address;
    let taken = scene.until(&scene.client, "the partner's lease", |row| row.server == Some(partner));
    assert_eq!(taken.address, Some(address), "{mode:?}: {taken:?}");
    scene.is_mapped(&scene.client, address, &taken);

    // Another client vanishes, and its short lease runs out.
    let brief = Dhclient::start(&scene.brief, EDGE).unwrap();
    let borrowed = brief.bound().unwrap();
    let held = scene.until(&scene.brief, "the short lease", |row| row.address == Some(borrowed));
    assert_eq!((held.lease_seconds, held.server), (Some(10), Some(partner)), "{held:?}");
    scene.is_mapped(&scene.brief, borrowed, &held);
    drop(brief);
    scene.until(&scene.brief, "the end of the short lease", |row| row.state == "expired");
    scene.until_free(borrowed);
    assert!(!scene.mapped().iter().any(|lease| lease.address == borrowed), "{mode:?}: it has run out");

    Box::new(client).release().unwrap();
    scene.until(&scene.client, "the released lease", |row| row.state == "released");
    scene.until_free(address);
    assert_eq!(scene.mapped(), [], "{mode:?}: nobody holds a lease");

    let steps = scene.steps_of(&scene.client);
    let order = ["discover", "offer", "bound", "renewing", "renewed", "rebinding", "taken_over", "released"];
    let mut rest = steps.iter();
    for wanted in order {
        assert!(rest.any(|step| step == wanted), "{mode:?}: {wanted} is not in its place: {steps:?}");
    }
    let counts = stats(&scene.socket).unwrap().clients;
    assert_eq!((counts.suspicious, counts.limit_reached), (0, 0), "{counts:?}");
    assert_eq!((counts.events_lost, counts.discovers_lost), (0, 0), "{counts:?}");
    let servers: Servers = control::ask(&scene.socket, Command::Servers).unwrap();
    assert!(servers.groups[0].servers.iter().all(|server| server.acks > 0), "{mode:?}: {servers:?}");
}

#[test]
fn the_table_is_what_the_client_was_told_without_xdp() {
    the_table_is_what_the_client_was_told(Mode::Off);
}

#[test]
fn the_table_is_what_the_client_was_told_in_generic_mode() {
    the_table_is_what_the_client_was_told(Mode::Generic);
}

#[test]
fn the_table_is_what_the_client_was_told_in_native_mode() {
    the_table_is_what_the_client_was_told(Mode::Native);
}
