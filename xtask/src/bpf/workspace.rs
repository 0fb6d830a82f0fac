//! Where the sources are and where this build's artifacts go.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

/// The two directories everything else is found from.
#[derive(Clone, Debug)]
pub struct Workspace {
    /// The directory of the workspace's `Cargo.toml`.
    pub root: PathBuf,
    /// The target directory of the build that the running program belongs to.
    pub target: PathBuf,
}

impl Workspace {
    /// Finds both from the running program, which cargo built: `xtask` itself or a build script.
    ///
    /// # Errors
    /// The path of the running program or of the workspace cannot be read.
    pub fn locate() -> Result<Self> {
        // Where this was compiled is not always where it runs: with CARGO_TARGET_DIR two checkouts share what is compiled,
        // and each wants its own sources. Cargo tells every build script and program that it starts.
        let manifest = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let root = manifest
            .as_deref()
            .and_then(Path::parent)
            .filter(|root| root.join("relay-ebpf/Cargo.toml").is_file())
            .or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).parent())
            .context("xtask is not in a workspace")?
            .to_path_buf();
        let program = env::current_exe().context("the path of the running program")?;
        let target = target_of(&program).unwrap_or_else(|| root.join("target"));
        Ok(Self { root, target })
    }

    /// The folders that may hold a `bpf-linker`, the one that `cargo xtask setup` fills first.
    pub(super) fn tool_roots(&self) -> Vec<PathBuf> {
        let mut roots = vec![self.tools(), self.prebuilt_tools()];
        // With CARGO_TARGET_DIR set, what the default target directory holds is as good.
        let default = Self { root: self.root.clone(), target: self.root.join("target") };
        if default.target != self.target {
            roots.extend([default.tools(), default.prebuilt_tools()]);
        }
        roots
    }

    /// Where a `bpf-linker` built on this machine is kept (`cargo install --root`).
    #[must_use]
    pub fn tools(&self) -> PathBuf {
        self.target.join("tools")
    }

    /// Where a downloaded `bpf-linker` is kept: it holds another LLVM than the one built here.
    #[must_use]
    pub fn prebuilt_tools(&self) -> PathBuf {
        self.target.join("tools/prebuilt")
    }

    /// The target directory of the BPF build: another cargo, which must not wait for this one's lock.
    #[must_use]
    pub fn bpf_target(&self) -> PathBuf {
        self.target.join("bpf")
    }
}

/// Cargo keeps this file at the top of every target directory. (`CACHEDIR.TAG` is only in those that cargo made itself,
/// not in one where `tools` was first.)
fn target_of(program: &Path) -> Option<PathBuf> {
    program.ancestors().find(|directory| directory.join(".rustc_info.json").is_file()).map(Path::to_path_buf)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_running_program_is_under_its_target_directory_and_beside_the_sources() {
        let workspace = Workspace::locate().unwrap();
        assert!(env::current_exe().unwrap().starts_with(&workspace.target), "{workspace:?}");
        assert!(workspace.target.join(".rustc_info.json").is_file(), "{workspace:?}");
        assert!(workspace.root.join("relay-ebpf/Cargo.toml").is_file(), "{workspace:?}");
    }
}
