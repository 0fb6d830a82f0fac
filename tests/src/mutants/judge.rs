//! The program that mutants of `relay-common` are built into (`mutants.rs`): prints the checks that noticed something and
//! exits with 1, or with 0 when none did.
#![allow(dead_code, reason = "the checks' modules hold more than this program calls")]

mod check;
mod generate;
mod host;
mod oracle;
mod rules;
mod lab {
    pub mod bootp;
    pub mod build;
    pub mod frame;
    pub mod golden;
}

use std::process::ExitCode;

/// A seed other than the oracle test's, and as many frames as take about a second.
const SEED: u64 = 0x6d75_7461_6e74;
const FRAMES: usize = 10_000;

fn main() -> ExitCode {
    let results = [
        ("golden", check::golden::golden().err()),
        ("rules", check::rules().err()),
        ("oracle", check::oracle(SEED, FRAMES).err()),
    ];
    let mut code = ExitCode::SUCCESS;
    for (check, difference) in results {
        if difference.is_some() {
            print!("{check} ");
            code = ExitCode::from(1);
        }
    }
    println!();
    code
}
