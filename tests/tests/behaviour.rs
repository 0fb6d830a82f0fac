//! The list of a relay's toughest behaviours, row by row: what goes in on one wire, what comes out on which other, octet
//! for octet, and what is counted; with XDP off, generic and native. One relay serves all rows of a mode.
//!
//! What is expected is written by hand with the laboratory's builders, not computed by the relay's code or the oracle.
//!
//! Rows that are elsewhere, because they need more than one frame or another machine:
//!
//! | row | where |
//! | --- | --- |
//! | 13, one server without a next hop must not stop the others | `nexthops.rs`; 32 servers: `fanout.rs` |
//! | 13, 24, servers in several VRFs | `vm_vrf.rs` (needs VRF devices) |
//! | 15, a renewal to the real server that the host routes on | `chains.rs`, `e2e.rs` |
//! | 19 | `smart.rs` |
//! | 34, which server gets a renewal | `affinity.rs` |
//! | 35, duplicates of two servers in failover behind two relays | `e2e.rs` |
//!
//! Rows that are not there yet, because what they ask for is not, or no machine to try it on:
//!
//! | row | what is missing |
//! | --- | --- |
//! | 14, second half | a source port other than 67 (RFC 8357): the relay always sends from 67 |
//! | 16, second half | only the active of several relays relays (VRRP) |
//! | 20, third part | a driver that keeps the tag beside the frame |
//! | 21 | interfaces that lose their address or their VRF while the relay runs; `vm_vrf.rs` has the VRF |
//! | 23, first half | a limit for each client; a flood of one client is held back with its interface |
//! | 24, second half | a configured server's address in the wrong VRF |

#![allow(clippy::unwrap_used, reason = "a test panics; clippy exempts only the functions marked #[test]")]

#[path = "behaviour/case.rs"]
mod case;
#[path = "behaviour/circuit.rs"]
mod circuit;
#[path = "behaviour/delivery.rs"]
mod delivery;
#[path = "behaviour/insertion.rs"]
mod insertion;
#[path = "behaviour/network.rs"]
mod network;
#[path = "behaviour/options.rs"]
mod options;
#[path = "behaviour/policy.rs"]
mod policy;
#[path = "behaviour/replies.rs"]
mod replies;
#[path = "behaviour/requests.rs"]
mod requests;
#[path = "behaviour/run.rs"]
mod run;
#[path = "behaviour/size.rs"]
mod size;
#[path = "behaviour/stripping.rs"]
mod stripping;
#[path = "behaviour/transport.rs"]
mod transport;

use case::Case;
use network::LIMITED;
use relay_tests::subject::Mode;
use run::{Runner, burst};

fn all() -> Vec<Case> {
    [
        requests::cases(),
        policy::cases(),
        insertion::cases(),
        options::cases(),
        size::cases(),
        transport::cases(),
        replies::cases(),
        circuit::cases(),
        stripping::cases(),
        delivery::cases(),
    ]
    .concat()
}

fn every_row(mode: Mode) {
    let mut runner = Runner::new(mode);
    let cases = all();
    for case in &cases {
        runner.run(case);
    }
    println!("{mode:?}: {} cases", cases.len());
    runner.verdict().unwrap_or_else(|failures| panic!("{failures}"));

    // Row 23. What may come at once is one second's worth, and more only as time goes by.
    let interface = LIMITED.index;
    let frame = case::broadcast(&LIMITED, case::request(&[&[53, 1, 1, 255]], 300));
    let (passed, dropped, took) = burst(&mut runner, &frame, 100, (interface, "discover", "rate_limited"));
    // Each CPU has a bucket of its own.
    let cpus = std::thread::available_parallelism().unwrap().get() as u64;
    let most = cpus * (5 + 1 + took.as_millis() as u64 * 5 / 1000);
    assert!(passed >= 5 && passed <= most, "{mode:?}: {passed} of 100 passed in {took:?}");
    assert_eq!(passed + dropped, 100, "{mode:?}: each was relayed or dropped and counted");
    let other = cases.iter().find(|case| case.name.starts_with("2, RFC 1542")).unwrap();
    runner.run(other);
    runner.verdict().unwrap_or_else(|failures| panic!("the other interfaces are not held back: {failures}"));
}

#[test]
fn every_row_holds_with_xdp_off() {
    every_row(Mode::Off);
}

#[test]
fn every_row_holds_with_generic_xdp() {
    every_row(Mode::Generic);
}

#[test]
fn every_row_holds_with_native_xdp() {
    every_row(Mode::Native);
}

#[test]
fn every_row_from_1_to_36_has_a_case_or_is_named_as_missing() {
    let mut rows: Vec<u32> =
        all().iter().map(|case| case.name.split(',').next().unwrap().parse().unwrap()).collect();
    // Smart relay; addresses that change; the rate limit, which is above.
    rows.extend([19, 21, 23]);
    let missing: Vec<u32> = (1..=36).filter(|row| !rows.contains(row)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
