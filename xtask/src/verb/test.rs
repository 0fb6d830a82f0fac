//! `cargo xtask test`: the README's second command and what CI runs.

mod panics;
mod totals;

use std::{
    io::{self, BufRead as _, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    thread,
};

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use xtask::bpf::Workspace;

use crate::{
    exec::{cargo, rendered},
    host, setup,
    vm::{KERNELS, Vm, show, suite::Suite},
};
use panics::Panics;
use totals::Totals;

/// Targets outside the libraries that need neither namespaces nor BPF, as (package, integration test).
const UNPRIVILEGED_TARGETS: [(&str, &str); 4] = [
    ("relay-user", "config"),
    ("relay-user", "metrics"),
    ("relay-tests", "golden"),
    ("relay-tests", "oracle"),
];

/// Packages whose unit tests need nothing of the machine.
const UNPRIVILEGED_PACKAGES: [&str; 3] = ["relay-common", "relay-user", "xtask"];

#[derive(Args)]
pub(crate) struct Options {
    /// Run only what needs no root, and say what was left out
    #[arg(long)]
    unprivileged: bool,
    /// Then also run what needs VRF and 802.1Q devices or other kernels, in virtual machines
    #[arg(long, conflicts_with = "unprivileged")]
    vm: bool,
    /// For the test programs: a filter, --nocapture, --test-threads …
    #[arg(last = true)]
    arguments: Vec<String>,
}

/// # Errors
/// Not root, something is missing, or a test failed.
pub(crate) fn run(options: &Options) -> Result<()> {
    let workspace = Workspace::locate()?;
    let calls = if options.unprivileged {
        unprivileged(&workspace.root)
    } else {
        host::need_root("test", "; `cargo xtask test --unprivileged` runs the part that does not")?;
        vec![everything(&workspace.root)]
    };
    setup::complete(&workspace)?;
    if !options.unprivileged {
        host::mount_bpffs()?;
    }

    let (mut totals, mut panics) = (Totals::default(), Panics::default());
    let mut failed = Vec::new();
    for mut call in calls {
        call.arg("--").args(test_threads(&options.arguments)).args(&options.arguments);
        if !counted(&mut call, &mut io::stdout().lock(), &mut totals, &mut panics)? {
            failed.push(rendered(&call));
        }
    }
    if options.vm {
        let suite = Suite::build(&workspace)?;
        for wanted in KERNELS {
            let machine = Vm::prepare(&workspace, wanted)?;
            failed.extend(suite.run(&machine, &mut |line| {
                let text = String::from_utf8_lossy(line);
                totals.count(&text);
                panics.read(&text);
                show(line)
            })?);
        }
    } else if !options.unprivileged {
        println!(
            "left out, `--vm` runs them: tests on Linux {}, which are counted as ignored",
            KERNELS.join(" and ")
        );
    }
    if options.unprivileged {
        println!("{}", left_out(&workspace.root)?);
    }
    if totals.failed > 0 {
        panics.messages().iter().for_each(|message| println!("{message}"));
    }
    println!("{totals}");
    ensure!(failed.is_empty(), "failed: {}", failed.join("; "));
    ensure!(totals.passed > 0, "no test ran");
    Ok(())
}

fn everything(root: &Path) -> Command {
    let mut command = cargo(root);
    // One failing program does not hide what the others say.
    command.args([
        "test",
        "--workspace",
        "--exclude",
        "relay-ebpf",
        "--exclude",
        "bench-ebpf",
        "--no-fail-fast",
    ]);
    command
}

fn unprivileged(root: &Path) -> Vec<Command> {
    let mut units = cargo(root);
    units.args(["test", "--no-fail-fast", "--lib", "--bins"]);
    units.args(UNPRIVILEGED_PACKAGES.iter().flat_map(|package| ["--package", package]));
    let targets = UNPRIVILEGED_TARGETS.iter().map(|(package, target)| {
        let mut command = cargo(root);
        command.args(["test", "--package", package, "--test", target]);
        command
    });
    [units].into_iter().chain(targets).collect()
}

/// The tests that `--unprivileged` does not run, in one line.
fn left_out(root: &Path) -> Result<String> {
    let mut names = vec!["the unit tests of relay-tests".to_owned()];
    for (package, directory) in [("relay-user", "relay-user/tests"), ("relay-tests", "tests/tests")] {
        let directory = root.join(directory);
        let entries = directory.read_dir().with_context(|| format!("cannot list {}", directory.display()))?;
        for entry in entries {
            let name = entry?.file_name().to_string_lossy().into_owned();
            let Some(target) = name.strip_suffix(".rs") else { continue };
            if !UNPRIVILEGED_TARGETS.contains(&(package, target)) {
                names.push(format!("{package}/{target}"));
            }
        }
    }
    names.sort();
    Ok(format!("left out, they need root: {}", names.join(", ")))
}

/// Tests in namespaces wait more than they compute, but a dialogue that is starved runs into its deadlines.
fn test_threads(arguments: &[String]) -> Option<String> {
    let chosen = arguments.iter().any(|argument| argument.starts_with("--test-threads"));
    let processors = thread::available_parallelism().map_or(1, usize::from);
    (!chosen).then(|| format!("--test-threads={}", processors.clamp(1, 8)))
}

/// Runs a test command, passes its output on, counts the results in it and keeps what panicked.
fn counted(
    command: &mut Command,
    shown: &mut impl Write,
    totals: &mut Totals,
    panics: &mut Panics,
) -> Result<bool> {
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {}", rendered(command)))?;
    let mut lines = BufReader::new(child.stdout.take().context("standard output is piped")?);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line)? > 0 {
        shown.write_all(&line)?;
        shown.flush()?;
        let text = String::from_utf8_lossy(&line);
        totals.count(&text);
        panics.read(&text);
        line.clear();
    }
    Ok(child.wait()?.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unprivileged_target_exists_and_is_not_reported_as_left_out() {
        let workspace = Workspace::locate().unwrap();
        let left_out = left_out(&workspace.root).unwrap();
        for (package, target) in UNPRIVILEGED_TARGETS {
            let directory = if package == "relay-tests" { "tests" } else { package };
            let file = workspace.root.join(directory).join("tests").join(format!("{target}.rs"));
            assert!(file.is_file(), "{}", file.display());
            assert!(!left_out.contains(&format!("{package}/{target}")), "{left_out}");
        }
        assert!(left_out.contains("relay-tests/verifier"), "{left_out}");
    }

    #[test]
    fn output_is_counted_and_the_exit_code_is_reported() {
        let (mut totals, mut panics) = (Totals::default(), Panics::default());
        let said = "thread 'a' (1) panicked at a.rs:1:1:";
        let line = "test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s";
        let mut command = Command::new("sh");
        command.args(["-c", &format!("echo \"{said}\"; echo '{line}'; exit 101")]);
        let mut shown = Vec::new();
        assert!(!counted(&mut command, &mut shown, &mut totals, &mut panics).unwrap());
        assert_eq!(shown, format!("{said}\n{line}\n").into_bytes());
        assert_eq!(panics.messages()[0].lines().next(), Some(said));
        assert_eq!(totals, Totals { passed: 2, failed: 1, ignored: 0 });
    }

    #[test]
    fn the_number_of_threads_is_the_callers_where_given() {
        assert_eq!(test_threads(&["--test-threads=1".to_owned()]), None);
        assert!(test_threads(&["name".to_owned()]).is_some());
    }
}
