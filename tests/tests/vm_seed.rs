//! Inter-VRF relaying with redundant servers as a published article has it, on real VRF devices: two relays, two servers, and
//! a client that takes the relay for its server.
//!
//! Without server affinity this is the article's lab: every REQUEST, renewals too, is at both servers, and one of them is
//! confused by it. With it the other server sees no REQUEST, until the one whose lease it is is gone.

#![allow(clippy::unwrap_used, reason = "what fails in a helper of a test fails the test")]

#[path = "vm_seed/life.rs"]
mod life;
#[path = "vm_seed/scripted.rs"]
mod scripted;
#[path = "vm_seed/takeover.rs"]
mod takeover;

use relay_tests::subject::Mode;
use relay_tests::vm::seed::{Affinity, Servers};

#[test]
#[ignore = "needs VRF devices: cargo xtask vm"]
fn without_affinity_both_servers_have_every_request_from_every_relay_without_xdp() {
    life::life(Mode::Off, Servers::InMgmt, Affinity::Off);
}

#[test]
#[ignore = "needs VRF devices: cargo xtask vm"]
fn without_affinity_both_servers_have_every_request_from_every_relay_in_generic_mode() {
    life::life(Mode::Generic, Servers::InMain, Affinity::Off);
}

#[test]
#[ignore = "needs VRF devices: cargo xtask vm"]
fn without_affinity_both_servers_have_every_request_from_every_relay_in_native_mode() {
    life::life(Mode::Native, Servers::InMgmt, Affinity::Off);
}

#[test]
#[ignore = "needs VRF devices: cargo xtask vm"]
fn with_affinity_the_other_server_has_no_request_without_xdp() {
    life::life(Mode::Off, Servers::InMain, Affinity::Auto);
}

#[test]
#[ignore = "needs VRF devices: cargo xtask vm"]
fn with_affinity_the_other_server_has_no_request_in_generic_mode() {
    life::life(Mode::Generic, Servers::InMgmt, Affinity::Auto);
}

#[test]
#[ignore = "needs VRF devices: cargo xtask vm"]
fn with_affinity_the_other_server_has_no_request_in_native_mode() {
    life::life(Mode::Native, Servers::InMgmt, Affinity::Auto);
}

#[test]
#[ignore = "needs VRF devices: cargo xtask vm"]
fn when_the_owner_of_a_lease_is_gone_its_partner_renews_it_without_xdp() {
    takeover::in_renewing(Mode::Off);
}

#[test]
#[ignore = "needs VRF devices: cargo xtask vm"]
fn when_the_server_of_an_offer_is_gone_the_client_gets_a_lease_of_the_other_without_xdp() {
    takeover::in_selecting(Mode::Off);
}

#[test]
#[ignore = "needs VRF devices: cargo xtask vm"]
fn when_the_owner_of_a_lease_is_gone_its_partner_renews_it_in_native_mode() {
    takeover::in_renewing(Mode::Native);
}

#[test]
#[ignore = "needs VRF devices: cargo xtask vm"]
fn when_the_server_of_an_offer_is_gone_the_client_gets_a_lease_of_the_other_in_native_mode() {
    takeover::in_selecting(Mode::Native);
}
