//! The rules, on the host, against a naive relay that shares nothing with them, over generated frames.

use relay_tests::check;
use relay_tests::generate::setting;

/// `RELAY_SEED` asks for another one.
const SEED: u64 = 0x0d4c_2131_1542_3046;
const FRAMES: usize = 40_000;

/// Frames that reach each rule, at least.
const LEAST: usize = 20;

#[test]
fn rules_and_oracle_agree_on_every_generated_frame_and_every_rule_is_reached() {
    let seed = setting("RELAY_SEED", SEED);
    let (totals, reach) = check::oracle(seed, FRAMES).unwrap_or_else(|difference| panic!("{difference}"));
    println!("{FRAMES} frames, seed {seed:#x}\n{}\n{}", check::table(&totals), reach.table());
    let missing = reach.below(LEAST);
    assert!(missing.is_empty(), "fewer than {LEAST} frames reached: {missing:?}");
}

#[test]
fn the_oracle_decides_every_single_case_as_its_sentence_says() {
    let cases = check::oracle_and_rules().unwrap_or_else(|failures| panic!("{failures}"));
    println!("{cases} cases");
}
