//! The NAPI of a device as threads of their own: the packets of a veth are otherwise taken in by whoever sends them.

use std::{collections::BTreeSet, fs, process::Command};

use anyhow::{Context as _, Result, ensure};
use nix::{
    sched::{CpuSet, sched_setaffinity},
    unistd::Pid,
};
use relay_tests::lab::Namespace;

/// Gives a device's NAPI to threads on one CPU, until the device is gone (Linux 5.12). They come before all other threads there, as
/// packets do.
pub(super) fn threads(host: &Namespace, device: &str, cpu: usize) -> Result<()> {
    let before = tasks(device)?;
    // sysfs shows the devices of the namespace that it was mounted in, which `ip netns exec` does.
    let file = format!("/sys/class/net/{device}/threaded");
    let output = Command::new("ip")
        .args(["netns", "exec", host.kernel_name(), "sh", "-c", &format!("echo 1 > {file}")])
        .output()
        .context("ip netns exec")?;
    ensure!(output.status.success(), "{file}: {}", String::from_utf8_lossy(&output.stderr));
    let mut set = CpuSet::new();
    set.set(cpu)?;
    let new: Vec<i32> = tasks(device)?.difference(&before).copied().collect();
    ensure!(!new.is_empty(), "{device} has no thread for its NAPI");
    for task in new {
        sched_setaffinity(Pid::from_raw(task), &set)?;
        let output = Command::new("renice").args(["-n", "-20", "-p", &task.to_string()]).output()?;
        ensure!(output.status.success(), "renice: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

/// Threads of the kernel for the NAPI of devices of this name.
fn tasks(device: &str) -> Result<BTreeSet<i32>> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        let Some(task) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let comm = fs::read_to_string(entry.path().join("comm"));
        if comm.is_ok_and(|name| name.starts_with(&format!("napi/{device}-"))) {
            found.insert(task);
        }
    }
    Ok(found)
}
