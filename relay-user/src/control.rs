//! The control socket: how `status`, `leases` and the like ask the running daemon.
//!
//! One question, one answer: a client sends one line, `{"command":"status"}`, gets one JSON document, and the
//! connection is closed. So `socat` and a shell script can ask too. `leases` and `events` take a filter,
//! `{"command":"leases","filter":{"state":"bound"}}`, and `events` is answered with one document a line for as long
//! as the client listens. A question that is not understood is answered with `{"error":"…"}`.

mod client;
mod error;
pub mod leases;
pub mod model;
mod server;
mod stream;

use std::{fmt, sync::Arc, time::Duration};

pub use client::{ask, follow};
pub use error::ControlError;
use serde::{Deserialize, Serialize};
pub use server::{Claim, Server, claim, serve};
use tokio::sync::broadcast;

use leases::{Filter, StepRow};

/// The longest question, in bytes with the newline.
pub const MAX_REQUEST: usize = 4096;
/// How long either side waits for the other to send or take something before it gives the connection up.
pub const TIMEOUT: Duration = Duration::from_secs(5);
/// How long a new configuration may take to be in force: each of a thousand server groups takes some milliseconds.
const RELOAD_TIMEOUT: Duration = Duration::from_secs(120);

/// What can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// How the daemon stands; answered with [`model::Status`].
    Status,
    /// What was done with packets; answered with [`model::Stats`].
    Stats,
    /// Who holds which address; answered with [`leases::Leases`].
    Leases,
    /// What the servers were seen to do; answered with [`leases::Servers`].
    Servers,
    /// The configuration file is to be read again; answered with [`model::Reloaded`] when it is in force.
    Reload,
    /// What happens from now on; answered with one [`StepRow`] a line, and [`leases::Missed`] between them.
    Events,
}

impl Command {
    /// Every command.
    pub const ALL: &'static [Self] =
        &[Self::Status, Self::Stats, Self::Leases, Self::Servers, Self::Reload, Self::Events];

    /// Its name in a question.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Stats => "stats",
            Self::Leases => "leases",
            Self::Servers => "servers",
            Self::Reload => "reload",
            Self::Events => "events",
        }
    }

    /// The command of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|command| command.name() == name)
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a question has no answer, or an order is not carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    /// The reason, for the one who asked.
    pub error: String,
    /// The configuration is wrong, and nothing was changed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub configuration: bool,
}

impl From<String> for Refusal {
    fn from(error: String) -> Self {
        Self { error, configuration: false }
    }
}

/// Who knows the answers. Called on a thread that may block.
pub trait Source: Send + Sync {
    /// The answer to a question, as a JSON document, or a sentence that says why there is none.
    ///
    /// # Errors
    /// The sentence, which the one who asked gets to read.
    fn answer(&self, question: &Question) -> Result<Vec<u8>, String>;

    /// Goes over to the configuration as the file now is, for [`Command::Reload`]: a JSON document of what has changed.
    ///
    /// # Errors
    /// Why nothing was changed.
    fn reload(&self) -> Result<Vec<u8>, Refusal> {
        Err(Refusal::from("this daemon does not read its configuration again".to_owned()))
    }

    /// What happens from now on, for [`Command::Events`].
    ///
    /// # Errors
    /// A sentence that says why nobody can follow.
    fn follow(&self) -> Result<broadcast::Receiver<Arc<StepRow>>, String> {
        Err("this daemon has no events".to_owned())
    }
}

/// A question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// What is asked.
    pub command: Command,
    /// About which clients: of [`Command::Leases`] and [`Command::Events`].
    pub filter: Filter,
}

impl From<Command> for Question {
    fn from(command: Command) -> Self {
        Self { command, filter: Filter::default() }
    }
}

/// The line that asks.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    command: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    filter: Option<Filter>,
}
