//! From text to wire types, with every fault of syntax, key and type reported, not only the first.
//!
//! The TOML reader stops at the first value it cannot take. So the fault is noted, the key that has it is taken out of
//! the parsed tree, and the tree is read again, until it reads.

use std::{ops::Range, path::Path};

use serde::Deserialize;
use toml::{
    Spanned,
    de::{DeTable, DeValue, Deserializer},
};

use super::{
    error::{ConfigError, Problem, Report},
    file::File,
    source::{Lines, Source, join},
    suggest::{did_you_mean, nearest},
};

/// A file with more faults of key and type than this is not read further: it is not a configuration file of ours.
const MAX_FAULTS: usize = 100;

/// A file that is TOML.
pub(super) struct Document<'t> {
    pub(super) table: Spanned<DeTable<'t>>,
    pub(super) source: Source,
}

/// Reads the TOML syntax.
pub(super) fn document<'t>(text: &'t str, path: &Path) -> Result<Document<'t>, ConfigError> {
    let (table, faults) = DeTable::parse_recoverable(text);
    if !faults.is_empty() {
        let lines = Lines::new(text);
        let problems = faults.iter().map(|fault| syntax_problem(&lines, path, fault)).collect();
        return Err(ConfigError { problems });
    }
    let source = Source::new(path, text, table.get_ref());
    Ok(Document { table, source })
}

fn syntax_problem(lines: &Lines<'_>, path: &Path, fault: &toml::de::Error) -> Problem {
    let position = lines.position(fault.span().map_or(usize::MAX, |span| span.start));
    let message = fault.message();
    let (message, remedy) = match message.split_once(", expected ") {
        Some((message, _)) if message.contains("must be quoted") => {
            (message.to_owned(), "put \" around a text; numbers, true and false stand alone".to_owned())
        }
        Some((message, expected)) => (message.to_owned(), format!("expected here: {expected}")),
        None if message.contains("duplicate key") => {
            (message.to_owned(), "keep one of the two lines".to_owned())
        }
        None => (message.to_owned(), "see https://toml.io for the syntax".to_owned()),
    };
    Problem {
        file: path.to_owned(),
        line: Some(position.line),
        column: Some(position.column),
        key: String::new(),
        message,
        remedy,
    }
}

/// Reads keys and types; what is wrong goes into the report and is absent from the result.
pub(super) fn wire(mut table: Spanned<DeTable<'_>>, report: &mut Report<'_>) -> File {
    while report.len() < MAX_FAULTS {
        let fault = match File::deserialize(Deserializer::from(table.clone())) {
            Ok(file) => return file,
            Err(fault) => fault,
        };
        let place = fault.span().and_then(|span| locate(table.get_ref(), &span)).unwrap_or_default();
        let (message, remedy, meant) = explain(&fault, &place);
        report.error(&place.path(), message, remedy);
        if let Some(meant) = meant {
            report.reject(meant);
        }
        if !place.remove_from(table.get_mut()) {
            break;
        }
    }
    // What was not read is not missing.
    report.reject("server_group".into());
    report.reject("interface".into());
    File::default()
}

/// Message and remedy for what the TOML reader says about the value at `place`, and the key that will be absent for it.
fn explain(fault: &toml::de::Error, place: &Place) -> (String, String, Option<String>) {
    let (what, expected) = fault.message().rsplit_once(", expected ").unwrap_or((fault.message(), ""));
    if what.starts_with("unknown field `") {
        let valid: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
        let near = did_you_mean(place.last_key(), valid.iter().copied());
        let table = place.parent();
        let meant = nearest(place.last_key(), valid.iter().copied()).map(|key| join(&table, key));
        let here = if table.is_empty() { "here".to_owned() } else { format!("in {table}") };
        let remedy = format!("{near}valid keys {here}: {}", valid.join(", "));
        return ("there is no such key".into(), remedy, meant);
    }
    let what = what.strip_prefix("invalid type: ").or(what.strip_prefix("invalid value: ")).unwrap_or(what);
    let found = match what {
        "map" => "a table stands here".to_owned(),
        "sequence" => "a list stands here".to_owned(),
        _ => format!("{} stands here", what.trim_end_matches(" as i128").trim_end_matches(" as u128")),
    };
    let remedy = match expected {
        "i64" => "write a whole number".to_owned(),
        "a boolean" => "write true or false".to_owned(),
        "a sequence" if what == "map" => format!("write [[{0}]] instead of [{0}]", place.last_key()),
        "a sequence" => "write a list: [ … ]".to_owned(),
        _ if expected.starts_with("struct ") => format!("write a table: [{}]", place.last_key()),
        "" => "see xdp-dhcrelay.example.toml".to_owned(),
        _ => format!("write {expected}"),
    };
    (found, remedy, Some(join(&place.parent(), place.last_key())))
}

/// The way from the root to a key or value.
#[derive(Clone, Debug, Default)]
struct Place(Vec<Step>);

#[derive(Clone, Debug)]
enum Step {
    Key(String),
    Index(usize),
}

impl Place {
    fn path(&self) -> String {
        render(&self.0)
    }

    /// The path of the table around the last key.
    fn parent(&self) -> String {
        render(&self.0[..self.last_key_index().unwrap_or(0)])
    }

    fn last_key_index(&self) -> Option<usize> {
        self.0.iter().rposition(|step| matches!(step, Step::Key(_)))
    }

    fn last_key(&self) -> &str {
        match self.last_key_index().map(|index| &self.0[index]) {
            Some(Step::Key(key)) => key,
            _ => "",
        }
    }

    /// Takes the last key of the way out of the tree, with all of its value: taking one item out of a list would
    /// renumber the items behind it. False when there is nothing to take out.
    fn remove_from(&self, root: &mut DeTable<'_>) -> bool {
        let Some(last) = self.last_key_index() else { return false };
        let mut table = root;
        let mut steps = self.0[..last].iter();
        while let Some(Step::Key(key)) = steps.next() {
            let Some(mut value) = table.get_mut(key.as_str()).map(Spanned::get_mut) else { return false };
            while let DeValue::Array(items) = value {
                let Some(Step::Index(index)) = steps.next() else { return false };
                let Some(item) = items.get_mut(*index) else { return false };
                value = item.get_mut();
            }
            let DeValue::Table(inner) = value else { return false };
            table = inner;
        }
        table.remove(self.last_key()).is_some()
    }
}

fn render(steps: &[Step]) -> String {
    steps.iter().fold(String::new(), |path, step| match step {
        Step::Key(key) => join(&path, key),
        Step::Index(index) => format!("{path}[{index}]"),
    })
}

/// The key or value that stands at `span`.
fn locate(root: &DeTable<'_>, span: &Range<usize>) -> Option<Place> {
    let mut way = Vec::new();
    in_table(root, span, &mut way).then_some(Place(way))
}

fn in_table(table: &DeTable<'_>, span: &Range<usize>, way: &mut Vec<Step>) -> bool {
    table.iter().any(|(key, value)| {
        way.push(Step::Key(key.get_ref().to_string()));
        let found = key.span() == *span || in_value(value, span, way);
        if !found {
            way.pop();
        }
        found
    })
}

fn in_value(value: &Spanned<DeValue<'_>>, span: &Range<usize>, way: &mut Vec<Step>) -> bool {
    if value.span() == *span {
        return true;
    }
    match value.get_ref() {
        DeValue::Table(table) => in_table(table, span, way),
        DeValue::Array(items) => items.iter().enumerate().any(|(index, item)| {
            way.push(Step::Index(index));
            let found = in_value(item, span, way);
            if !found {
                way.pop();
            }
            found
        }),
        _ => false,
    }
}
