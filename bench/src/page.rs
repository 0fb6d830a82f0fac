//! `docs/numbers.md`: every section between two marks, so that one can be measured anew without the others. Each
//! section says itself when, on what and by which command it was measured.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context as _, Result};

const HEAD: &str = "# Numbers\n\n\
    Written by `cargo xtask bench`; not edited by hand. Every table compares what ran in turn in one run, ratios first. \
    Figures are medians over repeats; a figure in bold is what a goal was set for. Live frames and veth pairs are not a \
    network card: the figures say what the relay costs, not what a card can carry.\n\n";

/// Where the section stands in the page.
pub(crate) const ORDER: [&str; 9] =
    ["cost", "floor", "throughput", "latency", "scale", "storm", "flood", "snoop", "model"];

/// Replaces one section, or adds it.
pub(crate) fn write(name: &str, title: &str, text: &str) -> Result<()> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/numbers.md");
    let old = fs::read_to_string(&path).unwrap_or_default();
    let mut page = HEAD.to_owned();
    for section in ORDER {
        let body = if section == name {
            Some(format!("## {title}\n\n{}\n\n{}\n", machine(name)?, text.trim()))
        } else {
            between(&old, section)
        };
        if let Some(body) = body {
            page += &format!("<!-- {section} -->\n{}\n<!-- /{section} -->\n\n", body.trim());
        }
    }
    fs::write(&path, page).with_context(|| path.display().to_string())
}

fn between(page: &str, section: &str) -> Option<String> {
    let (_, rest) = page.split_once(&format!("<!-- {section} -->"))?;
    let (body, _) = rest.split_once(&format!("<!-- /{section} -->"))?;
    Some(body.to_owned())
}

/// Machine, kernel, mitigations, commit, load, command.
fn machine(section: &str) -> Result<String> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    let cpus = read("/proc/cpuinfo");
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown CPU");
    let count = cpus.lines().filter(|line| line.starts_with("processor")).count();
    let virtual_machine = if cpus.contains("hypervisor") { ", virtual machine" } else { "" };
    let mut mitigations = Vec::new();
    for entry in fs::read_dir("/sys/devices/system/cpu/vulnerabilities")? {
        let entry = entry?;
        let state = read(&entry.path().to_string_lossy());
        if state.starts_with("Mitigation") {
            let measure = state.trim_start_matches("Mitigation: ");
            mitigations.push(format!("{} ({measure})", entry.file_name().to_string_lossy()));
        }
    }
    mitigations.sort();
    Ok(format!(
        "`cargo xtask bench {section}` on {date}, commit {commit}. {count} × {model}{virtual_machine}, Linux {kernel}, \
         BPF JIT {jit}. Mitigations: {mitigations}. Load average when it ended: {load}.",
        date = command("date", &["-u", "+%Y-%m-%d %H:%M UTC"]),
        commit = commit(),
        model = model.trim_start_matches(|c: char| c.is_whitespace() || c == ':'),
        kernel = read("/proc/sys/kernel/osrelease"),
        jit = if read("/proc/sys/net/core/bpf_jit_enable") == "0" { "off" } else { "on" },
        mitigations = if mitigations.is_empty() { "none".to_owned() } else { mitigations.join("; ") },
        load = read("/proc/loadavg").split(' ').take(3).collect::<Vec<_>>().join(" "),
    ))
}

/// The commit, marked when anything but the page itself is not as in it.
fn commit() -> String {
    let git = |arguments: &[&str]| command("git", &[&["-C", env!("CARGO_MANIFEST_DIR")], arguments].concat());
    let others =
        ["status", "--porcelain", "--untracked-files=no", "--", ":/", ":(top,exclude)docs/numbers.md"];
    let mark = if git(&others).is_empty() { "" } else { "-dirty" };
    format!("{}{mark}", git(&["describe", "--always"]))
}

fn command(program: &str, arguments: &[&str]) -> String {
    match Command::new(program).args(arguments).output() {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        _ => "unknown".to_owned(),
    }
}
