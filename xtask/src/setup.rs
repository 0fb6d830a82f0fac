//! Installs what the machine lacks, one step after the other: look, take the next step, look again.
//!
//! Packages come from apt: as root they are installed, otherwise the commands are printed. Everything else stays in
//! rustup's folder and in the target directory.

mod apt;
mod next;
mod programs;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail, ensure};
use xtask::bpf::{LINKER_VERSION, Toolchains, Workspace};

use crate::{
    exec::{announce, cargo, output},
    host,
};
use apt::Apt;
use next::{LINKER_LLVM, Situation, Step};

/// Leaves the machine with everything that builds and tests need; quick and silent when it is so already.
///
/// # Errors
/// A step fails, or takes root; the message has the commands to run.
pub(crate) fn complete(workspace: &Workspace) -> Result<()> {
    let mut apt = Apt::default();
    let mut taken = Vec::new();
    while let Some(step) = look(workspace, &mut apt)?.next_step()? {
        ensure!(!taken.contains(&step), "this did not help: {step}");
        take(&step, workspace)?;
        taken.push(step);
    }
    Ok(())
}

/// Leaves the machine with what virtual machines take. Not part of [`complete`]: whoever only builds needs none.
///
/// # Errors
/// As [`complete`].
pub(crate) fn for_virtual_machines() -> Result<()> {
    let missing = programs::missing_for_virtual_machines();
    if missing.is_empty() {
        return Ok(());
    }
    let offer = Apt::default().offer(&missing)?;
    if !offer.apt {
        let names: Vec<&str> = missing.iter().map(|program| program.name).collect();
        bail!("{} has no apt-get: install {} yourself", apt::distribution(), names.join(", "));
    }
    install(&offer.packages)
}

fn look(workspace: &Workspace, apt: &mut Apt) -> Result<Situation> {
    let mut situation = Situation {
        toolchains: Toolchains::probe(workspace),
        programs: programs::missing(),
        offer: apt::Offer::default(),
        llvm: LINKER_LLVM.filter(|version| llvm_prefix(*version).join("lib/libLLVM.so").exists()).collect(),
        rustup: output("rustup", &["--version"]).is_some(),
        downloader: programs::are_there(&programs::DOWNLOADER),
    };
    // Asking takes a second, and as root an update of the package lists.
    if situation.may_need_packages() {
        situation.offer = apt.offer(&situation.programs)?;
    }
    Ok(situation)
}

/// Where Debian's packages put a version of LLVM.
fn llvm_prefix(version: u32) -> PathBuf {
    PathBuf::from(format!("/usr/lib/llvm-{version}"))
}

fn take(step: &Step, workspace: &Workspace) -> Result<()> {
    match step {
        Step::InstallPackages(packages) => install(packages),
        Step::InstallNightly => {
            let arguments =
                ["toolchain", "install", "nightly", "--profile", "minimal", "--component", "rust-src"];
            announce("no nightly with the sources of core", Command::new("rustup").args(arguments))
        }
        Step::BuildLinker { llvm } => {
            let mut install = cargo(&workspace.root);
            install.env("LLVM_PREFIX", llvm_prefix(*llvm));
            // Debug information of a tool nobody debugs is half of its compile time.
            install.env("CARGO_PROFILE_RELEASE_DEBUG", "0");
            install.args([
                "install",
                "bpf-linker",
                "--version",
                LINKER_VERSION,
                "--locked",
                "--force",
                "--quiet",
            ]);
            install.args(["--no-default-features", "--features", &format!("llvm-{llvm}")]);
            install.arg("--root").arg(workspace.tools());
            announce(&format!("no bpf-linker for LLVM {llvm}"), &mut install)
        }
        Step::DownloadLinker => download_linker(&workspace.prebuilt_tools().join("bin")),
    }
}

fn install(packages: &[String]) -> Result<()> {
    if !host::is_root()? {
        bail!(
            "run these as root, then `cargo xtask` again:\n  apt-get update\n  apt-get install --no-install-recommends {}",
            packages.join(" ")
        );
    }
    let mut install = Command::new("apt-get");
    install.env("DEBIAN_FRONTEND", "noninteractive");
    install.args(["install", "--yes", "--no-install-recommends"]).args(packages);
    announce("missing packages", &mut install)
}

/// Upstream's own binary, linked with the LLVM that nightly uses, which no distribution packages in time.
fn download_linker(directory: &Path) -> Result<()> {
    fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
    let archive = directory.join("bpf-linker.tar.zst");
    let url = format!(
        "https://github.com/aya-rs/bpf-linker/releases/download/v{LINKER_VERSION}/bpf-linker-{}-unknown-linux-musl.tar.zst",
        std::env::consts::ARCH
    );
    let mut download = Command::new("curl");
    download.args(["--fail", "--silent", "--show-error", "--location", "--output"]).arg(&archive).arg(url);
    announce("no bpf-linker for nightly", &mut download)?;
    let mut unpack = Command::new("tar");
    unpack.args(["--extract", "--zstd", "--file"]).arg(&archive).arg("--directory").arg(directory);
    announce("unpacking it", &mut unpack)?;
    fs::remove_file(&archive).with_context(|| format!("cannot remove {}", archive.display()))
}
