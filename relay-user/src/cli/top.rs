//! `top`: what the relay does now, live. Each round asks the running daemon for its counters, and shows what has been
//! added since the last.
//!
//! `round` asks, `rates` compares two rounds, `sheets` and `screen` lay the figures out; none of the last three knows a
//! terminal. `live` and `lines` are the two ways to show rounds, on a terminal and as JSON.

mod figures;
mod inputs;
mod keys;
mod lines;
mod live;
mod number;
mod pace;
mod rates;
mod round;
#[cfg(test)]
mod sample;
mod screen;
mod sheet;
mod sheets;
mod terminal;
mod watch;

use std::{
    io::{self, IsTerminal as _},
    time::Duration,
};

use anyhow::anyhow;
use clap::ArgMatches;
use relay_user::control::ControlError;

use super::{Failure, query};

/// The shortest and the longest time between two rounds, in seconds.
const INTERVALS: std::ops::RangeInclusive<f64> = 0.2..=60.0;

#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Options {
    #[command(flatten)]
    query: query::Options,
    #[command(flatten)]
    rounds: Rounds,
}

/// How often, and how many times.
#[derive(Debug, clap::Args)]
#[group(skip)]
struct Rounds {
    /// Time between two rounds, from 0.2 to 60 seconds.
    ///
    /// A daemon whose answers take long is asked less often: at least four times as long as an answer took lies between it and the next question.
    #[arg(short = 'd', long, value_name = "SECONDS", default_value = "1", env = "XDP_DHCRELAY_INTERVAL", value_parser = interval)]
    interval: Duration,
    /// End after so many rounds [default: go on]
    #[arg(short = 'n', long, value_name = "NUMBER", env = "XDP_DHCRELAY_ITERATIONS", value_parser = clap::value_parser!(u64).range(1..))]
    iterations: Option<u64>,
}

impl Rounds {
    /// Whether `shown` rounds are as many as wanted.
    fn are_over(&self, shown: u64) -> bool {
        self.iterations.is_some_and(|wanted| shown >= wanted)
    }
}

/// Seconds, with a fraction.
fn interval(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(seconds) if INTERVALS.contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => {
            Err(format!("write seconds from {} to {}, such as 1 or 0.5", INTERVALS.start(), INTERVALS.end()))
        }
    }
}

pub(super) fn run(options: &Options, matches: &ArgMatches) -> Result<(), Failure> {
    let Options { query, rounds } = options;
    if query.is_json() {
        return lines::run(&query::socket(query, matches)?, rounds);
    }
    if !io::stdout().is_terminal() {
        return Err(Failure::Configuration(
            "xdp-dhcrelay: \"top\" draws on a terminal, and standard output is none; use \"top --json\" for rates a line \
             a round, \"stats\" for the counters, or \"events\" for what happens"
                .to_owned(),
        ));
    }
    live::run(&query::socket(query, matches)?, rounds)
}

/// Why there is no first round. A daemon of another version is no use to `--json` either: rates are made here.
fn refused(error: ControlError) -> Failure {
    match error {
        ControlError::OtherVersion { path, source } => anyhow!(
            "the daemon on {} is of another version than this command; restart it, or use \"stats --json\": {source}",
            path.display()
        )
        .into(),
        error => anyhow::Error::new(error).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_a_number_of_seconds_within_its_bounds() {
        for (text, milliseconds) in [("1", 1000), ("0.2", 200), ("60", 60_000), ("2.5", 2500)] {
            assert_eq!(interval(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for wrong in ["0", "0.1", "60.1", "-1", "NaN", "inf", "1s", ""] {
            assert_eq!(
                interval(wrong),
                Err("write seconds from 0.2 to 60, such as 1 or 0.5".into()),
                "{wrong}"
            );
        }
    }
}
