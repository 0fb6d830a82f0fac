//! Repeats become one figure here: the median, with how far the repeats lie apart.

use std::fmt;

/// Repeats of one measurement.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    pub(crate) fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    /// The value that a share of the repeats does not exceed; 0 when there are none.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().saturating_sub(1) as f64;
        sorted.get((last * share).round() as usize).copied().unwrap_or_default()
    }

    /// What each repeat is above the one of `others` that was measured next to it.
    pub(crate) fn differences(&self, others: &Self) -> impl Iterator<Item = f64> {
        self.0.iter().zip(&others.0).map(|(value, other)| value - other)
    }

    pub(crate) fn median(&self) -> f64 {
        self.quantile(0.5)
    }
}

impl FromIterator<f64> for Samples {
    fn from_iter<T: IntoIterator<Item = f64>>(values: T) -> Self {
        Self(values.into_iter().collect())
    }
}

impl fmt::Display for Samples {
    /// Median, and the quartiles.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} ({:.1}–{:.1})", self.median(), self.quantile(0.25), self.quantile(0.75))
    }
}

/// A rate for people: `1.23 M`, `456 k`.
pub(crate) fn rate(per_second: f64) -> String {
    if per_second >= 1e6 {
        format!("{:.2} M", per_second / 1e6)
    } else if per_second >= 1e4 {
        format!("{:.0} k", per_second / 1e3)
    } else {
        format!("{per_second:.0}")
    }
}

/// A table in Markdown.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut text = line(head.iter().map(|cell| (*cell).to_owned()).collect());
    text += &line(head.iter().map(|_| "---".to_owned()).collect());
    for row in rows {
        text += &line(row.clone());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_odd_number_of_repeats_is_the_middle_one() {
        let samples: Samples = [5.0, 1.0, 3.0].into_iter().collect();
        assert_eq!(samples.median(), 3.0);
        assert_eq!((samples.quantile(0.0), samples.quantile(1.0)), (1.0, 5.0));
    }

    #[test]
    fn rates_are_shortened() {
        assert_eq!([rate(1_234_567.0), rate(45_600.0), rate(300.0)], ["1.23 M", "46 k", "300"]);
    }
}
