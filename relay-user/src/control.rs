//! The control socket: how `status` and `stats` ask the running daemon.
//!
//! One question, one answer: a client sends one line, `{"command":"status"}`, gets one JSON document, and the
//! connection is closed. So `socat` and a shell script can ask too. A question that is not understood is answered with
//! `{"error":"…"}`.

mod client;
mod error;
pub mod model;
mod server;

use std::{fmt, time::Duration};

pub use client::ask;
pub use error::ControlError;
use serde::{Deserialize, Serialize};
use serde_json::Value;
pub use server::{Claim, Server, claim, serve};

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
}

impl Command {
    /// Every command.
    pub const ALL: &'static [Self] = &[Self::Status, Self::Stats];

    /// Its name in a question.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Stats => "stats",
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
    /// The answer to `command`, or a sentence that says why there is none.
    ///
    /// # Errors
    /// The sentence, which the one who asked gets to read.
    fn answer(&self, command: Command) -> Result<Value, String>;
}

/// The line that asks.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    command: String,
}

/// What is sent in place of a document.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Refusal {
    error: String,
}
