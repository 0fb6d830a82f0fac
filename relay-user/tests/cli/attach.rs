//! Another XDP program in the way: the message names the port, the program and who holds it, and its remedy, typed as it
//! stands, lets the daemon start.

use relay_user::fastpath::Mode;

use crate::{
    daemon::{Daemon, Setup, remedy},
    foreign::Foreign,
    machine::Machine,
};

const REQUIRE: &str = "fast_path = \"require\"";

/// Starts a daemon that is refused, checks what it says, does what it says, and starts it again.
fn refused_until_remedied(machine: &Machine, setup: &Setup, relay: &str, expected: &[&str]) {
    let file = setup.file(relay, "eth1");
    let (code, said) = Daemon::start(machine, &file).ends();
    assert_eq!(code, Some(1), "{said}");
    let line = said.lines().find(|line| line.contains(" ERROR ")).unwrap_or_else(|| panic!("{said}"));
    for part in ["eth1: XDP cannot be attached", "fast_path = \"prefer\""].iter().chain(expected) {
        assert!(line.contains(part), "no {part:?} in:\n{line}");
    }
    assert!(!setup.pins.exists(), "{said}");
    machine.run(remedy(line));
    let mut daemon = Daemon::start(machine, &file);
    daemon.ready();
    daemon.terminate();
}

#[test]
fn a_program_that_another_tool_put_on_the_port_is_named_in_each_mode() {
    let foreign = Foreign::new("netlink");
    for (theirs, ours) in [
        (Mode::Native, "auto"),
        (Mode::Generic, "generic"),
        // EEXIST: native and generic XDP cannot be on one device at one time.
        (Mode::Generic, "native"),
        (Mode::Native, "generic"),
    ] {
        let (machine, setup) = (Machine::new(), Setup::new());
        foreign.by_netlink(&machine, "eth1", theirs);
        let relay = format!("{REQUIRE}\nxdp_mode = \"{ours}\"");
        let program = format!("\"ingress\" ({theirs}) is on it; take it off with");
        refused_until_remedied(&machine, &setup, &relay, &["the XDP program ", &program]);
    }
}

#[test]
fn a_program_that_a_process_holds_is_named_with_that_process() {
    let (machine, setup) = (Machine::new(), Setup::new());
    let mut foreign = Foreign::new("link");
    let _attachment = foreign.by_link(&machine, "eth1", Mode::Native);
    let holder = format!("held by process {} ", std::process::id());
    let remedy = format!("end process {} (", std::process::id());
    refused_until_remedied(&machine, &setup, REQUIRE, &[&holder, &remedy, "bpftool link detach id "]);
}

#[test]
fn a_program_on_the_bridge_above_the_port_is_named_with_that_bridge() {
    let (machine, setup) = (Machine::new(), Setup::new());
    machine.ip(&["link", "add", "br1", "type", "bridge"]);
    machine.ip(&["link", "set", "eth1", "master", "br1"]);
    machine.ip(&["link", "set", "br1", "up"]);
    Foreign::new("upper").by_netlink(&machine, "br1", Mode::Generic);
    let expected = ["br1 is above it and has the XDP program ", "or name br1 instead of eth1"];
    refused_until_remedied(&machine, &setup, REQUIRE, &expected);
}

#[test]
fn where_xdp_is_preferred_the_port_goes_by_the_slow_path_and_the_log_says_why() {
    let (machine, setup) = (Machine::new(), Setup::new());
    Foreign::new("prefer").by_netlink(&machine, "eth1", Mode::Native);
    let mut daemon = Daemon::start(&machine, &setup.file("fast_path = \"prefer\"", "eth1"));
    let said = daemon.ready();
    let line = said.lines().find(|line| line.contains("eth1: XDP cannot be attached")).unwrap_or_default();
    assert!(line.contains(" WARN ") && line.contains("the port is served by the slow path"), "{said}");
    daemon.terminate();
    assert!(machine.ip(&["link", "show", "eth1"]).contains("xdp"), "the other program stays");
}
