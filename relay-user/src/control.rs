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
    /// What happens from now on; answered with one [`StepRow`] a line, and [`leases::Missed`] between them.
    Events,
}

impl Command {
    /// Every command.
    pub const ALL: &'static [Self] = &[Self::Status, Self::Stats, Self::Leases, Self::Servers, Self::Events];

    /// Its name in a question.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Stats => "stats",
            Self::Leases => "leases",
            Self::Servers => "servers",
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

/// Who knows the answers. Called on a thread that may block.
pub trait Source: Send + Sync {
    /// The answer to a question, as a JSON document, or a sentence that says why there is none.
    ///
    /// # Errors
    /// The sentence, which the one who asked gets to read.
    fn answer(&self, question: &Question) -> Result<Vec<u8>, String>;

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

/// What is sent in place of a document.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Refusal {
    error: String,
}
