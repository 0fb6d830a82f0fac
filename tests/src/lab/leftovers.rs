//! Removes namespaces of test processes that were killed before their `Drop` could run, and the programs left in
//! them. Only names of the laboratory whose process no longer exists are touched, so a run beside this one is safe.

use std::fs;
use std::process::Command;
use std::sync::Once;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::PREFIX;

/// Looks once per process; a failure only means that something stays behind until the next run.
pub(crate) fn remove_once() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for name in namespaces().filter(|name| owner(name).is_some_and(|pid| !is_alive(pid))) {
            for pid in programs_in(&name) {
                if let Err(error) = kill(Pid::from_raw(pid), Signal::SIGKILL) {
                    eprintln!("leftover process {pid} in {name}: {error}");
                }
            }
            match Command::new("ip").args(["netns", "del", &name]).status() {
                Ok(status) if status.success() => eprintln!("removed {name}, left by a test that was killed"),
                outcome => eprintln!("could not remove the leftover namespace {name}: {outcome:?}"),
            }
        }
    });
}

fn namespaces() -> impl Iterator<Item = String> {
    fs::read_dir("/run/netns")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
}

/// The process id in `relaylab-<pid>-<number>-<host>`.
fn owner(name: &str) -> Option<i32> {
    name.strip_prefix(PREFIX)?.strip_prefix('-')?.split('-').next()?.parse().ok()
}

fn is_alive(pid: i32) -> bool {
    kill(Pid::from_raw(pid), None).is_ok()
}

fn programs_in(name: &str) -> Vec<i32> {
    let listing = Command::new("ip").args(["netns", "pids", name]).output();
    let text = listing.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().filter_map(|line| line.trim().parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::owner;

    #[test]
    fn only_laboratory_names_have_an_owner() {
        assert_eq!(owner("relaylab-4711-0-client1"), Some(4711));
        assert_eq!(owner("relaylab-x-0-client1"), None);
        assert_eq!(owner("blue"), None);
    }
}
