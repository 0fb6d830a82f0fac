//! Where each key of a file stands, so that checks can speak of keys and readers see lines.
//!
//! Kept beside the values instead of in them: the domain types stay plain, and checks that come long after parsing
//! (against the machine, on reload) still name the line.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use toml::de::{DeTable, DeValue};

use super::error::Problem;

/// The file's name and the position of every key in it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Source {
    file: PathBuf,
    positions: HashMap<String, Position>,
}

/// Line and column, both counted from 1; the column in characters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Position {
    pub(super) line: usize,
    pub(super) column: usize,
}

/// Finds the line of a byte offset without a walk over the text for each of thousands of keys.
pub(super) struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let behind_newlines =
            text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self { text, starts: std::iter::once(0).chain(behind_newlines).collect() }
    }

    /// The position of a byte offset; an offset behind the end is the end.
    pub(super) fn position(&self, offset: usize) -> Position {
        let offset = offset.min(self.text.len());
        let line = self.starts.partition_point(|start| *start <= offset);
        let before = &self.text.as_bytes()[self.starts[line - 1]..offset];
        Position { line, column: String::from_utf8_lossy(before).chars().count() + 1 }
    }
}

impl Source {
    pub(super) fn new(file: &Path, text: &str, root: &DeTable<'_>) -> Self {
        let mut positions = HashMap::new();
        index_table(&Lines::new(text), "", root, &mut positions);
        Self { file: file.to_owned(), positions }
    }

    /// A problem at `key`, or at the nearest table around it that the file has, or at the first line.
    pub(crate) fn problem(&self, key: &str, message: String, remedy: String) -> Problem {
        let mut nearest = key;
        let position = loop {
            if let Some(position) = self.positions.get(nearest) {
                break Some(*position);
            }
            match nearest.rfind(['.', '[']) {
                Some(end) => nearest = &nearest[..end],
                None => break None,
            }
        };
        Problem {
            file: self.file.clone(),
            line: Some(position.map_or(1, |position| position.line)),
            column: position.map(|position| position.column),
            key: key.to_owned(),
            message,
            remedy,
        }
    }
}

/// `parent.key`, or `key` at the top.
pub(super) fn join(parent: &str, key: &str) -> String {
    if parent.is_empty() { key.to_owned() } else { format!("{parent}.{key}") }
}

fn index_table(
    lines: &Lines<'_>,
    path: &str,
    table: &DeTable<'_>,
    positions: &mut HashMap<String, Position>,
) {
    for (key, value) in table {
        let path = join(path, key.get_ref());
        positions.insert(path.clone(), lines.position(key.span().start));
        index_value(lines, &path, value.get_ref(), positions);
    }
}

fn index_value(
    lines: &Lines<'_>,
    path: &str,
    value: &DeValue<'_>,
    positions: &mut HashMap<String, Position>,
) {
    match value {
        DeValue::Table(table) => index_table(lines, path, table, positions),
        DeValue::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let path = format!("{path}[{index}]");
                positions.insert(path.clone(), lines.position(item.span().start));
                index_value(lines, &path, item.get_ref(), positions);
            }
        }
        _ => {}
    }
}
