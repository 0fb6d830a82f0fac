//! Running commands so that a failing one can be repeated by hand.

use std::{env, path::Path, process::Command};

use anyhow::{Context as _, Result, ensure};

/// Runs a command to its end.
///
/// # Errors
/// It cannot be started or does not succeed; the message is the command line.
pub(crate) fn exec(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot run {}", rendered(command)))?;
    ensure!(status.success(), "{status}: {}", rendered(command));
    Ok(())
}

/// Says what is run and why, then runs it: for commands that change the machine.
pub(crate) fn announce(reason: &str, command: &mut Command) -> Result<()> {
    eprintln!("{reason}: {}", rendered(command));
    exec(command)
}

/// What a command prints, when it succeeds.
pub(crate) fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The cargo that runs this program, in the workspace.
pub(crate) fn cargo(root: &Path) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root);
    command
}

/// A command as a shell would take it, with the variables it sets.
pub(crate) fn rendered(command: &Command) -> String {
    let variables = command.get_envs().filter_map(|(name, value)| {
        Some(format!("{}={}", name.to_string_lossy(), quoted(&value?.to_string_lossy())))
    });
    let words = [command.get_program()].into_iter().chain(command.get_args());
    let words = words.map(|word| quoted(&word.to_string_lossy()));
    variables.chain(words).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=+./:,@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else if word.contains(char::is_control) {
        // What separates rustflags is a control character; only this form of quoting shows it and takes it.
        let escaped = word.chars().map(|c| match c {
            '\'' | '\\' => format!("\\{c}"),
            c if c.is_ascii_control() => format!("\\x{:02x}", u32::from(c)),
            c => c.to_string(),
        });
        format!("$'{}'", escaped.collect::<String>())
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_command_is_named_with_its_arguments_and_variables() {
        let mut command = Command::new("sh");
        command.args(["-c", "exit 3"]).env("WORD", "a b");
        let error = exec(&mut command).unwrap_err().to_string();
        assert_eq!(error, "exit status: 3: WORD='a b' sh -c 'exit 3'");
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = exec(&mut Command::new("/nonexistent/program")).unwrap_err().to_string();
        assert_eq!(error, "cannot run /nonexistent/program");
    }

    #[test]
    fn quotes_in_words_are_kept() {
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("a\u{1f}'b'"), r"$'a\x1f\'b\''");
        assert_eq!(quoted("--target-dir=/a/b"), "--target-dir=/a/b");
    }
}
