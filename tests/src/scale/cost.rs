//! What a running relay costs: told, never asserted, because a busy machine has other figures.

use std::{collections::BTreeMap, fs};

use anyhow::{Context as _, Result};

/// Memory of a process, in KiB.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// What it has in memory now (`VmRSS`).
    pub resident: u64,
    /// The most it ever had (`VmHWM`).
    pub peak: u64,
    /// Heap and stacks, without programs and rings (`RssAnon`).
    pub anonymous: u64,
    /// What the kernel holds for its BPF maps and programs (`memlock` of its descriptors).
    pub kernel: u64,
}

impl Memory {
    /// Of a process that is running.
    pub fn of(pid: u32) -> Result<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let field = |name: &str| value(&status, name).with_context(|| format!("no {name} of process {pid}"));
        let mut held = BTreeMap::new();
        for descriptor in fs::read_dir(format!("/proc/{pid}/fdinfo"))? {
            // A descriptor that has been closed meanwhile holds nothing.
            let Ok(text) = fs::read_to_string(descriptor?.path()) else { continue };
            // A map may have several descriptors.
            let object = ["map_id:", "prog_id:"].map(|name| value(&text, name));
            held.insert(object, value(&text, "memlock:").unwrap_or(0) / 1024);
        }
        let kernel = held.values().sum();
        let (resident, peak, anonymous) = (field("VmRSS:")?, field("VmHWM:")?, field("RssAnon:")?);
        Ok(Self { resident, peak, anonymous, kernel })
    }
}

fn value(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}
