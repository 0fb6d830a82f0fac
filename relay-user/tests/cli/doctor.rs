//! `doctor`: what it says of a machine, that what it says to do helps, and that looking changes nothing.

use std::process::Command;

use relay_user::fastpath::Mode;
use serde_json::Value;

use crate::{
    BINARY, Said, clean,
    daemon::{Daemon, Setup, remedy},
    foreign::Foreign,
    machine::Machine,
    say,
};

/// A user without rights; it need not have a name.
const NOBODY: &str = "65534";

fn doctor(machine: &Machine, setup: &Setup, relay: &str, port: &str) -> Said {
    say(machine.binary().args(["doctor", "--config"]).arg(setup.file(relay, port)))
}

/// The line about `about` that contains `what`, with the remedy that follows it.
fn finding<'s>(said: &'s Said, about: &str, what: &str) -> (&'s str, &'s str) {
    let mut lines = said.stdout.lines();
    let found = lines.by_ref().find(|line| line.contains(&format!("{about}: ")) && line.contains(what));
    let found = found.unwrap_or_else(|| panic!("nothing of {what:?} about {about}: {said:?}"));
    (found, lines.next().filter(|line| line.contains("-> ")).unwrap_or_default())
}

/// Lets both ports take redirected frames.
fn ready(machine: &Machine) {
    for peer in ["eth0p", "eth1p"] {
        machine.run(&format!("ethtool -K {peer} gro on"));
    }
}

#[test]
fn where_nothing_is_in_the_way_the_exit_code_is_0_and_nothing_has_changed() {
    let (machine, setup) = (Machine::new(), Setup::new());
    ready(&machine);
    let before = machine.state();
    let said = doctor(&machine, &setup, "", "eth1");
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""), "{said:?}");
    assert!(said.stdout.ends_with("Nothing keeps messages off the fast path.\n"), "{said:?}");
    let port = said.stdout.lines().find(|line| line.starts_with("eth1 ")).expect("the port has a line");
    let cells: Vec<&str> = port.split_whitespace().collect();
    assert_eq!(cells[..6], ["eth1", "veth", "native", "yes", "yes", "1500"], "{port}");
    assert_eq!(cells.last(), Some(&"clients"), "{port}");
    // Nobody has asked for the server's address yet, and the doctor does not.
    finding(&said, "server 10.0.41.10", "the daemon sees to it");
    assert_eq!(machine.state(), before);
    assert!(!setup.pins.exists());
}

#[test]
fn a_port_that_takes_no_redirected_frames_is_slow_until_the_remedy_is_typed() {
    let (machine, setup) = (Machine::new(), Setup::new());
    machine.run("ethtool -K eth0p gro on");
    let said = doctor(&machine, &setup, "", "eth1");
    assert_eq!(said.code, Some(1), "{said:?}");
    let (line, to_do) =
        finding(&said, "interface eth1", "eth1 takes no frames that native XDP redirects to it");
    assert!(line.starts_with("SLOW ") && line.ends_with("replies go by the daemon"), "{line}");
    machine.run(&remedy(to_do).replace("PEER", "eth1p"));
    assert_eq!(doctor(&machine, &setup, "", "eth1").code, Some(0));
    // In generic mode it never mattered.
    machine.run("ethtool -K eth1p gro off");
    assert_eq!(doctor(&machine, &setup, "xdp_mode = \"generic\"", "eth1").code, Some(0));
}

#[test]
fn another_program_on_the_port_is_a_fault_until_the_remedy_is_typed_and_the_relays_own_is_none() {
    let (machine, setup) = (Machine::new(), Setup::new());
    ready(&machine);
    Foreign::new("doctor").by_netlink(&machine, "eth1", Mode::Native);
    let said = doctor(&machine, &setup, "", "eth1");
    assert_eq!(said.code, Some(1), "{said:?}");
    let (line, to_do) = finding(&said, "eth1", "eth1 has the XDP program");
    assert!(line.starts_with("FAULT"), "{line}");
    machine.run(remedy(to_do));
    assert_eq!(doctor(&machine, &setup, "", "eth1").code, Some(0));

    // The daemon would find out that nobody answers.
    machine.ip(&["neigh", "add", "10.0.41.10", "lladdr", "02:00:00:00:00:99", "dev", "eth0"]);
    let mut daemon = Daemon::start(&machine, &setup.file("", "eth1"));
    daemon.ready();
    let said = doctor(&machine, &setup, "", "eth1");
    assert_eq!(said.code, Some(0), "{said:?}");
    let (line, _) = finding(&said, "eth1", "a relay is at work");
    assert!(line.contains(&format!("held by process {}", daemon.pid())), "{line}");
    daemon.terminate();
}

#[test]
fn a_bridge_is_generic_and_its_replies_are_slow_beside_native_ports() {
    let (machine, setup) = (Machine::new(), Setup::new());
    ready(&machine);
    machine.ip(&["link", "add", "br1", "type", "bridge"]);
    machine.ip(&["link", "set", "eth1", "master", "br1"]);
    machine.ip(&["link", "set", "br1", "up"]);
    machine.ip(&["addr", "add", "192.168.70.2/24", "dev", "br1"]);
    let said = doctor(&machine, &setup, "", "br1");
    let (_, to_do) = finding(&said, "br1", "a bridge device has no native XDP");
    assert!(to_do.contains("members = true"), "{to_do}");
    let (_, to_do) = finding(&said, "interface br1", "replies go by the daemon");
    assert!(to_do.contains("relay.xdp_mode = \"generic\""), "{to_do}");
    assert_eq!(doctor(&machine, &setup, "xdp_mode = \"generic\"", "br1").code, Some(0));
    let native = doctor(&machine, &setup, "xdp_mode = \"native\"", "br1");
    let (line, to_do) = finding(&native, "br1", "a bridge device has no native XDP");
    assert!(line.starts_with("FAULT") && to_do.contains("\"auto\" or \"generic\""), "{native:?}");
}

#[test]
fn a_port_that_is_down_and_an_mtu_that_is_too_large_are_found() {
    let (machine, setup) = (Machine::new(), Setup::new());
    ready(&machine);
    machine.run("ip link set eth1 mtu 9000");
    machine.run("ip link set eth0p down");
    let said = doctor(&machine, &setup, "", "eth1");
    let (_, to_do) = finding(&said, "eth1", "with an MTU of 9000");
    machine.run(remedy(to_do));
    let (line, _) = finding(&said, "server 10.0.41.10", "eth0 is down or has no carrier");
    assert!(line.starts_with("FAULT"), "{line}");
    machine.run("ip link set eth0p up");
    assert_eq!(doctor(&machine, &setup, "", "eth1").code, Some(0));
}

#[test]
fn missing_rights_are_named_and_the_rest_is_said_all_the_same() {
    let (machine, setup) = (Machine::new(), Setup::new());
    ready(&machine);
    let mut command: Command = machine.command("setpriv");
    clean(&mut command);
    let id = format!("--reuid={NOBODY}");
    command.args([id.as_str(), "--clear-groups", BINARY, "doctor", "--config"]).arg(setup.file("", "eth1"));
    // It has to read the file.
    machine.run(&format!("chmod -R a+rX {}", setup.path().display()));
    let said = say(&mut command);
    assert_eq!(said.code, Some(1), "{said:?}");
    let (line, to_do) = finding(&said, "this machine", "lacks CAP_BPF CAP_PERFMON CAP_NET_ADMIN");
    assert!(line.starts_with("FAULT") && to_do.contains("CapabilityBoundingSet="), "{said:?}");
    assert!(said.stdout.lines().any(|line| line.starts_with("eth1 ") && line.contains("native")), "{said:?}");
}

#[test]
fn json_is_one_document_with_the_same_findings() {
    let (machine, setup) = (Machine::new(), Setup::new());
    let file = setup.file("fast_path = \"off\"", "eth1");
    let said = say(machine.binary().args(["doctor", "--json", "--config"]).arg(file));
    assert_eq!((said.code, said.stderr.as_str()), (Some(1), ""), "{said:?}");
    let report: Value = serde_json::from_str(&said.stdout).expect("one document");
    assert_eq!(report["fast"], false);
    assert_eq!(report["machine"][0]["weight"], "slow");
    assert_eq!(report["machine"][0]["remedy"], "set it to \"require\" or \"prefer\"");
    let names: Vec<&Value> =
        report["ports"].as_array().expect("a list").iter().map(|port| &port["name"]).collect();
    assert_eq!(names, ["eth0", "eth1"]);
    assert_eq!((&report["ports"][1]["mode"], &report["ports"][1]["native"]), (&"off".into(), &true.into()));
    assert_eq!(report["interfaces"][0]["on"][0], "eth1");
    assert_eq!(report["servers"][0]["device"], "eth0");
}

#[test]
fn a_wrong_configuration_is_said_as_check_says_it() {
    let (machine, setup) = (Machine::new(), Setup::new());
    let file = setup.file("", "eth9");
    let said = say(machine.binary().args(["doctor", "--config"]).arg(&file));
    let checked = say(machine.binary().args(["check", "--config"]).arg(&file));
    assert_eq!((said.code, said.stdout.as_str()), (Some(2), ""));
    assert_eq!(said.stderr, checked.stderr);
}
