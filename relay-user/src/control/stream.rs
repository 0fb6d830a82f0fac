//! `events` over the control socket: one line a step, for as long as the client listens.
//!
//! What waits for a slow reader is bounded by the channel, which is shared by all of them. A reader that falls behind it
//! is told how many lines it has missed, and goes on with the oldest there are.

use std::{io, sync::Arc};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::unix::{ReadHalf, WriteHalf},
    sync::broadcast::{self, error::RecvError},
};

use super::leases::{Filter, Missed, StepRow};

/// Lines are sent together up to this many octets.
const CHUNK: usize = 16 * 1024;

/// Sends what `filter` admits until the client has gone.
pub(super) async fn stream_steps(
    mut reader: ReadHalf<'_>,
    mut writer: WriteHalf<'_>,
    mut steps: broadcast::Receiver<Arc<StepRow>>,
    filter: &Filter,
) -> io::Result<()> {
    let mut left = [0; 64];
    let mut lines = Vec::new();
    loop {
        tokio::select! {
            step = steps.recv() => if !line(step, filter, &mut lines)? { return Ok(()) },
            // A client says nothing more; that it ends is all that can be read.
            read = reader.read(&mut left) => if read? == 0 { return Ok(()) },
        }
        while lines.len() < CHUNK
            && let Ok(step) = steps.try_recv()
        {
            line(Ok(step), filter, &mut lines)?;
        }
        writer.write_all(&lines).await?;
        lines.clear();
    }
}

/// Adds a line; false when there are no more.
fn line(step: Result<Arc<StepRow>, RecvError>, filter: &Filter, lines: &mut Vec<u8>) -> io::Result<bool> {
    match step {
        Ok(step) if filter.admits(&step) => serde_json::to_writer(&mut *lines, &*step)?,
        Ok(_) => return Ok(true),
        Err(RecvError::Lagged(missed)) => serde_json::to_writer(&mut *lines, &Missed { missed })?,
        Err(RecvError::Closed) => return Ok(false),
    }
    lines.push(b'\n');
    Ok(true)
}
