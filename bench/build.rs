//! Builds the measuring XDP programs, which the benchmark carries inside itself.

use std::{env, fs, path::PathBuf};

use anyhow::{Context as _, Result};
use xtask::bpf::{self, Architecture, Verbosity, Workspace};

fn main() -> Result<()> {
    let workspace = Workspace::locate()?;
    let object = bpf::build_package(&workspace, &Architecture::host(), Verbosity::Quiet, "bench-ebpf")?;
    let copy = PathBuf::from(env::var("OUT_DIR").context("cargo did not set OUT_DIR")?).join("bench-ebpf.o");
    fs::copy(&object, &copy).with_context(|| format!("cannot copy {}", object.display()))?;
    for path in ["bench-ebpf/src", "bench-ebpf/Cargo.toml", "Cargo.toml"] {
        println!("cargo::rerun-if-changed={}", workspace.root.join(path).display());
    }
    println!("cargo::rustc-env=BENCH_BPF_OBJECT={}", copy.display());
    Ok(())
}
