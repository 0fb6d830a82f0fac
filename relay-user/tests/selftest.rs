//! The self-test of the fan-out passes on a kernel that has the fix, in both modes.

use relay_user::fastpath::{Mode, selftest};

#[test]
fn the_fan_out_gives_each_server_its_own_copy_in_native_mode() {
    selftest::run(Mode::Native).expect("native fan-out");
}

#[test]
fn the_fan_out_gives_each_server_its_own_copy_in_generic_mode() {
    selftest::run(Mode::Generic).expect("generic fan-out");
}
