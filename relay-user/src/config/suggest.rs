//! "Did you mean": the nearest of the words that would have been right.
//!
//! Most faults in a configuration file are slips of the hand; naming the intended word repairs them in one look.

/// `did you mean "core"? ` when one of `words` is near, else nothing.
pub(super) fn did_you_mean<'w>(wrong: &str, words: impl IntoIterator<Item = &'w str>) -> String {
    match nearest(wrong, words) {
        Some(word) => format!("did you mean \"{word}\"? "),
        None => String::new(),
    }
}

/// The word with the fewest slips between it and `wrong`, when that is few enough to be a slip.
pub(super) fn nearest<'w>(wrong: &str, words: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    let wrong = wrong.to_lowercase();
    words
        .into_iter()
        .map(|word| {
            let contained = wrong.len() >= 3 && (word.contains(&wrong) || wrong.contains(word));
            (if contained { 1 } else { distance(&wrong, word) }, word)
        })
        .filter(|(slips, word)| *slips <= 1 + word.chars().count() / 4)
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, word)| word)
}

/// Levenshtein distance: insertions, deletions and substitutions of characters.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, l) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, r) in right.iter().enumerate() {
            let substituted = diagonal + usize::from(l != *r);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_hand_finds_the_word_that_was_meant() {
        for (wrong, meant) in [
            ("cor", "core"),
            ("Core", "core"),
            ("servers_group", "server_group"),
            ("hops", "max_hops"),
            ("giadr", "giaddr"),
        ] {
            let words = ["core", "edge", "server_group", "max_hops", "giaddr"];
            assert_eq!(nearest(wrong, words), Some(meant), "{wrong}");
        }
    }

    #[test]
    fn a_word_like_none_of_them_suggests_nothing() {
        assert_eq!(nearest("lease_time", ["core", "edge"]), None);
        assert_eq!(nearest("", ["core"]), None);
    }
}
