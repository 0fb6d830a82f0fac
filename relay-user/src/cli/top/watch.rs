//! What is known of the daemon from round to round: the last figures, and whether they are still its own.

use std::time::{Duration, Instant};

use relay_user::control::ControlError;

use super::{figures::Figures, rates, round::Round};

/// How long it is said that another daemon has come.
const NEWS: Duration = Duration::from_secs(60);

/// From round to round.
pub(super) struct Watch {
    last: Round,
    pub(super) figures: Figures,
    /// When the figures came.
    pub(super) answered: Instant,
    /// Why the last question had no answer.
    pub(super) trouble: Option<String>,
    restarted: Option<Instant>,
}

impl Watch {
    /// The first round.
    pub(super) fn new(first: Round, now: Instant) -> Self {
        let figures = rates::figures(None, &first);
        Self { last: first, figures, answered: now, trouble: None, restarted: None }
    }

    /// The next round, or why there is none: then the last figures stay.
    pub(super) fn take(&mut self, outcome: Result<Round, ControlError>, now: Instant) {
        match outcome {
            Ok(round) => {
                self.figures = rates::figures(Some(&self.last), &round);
                if self.figures.restarted {
                    self.restarted = Some(now);
                }
                (self.last, self.answered, self.trouble) = (round, now, None);
            }
            Err(error) => self.trouble = Some(error.to_string()),
        }
    }

    /// For how long another daemon has been there, as long as that is news.
    pub(super) fn restarted(&self, now: Instant) -> Option<Duration> {
        let since = self.restarted.map(|then| now.saturating_duration_since(then));
        since.filter(|since| *since < NEWS)
    }
}
