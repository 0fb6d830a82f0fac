//! What the tests and the demonstration need of the machine they run on: root, and bpffs.

use std::{fs, os::unix::fs::MetadataExt as _, process::Command};

use anyhow::{Context as _, Result, ensure};

use crate::exec::announce;

const BPFFS: &str = "/sys/fs/bpf";

/// Whether this process may make namespaces and load BPF programs.
pub(crate) fn is_root() -> Result<bool> {
    Ok(fs::metadata("/proc/self").context("/proc is not mounted")?.uid() == 0)
}

/// Fails with one sentence when this process is not root.
pub(crate) fn need_root(verb: &str, otherwise: &str) -> Result<()> {
    ensure!(
        is_root()?,
        "`cargo xtask {verb}` makes network namespaces and loads BPF programs, which needs root{otherwise}"
    );
    Ok(())
}

/// Mounts the file system of BPF pins where the machine has not done so (containers).
pub(crate) fn mount_bpffs() -> Result<()> {
    let mounts = fs::read_to_string("/proc/self/mounts").context("/proc is not mounted")?;
    if is_mounted(&mounts) {
        return Ok(());
    }
    announce("bpffs is not mounted", Command::new("mount").args(["-t", "bpf", "bpf", BPFFS]))
}

fn is_mounted(mounts: &str) -> bool {
    mounts.lines().any(|line| {
        let mut fields = line.split(' ');
        fields.nth(1) == Some(BPFFS) && fields.next() == Some("bpf")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bpffs_is_found_by_place_and_type() {
        assert!(is_mounted("proc /proc proc rw 0 0\nbpf /sys/fs/bpf bpf rw,relatime 0 0\n"));
        assert!(is_mounted("none /sys/fs/bpf bpf rw 0 0"));
        assert!(!is_mounted("tmpfs /sys/fs/bpf tmpfs rw 0 0"));
        assert!(!is_mounted("bpf /run/bpf bpf rw 0 0"));
    }
}
