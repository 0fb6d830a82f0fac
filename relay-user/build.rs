//! Builds the kernel half and tells the crate where it is, so that the daemon carries the object inside itself.
//!
//! `RELAY_BPF_OBJECT` names a copy in this build's own folder: a build of the object for something else does not change
//! a daemon that is already built.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, Result};
use xtask::bpf::{self, Architecture, Missing, Verbosity, Workspace};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => match error.downcast_ref::<Missing>() {
            // Cargo fails the build on this line and prints it alone, without the script's output.
            Some(missing) => {
                println!("cargo::error={missing}");
                ExitCode::SUCCESS
            }
            None => {
                eprintln!("{error:#}");
                ExitCode::FAILURE
            }
        },
    }
}

fn run() -> Result<()> {
    let workspace = Workspace::locate()?;
    let object = bpf::build(&workspace, &architecture()?, Verbosity::Quiet)?;
    let copy = PathBuf::from(variable("OUT_DIR")?).join("relay-ebpf.o");
    fs::copy(&object, &copy).with_context(|| format!("cannot copy {}", object.display()))?;

    // Said last: after a failure cargo runs the script again in any case.
    let sources = ["relay-ebpf/src", "relay-ebpf/Cargo.toml", "relay-common/src", "relay-common/Cargo.toml"];
    for path in sources.iter().chain(&["Cargo.toml", "Cargo.lock"]).map(|path| workspace.root.join(path)) {
        println!("cargo::rerun-if-changed={}", path.display());
    }
    println!("cargo::rustc-env=RELAY_BPF_OBJECT={}", display(&copy)?);
    Ok(())
}

/// The machine the daemon is built for, which is the one the object runs on.
fn architecture() -> Result<Architecture> {
    let big_endian = variable("CARGO_CFG_TARGET_ENDIAN")? == "big";
    Ok(Architecture { name: variable("CARGO_CFG_TARGET_ARCH")?, big_endian })
}

fn variable(name: &str) -> Result<String> {
    env::var(name).with_context(|| format!("cargo did not set {name}"))
}

fn display(path: &Path) -> Result<&str> {
    path.to_str().context("the target directory's path is not UTF-8")
}
