//! `check`: says whether a configuration is right, in itself and on this machine, and prints what would be in force.
//!
//! It reads the file and, over rtnetlink, the machine; it changes nothing and needs no privileges.

use anyhow::Context as _;
use relay_user::config::{Config, ConfigError, Machine, Problem, ResolvedConfig};
use serde::Serialize;

use super::{ConfigFile, Failure, Json, complain, print};

/// Check a configuration file against this machine, and print what would be in force
///
/// Checks the file, then holds it against the devices, addresses and VRFs of this machine. Prints the effective
/// configuration as TOML, with every default written out. Each problem is one line on stderr: file, line, key, what is
/// wrong, what would be right. Changes nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  xdp-dhcrelay check --config /etc/xdp-dhcrelay.toml
  xdp-dhcrelay check --config new.toml --json | jq .problems

Exit code: 0 right (perhaps with warnings), 2 wrong.")]
pub(super) struct Options {
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    json: Json,
}

/// The document of `--json`.
#[derive(Serialize)]
struct Report<'r> {
    valid: bool,
    problems: &'r [Problem],
    warnings: &'r [Problem],
    /// The effective configuration; null when there is none.
    config: Option<&'r Config>,
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let checked = match Config::load(&options.file.config) {
        Ok(config) => {
            let machine = Machine::read().context("the machine's devices cannot be read")?;
            config.resolve(&machine)
        }
        Err(error) => Err(error),
    };
    if options.json.json {
        print(&document(&checked)?)?;
    }
    let resolved = checked?;
    for warning in &resolved.warnings {
        complain(&format!("warning: {warning}"));
    }
    if options.json.json {
        return Ok(());
    }
    print(&resolved.effective.to_toml().context("the effective configuration cannot be written as TOML")?)
        .map(drop)
}

fn document(checked: &Result<ResolvedConfig, ConfigError>) -> Result<String, Failure> {
    let report = match checked {
        Ok(resolved) => Report {
            valid: true,
            problems: &[],
            warnings: &resolved.warnings,
            config: Some(&resolved.effective),
        },
        Err(error) => Report { valid: false, problems: &error.problems, warnings: &[], config: None },
    };
    let mut text = serde_json::to_string_pretty(&report).context("the report cannot be written as JSON")?;
    text.push('\n');
    Ok(text)
}
