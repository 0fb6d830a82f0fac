//! `status`, `stats`, `leases`, `servers` and `reload`: ask the running daemon over its control socket, and print the answer.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{ArgMatches, parser::ValueSource};
use relay_user::{
    config::{Config, domain::Relay},
    control::{self, Question},
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Failure, Json, print};

#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[command(flatten)]
    json: Json,
    /// Control socket of the daemon [default: /run/xdp-dhcrelay/control.sock]
    ///
    /// Counts before --config; what is on the command line counts before what is in the environment.
    #[arg(long, value_name = "PATH", env = "XDP_DHCRELAY_SOCKET")]
    socket: Option<PathBuf>,
    /// Configuration file of the daemon, to read relay.control_socket from.
    #[arg(long, value_name = "FILE", env = "XDP_DHCRELAY_CONFIG")]
    config: Option<PathBuf>,
}

/// Asks `question`, and prints the answer as `render` lays it out for people, or as it is for programs.
///
/// `matches` is what clap found for the command: where each option came from.
pub(super) fn run<T: DeserializeOwned>(
    options: &Options,
    matches: &ArgMatches,
    question: impl Into<Question>,
    render: impl FnOnce(&T) -> String,
) -> Result<(), Failure> {
    let socket = socket(options, matches)?;
    if options.json.json {
        let answer: Value = control::ask(&socket, question).map_err(anyhow::Error::new)?;
        let mut text =
            serde_json::to_string_pretty(&answer).context("the answer cannot be written as JSON")?;
        text.push('\n');
        return print(&text).map(drop);
    }
    let model: T = control::ask(&socket, question).map_err(anyhow::Error::new)?;
    print(&render(&model)).map(drop)
}

impl Options {
    /// Whether the answer is for programs.
    pub(super) fn is_json(&self) -> bool {
        self.json.json
    }
}

/// The socket that is meant: on the command line before in the environment, a socket before a configuration.
pub(super) fn socket(options: &Options, matches: &ArgMatches) -> Result<PathBuf, Failure> {
    let Options { json: _, socket, config } = options;
    let typed = |option| matches.value_source(option) == Some(ValueSource::CommandLine);
    match (socket, config) {
        (Some(socket), None) => Ok(socket.clone()),
        (Some(socket), Some(_)) if typed("socket") || !typed("config") => Ok(socket.clone()),
        (_, Some(config)) => match Config::load(config) {
            Ok(config) => Ok(config.relay.control_socket),
            Err(error) => Err(Failure::Configuration(format!(
                "{error}\nxdp-dhcrelay: the control socket is not known; repair the file, or name the socket with --socket"
            ))),
        },
        (None, None) => Ok(Relay::default().control_socket),
    }
}
