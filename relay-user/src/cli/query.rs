//! `status` and `stats`: ask the running daemon over its control socket, and print the answer.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{ArgMatches, parser::ValueSource};
use relay_user::{
    config::{Config, domain::Relay},
    control::{self, Command},
};
use serde::de::DeserializeOwned;

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

/// Asks `command`, and prints the answer as `render` lays it out for people, or as it is for programs.
///
/// `matches` is what clap found for the command: where each option came from.
pub(super) fn run<T: DeserializeOwned>(
    options: &Options,
    matches: &ArgMatches,
    command: Command,
    render: impl FnOnce(&T) -> String,
) -> Result<(), Failure> {
    let socket = socket(options, matches)?;
    let answer = control::ask(&socket, command).map_err(anyhow::Error::new)?;
    if options.json.json {
        let mut text =
            serde_json::to_string_pretty(&answer).context("the answer cannot be written as JSON")?;
        text.push('\n');
        return print(&text);
    }
    let model: T = serde_json::from_value(answer).with_context(|| {
        format!(
            "the daemon on {} is of another version than this command; restart it, or use --json",
            socket.display()
        )
    })?;
    print(&render(&model))
}

/// The socket that is meant: on the command line before in the environment, a socket before a configuration.
fn socket(options: &Options, matches: &ArgMatches) -> Result<PathBuf, Failure> {
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
