//! How often the generated frames reached each rule of the page: a rule that none reaches is not tested by them.

use std::collections::{BTreeMap, BTreeSet};

use crate::oracle::Rule;

/// Frames by rule, and how many of them the path under test relayed itself.
#[derive(Clone, Debug, Default)]
pub struct Reach(BTreeMap<Rule, (usize, usize)>);

impl Reach {
    /// Notes the rules that decided one frame.
    pub fn note(&mut self, rules: Vec<Rule>, relayed: bool) {
        for rule in rules.into_iter().collect::<BTreeSet<_>>() {
            let (all, by_itself) = self.0.entry(rule).or_default();
            *all += 1;
            *by_itself += usize::from(relayed);
        }
    }

    /// The rules that fewer frames than this reached.
    pub fn below(&self, least: usize) -> Vec<&'static str> {
        let frames = |rule: &Rule| self.0.get(rule).map_or(0, |(all, _)| *all);
        Rule::ALL.iter().filter(|rule| frames(rule) < least).map(|rule| rule.sentence()).collect()
    }

    /// A line for each rule.
    pub fn table(&self) -> String {
        let line = |rule: &Rule| {
            let (all, relayed) = self.0.get(rule).copied().unwrap_or_default();
            format!("{all:8}{relayed:8}  {}\n", rule.sentence())
        };
        let lines: String = Rule::ALL.iter().map(line).collect();
        format!("  frames relayed  rule\n{lines}")
    }
}
