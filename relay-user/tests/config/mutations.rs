//! Files that nobody wrote: deterministic mutations of right ones, none of which may make the reader panic.

use std::path::Path;

use relay_user::config::Config;

use crate::{EXAMPLE, FILE, FULL, GOOD, good, machine};

/// xorshift64*: the same cases in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).expect("31 bits") % bound
    }
}

#[test]
fn no_mutation_of_a_file_makes_the_reader_panic() {
    const CASES: usize = 20_000;
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let machine = machine();
    let lines: Vec<&str> = EXAMPLE.lines().filter(|line| !line.starts_with("# ")).collect();
    let example = lines.join("\n").replace("\n#", "\n");
    let (mut right, mut wrong) = (0, 0);
    for case in 0..CASES {
        let base = [FULL, &example, GOOD][case % 3];
        let mut bytes = base.as_bytes().to_vec();
        for _ in 0..=random.below(4) {
            let at = random.below(bytes.len());
            match random.below(6) {
                0 => bytes[at] ^= 1 << random.below(8),
                1 => bytes.truncate(at.max(1)),
                2 => drop(bytes.remove(at)),
                3 => bytes.insert(at, b"[]{}=\"'.,#\n\\09-x\xc3\xa4"[random.below(18)]),
                4 => {
                    let end = (at + random.below(40)).min(bytes.len());
                    let piece = bytes[at..end].to_vec();
                    let to = random.below(bytes.len());
                    bytes.splice(to..to, piece);
                }
                _ => {
                    let end = (at + random.below(12)).min(bytes.len());
                    bytes.drain(at..end);
                }
            }
            if bytes.is_empty() {
                bytes.push(b'\n');
            }
        }
        let text = String::from_utf8_lossy(&bytes);
        match Config::from_str(&text, Path::new(FILE)) {
            Ok(config) => {
                right += 1;
                let effective = config.to_toml().expect("TOML");
                assert_eq!(good(&effective), config, "case {case}\n{effective}");
                if let Err(error) = config.resolve(&machine) {
                    assert!(!error.problems.is_empty());
                }
            }
            Err(error) => {
                wrong += 1;
                let count = text.split('\n').count();
                assert!(!error.problems.is_empty());
                for problem in &error.problems {
                    let line = problem.line.expect("a line");
                    assert!((1..=count).contains(&line), "case {case}: line {line} of {count}: {problem}");
                    assert!(
                        !problem.message.is_empty() && !problem.remedy.is_empty(),
                        "case {case}: {problem}"
                    );
                }
            }
        }
    }
    assert!(
        right > CASES / 50 && wrong > CASES / 2,
        "{right} right, {wrong} wrong: the mutations test nothing"
    );
}
