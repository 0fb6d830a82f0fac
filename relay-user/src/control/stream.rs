//! `events` over the control socket: one line a step, for as long as the client listens.
//!
//! What waits for a slow reader is bounded by the channel, which is shared by all of them. A reader that falls behind it
//! is told how many lines it has missed, and goes on with the oldest there are.

use std::{io, sync::Arc};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::unix::{ReadHalf, WriteHalf},
    sync::broadcast::{
        self,
        error::{RecvError, TryRecvError},
    },
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
        more(&mut steps, filter, &mut lines)?;
        writer.write_all(&lines).await?;
        lines.clear();
    }
}

/// Adds what waits, up to a bound. What was missed meanwhile is told here or never.
fn more(
    steps: &mut broadcast::Receiver<Arc<StepRow>>,
    filter: &Filter,
    lines: &mut Vec<u8>,
) -> io::Result<()> {
    while lines.len() < CHUNK {
        let step = match steps.try_recv() {
            Ok(step) => Ok(step),
            Err(TryRecvError::Lagged(missed)) => Err(RecvError::Lagged(missed)),
            // That it is closed, the next look says again.
            Err(TryRecvError::Empty | TryRecvError::Closed) => break,
        };
        line(step, filter, lines)?;
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    fn step(xid: u32) -> Arc<StepRow> {
        Arc::new(StepRow {
            unix_milliseconds: 0,
            interface: "eth1".into(),
            vlan: None,
            vrf: None,
            mac: None,
            step: "discover".into(),
            address: None,
            server: None,
            lease_seconds: None,
            xid,
            secs: 0,
            offers: Vec::new(),
        })
    }

    #[test]
    fn what_is_missed_while_what_waits_is_gathered_is_told_too() {
        let (sender, mut steps) = broadcast::channel(4);
        for xid in 0..9 {
            sender.send(step(xid)).expect("a reader");
        }
        let mut lines = Vec::new();
        more(&mut steps, &Filter::default(), &mut lines).expect("it is written");
        let text = String::from_utf8(lines).expect("text");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "{\"missed\":5}");
        let xids: Vec<StepRow> =
            lines[1..].iter().map(|line| serde_json::from_str(line).expect("a step")).collect();
        assert_eq!(xids.iter().map(|step| step.xid).collect::<Vec<_>>(), [5, 6, 7, 8]);
    }
}
