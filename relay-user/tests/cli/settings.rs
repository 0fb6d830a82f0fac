//! Drivers without native XDP, and drivers that refuse it with a port's present settings.

use crate::{
    daemon::{Daemon, Setup},
    machine::Machine,
};

const REQUIRE: &str = "fast_path = \"require\"";

/// What the daemon says when `port` has to be native.
fn refused(machine: &Machine, port: &str) -> String {
    let setup = Setup::new();
    let file = setup.file(&format!("{REQUIRE}\nxdp_mode = \"native\""), port);
    let (code, said) = Daemon::start(machine, &file).ends();
    assert_eq!(code, Some(1), "{said}");
    let line = said.lines().find(|line| line.contains(" ERROR ")).unwrap_or_else(|| panic!("{said}"));
    assert!(line.contains(&format!("{port}: XDP cannot be attached (native): ")), "{line}");
    assert!(line.contains("set relay.xdp_mode = \"auto\" or \"generic\""), "{line}");
    line.to_owned()
}

/// What the daemon says when the mode is its choice: generic for `port`.
fn generic_by_choice(machine: &Machine, port: &str) -> String {
    let setup = Setup::new();
    let mut daemon = Daemon::start(machine, &setup.file(REQUIRE, port));
    let said = daemon.ready().to_owned();
    assert!(said.contains(&format!("port=\"{port}\" mode=\"generic\"")), "{said}");
    daemon.terminate();
    let line =
        said.lines().find(|line| line.contains(&format!("{port}: "))).unwrap_or_else(|| panic!("{said}"));
    line.to_owned()
}

#[test]
fn a_driver_without_native_xdp_is_named_as_such_and_auto_takes_generic() {
    let machine = Machine::new();
    machine.ip(&["link", "add", "br1", "type", "bridge"]);
    machine.ip(&["link", "set", "br1", "up"]);
    machine.ip(&["addr", "add", "192.168.61.2/24", "dev", "br1"]);
    let line = refused(&machine, "br1");
    assert!(line.contains("its driver has no native XDP"), "{line}");
    let line = generic_by_choice(&machine, "br1");
    assert!(line.contains(" INFO ") && line.contains("generic XDP is used"), "{line}");
}

#[test]
fn an_mtu_too_large_for_native_xdp_is_named_and_auto_takes_generic_with_a_warning() {
    let machine = Machine::new();
    for end in ["eth1", "eth1p"] {
        machine.ip(&["link", "set", end, "mtu", "9000"]);
    }
    let line = refused(&machine, "eth1");
    assert!(line.contains("the MTU is too large for native XDP (MTU 9000"), "{line}");
    let warning = generic_by_choice(&machine, "eth1");
    assert!(
        warning.contains(" WARN ") && warning.contains("generic XDP, which is slower, is used"),
        "{warning}"
    );

    for end in ["eth1", "eth1p"] {
        machine.run(&crate::daemon::remedy(&line).replace("eth1", end));
    }
    let setup = Setup::new();
    let mut daemon =
        Daemon::start(&machine, &setup.file(&format!("{REQUIRE}\nxdp_mode = \"native\""), "eth1"));
    daemon.ready();
    daemon.terminate();
}

#[test]
fn too_few_receive_queues_for_native_xdp_are_named_and_auto_takes_generic_with_a_warning() {
    let machine = Machine::new();
    machine.run(
        "ip link add eth2 numtxqueues 1 numrxqueues 1 type veth peer name eth2p numtxqueues 4 numrxqueues 4",
    );
    for end in ["eth2", "eth2p"] {
        machine.ip(&["link", "set", end, "up"]);
    }
    machine.ip(&["addr", "add", "192.168.61.2/24", "dev", "eth2"]);
    let line = refused(&machine, "eth2");
    assert!(line.contains("fewer receive queues than the other end has transmit queues"), "{line}");
    let warning = generic_by_choice(&machine, "eth2");
    assert!(warning.contains(" WARN "), "{warning}");
}
