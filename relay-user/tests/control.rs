//! The control socket between two real ends, and with ends that misbehave: leftovers, strangers, silence, garbage.

#[path = "control/clients.rs"]
mod clients;
#[path = "control/socket.rs"]
mod socket;

use std::{path::Path, sync::Arc, time::Duration};

use relay_user::control::{self, Command, ControlError, Question, Refusal, Server, Source};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

/// Generous: the tests run beside builds on small machines.
const DEADLINE: Duration = Duration::from_secs(30);

/// A daemon's side that answers every command with its name.
struct Echo;

impl Source for Echo {
    fn answer(&self, question: &Question) -> Result<Vec<u8>, String> {
        Ok(json!({ "asked": question.command.name() }).to_string().into_bytes())
    }

    fn reload(&self) -> Result<Vec<u8>, Refusal> {
        Ok(json!({ "asked": Command::Reload.name() }).to_string().into_bytes())
    }
}

/// A directory with a control socket that is served from it. The order of the fields is the order they end in.
struct Daemon {
    server: Option<Server>,
    runtime: Runtime,
    directory: TempDir,
}

impl Daemon {
    fn new(source: impl Source + 'static) -> Self {
        let mut daemon = Self { server: None, runtime: runtime(), directory: directory() };
        daemon.server = Some(daemon.serve(source).unwrap_or_else(|error| panic!("{error}")));
        daemon
    }

    /// Serves the same path, whoever serves it already.
    fn serve(&self, source: impl Source + 'static) -> Result<Server, ControlError> {
        self.runtime.block_on(control::serve(&self.path(), Arc::new(source)))
    }

    fn path(&self) -> std::path::PathBuf {
        self.directory.path().join("control.sock")
    }
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

fn directory() -> TempDir {
    tempfile::Builder::new().prefix("xdp-dhcrelay-control-").tempdir().expect("a directory")
}

#[track_caller]
fn answers(path: &Path) {
    for command in Command::ALL.iter().filter(|command| **command != Command::Events) {
        let answer: Value = control::ask(path, *command).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(answer, json!({ "asked": command.name() }));
    }
}
