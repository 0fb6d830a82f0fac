//! Writes captured frames in the classic pcap format with nanoseconds, which tcpdump and Wireshark read.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result};

use super::frame::Frame;

const NANOSECOND_MAGIC: u32 = 0xa1b2_3c4d;
const SNAPSHOT_LENGTH: u32 = 262_144;
const LINK_ETHERNET: u32 = 1;

/// Writes `frames` to `path`.
pub fn write(path: &Path, frames: &[Frame]) -> Result<()> {
    let file = File::create(path).with_context(|| path.display().to_string())?;
    let mut file = BufWriter::new(file);
    for word in [NANOSECOND_MAGIC, 0x0004_0002, 0, 0, SNAPSHOT_LENGTH, LINK_ETHERNET] {
        file.write_all(&word.to_le_bytes())?;
    }
    for frame in frames {
        let at = frame.at.duration_since(UNIX_EPOCH)?;
        let length = u32::try_from(frame.bytes.len())?;
        for word in [u32::try_from(at.as_secs())?, at.subsec_nanos(), length, length] {
            file.write_all(&word.to_le_bytes())?;
        }
        file.write_all(&frame.bytes)?;
    }
    Ok(file.flush()?)
}
