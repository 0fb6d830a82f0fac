//! Log lines as the systemd journal wants them: the priority in front as `<4>`, so that `journalctl -p warning` works.
//!
//! Sources: sd-daemon(3) for the prefix, systemd.exec(5) for `JOURNAL_STREAM`.

use std::{fmt, io, os::fd::AsFd as _};

use nix::sys::stat::fstat;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::{
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

/// Whether stderr goes to the journal: a child of a service inherits the variable, but may have another stderr.
pub(super) fn is_stderr() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else { return false };
    let Ok(found) = fstat(io::stderr().as_fd()) else { return false };
    stream == format!("{}:{}", found.st_dev, found.st_ino)
}

/// Puts the priority in front of what the inner format writes.
pub(super) struct WithPriority<F>(pub(super) F);

impl<S, N, F> FormatEvent<S, N> for WithPriority<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        write!(writer, "<{}>", priority(*event.metadata().level()))?;
        self.0.format_event(context, writer, event)
    }
}

/// The syslog priority of a level.
fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    }
}
