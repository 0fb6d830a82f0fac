//! What is wrong with a configuration, said so that the reader can repair it: file, line, key, fault, remedy.
//!
//! A run of checks collects into a `Report`; an operator who repairs a file should see all of its faults at once.

use std::{
    collections::HashSet,
    fmt,
    path::{Path, PathBuf},
};

use serde::Serialize;

use super::source::Source;

/// One fault (or one warning) and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The file as it was named by the caller.
    pub file: PathBuf,
    /// Line, counted from 1; absent when the file could not be read at all.
    pub line: Option<usize>,
    /// Column in characters, counted from 1; absent when only the line is known.
    pub column: Option<usize>,
    /// The key as a dotted path, `interface[1].server_group`; empty for the file as a whole.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column: _, key, message, remedy } = self;
        write!(f, "{}:", file.display())?;
        if let Some(line) = line {
            write!(f, "{line}:")?;
        }
        if !key.is_empty() {
            write!(f, " {key}:")?;
        }
        write!(f, " {message}")?;
        if !remedy.is_empty() {
            write!(f, "; {remedy}")?;
        }
        Ok(())
    }
}

/// Every fault of a configuration, in the order of the lines; displayed as one line each.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct ConfigError {
    /// At least one.
    pub problems: Vec<Problem>,
}

impl ConfigError {
    pub(super) fn unreadable(path: &Path, cause: &std::io::Error) -> Self {
        let remedy = match cause.kind() {
            std::io::ErrorKind::NotFound => {
                "name an existing file with --config; xdp-dhcrelay.example.toml is one to start from"
            }
            std::io::ErrorKind::PermissionDenied => "run as a user who may read it, or change its mode",
            _ => "name a readable file with --config",
        };
        Self::whole_file(path, None, format!("the file cannot be read: {cause}"), remedy)
    }

    pub(super) fn not_utf8(path: &Path, line: usize) -> Self {
        Self::whole_file(path, Some(line), "the line is not UTF-8".into(), "save the file as UTF-8")
    }

    fn whole_file(path: &Path, line: Option<usize>, message: String, remedy: &str) -> Self {
        Self {
            problems: vec![Problem {
                file: path.to_owned(),
                line,
                column: None,
                key: String::new(),
                message,
                remedy: remedy.into(),
            }],
        }
    }
}

/// Collects the problems of one run over a file.
#[derive(Debug)]
pub(super) struct Report<'s> {
    source: &'s Source,
    errors: Vec<Problem>,
    /// Keys with a fault, or absent because of one.
    rejected: HashSet<String>,
    warnings: Vec<Problem>,
}

impl<'s> Report<'s> {
    pub(super) fn new(source: &'s Source) -> Self {
        Self { source, errors: Vec::new(), rejected: HashSet::new(), warnings: Vec::new() }
    }

    /// A fault at `key`; where the key is missing, the line of the table it should stand in is named.
    ///
    /// A second fault at the same key is left out: it follows from the first.
    pub(super) fn error(&mut self, key: &str, message: impl Into<String>, remedy: impl Into<String>) {
        if self.rejected.insert(key.to_owned()) {
            self.errors.push(self.source.problem(key, message.into(), remedy.into()));
        }
    }

    /// Says that `key` is absent because of a fault that was reported at another key: one fault, one line.
    pub(super) fn reject(&mut self, key: String) {
        self.rejected.insert(key);
    }

    pub(super) fn warning(&mut self, key: &str, message: impl Into<String>, remedy: impl Into<String>) {
        self.warnings.push(self.source.problem(key, message.into(), remedy.into()));
    }

    /// Number of faults so far.
    pub(super) fn len(&self) -> usize {
        self.errors.len()
    }

    /// The warnings, when there was no fault.
    pub(super) fn finish(self) -> Result<Vec<Problem>, ConfigError> {
        let Self { source: _, mut errors, rejected: _, mut warnings } = self;
        if errors.is_empty() {
            warnings.sort_by_key(|problem| (problem.line, problem.column));
            Ok(warnings)
        } else {
            errors.sort_by_key(|problem| (problem.line, problem.column));
            Err(ConfigError { problems: errors })
        }
    }
}
