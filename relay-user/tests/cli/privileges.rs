//! The daemon without a capability that it needs: each is named, and what to change.

use std::process::Command;

use crate::{
    BINARY, clean,
    daemon::{Daemon, Setup},
    machine::Machine,
};

/// A user without rights; it need not have a name.
const NOBODY: u32 = 65534;
const REQUIRE: &str = "fast_path = \"require\"";

/// The daemon under `setpriv` with these options.
fn run(machine: &Machine, setup: &Setup, relay: &str, options: &[&str]) -> (Option<i32>, String) {
    let mut command: Command = machine.command("setpriv");
    clean(&mut command);
    command.args(options).arg(BINARY).args(["run", "--config"]).arg(setup.file(relay, "eth1"));
    Daemon::spawn(&mut command).ends()
}

#[test]
fn each_missing_capability_of_the_fast_path_is_named_with_the_line_of_the_unit() {
    let machine = Machine::new();
    for (without, missing) in [
        ("-bpf,-sys_admin", "lacks CAP_BPF;"),
        ("-perfmon,-sys_admin", "lacks CAP_PERFMON;"),
        ("-bpf,-perfmon,-sys_admin", "lacks CAP_BPF CAP_PERFMON;"),
    ] {
        let setup = Setup::new();
        let (code, said) = run(&machine, &setup, REQUIRE, &[&format!("--bounding-set={without}")]);
        assert_eq!(code, Some(1), "{without}: {said}");
        for part in [missing, "run as root", "CapabilityBoundingSet=", "AmbientCapabilities="] {
            assert!(said.contains(part), "{without}: no {part:?} in:\n{said}");
        }
        assert!(!setup.pins.exists(), "{said}");
    }
}

#[test]
fn what_the_sockets_need_is_named_in_every_mode() {
    let machine = Machine::new();
    for relay in [REQUIRE, "fast_path = \"off\""] {
        for (without, missing) in
            [("-net_raw", "needs CAP_NET_RAW "), ("-net_bind_service", "needs CAP_NET_BIND_SERVICE ")]
        {
            let setup = Setup::new();
            let (code, said) = run(&machine, &setup, relay, &[&format!("--bounding-set={without}")]);
            assert_eq!(code, Some(1), "{relay}, {without}: {said}");
            assert!(said.contains(missing), "{relay}, {without}: {said}");
            assert!(!said.contains("update the kernel"), "{relay}, {without}: {said}");
        }
    }
}

#[test]
fn another_user_than_root_is_told_all_that_is_missing_at_once() {
    let (machine, setup) = (Machine::new(), Setup::new());
    std::os::unix::fs::chown(setup.path(), Some(NOBODY), Some(NOBODY)).expect("given away");
    // The build's own directory may be closed to that user.
    let binary = setup.path().join("xdp-dhcrelay");
    std::fs::copy(BINARY, &binary).expect("copied");
    let mut command = machine.command("setpriv");
    clean(&mut command);
    command.arg(format!("--reuid={NOBODY}")).arg("--clear-groups").arg(binary).args(["run", "--config"]);
    let (code, said) = Daemon::spawn(command.arg(setup.file(REQUIRE, "eth1"))).ends();
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("the fast path lacks CAP_BPF CAP_PERFMON CAP_NET_ADMIN;"), "{said}");
}
