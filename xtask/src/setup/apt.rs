//! What the distribution's packages offer.

use std::{fs, process::Command};

use anyhow::Result;
use xtask::bpf::Compiler;

use super::{
    next::LINKER_LLVM,
    programs::{DOWNLOADER, Program},
};
use crate::{
    exec::{announce, output},
    host,
};

/// The packages of Debian's current compiler (kept current for browsers), with the sources of `core`.
pub(crate) const COMPILER_PACKAGES: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];

/// What can be installed with apt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Offer {
    /// There is an apt.
    pub(crate) apt: bool,
    /// The compiler in [`COMPILER_PACKAGES`].
    pub(crate) compiler: Option<Compiler>,
    /// LLVM versions with an `llvm-<version>-dev`.
    pub(crate) llvm: Vec<u32>,
    /// For every program that is missing, its package.
    pub(crate) packages: Vec<String>,
    /// The packages of what downloads files.
    pub(crate) downloader: Vec<String>,
}

/// Asks apt, with package lists not older than this run when root.
#[derive(Default)]
pub(crate) struct Apt {
    updated: bool,
}

impl Apt {
    /// # Errors
    /// The package lists cannot be updated.
    pub(crate) fn offer(&mut self, missing: &[Program]) -> Result<Offer> {
        if output("apt-get", &["--version"]).is_none() {
            return Ok(Offer::default());
        }
        if !self.updated && host::is_root()? {
            announce("something is missing", Command::new("apt-get").args(["update", "--quiet"]))?;
            self.updated = true;
        }
        let package = |program: &Program| {
            // Without a candidate the first name, so that apt's own message names it.
            let name = program.packages.iter().find(|name| is_offered(name)).or(program.packages.first());
            name.map(|name| (*name).to_owned())
        };
        let mut packages: Vec<String> = missing.iter().filter_map(package).collect();
        packages.dedup();
        Ok(Offer {
            apt: true,
            compiler: compiler(),
            llvm: LINKER_LLVM.filter(|version| is_offered(&llvm_package(*version))).collect(),
            packages,
            downloader: DOWNLOADER.iter().filter_map(package).collect(),
        })
    }
}

/// The package that `bpf-linker` is built against.
pub(crate) fn llvm_package(version: u32) -> String {
    format!("llvm-{version}-dev")
}

fn is_offered(package: &str) -> bool {
    output("apt-cache", &["policy", package]).is_some_and(|policy| candidate(&policy).is_some())
}

fn compiler() -> Option<Compiler> {
    let offered = COMPILER_PACKAGES.iter().all(|package| is_offered(package));
    let policy = output("apt-cache", &["policy", COMPILER_PACKAGES[0]]).filter(|_| offered)?;
    let release = release(candidate(&policy)?)?;
    // The compiler's library names the LLVM it is linked with.
    let library = format!("libstd-rust-web-{}.{}", release.0, release.1);
    let llvm = linked_llvm(&output("apt-cache", &["show", "--no-all-versions", &library])?)?;
    Some(Compiler { release, llvm, sources: true })
}

fn candidate(policy: &str) -> Option<&str> {
    let version = policy.lines().find_map(|line| line.trim().strip_prefix("Candidate: "))?;
    (version != "(none)").then_some(version)
}

fn release(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

fn linked_llvm(description: &str) -> Option<u32> {
    let depends = description.lines().find_map(|line| line.strip_prefix("Depends: "))?;
    depends.split(", ").find_map(|package| package.split(' ').next()?.strip_prefix("libllvm")?.parse().ok())
}

/// The distribution's name, for a message.
pub(crate) fn distribution() -> String {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    name.map_or_else(|| "this distribution".to_owned(), |name| name.trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_candidate_of_a_package_is_read() {
        let policy =
            "rustc-web:\n  Installed: (none)\n  Candidate: 1.96.0+dfsg1-1~deb12u2\n  Version table:\n";
        assert_eq!(candidate(policy), Some("1.96.0+dfsg1-1~deb12u2"));
        assert_eq!(candidate("x:\n  Installed: (none)\n  Candidate: (none)\n"), None);
        assert_eq!(candidate(""), None);
    }

    #[test]
    fn the_release_and_llvm_of_the_offered_compiler_are_read() {
        assert_eq!(release("1.96.0+dfsg1-1~deb12u2"), Some((1, 96)));
        let description =
            "Package: libstd-rust-web-1.96\nDepends: libc6 (>= 2.34), libllvm22, libstdc++6 (>= 11)\n";
        assert_eq!(linked_llvm(description), Some(22));
        assert_eq!(linked_llvm("Depends: libllvm22 (>= 1:22), libc6\n"), Some(22));
        assert_eq!(linked_llvm("Depends: libc6\n"), None);
    }
}
