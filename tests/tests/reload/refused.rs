//! A configuration that is wrong: nothing changes, and whoever asked is told what is wrong where.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use relay_tests::churn::{Wires, from_client};
use relay_tests::lab::direct::EDGE;
use relay_tests::subject::{Mode, status};
use relay_user::control::model::Reloaded;

use super::{DEADLINE, DISCOVER, Stage, tagged, untagged};

struct Case {
    /// Lines for the table `relay`.
    relay: &'static str,
    /// And for the interface.
    interface: &'static str,
    code: i32,
    said: &'static str,
}

const CASES: &[Case] = &[
    Case { relay: "", interface: "giadr = \"192.168.60.2\"", code: 2, said: "giadr" },
    Case { relay: "max_hops = ", interface: "", code: 2, said: "xdp-dhcrelay.toml:" },
    Case { relay: "", interface: "giaddr = \"192.0.2.77\"", code: 2, said: "interface[0].giaddr: " },
    Case { relay: "leasequery = \"auto\"", interface: "", code: 2, said: "relay.leasequery: cannot change" },
];

fn what_is_wrong_changes_nothing(mode: Mode) {
    let stage = Stage::new("wrong", mode);
    let wires = Wires::new(&stage.network).unwrap();
    let good = || stage.configure("", &[("core", &[0])], &[untagged("core", "")]);
    good();
    let relay = stage.start();
    let running = status(&stage.site.socket()).unwrap();
    let mut xid = 0x300;
    let mut is_refused = |code: i32, said: &str| {
        let mark = relay.lines().len();
        let outcome = stage.site.outcome(&["reload"]).unwrap();
        let complaint = String::from_utf8(outcome.stderr).unwrap();
        assert_eq!(outcome.status.code(), Some(code), "{mode:?}: {complaint}");
        assert!(complaint.contains(said), "{mode:?}: {said}: {complaint}");
        assert!(outcome.stdout.is_empty(), "{mode:?}");
        relay.wait_for_line_after(mark, said, DEADLINE).unwrap();
        relay
            .wait_for_line_after(mark, "the configuration is not reloaded; the one before goes on", DEADLINE)
            .unwrap();
        let now = status(&stage.site.socket()).unwrap();
        assert_eq!(
            (&now.ports, &now.interfaces, &now.groups),
            (&running.ports, &running.interfaces, &running.groups)
        );
        xid += 1;
        wires.client_sends(&from_client(1, DISCOVER, xid)).unwrap();
        wires.reaches(0, xid, DISCOVER).unwrap();
        let pins = std::fs::read_dir(stage.site.pins()).unwrap().count();
        assert_eq!(pins, if mode.is_fast() { 4 } else { 0 }, "{mode:?}");
    };
    for Case { relay, interface, code, said } in CASES {
        stage.configure(relay, &[("core", &[1])], &[untagged("core", interface)]);
        is_refused(*code, said);
    }
    if mode.is_fast() {
        // Right in itself, and the fast path, which is required, cannot be had on a new port.
        // There, XDP could not tell frames with a tag from those without.
        let blind = "[[interface]]\nname = \"eth3\"\nserver_group = \"core\"\n\
                     [[interface]]\nname = \"eth3\"\nserver_group = \"core\"\nvlan = 9\naddress = \"192.168.9.2\"\n";
        stage.network.relay.address("eth3", "192.168.9.2/24").unwrap();
        stage.configure("", &[("core", &[1])], &[untagged("core", ""), tagged(7, "core", blind)]);
        is_refused(1, "eth3: ");
    }
    good();
    let outcome = stage.site.outcome(&["reload"]).unwrap();
    let said = String::from_utf8(outcome.stdout).unwrap();
    assert!(outcome.status.success() && said.contains("nothing has changed"), "{mode:?}: {said}");
    stage.configure("", &[("core", &[1])], &[untagged("core", "")]);
    let document = stage.site.prints(&["reload", "--json"]).unwrap();
    let reloaded: Reloaded = serde_json::from_str(&document).unwrap();
    assert_eq!(reloaded.changes.groups.changed, ["core"], "{mode:?}: {document}");
    wires.client_sends(&from_client(1, DISCOVER, 0x400)).unwrap();
    wires.reaches(1, 0x400, DISCOVER).unwrap();
    let discovers = stage.interface(None).requests["discover"];
    assert_eq!(discovers.fast + discovers.slow, u64::from(xid - 0x300) + 1, "{mode:?} {EDGE}: {discovers:?}");
}

#[test]
fn what_is_wrong_changes_nothing_and_is_told_in_every_mode() {
    Mode::ALL.into_iter().for_each(what_is_wrong_changes_nothing);
}

#[test]
fn systemd_is_told_of_a_reload_and_of_its_end_also_when_it_is_refused() {
    let stage = Stage::new("systemd", Mode::Off);
    let _wires = Wires::new(&stage.network).unwrap();
    stage.configure("", &[("core", &[0])], &[untagged("core", "")]);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notify");
    let systemd = UnixDatagram::bind(&path).unwrap();
    systemd.set_read_timeout(Some(DEADLINE)).unwrap();
    let _relay = stage.site.start_with(|command| _ = command.env("NOTIFY_SOCKET", &path)).unwrap();
    let told = || {
        let mut text = [0; 1024];
        let len = systemd.recv(&mut text).unwrap();
        String::from_utf8(text[..len].to_vec()).unwrap()
    };
    assert!(told().contains("READY=1"));
    for (relay, code) in [("dscp = 8", 0), ("dscp = 99", 2)] {
        stage.configure(relay, &[("core", &[1])], &[untagged("core", "")]);
        let before = now();
        assert_eq!(stage.site.outcome(&["reload"]).unwrap().status.code(), Some(code));
        let reloading = told();
        assert!(reloading.contains("RELOADING=1"), "{reloading}");
        let since = reloading.lines().find_map(|line| line.strip_prefix("MONOTONIC_USEC=")).unwrap();
        assert!((before..=now()).contains(&since.parse().unwrap()), "{reloading}");
        assert!(told().contains("READY=1"));
    }
}

/// Microseconds of the clock that systemd compares with.
fn now() -> u128 {
    let time = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC).unwrap();
    Duration::from(time).as_micros()
}
