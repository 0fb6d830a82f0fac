//! What stays and what goes with a new configuration: leases, host routes, counters and the watch stay with the interfaces that
//! do, whatever their numbers become; an interface that is new is served, one that is gone is not.

use std::net::Ipv4Addr;
use std::process::Command;

use nix::sys::signal::Signal;
use relay_tests::churn::{ACK, REQUEST, Wires, from_client, mac, mac_text, server};
use relay_tests::lab::build::{Bootp, Datagram};
use relay_tests::lab::direct::{EDGE, upstream};
use relay_tests::lab::packet::{Deliver, PacketSocket};
use relay_tests::lab::{Capture, Proc, wait};
use relay_tests::pinned;
use relay_tests::routed::Place;
use relay_tests::subject::Mode;
use relay_user::control::leases::Filter;

use super::{DEADLINE, DISCOVER, OFFER, Stage, tagged, untagged};

const LEASE: u32 = 7200;
const STAYS: u8 = 1;
const GOES: u8 = 2;
/// Of the client that stays.
const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 168, 60, 11);
/// Of the client whose interface goes.
const BORROWED: Ipv4Addr = Ipv4Addr::new(192, 168, 8, 11);

struct Scene {
    stage: Stage,
    wires: Wires,
    tagged: PacketSocket,
    relay: Proc,
}

impl Scene {
    fn new(title: &str, mode: Mode) -> Self {
        let stage = Stage::new(title, mode);
        let wires = Wires::new(&stage.network).unwrap();
        first(&stage);
        let tagged = PacketSocket::open(stage.client(), EDGE, Deliver::Incoming).unwrap();
        let relay = stage.start();
        Self { stage, wires, tagged, relay }
    }

    fn sends_tagged(&self, vlan: u8, message: &Bootp) {
        let mut datagram = Datagram::from_client(*message.chaddr.first_chunk().unwrap(), message);
        datagram.tags = vec![(0x8100, vlan.into())];
        self.tagged.send(&datagram.frame()).unwrap();
    }

    /// Server `number` answers a client in a VLAN, and the client gets it, with its tag.
    fn answers_tagged(&self, number: usize, vlan: u8, asked: &Bootp, kind: u8, address: Ipv4Addr) {
        let giaddr = Ipv4Addr::new(192, 168, vlan, 2);
        let reply = Bootp { giaddr, ..self.wires.reply(number, asked, kind, address, LEASE) };
        let host = &self.stage.network.hosts[number];
        let from = (host.mac(EDGE).unwrap(), server(number));
        let to = (self.stage.network.relay.mac(&upstream(number)).unwrap(), giaddr);
        let at_client = Capture::incoming(self.stage.client(), EDGE).unwrap();
        relay_tests::lab::direct::send(host, &Datagram::between(from, to, &reply).frame()).unwrap();
        let packet = at_client
            .wait_for_dhcp("the reply in the VLAN", 0, DEADLINE, |_, packet| {
                packet.bootp().is_ok_and(|bootp| bootp.xid() == asked.xid)
            })
            .unwrap();
        assert_eq!(packet.ethernet.tags[0].control & 0xfff, u16::from(vlan), "{packet}");
    }

    /// Hardware and IPv4 address of everybody who is bound.
    fn bound(&self) -> Vec<(String, Ipv4Addr)> {
        let filter = Filter { state: Some("bound".into()), ..Filter::default() };
        let rows = self.stage.site.leases(filter).unwrap().leases;
        rows.into_iter()
            .map(|row| {
                assert!(row.expires_in_seconds.unwrap() > 6000, "{row:?}");
                (row.mac.unwrap(), row.address.unwrap())
            })
            .collect()
    }

    fn place(&self) -> Place<'_> {
        Place { relay: &self.stage.network.relay, device: EDGE, table: "main" }
    }

    /// ACKs of the first server, by the watch.
    fn acks(&self) -> u32 {
        let servers = self.stage.site.servers().unwrap();
        let all = servers.groups.iter().flat_map(|group| &group.servers);
        all.filter(|found| found.address == server(0)).map(|found| found.acks).sum()
    }

    /// What is pinned, and, of the client that stays, the interface in the map of leases.
    fn pinned(&self) -> (Vec<String>, Option<u64>) {
        let pins = self.stage.site.pins();
        let names =
            std::fs::read_dir(pins).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        let lease = if names.is_empty() {
            None
        } else {
            let leases = pinned::leases(pins).unwrap();
            leases.iter().find(|lease| lease.address == ADDRESS).map(|lease| lease.interface)
        };
        (names, lease)
    }
}

/// The interface that stays is the second one.
fn first(stage: &Stage) {
    let routes = "host_routes = true";
    stage.configure("", &[("core", &[0])], &[tagged(8, "core", routes), untagged("core", routes)]);
}

/// It is the first one, and its group the second.
fn second(stage: &Stage) {
    let interfaces = [untagged("core", "host_routes = true"), tagged(7, "new", "")];
    stage.configure("", &[("new", &[2]), ("core", &[0])], &interfaces);
}

/// Descriptors of a process that are of the BPF system.
fn descriptors(pid: u32) -> usize {
    let entries = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    let links = entries.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    links.filter(|link| link.to_string_lossy().starts_with("anon_inode:bpf")).count()
}

fn what_belongs_to_an_interface_that_stays_goes_on(mode: Mode) {
    let mut scene = Scene::new("kept", mode);
    scene.wires.binds(STAYS, 0x100, ADDRESS, LEASE).unwrap();
    let request =
        from_client(GOES, REQUEST, 0x101).option(50, &BORROWED.octets()).option(54, &server(0).octets());
    scene.sends_tagged(8, &request);
    scene.wires.reaches(0, 0x101, REQUEST).unwrap();
    scene.answers_tagged(0, 8, &request, ACK, BORROWED);
    scene.place().until_routed(ADDRESS, mac(STAYS)).unwrap();
    scene.place().until_routed(BORROWED, mac(GOES)).unwrap();
    let mut everybody = scene.bound();
    everybody.sort();
    assert_eq!(everybody, [(mac_text(STAYS), ADDRESS), (mac_text(GOES), BORROWED)], "{mode:?}");
    assert_eq!(scene.acks(), 2, "{mode:?}");
    let counted = scene.stage.interface(None);

    let mut monitor = Command::new("ip");
    monitor.args(["monitor", "route"]);
    let monitor = scene.stage.network.relay.spawn(monitor).unwrap();
    let relay = &scene.stage.network.relay;
    wait::until("routes are followed", DEADLINE, || {
        // Each time anew: what is there already is no news.
        relay.run("ip route add 198.51.100.1/32 dev eth0")?;
        relay.run("ip route del 198.51.100.1/32 dev eth0")?;
        Ok((!monitor.lines().is_empty()).then_some(()))
    })
    .unwrap();
    second(&scene.stage);
    let reloaded = scene.stage.reload();
    let changes = &reloaded.changes;
    assert_eq!((&changes.groups.added[..], &changes.groups.changed[..]), (&["new".to_owned()][..], &[][..]));
    assert_eq!(changes.interfaces.added, [format!("{EDGE}.7")], "{changes:?}");
    assert_eq!(changes.interfaces.removed, [format!("{EDGE}.8")], "{changes:?}");
    assert!(changes.interfaces.changed.is_empty(), "{changes:?}");

    assert_eq!(scene.bound(), [(mac_text(STAYS), ADDRESS)], "{mode:?}");
    assert_eq!(scene.stage.interface(None).requests, counted.requests, "{mode:?}");
    assert_eq!(scene.stage.interface(None).replies, counted.replies, "{mode:?}");
    // One of the two is with the client whose interface is gone, and with the server all the same.
    assert_eq!(scene.acks(), 2, "{mode:?}");
    scene.place().until_unrouted(BORROWED).unwrap();
    scene.place().until_routed(ADDRESS, mac(STAYS)).unwrap();
    scene.stage.network.relay.run("ip route add 198.51.100.2/32 dev eth0").unwrap();
    monitor.wait_for_line("198.51.100.2", DEADLINE).unwrap();
    let lines = monitor.lines();
    assert!(
        lines.iter().any(|line| line.contains("Deleted") && line.contains(&BORROWED.to_string())),
        "{lines:?}"
    );
    assert!(
        !lines.iter().any(|line| line.contains("Deleted") && line.contains(&ADDRESS.to_string())),
        "{lines:?}"
    );
    if mode.is_fast() {
        let names = ["counters", "interfaces", "leases", "servers"].map(str::to_owned).to_vec();
        assert_eq!(scene.pinned(), (names, Some(1)), "{mode:?}");
    }

    // It renews, and is known.
    scene.wires.binds(STAYS, 0x102, ADDRESS, LEASE).unwrap();
    assert_eq!(scene.acks(), 3, "{mode:?}");
    let path =
        |count: relay_user::control::model::Count| if mode.is_fast() { count.fast } else { count.slow };
    assert_eq!(path(scene.stage.interface(None).requests["request"]), 2, "{mode:?}");

    // An interface that is new, and one that is gone; what comes behind it on the same wire has arrived.
    let at_first = Capture::incoming(&scene.stage.network.hosts[0], EDGE).unwrap();
    let discover = from_client(GOES, DISCOVER, 0x103);
    scene.sends_tagged(7, &discover);
    scene.wires.reaches(2, 0x103, DISCOVER).unwrap();
    scene.answers_tagged(2, 7, &discover, OFFER, Ipv4Addr::new(192, 168, 7, 11));
    scene.sends_tagged(8, &from_client(GOES, DISCOVER, 0x104));
    scene.wires.client_sends(&from_client(STAYS, DISCOVER, 0x105)).unwrap();
    scene.wires.reaches(0, 0x105, DISCOVER).unwrap();
    at_first
        .wait_for_dhcp("the last", 0, DEADLINE, |_, packet| {
            packet.bootp().is_ok_and(|bootp| bootp.xid() == 0x105)
        })
        .unwrap();
    let xids: Vec<u32> = at_first.dhcp().iter().map(|(_, packet)| packet.bootp().unwrap().xid()).collect();
    assert_eq!(xids, [0x105], "{mode:?}");
    let new = scene.stage.interface(Some("7"));
    assert_eq!((path(new.requests["discover"]), path(new.replies["offer"])), (1, 1), "{mode:?}: {new:?}");

    // The stored lease is that of the interface that stayed, also when it is read again.
    let Scene { relay, .. } = scene;
    assert!(relay.stop().unwrap().success(), "{mode:?}");
    scene.relay = scene.stage.start();
    assert_eq!(scene.bound(), [(mac_text(STAYS), ADDRESS)], "{mode:?}");
}

fn many_reloads_leave_nothing_behind(mode: Mode) {
    let scene = Scene::new("often", mode);
    scene.wires.binds(STAYS, 0x200, ADDRESS, LEASE).unwrap();
    let mut descriptors_then = None;
    for round in 0..4 {
        let mark = scene.relay.lines().len();
        if round % 2 == 0 {
            second(&scene.stage)
        } else {
            first(&scene.stage)
        }
        // A signal does what the command does.
        scene.relay.signal(Signal::SIGHUP).unwrap();
        scene.relay.wait_for_line_after(mark, "reloaded: server groups: ", DEADLINE).unwrap();
        scene.wires.binds(STAYS, 0x201 + round, ADDRESS, LEASE).unwrap();
        assert_eq!(scene.bound(), [(mac_text(STAYS), ADDRESS)], "{mode:?}");
        assert_eq!(scene.acks(), 2 + round, "{mode:?}");
        if round % 2 == 1 {
            // A group that is being published has one more for a moment.
            let pid = scene.relay.pid();
            let then = *descriptors_then.get_or_insert_with(|| descriptors(pid));
            wait::until("no descriptor is left", DEADLINE, || Ok((descriptors(pid) <= then).then_some(())))
                .unwrap_or_else(|error| panic!("{mode:?}: {error:#}: {then} {}", descriptors(pid)));
        }
    }
    let mark = scene.relay.lines().len();
    scene.relay.signal(Signal::SIGHUP).unwrap();
    scene.relay.wait_for_line_after(mark, "nothing has changed", DEADLINE).unwrap();
    assert_eq!(scene.bound(), [(mac_text(STAYS), ADDRESS)], "{mode:?}");
}

#[test]
fn what_belongs_to_an_interface_that_stays_goes_on_in_every_mode() {
    Mode::ALL.into_iter().for_each(what_belongs_to_an_interface_that_stays_goes_on);
}

#[test]
fn many_reloads_by_signal_leave_nothing_behind_in_every_mode() {
    Mode::ALL.into_iter().for_each(many_reloads_leave_nothing_behind);
}
