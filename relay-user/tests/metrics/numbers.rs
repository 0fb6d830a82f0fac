//! No number of `stats` is forgotten: each gets a value that no other has, and each value is found in the text. The compiler
//! alone does not see to that, a field can be taken apart and thrown away.

use std::collections::BTreeSet;

use relay_user::control::model::Stats;
use serde_json::Value;

use super::{facts, text};

/// Of `stats`, what is not counted of messages, or is the sum of something else that is there.
const NOT_SHOWN: [&str; 3] = ["index", "clients", "bound"];

/// Gives every number below `value` one of its own, and notes those that are to be found again.
fn number(value: &mut Value, path: &str, next: &mut u64, noted: &mut Vec<(String, u64)>) {
    match value {
        Value::Number(found) => {
            *next += 1;
            *found = (*next).into();
            let name = path.rsplit('.').next().unwrap_or_default();
            if !NOT_SHOWN.contains(&name) {
                noted.push((path.to_owned(), *next));
            }
        }
        Value::Object(fields) => {
            for (name, value) in fields {
                number(value, &format!("{path}.{name}"), next, noted);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter_mut().enumerate() {
                number(value, &format!("{path}[{index}]"), next, noted);
            }
        }
        _ => {}
    }
}

#[test]
fn every_number_of_stats_is_in_a_scrape() {
    let mut facts = facts();
    let mut document = serde_json::to_value(&facts.stats).expect("a document");
    // Sums of several of them stay apart from each single one.
    let (mut next, mut noted) = (1_000_000_000, Vec::new());
    number(&mut document, "stats", &mut next, &mut noted);
    assert!(noted.len() > 250, "{}", noted.len());
    facts.stats = serde_json::from_value::<Stats>(document).expect("the same");
    let text = text(facts);
    let values: BTreeSet<&str> = text.lines().filter_map(|line| Some(line.rsplit_once(' ')?.1)).collect();
    for (path, value) in noted {
        assert!(values.contains(value.to_string().as_str()), "{path} is not shown");
    }
}
