//! What the daemon writes to stderr: text for people and for the journal, or JSON for collectors.
//!
//! Packets come faster than anybody reads: whatever is logged for a packet goes through
//! [`Quota`](crate::quota::Quota), and what it holds back is counted, in the next line and in `stats`.

mod journal;

use std::io::{self, IsTerminal as _};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::{
    EnvFilter,
    fmt::{self, format::Format},
};

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// One line a message, for people.
    #[default]
    Text,
    /// One JSON object a message.
    Json,
}

/// Why logging cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// `RUST_LOG` is not understood.
    #[error(
        "RUST_LOG={value:?} is not understood: {cause}; write a level such as \"info\", or \"relay_user=debug\""
    )]
    Filter {
        /// Its value.
        value: String,
        /// What is wrong with it.
        cause: String,
    },
    /// Something else in the process logs already.
    #[error("logging was set up already: {0}")]
    Twice(String),
}

/// Starts logging to stderr. `level` counts before `RUST_LOG`; without either, it is `info`.
///
/// # Errors
/// `RUST_LOG` is needed and not understood, or logging was set up before.
pub fn init(format: LogFormat, level: Option<LevelFilter>) -> Result<(), LoggingError> {
    let builder = fmt::fmt().with_env_filter(filter(level)?).with_writer(io::stderr);
    let done = match format {
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
        // The journal has time and level of its own, and neither shows colours nor wants them.
        LogFormat::Text if journal::is_stderr() => {
            let inner =
                Format::default().without_time().with_level(false).with_ansi(false).with_target(false);
            builder.with_ansi(false).event_format(journal::WithPriority(inner)).try_init()
        }
        LogFormat::Text => builder.with_ansi(io::stderr().is_terminal()).with_target(false).try_init(),
    };
    done.map_err(|error| LoggingError::Twice(error.to_string()))
}

fn filter(level: Option<LevelFilter>) -> Result<EnvFilter, LoggingError> {
    if let Some(level) = level {
        return Ok(EnvFilter::default().add_directive(level.into()));
    }
    match std::env::var(EnvFilter::DEFAULT_ENV) {
        Ok(value) if !value.is_empty() => EnvFilter::try_new(&value)
            .map_err(|error| LoggingError::Filter { value, cause: error.to_string() }),
        Ok(_) | Err(std::env::VarError::NotPresent) => {
            Ok(EnvFilter::default().add_directive(LevelFilter::INFO.into()))
        }
        Err(std::env::VarError::NotUnicode(value)) => Err(LoggingError::Filter {
            value: value.to_string_lossy().into_owned(),
            cause: "it is not UTF-8".into(),
        }),
    }
}
