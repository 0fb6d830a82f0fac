//! Generic mode on the kernel this runs on, whichever it is: each server gets its own copy, or the daemon says that the
//! kernel cannot do that and what would help.

#![allow(clippy::unwrap_used, reason = "what fails in a helper of a test fails the test")]

use relay_tests::lab::expect;
use relay_tests::lab::scenario::{ClientKind, life_of_a_client};
use relay_tests::lab::topology::{EDGE, one_relay_two_servers};
use relay_tests::subject::{Mode, XdpDhcrelay};
use relay_tests::vm::daemon::Daemon;
use relay_user::fastpath::{Mode as Attach, selftest};

#[test]
#[ignore = "says something on kernels other than this machine's: cargo xtask vm"]
fn each_of_two_servers_gets_its_own_copy_in_native_mode() {
    lives(Mode::Native);
}

#[test]
#[ignore = "says something on kernels other than this machine's: cargo xtask vm"]
fn generic_mode_gives_each_server_its_own_copy_or_is_not_used_and_the_log_names_the_fix() {
    let Err(error) = selftest::run(Attach::Generic) else {
        println!("this kernel gives every copy a buffer of its own");
        return lives(Mode::Generic);
    };
    println!("this kernel does not: {error}");
    let topology = one_relay_two_servers("vm-prefer").unwrap();
    let configuration = format!(
        "[[server_group]]\nname = \"core\"\nservers = {:?}\n\n[[interface]]\nname = \"{EDGE}\"\nserver_group = \"core\"\n",
        topology.server_addresses().iter().map(ToString::to_string).collect::<Vec<_>>()
    );
    let settings = "fast_path = \"prefer\"\nxdp_mode = \"generic\"";
    let daemon = Daemon::with(&topology.relays[0].host, settings, &configuration).unwrap();
    let log = daemon.process().lines().join("\n");
    assert!(log.contains("6001896f0098"), "the log does not name the kernel's fix:\n{log}");
    assert!(!log.contains("fast path attached"), "generic mode is used all the same:\n{log}");
}

fn lives(mode: Mode) {
    let topology = one_relay_two_servers(&format!("vm-{mode:?}").to_lowercase()).unwrap();
    let relay = XdpDhcrelay::new(mode);
    let seen = life_of_a_client(&topology, &relay, ClientKind::Udhcpc).unwrap();
    if let Err(error) = expect::whole_life(&topology, &relay, &seen) {
        panic!("{mode:?}: {error:#}\n{seen}");
    }
    let discovers = relay.stats()[0].interfaces[0].requests["discover"];
    assert!(discovers.fast > 0 && discovers.slow == 0, "{mode:?}: {discovers:?}");
}
