//! The test programs that are run in the virtual machine: built here, run there.

use std::{path::PathBuf, process::Command};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use xtask::bpf::Workspace;

use super::Vm;
use crate::exec::{cargo, rendered};

/// What runs in the machine, as (package, test target, arguments of the test program).
const SUITE: [(&str, &str, &[&str]); 9] = [
    ("relay-tests", "verifier", &["--nocapture"]),
    ("relay-tests", "vm_fanout", &["--ignored", "--nocapture"]),
    ("relay-tests", "vm_vrf", &["--ignored"]),
    ("relay-tests", "vm_leasequery", &["--ignored"]),
    ("relay-tests", "vm_vss", &["--ignored"]),
    ("relay-tests", "vm_hosts", &["--ignored"]),
    ("relay-tests", "vm_seed", &["--ignored"]),
    ("relay-tests", "vm_devices", &["--ignored"]),
    ("relay-tests", "scale", &["--ignored"]),
];

/// The built test programs, and the folder each is run in.
pub(crate) struct Suite(Vec<(Command, PathBuf)>);

impl Suite {
    /// Builds them, and unpacks the DHCP programs they start: the machine has no network.
    pub(crate) fn build(workspace: &Workspace) -> Result<Self> {
        let mut daemon = cargo(&workspace.root);
        crate::exec::exec(daemon.args([
            "build",
            "--quiet",
            "--package",
            "relay-user",
            "--bin",
            "xdp-dhcrelay",
        ]))?;
        let mut peers = cargo(&workspace.root);
        crate::exec::exec(peers.args(["run", "--quiet", "--package", "relay-tests", "--bin", "peers"]))?;
        let mut build = cargo(&workspace.root);
        build.args(["test", "--no-run", "--message-format", "json-render-diagnostics"]);
        for (package, target, _) in SUITE {
            build.args(["--package", package, "--test", target]);
        }
        let built = build.stderr(std::process::Stdio::inherit()).output()?;
        ensure!(built.status.success(), "{}: {}", built.status, rendered(&build));
        let messages = String::from_utf8_lossy(&built.stdout);
        SUITE
            .iter()
            .map(|(package, target, arguments)| {
                let program =
                    executable(&messages, target).with_context(|| format!("cargo built no {target}"))?;
                let mut command = Command::new(program);
                command.args(*arguments);
                let directory =
                    workspace.root.join(if *package == "relay-tests" { "tests" } else { package });
                Ok((command, directory))
            })
            .collect::<Result<_>>()
            .map(Self)
    }

    /// Runs all of them, one boot each, and gives the command lines of those that failed.
    pub(crate) fn run(&self, vm: &Vm, print: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<Vec<String>> {
        let mut failed = Vec::new();
        for (command, directory) in &self.0 {
            print(format!("\nLinux {}: {}\n", vm.version(), rendered(command)).as_bytes())?;
            let status = vm.run(command, directory, print)?;
            if status != 0 {
                failed.push(format!("{} on Linux {}", rendered(command), vm.version()));
            }
        }
        Ok(failed)
    }
}

/// The program of a test target in cargo's messages.
fn executable(messages: &str, target: &str) -> Option<PathBuf> {
    let artifacts = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let of_target =
        |artifact: &Value| artifact["target"]["name"] == target && artifact["target"]["kind"][0] == "test";
    let mut programs = artifacts.filter(of_target);
    programs.find_map(|artifact| Some(PathBuf::from(artifact["executable"].as_str()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_of_a_test_is_read_from_cargo() {
        let messages = "{\"reason\":\"compiler-artifact\",\"target\":{\"kind\":[\"lib\"],\"name\":\"vrf\"},\"executable\":null}\n\
            {\"reason\":\"compiler-artifact\",\"target\":{\"kind\":[\"test\"],\"name\":\"vrf\"},\"executable\":\"/t/vrf-1\"}\n";
        assert_eq!(executable(messages, "vrf"), Some(PathBuf::from("/t/vrf-1")));
        assert_eq!(executable(messages, "fanout"), None);
    }

    #[test]
    fn every_program_of_the_suite_is_a_test_of_the_workspace() {
        let workspace = Workspace::locate().unwrap();
        for (package, target, _) in SUITE {
            let directory = if package == "relay-tests" { "tests" } else { package };
            let file = workspace.root.join(directory).join("tests").join(format!("{target}.rs"));
            assert!(file.is_file(), "{}", file.display());
        }
    }
}
