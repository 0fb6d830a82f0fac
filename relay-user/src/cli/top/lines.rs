//! `top --json`: a document a line for each round, for programs; no terminal is needed.

use std::{path::Path, time::Instant};

use anyhow::{Context as _, anyhow};
use serde::Serialize;

use super::{
    super::{Failure, print},
    Rounds,
    inputs::{Input, Inputs},
    pace,
    round::Round,
    watch::Watch,
};

/// In place of the figures of a round that had no answer.
#[derive(Serialize)]
struct Unanswered<'a> {
    /// When the last figures came, in milliseconds since 1970-01-01 UTC.
    last_unix_milliseconds: u64,
    error: &'a str,
}

/// Prints a line a round, until a signal ends it, nobody reads, or there were as many as wanted.
pub(super) fn run(socket: &Path, rounds: &Rounds) -> Result<(), Failure> {
    let mut asked = Instant::now();
    let first = Round::ask(socket).map_err(super::refused)?;
    let inputs = Inputs::start(socket)?;
    let mut watch = Watch::new(first, Instant::now());
    let mut printed = 0;
    loop {
        let line = match &watch.trouble {
            None => serde_json::to_string(&watch.figures),
            Some(error) => serde_json::to_string(&Unanswered {
                last_unix_milliseconds: watch.figures.unix_milliseconds,
                error,
            }),
        };
        let line = line.context("the figures cannot be written as JSON")?;
        printed += 1;
        if !print(&format!("{line}\n"))? || rounds.are_over(printed) {
            return Ok(());
        }
        let due = pace::next(rounds.interval, asked, Instant::now(), watch.trouble.is_none());
        if let Some(input) = inputs.next(due) {
            return ended(input);
        }
        inputs.ask()?;
        match inputs.wait() {
            Some(Input::Answer { asked: at, outcome }) => {
                asked = at;
                watch.take(*outcome, Instant::now());
            }
            Some(input) => return ended(input),
            None => return Err(anyhow!("nobody answers any more").into()),
        }
    }
}

/// What came instead of the time for the next round.
fn ended(input: Input) -> Result<(), Failure> {
    match input {
        Input::End => Ok(()),
        other => Err(anyhow!("unexpected: {other:?}").into()),
    }
}
