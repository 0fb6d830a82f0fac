//! Every listed mutant of the rules is caught without a kernel, and the rules as they are pass.

use std::time::Instant;

use relay_tests::mutants::{Bench, Fate, MUTANTS};

#[test]
fn every_mutant_is_caught_and_the_rules_as_they_are_pass() {
    let bench = Bench::new().expect("a workspace for mutants");
    assert_eq!(bench.judge(None).expect("the rules build"), Fate::Survived, "the rules as they are");
    let mut survivors = Vec::new();
    for mutant in &MUTANTS {
        let start = Instant::now();
        let fate = bench.judge(Some(mutant)).unwrap_or_else(|error| panic!("{error:#}"));
        let seconds = start.elapsed().as_secs_f32();
        match fate {
            Fate::Caught(by) => println!("{seconds:4.1} s  {:55} caught by {by}", mutant.name),
            Fate::Survived => survivors.push(mutant.name),
        }
    }
    assert!(survivors.is_empty(), "not caught: {survivors:?}");
}
