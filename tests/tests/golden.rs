//! The rules, on the host, against what ISC dhcrelay made of the same frames.

use relay_tests::check::golden;

#[test]
fn every_golden_frame_comes_out_as_dhcrelay_made_it_or_as_the_readme_says() {
    let pairs = golden::golden().unwrap_or_else(|difference| panic!("{difference}"));
    println!("{pairs} pairs");
    assert!(pairs >= 31, "only {pairs} golden pairs were found");
}
