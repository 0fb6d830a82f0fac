//! Why tests failed, told once more at the end: of a long output that is the part which is kept and read.

/// Lines of one message that are kept at the most.
const LINES: usize = 4;

/// What panicked, and what it said.
#[derive(Debug, Default)]
pub(crate) struct Panics {
    messages: Vec<String>,
    /// How many more lines belong to the last of them.
    open: usize,
}

impl Panics {
    /// Takes a line of output.
    pub(crate) fn read(&mut self, line: &str) {
        let line = line.trim_end();
        if line.starts_with("thread '") && line.contains(" panicked at ") {
            self.messages.push(line.to_owned());
            self.open = LINES;
            return;
        }
        if line.is_empty() || line == "stack backtrace:" || line.starts_with("note: ") {
            self.open = 0;
        }
        if let (1.., Some(message)) = (self.open, self.messages.last_mut()) {
            message.push_str("\n    ");
            message.push_str(line);
            self.open -= 1;
        }
    }

    /// One message each, its further lines indented.
    pub(crate) fn messages(&self) -> &[String] {
        &self.messages
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_kept_with_what_it_said_and_without_its_backtrace() {
        let mut panics = Panics::default();
        for line in [
            "---- a_lease_is_kept stdout ----\n",
            "\n",
            "thread 'a_lease_is_kept' (17) panicked at tests/tests/leases.rs:69:5:\n",
            "assertion `left == right` failed\n",
            "  left: 1\n",
            " right: 2\n",
            "stack backtrace:\n",
            "   0: __rustc::rust_begin_unwind\n",
            "thread 'main' panicked at xtask/src/main.rs:1:1:\n",
            "too long\n2\n3\n4\n",
            "\n",
            "test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s\n",
        ]
        .iter()
        .flat_map(|lines| lines.split_inclusive('\n'))
        {
            panics.read(line);
        }
        assert_eq!(
            panics.messages(),
            [
                "thread 'a_lease_is_kept' (17) panicked at tests/tests/leases.rs:69:5:\n    assertion `left == right` \
                 failed\n      left: 1\n     right: 2",
                "thread 'main' panicked at xtask/src/main.rs:1:1:\n    too long\n    2\n    3\n    4",
            ]
        );
    }
}
