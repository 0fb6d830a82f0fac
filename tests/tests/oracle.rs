//! The rules, on the host, against a naive relay that shares nothing with them, over generated frames.

use relay_tests::check;
use relay_tests::generate::setting;

/// `RELAY_SEED` asks for another one.
const SEED: u64 = 0x0d4c_2131_1542_3046;
const FRAMES: usize = 40_000;

#[test]
fn rules_and_oracle_agree_on_every_generated_frame() {
    let seed = setting("RELAY_SEED", SEED);
    let totals = check::oracle(seed, FRAMES).unwrap_or_else(|difference| panic!("{difference}"));
    println!("{FRAMES} frames, seed {seed:#x}\n{}", check::table(&totals));
    for verdict in ["to servers", "to client", "untrusted_option82", "malformed_options", "transit"] {
        assert!(
            totals.keys().any(|(_, word)| word == verdict),
            "the generator made no frame that is {verdict}"
        );
    }
}
