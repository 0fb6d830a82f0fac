//! `top` on a terminal: a screen for each round and each key, until the one who looks leaves.

use std::{
    env,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, anyhow};
use nix::sys::signal::{Signal, raise};

use super::{
    super::Failure,
    Rounds,
    inputs::{Input, Inputs, TICK},
    keys::{View, Wish},
    pace,
    round::Round,
    screen::{self, Shown},
    terminal::Held,
    watch::Watch,
};

/// Shows rounds until a key or a signal ends it, or there were as many as wanted.
pub(super) fn run(socket: &Path, rounds: &Rounds) -> Result<(), Failure> {
    let asked = Instant::now();
    // Before the terminal is taken: a daemon that is not there is said as by every other command.
    let first = Round::ask(socket).map_err(super::refused)?;
    let answered = Instant::now();
    let inputs = Inputs::start(socket)?;
    let held = Held::take().context("cannot take the terminal")?;
    let mut live = Live {
        watch: Watch::new(first, answered),
        view: View::default(),
        rounds,
        shown: 1,
        asked: None,
        due: pace::next(rounds.interval, asked, answered, true),
        // https://no-color.org: any value but none.
        colour: env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
    };
    Ok(live.go_on(held, &inputs.with_keys()?)?)
}

struct Live<'a> {
    watch: Watch,
    view: View,
    rounds: &'a Rounds,
    /// Rounds shown.
    shown: u64,
    /// When the question was asked that has no answer yet.
    asked: Option<Instant>,
    /// When to ask next.
    due: Instant,
    colour: bool,
}

/// Whether to go on.
enum Next {
    Stay,
    Leave,
    Suspend,
}

impl Live<'_> {
    fn go_on(&mut self, mut held: Held, inputs: &Inputs) -> anyhow::Result<()> {
        loop {
            self.draw(&mut held)?;
            if self.rounds.are_over(self.shown) {
                return Ok(());
            }
            let now = Instant::now();
            let may_ask = self.asked.is_none() && !self.view.paused;
            if may_ask && now >= self.due {
                inputs.ask()?;
                self.asked = Some(now);
            }
            let tick = now + TICK;
            let until = if may_ask && self.asked.is_none() { self.due.min(tick) } else { tick };
            let Some(input) = inputs.next(until) else { continue };
            match self.take(input)? {
                Next::Stay => {}
                Next::Leave => return Ok(()),
                Next::Suspend => {
                    drop(held);
                    raise(Signal::SIGTSTP).context("cannot stop")?;
                    held = Held::take().context("cannot take the terminal again")?;
                }
            }
        }
    }

    fn take(&mut self, input: Input) -> anyhow::Result<Next> {
        match input {
            Input::Key(key) => Ok(match self.view.press(key) {
                Wish::Stay => Next::Stay,
                Wish::Leave => Next::Leave,
                Wish::Suspend => Next::Suspend,
            }),
            Input::Resized => Ok(Next::Stay),
            Input::End => Ok(Next::Leave),
            Input::Answer { asked, outcome } => {
                let now = Instant::now();
                self.due = pace::next(self.rounds.interval, asked, now, outcome.is_ok());
                self.asked = None;
                self.shown += 1;
                self.watch.take(*outcome, now);
                Ok(Next::Stay)
            }
            Input::NoKeys(error) => {
                Err(anyhow::Error::new(error).context("cannot read keys of the terminal"))
            }
            Input::Died(name) => Err(anyhow!("the thread \"{name}\" has ended")),
        }
    }

    fn draw(&mut self, held: &mut Held) -> anyhow::Result<()> {
        let now = Instant::now();
        let shown = Shown {
            figures: &self.watch.figures,
            age: now.saturating_duration_since(self.watch.answered),
            interval: self.rounds.interval,
            trouble: self.watch.trouble.as_deref(),
            waiting: self.asked.map_or(Duration::ZERO, |asked| now.saturating_duration_since(asked)),
            restarted: self.watch.restarted(now),
            colour: self.colour,
        };
        let view = &mut self.view;
        held.terminal
            .draw(|frame| screen::draw(&shown, view, frame.area(), frame.buffer_mut()))
            .context("cannot write to the terminal")?;
        Ok(())
    }
}
