//! `run`: the daemon in the foreground, with its log on stderr.

use std::error::Error;

use anyhow::{Context as _, anyhow};
use clap::{ValueEnum, builder::PossibleValue};
use relay_user::{
    daemon,
    logging::{self, LogFormat, LoggingError},
};
use tracing::level_filters::LevelFilter;

use super::{ConfigFile, Failure};

/// Relay, in the foreground, until SIGTERM or SIGINT
///
/// Says READY=1 to systemd and logs "ready" once every interface relays. Needs root, or the capabilities CAP_BPF,
/// CAP_NET_ADMIN, CAP_NET_RAW, CAP_NET_BIND_SERVICE, CAP_PERFMON and CAP_SYS_ADMIN.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  xdp-dhcrelay run --config /etc/xdp-dhcrelay.toml
  xdp-dhcrelay run --config test.toml --log-level debug
  RUST_LOG=relay_user::nexthop=debug xdp-dhcrelay run --config test.toml

Exit code: 0 ended by a signal, 1 failed, 2 wrong configuration (nothing was changed).")]
pub(super) struct Options {
    #[command(flatten)]
    file: ConfigFile,
    /// How log lines look.
    #[arg(long, value_name = "FORMAT", env = "XDP_DHCRELAY_LOG_FORMAT", default_value = "text")]
    log_format: Format,
    /// The least important messages to log [default: what RUST_LOG says, else info]
    #[arg(long, value_name = "LEVEL", env = "XDP_DHCRELAY_LOG_LEVEL")]
    log_level: Option<Level>,
}

/// [`LogFormat`] as words.
#[derive(Clone, Copy, Debug)]
struct Format(LogFormat);

impl ValueEnum for Format {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self(LogFormat::Text), Self(LogFormat::Json)]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self.0 {
            LogFormat::Text => PossibleValue::new("text").help("Lines for people and for the journal"),
            LogFormat::Json => PossibleValue::new("json").help("One JSON object a line, for collectors"),
        })
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Level {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl From<Level> for LevelFilter {
    fn from(level: Level) -> Self {
        match level {
            Level::Error => Self::ERROR,
            Level::Warn => Self::WARN,
            Level::Info => Self::INFO,
            Level::Debug => Self::DEBUG,
            Level::Trace => Self::TRACE,
        }
    }
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let Options { file, log_format, log_level } = options;
    logging::init(log_format.0, log_level.map(LevelFilter::from)).map_err(|error| match error {
        LoggingError::Filter { .. } => Failure::Configuration(format!("xdp-dhcrelay: {error}")),
        LoggingError::Twice(_) => Failure::Runtime(anyhow!(error)),
    })?;
    // Packets of the slow path on one, questions and events on the other.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("the threads of the daemon cannot be started")?;
    let ended = runtime.block_on(daemon::run(daemon::Options { config: file.config.clone() }));
    ended.map_err(|error| {
        for line in chain(&error).lines() {
            tracing::error!("{line}");
        }
        Failure::Logged { configuration: error.is_configuration() }
    })
}

/// The error with its causes, each said once: some errors tell their cause in their own words already.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}
