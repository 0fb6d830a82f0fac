//! The next step toward a complete machine, decided from what is there and what can be had.

use std::{fmt, ops::RangeInclusive};

use anyhow::{Result, bail};
use xtask::bpf::{Compiler, MINIMUM_RUST, Missing, Toolchains, Way};

use super::{
    apt::{self, COMPILER_PACKAGES, Offer, llvm_package},
    programs::Program,
};

/// LLVM versions that the release of bpf-linker in use can be built with.
pub(super) const LINKER_LLVM: RangeInclusive<u32> = 22..=23;

/// What was found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Situation {
    /// What builds BPF objects.
    pub(crate) toolchains: Toolchains,
    /// Needed programs that are not there.
    pub(crate) programs: Vec<Program>,
    /// What apt has.
    pub(crate) offer: Offer,
    /// LLVM versions whose libraries are there to link with.
    pub(crate) llvm: Vec<u32>,
    /// There is a rustup.
    pub(crate) rustup: bool,
    /// The programs for a download are there.
    pub(crate) downloader: bool,
}

/// One change to the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// With apt.
    InstallPackages(Vec<String>),
    /// rustup's nightly with `rust-src`.
    InstallNightly,
    /// `cargo install bpf-linker`, against the LLVM that is packaged.
    BuildLinker {
        /// Major version.
        llvm: u32,
    },
    /// Upstream's binary of bpf-linker.
    DownloadLinker,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InstallPackages(packages) => write!(f, "installing {}", packages.join(" ")),
            Self::InstallNightly => write!(f, "installing nightly with rust-src"),
            Self::BuildLinker { llvm } => write!(f, "building bpf-linker with LLVM {llvm}"),
            Self::DownloadLinker => write!(f, "downloading bpf-linker"),
        }
    }
}

impl Situation {
    /// The next step, or none when the machine is complete.
    ///
    /// # Errors
    /// Nothing that can be done here leads further.
    pub(crate) fn next_step(&self) -> Result<Option<Step>> {
        let missing = self.toolchains.choose().err();
        if missing.is_none() && self.programs.is_empty() {
            return Ok(None);
        }
        // All packages at once: whoever is not root types one command.
        let mut packages = self.program_packages();
        packages.extend(self.toolchain_packages(missing));
        if !packages.is_empty() {
            if !self.offer.apt {
                bail!(
                    "{} has no apt-get: install {} yourself, then run `cargo xtask setup` again",
                    apt::distribution(),
                    packages.join(", ")
                );
            }
            return Ok(Some(Step::InstallPackages(packages)));
        }
        Ok(match missing {
            None => None,
            Some(Missing::Linker { way: Way::Packaged, llvm }) if self.llvm.contains(&llvm) => {
                Some(Step::BuildLinker { llvm })
            }
            Some(Missing::Linker { way: Way::Nightly, .. }) => Some(Step::DownloadLinker),
            Some(Missing::Compiler | Missing::Linker { way: Way::Packaged, .. }) if self.rustup => {
                Some(Step::InstallNightly)
            }
            Some(_) => bail!(
                "{} packages no compiler that builds BPF: install rustup (https://rustup.rs), then run `cargo xtask setup` again",
                apt::distribution()
            ),
        })
    }

    /// Whether the next step depends on what apt offers.
    pub(crate) fn may_need_packages(&self) -> bool {
        let toolchain = match self.toolchains.choose().err() {
            None => false,
            Some(Missing::Linker { way: Way::Packaged, llvm }) => !self.llvm.contains(&llvm),
            Some(Missing::Compiler | Missing::Linker { way: Way::Nightly, .. }) => true,
        };
        toolchain || !self.programs.is_empty()
    }

    fn program_packages(&self) -> Vec<String> {
        if self.offer.apt {
            return self.offer.packages.clone();
        }
        self.programs
            .iter()
            .filter_map(|program| program.packages.first())
            .map(|&name| name.to_owned())
            .collect()
    }

    fn toolchain_packages(&self, missing: Option<Missing>) -> Vec<String> {
        match missing {
            None => Vec::new(),
            Some(Missing::Linker { way: Way::Packaged, llvm }) => {
                let needed = !self.llvm.contains(&llvm) && self.offers_llvm(llvm);
                if needed { vec![llvm_package(llvm)] } else { Vec::new() }
            }
            // Also where nightly lacks only the linker: Debian's packages are signed, a download from elsewhere is not.
            Some(Missing::Compiler | Missing::Linker { way: Way::Nightly, .. }) => {
                match self.offer.compiler {
                    Some(Compiler { release, llvm, .. })
                        if release >= MINIMUM_RUST && self.offers_llvm(llvm) =>
                    {
                        COMPILER_PACKAGES.map(str::to_owned).into_iter().chain([llvm_package(llvm)]).collect()
                    }
                    _ if missing == Some(Missing::Compiler) || self.downloader => Vec::new(),
                    _ => self.offer.downloader.clone(),
                }
            }
        }
    }

    fn offers_llvm(&self, llvm: u32) -> bool {
        LINKER_LLVM.contains(&llvm) && self.offer.llvm.contains(&llvm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::programs::Program;
    use xtask::bpf::Linker;

    const DEBIAN: Compiler = Compiler { release: (1, 96), llvm: 22, sources: true };

    fn debian_12() -> Situation {
        let offer = Offer { apt: true, compiler: Some(DEBIAN), llvm: vec![22], ..Offer::default() };
        Situation { offer, rustup: true, ..Situation::default() }
    }

    fn ubuntu() -> Situation {
        let downloader = vec!["curl".to_owned(), "tar".to_owned(), "zstd".to_owned()];
        Situation {
            offer: Offer { apt: true, downloader, ..Offer::default() },
            rustup: true,
            ..Situation::default()
        }
    }

    fn linker(llvm: Option<u32>) -> Linker {
        Linker { path: "/t/bpf-linker".into(), version: xtask::bpf::LINKER_VERSION.into(), llvm }
    }

    fn install(packages: &[&str]) -> Step {
        Step::InstallPackages(packages.iter().map(|&package| package.to_owned()).collect())
    }

    #[test]
    fn on_debian_12_the_packaged_compiler_is_installed_then_the_linker_is_built() {
        let mut machine = debian_12();
        machine.programs = vec![Program { name: "ip", packages: &["iproute2"] }];
        machine.offer.packages = vec!["iproute2".to_owned()];
        let packages = install(&["iproute2", "rustc-web", "cargo-web", "rust-web-src", "llvm-22-dev"]);
        assert_eq!(machine.next_step().unwrap(), Some(packages));
        machine.programs.clear();
        machine.offer.packages.clear();
        machine.toolchains.packaged = Some(DEBIAN);
        assert!(machine.may_need_packages());
        machine.llvm = vec![22];
        assert!(!machine.may_need_packages());
        assert_eq!(machine.next_step().unwrap(), Some(Step::BuildLinker { llvm: 22 }));
        machine.toolchains.linkers.push(linker(Some(22)));
        assert_eq!(machine.next_step().unwrap(), None);
    }

    #[test]
    fn without_a_packaged_compiler_nightly_is_installed_then_the_linker_is_downloaded() {
        let mut machine = ubuntu();
        assert_eq!(machine.next_step().unwrap(), Some(Step::InstallNightly));
        machine.toolchains.nightly = Some(Compiler { release: (1, 99), llvm: 23, sources: true });
        assert_eq!(machine.next_step().unwrap(), Some(install(&["curl", "tar", "zstd"])));
        machine.downloader = true;
        assert_eq!(machine.next_step().unwrap(), Some(Step::DownloadLinker));
        machine.toolchains.linkers.push(linker(None));
        assert_eq!(machine.next_step().unwrap(), None);
    }

    #[test]
    fn an_old_packaged_compiler_is_not_installed() {
        let mut machine = debian_12();
        machine.offer.compiler = Some(Compiler { release: (1, 85), llvm: 19, sources: true });
        assert_eq!(machine.next_step().unwrap(), Some(Step::InstallNightly));
    }

    #[test]
    fn a_packaged_compiler_that_lacks_only_llvm_gets_llvm() {
        let mut machine = debian_12();
        machine.toolchains.packaged = Some(DEBIAN);
        assert_eq!(machine.next_step().unwrap(), Some(install(&["llvm-22-dev"])));
    }

    #[test]
    fn where_nightly_lacks_a_linker_debian_packages_are_preferred_to_a_download() {
        let mut machine = debian_12();
        machine.toolchains.nightly = Some(Compiler { release: (1, 99), llvm: 23, sources: true });
        machine.downloader = true;
        let packages = install(&["rustc-web", "cargo-web", "rust-web-src", "llvm-22-dev"]);
        assert_eq!(machine.next_step().unwrap(), Some(packages));
    }

    #[test]
    fn a_machine_without_apt_is_told_the_names() {
        let mut machine = Situation { rustup: true, ..Situation::default() };
        machine.programs = vec![Program { name: "ip", packages: &["iproute2"] }];
        let error = machine.next_step().unwrap_err().to_string();
        assert!(error.contains("iproute2") && error.contains("cargo xtask setup"), "{error}");
    }

    #[test]
    fn without_rustup_and_without_packages_rustup_is_asked_for() {
        let machine = Situation { rustup: false, ..ubuntu() };
        let error = machine.next_step().unwrap_err().to_string();
        assert!(error.contains("rustup.rs"), "{error}");
    }

    #[test]
    fn a_complete_machine_needs_nothing() {
        let toolchains =
            Toolchains { packaged: Some(DEBIAN), linkers: vec![linker(Some(22))], nightly: None };
        let machine = Situation { toolchains, ..debian_12() };
        assert_eq!(machine.next_step().unwrap(), None);
    }
}
