//! The command line: what can be typed, and what the exit code says about how it went.
//!
//! 0: done. 1: it failed while running. 2: the configuration or the command line is wrong, and nothing was changed.

mod check;
mod daemon;
mod doctor;
mod events;
mod filter;
mod leases;
mod query;
mod reload;
mod servers;
mod stats;
mod status;
mod table;
mod top;

use std::{
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand, builder::FalseyValueParser};
use relay_user::{config::ConfigError, control};

#[derive(Debug, Parser)]
#[command(
    name = "xdp-dhcrelay",
    version,
    about = "A DHCP relay agent whose ordinary work happens in XDP",
    after_help = "Examples:
  xdp-dhcrelay check --config /etc/xdp-dhcrelay.toml   is this file right for this machine?
  xdp-dhcrelay doctor --config /etc/xdp-dhcrelay.toml  what can the fast path do here, and what is in its way?
  xdp-dhcrelay run --config /etc/xdp-dhcrelay.toml     relay, in the foreground
  xdp-dhcrelay status                                  how the running daemon stands
  xdp-dhcrelay top                                     what it does now, live
  xdp-dhcrelay stats --json                            its counters, for programs
  xdp-dhcrelay leases --interface eth1                 who holds which address
  xdp-dhcrelay events --mac 02:00:00:00:00:01          one client's dialogues, live
  xdp-dhcrelay reload                                  put the changed configuration file in force

Exit code: 0 done, 1 failed while running, 2 wrong configuration or command line.",
    disable_help_subcommand = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(daemon::Options),
    Check(check::Options),
    Doctor(doctor::Options),
    /// Show how the running daemon stands: ports, interfaces, and the way to each server
    #[command(after_help = "Examples:
  xdp-dhcrelay status
  xdp-dhcrelay status --config /etc/second-relay.toml
  xdp-dhcrelay status --json | jq '.groups[].servers[] | select(.path != \"fast\")'")]
    Status(query::Options),
    /// Show what the running daemon did with packets: relayed by message type, and why others were not
    #[command(after_help = "Examples:
  xdp-dhcrelay stats
  xdp-dhcrelay stats --json | jq '.interfaces[] | {name, vlan, discover: .requests.discover}'

The table leaves out what is zero. The JSON document has every message type and every reason, always.")]
    Stats(query::Options),
    /// Show who holds which address, learnt from the messages that go through
    #[command(after_help = "Examples:
  xdp-dhcrelay leases --state bound --interface eth1.100
  xdp-dhcrelay leases --mac 02:00:00:00:00:01 --json | jq '.leases[].offers'

A client has to fit every option that is given. In the table, an address in brackets is one that the client held before, or has been offered.")]
    Leases(leases::Options),
    /// Show what clients and servers say to each other, live, a line a step
    #[command(after_help = "Examples:
  xdp-dhcrelay events
  xdp-dhcrelay events --interface eth1 --json | jq 'select(.step == \"taken_over\")'

Ends with Ctrl-C. With --json, one JSON document a line. Lines that this command was too slow to read are counted in a line of their own.")]
    Events(events::Options),
    /// Show what the running daemon does now, live: rates by path, message type, interface and reason
    #[command(after_help = "Examples:
  xdp-dhcrelay top
  xdp-dhcrelay top --interval 5 --config /etc/second-relay.toml
  xdp-dhcrelay top --json -n 2 | tail -1 | jq '.requests.per_second'

Keys: Tab next table, Up, Down, PgUp, PgDn, Home, End scroll it, s sorts interfaces by something else, p pauses, h shows the keys, q, Esc or Ctrl-C leaves.

Rates are what was counted between two rounds over the time in between. With --json, one JSON document a line and round: rates are null in the first, and a round without an answer has \"error\" instead. Ends with Ctrl-C. NO_COLOR is respected.")]
    Top(top::Options),
    /// Show which server answers whom, in the last hour, and what that says
    #[command(after_help = "Examples:
  xdp-dhcrelay servers
  xdp-dhcrelay servers --json | jq '.findings[] | select(.warning).text'")]
    Servers(query::Options),
    /// Have the running daemon read its configuration file again: all of it is in force then, or nothing of it
    #[command(after_help = "Examples:
  xdp-dhcrelay reload
  xdp-dhcrelay reload --json | jq '.changes.interfaces'

Returns when the new configuration is in force, and says what has changed. No request is lost, and none is relayed by half of each configuration. A file that is wrong changes nothing: exit code 2, and what is wrong is on stderr and in the daemon's log. SIGHUP does the same. The daemon reads the file that it was started with; --config and --socket only say which daemon.

fast_path, xdp_mode, leasequery, leasequery_rate, state_dir, bpffs_dir and control_socket hold until a restart.")]
    Reload(query::Options),
}

/// The option every command has that reads the file itself.
#[derive(Debug, clap::Args)]
struct ConfigFile {
    /// Configuration file (TOML).
    ///
    /// xdp-dhcrelay.example.toml documents every key.
    #[arg(long, value_name = "FILE", env = "XDP_DHCRELAY_CONFIG")]
    config: PathBuf,
}

/// The option every command has that prints a document.
#[derive(Debug, clap::Args)]
struct Json {
    /// Print one JSON document, for programs.
    #[arg(long, env = "XDP_DHCRELAY_JSON", value_parser = FalseyValueParser::new())]
    json: bool,
}

/// Why a command did not do what it was asked; each maps to an exit code.
#[derive(Debug)]
enum Failure {
    /// Exit code 2. What to print was printed already, or is in the text.
    Configuration(String),
    /// Exit code 1.
    Runtime(anyhow::Error),
    /// Exit code 1: it did what it was asked, and what was printed says what is wrong.
    Found,
    /// Exit code 1 or 2, and the log has said why.
    Logged { configuration: bool },
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Runtime(error)
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Configuration(error.to_string())
    }
}

/// Does what the command line asks for.
pub(crate) fn main() -> ExitCode {
    let matches = Cli::command().get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    // A command is required, so there is always one.
    let own = matches.subcommand().map_or(&matches, |(_, own)| own);
    let done = match cli.command {
        Command::Run(options) => daemon::run(&options),
        Command::Check(options) => check::run(&options),
        Command::Doctor(options) => doctor::run(&options),
        Command::Status(options) => query::run(&options, own, control::Command::Status, status::render),
        Command::Stats(options) => query::run(&options, own, control::Command::Stats, stats::render),
        Command::Leases(options) => leases::run(&options, own),
        Command::Events(options) => events::run(&options, own),
        Command::Reload(options) => reload::run(&options, own),
        Command::Top(options) => top::run(&options, own),
        Command::Servers(options) => query::run(&options, own, control::Command::Servers, servers::render),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Configuration(text)) => {
            complain(&text);
            ExitCode::from(2)
        }
        Err(Failure::Runtime(error)) => {
            complain(&format!("xdp-dhcrelay: {error:#}"));
            ExitCode::FAILURE
        }
        Err(Failure::Found) => ExitCode::FAILURE,
        Err(Failure::Logged { configuration }) => ExitCode::from(if configuration { 2 } else { 1 }),
    }
}

/// Writes to stdout. A reader that has seen enough (`| head`) is not a failure; false says that it has.
fn print(text: &str) -> Result<bool, Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(anyhow::Error::new(error).context("cannot write to stdout").into())
        }
        written => Ok(written.is_ok()),
    }
}

/// Writes a line to stderr. Where even that fails, the exit code is what is left to say it.
fn complain(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_of_the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_option_can_come_from_the_environment() {
        for command in Cli::command().get_subcommands() {
            for option in command.get_arguments().filter(|option| !matches!(option.get_id().as_str(), "help"))
            {
                let name = option.get_env().and_then(|name| name.to_str()).unwrap_or_default();
                assert!(name.starts_with("XDP_DHCRELAY_"), "{} {option}", command.get_name());
            }
        }
    }
}
