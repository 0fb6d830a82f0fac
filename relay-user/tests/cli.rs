//! The binary as an operator uses it: exit codes, what is said where, and that a wrong configuration changes nothing.

#[path = "cli/answers.rs"]
mod answers;
#[path = "cli/attach.rs"]
mod attach;
#[path = "cli/check.rs"]
mod check;
#[path = "cli/daemon.rs"]
mod daemon;
#[path = "cli/doctor.rs"]
mod doctor;
#[path = "cli/foreign.rs"]
mod foreign;
#[path = "cli/machine.rs"]
mod machine;
#[path = "cli/pins.rs"]
mod pins;
#[path = "cli/privileges.rs"]
mod privileges;
#[path = "cli/query.rs"]
mod query;
#[path = "cli/settings.rs"]
mod settings;
#[path = "cli/top.rs"]
mod top;
#[path = "cli/wrong.rs"]
mod wrong;

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use tempfile::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_xdp-dhcrelay");

/// A directory for a configuration and for all that a daemon with it would make.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::Builder::new().prefix("xdp-dhcrelay-cli-").tempdir().expect("a directory"))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn socket(&self) -> PathBuf {
        self.path().join("run/control.sock")
    }

    /// Writes `text` behind a `[relay]` table (5 lines) that keeps everything within this place.
    fn configuration(&self, text: &str) -> PathBuf {
        let file = self.path().join("relay.toml");
        let within = |name: &str| self.path().join(name).display().to_string();
        let relay = format!(
            "[relay]\nfast_path = \"off\"\nstate_dir = {:?}\nbpffs_dir = {:?}\ncontrol_socket = {:?}\n",
            within("state"),
            within("bpf"),
            within("run/control.sock")
        );
        std::fs::write(&file, relay + text).expect("written");
        file
    }

    /// The names of what is in it.
    fn entries(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path()).expect("readable");
        let mut names: Vec<String> = entries
            .map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

/// How a command ended, and what it said.
#[derive(Debug, PartialEq)]
struct Said {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }
}

/// The binary, without the variables it reads.
fn binary() -> Command {
    let mut command = Command::new(BINARY);
    clean(&mut command);
    command
}

fn clean(command: &mut Command) {
    for name in ["CONFIG", "SOCKET", "JSON", "LOG_FORMAT", "LOG_LEVEL"] {
        command.env_remove(format!("XDP_DHCRELAY_{name}"));
    }
    command.env_remove("RUST_LOG").env_remove("JOURNAL_STREAM");
}

fn say(command: &mut Command) -> Said {
    command.output().expect("started").into()
}
