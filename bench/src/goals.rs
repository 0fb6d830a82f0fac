//! What was aimed at, beside what was found: whether it is met, by how much it is missed, and why.
//!
//! The reason is written where the goal is, by somebody who has looked; the page shows it when the goal is missed, whatever
//! the figures of the day are.

use crate::figures::table;

/// A figure that was aimed at.
pub(crate) struct Goal {
    what: String,
    aim: f64,
    found: f64,
    /// More than `aim` is better, not less.
    more: bool,
    unit: &'static str,
    why: &'static str,
}

impl Goal {
    /// `found` is to be at most `aim`.
    pub(crate) fn at_most(what: impl Into<String>, (aim, found): (f64, f64), unit: &'static str) -> Self {
        Self { what: what.into(), aim, found, more: false, unit, why: "" }
    }

    /// `found` is to be at least `aim`.
    pub(crate) fn at_least(what: impl Into<String>, aim_and_found: (f64, f64), unit: &'static str) -> Self {
        Self { more: true, ..Self::at_most(what, aim_and_found, unit) }
    }

    /// Why it is missed where it is.
    pub(crate) fn because(self, why: &'static str) -> Self {
        Self { why, ..self }
    }

    fn row(&self) -> Vec<String> {
        let Self { what, aim, found, more, unit, why } = self;
        let shown = |value: f64| match unit.is_empty() {
            true => figure(value),
            false => format!("{} {unit}", figure(value)),
        };
        let met = if *more { found >= aim } else { found <= aim };
        let times = if *more { aim / found } else { found / aim };
        let (verdict, why) =
            if met { ("met".to_owned(), "") } else { (format!("missed by a factor of {times:.2}"), *why) };
        let bound = if *more { "at least" } else { "at most" };
        vec![what.clone(), format!("{bound} {}", shown(*aim)), shown(*found), verdict, why.to_owned()]
    }
}

/// The goals of a section, as a table of their own.
pub(crate) fn goals(goals: &[Goal]) -> String {
    let rows: Vec<Vec<String>> = goals.iter().map(Goal::row).collect();
    format!("\n#### Goals\n\n{}", table(&["goal", "aim", "found", "", "why"], &rows))
}

fn figure(value: f64) -> String {
    match value {
        1e6.. => format!("{:.2} M", value / 1e6),
        1e4.. => format!("{:.0} k", value / 1e3),
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_that_is_missed_says_by_how_much_and_why_and_one_that_is_met_does_not() {
        let slow = || Goal::at_most("a frame", (100.0, 250.0), "ns").because("it is long");
        assert_eq!(
            slow().row(),
            ["a frame", "at most 100 ns", "250 ns", "missed by a factor of 2.50", "it is long"]
        );
        assert_eq!(Goal { found: 100.0, ..slow() }.row()[3..], ["met", ""]);
        let few = Goal::at_least("frames a second", (1e6, 250e3), "").because("the generator");
        let expected =
            ["frames a second", "at least 1.00 M", "250 k", "missed by a factor of 4.00", "the generator"];
        assert_eq!(few.row(), expected);
    }

    #[test]
    fn what_was_not_found_is_missed() {
        assert_ne!(Goal::at_most("a frame", (1.0, f64::NAN), "").row()[3], "met");
        assert_ne!(Goal::at_least("a frame", (1.0, f64::NAN), "").row()[3], "met");
    }
}
