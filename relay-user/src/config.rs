//! The configuration file: from TOML text to checked values the daemon can trust.
//!
//! Three steps, each with its own types, so that every check happens once and in one place: [`mod@file`] is what may be
//! written, [`domain`] is what is right in itself, [`resolved`] is what is right on this machine. Every step reports
//! all it finds wrong, with file, line, key and what would be right.

mod change;
pub mod domain;
mod effective;
pub mod error;
pub mod file;
pub mod host;
mod parse;
mod resolve;
pub mod resolved;
mod source;
mod suggest;
pub mod template;
mod validate;

use std::path::Path;

pub use change::{Changes, Difference};
pub use domain::{
    Affinity, Config, FastPath, MAX_SERVERS_PER_GROUP, Policy, UdpChecksum, VlanTags, Vss, XdpMode,
};
pub use error::{ConfigError, Problem};
pub use host::{HostError, Machine};
pub use resolved::{ResolvedConfig, ResolvedInterface, ResolvedOption82};

use error::Report;
use source::Source;

impl Config {
    /// Reads and checks the file at `path`, without a look at the machine.
    ///
    /// # Errors
    /// Everything that is wrong with the file, or the one reason it cannot be read.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let bytes = std::fs::read(path).map_err(|cause| ConfigError::unreadable(path, &cause))?;
        match String::from_utf8(bytes) {
            Ok(text) => Self::from_str(&text, path),
            Err(error) => {
                let valid = error.utf8_error().valid_up_to();
                let line = error.as_bytes()[..valid].iter().filter(|byte| **byte == b'\n').count() + 1;
                Err(ConfigError::not_utf8(path, line))
            }
        }
    }

    /// Checks `text`, which errors will name as `path`, without a look at the machine.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of the lines.
    pub fn from_str(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let document = parse::document(text, path)?;
        let mut report = Report::new(&document.source);
        let file = parse::wire(document.table, &mut report);
        let parts = validate::config(file, &mut report);
        let warnings = report.finish()?;
        Ok(parts.with_source(document.source, warnings))
    }

    /// What is allowed but probably not meant, or against the letter of an RFC.
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    /// The configuration as a file with every default written out; parses back to the same value.
    ///
    /// # Errors
    /// Only what the TOML writer reports.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(self)
    }

    pub(crate) fn source(&self) -> &Source {
        &self.source
    }
}
