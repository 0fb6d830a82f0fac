//! Which toolchain builds the object, decided from what was found on the machine and nothing else.

use std::{error::Error, fmt, path::PathBuf};

/// The release of `bpf-linker` that the flags in use are written for.
pub const LINKER_VERSION: &str = "0.13.0";

/// The oldest compiler that builds the workspace, from its `rust-version`.
pub const MINIMUM_RUST: (u32, u32) = parse_release(env!("CARGO_PKG_RUST_VERSION"));

/// LLVM 22 is the first that may read unaligned words from a packet with one instruction.
pub(super) const MINIMUM_LLVM: u32 = 22;

/// One Rust compiler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compiler {
    /// Major and minor version.
    pub release: (u32, u32),
    /// Major version of the LLVM it writes bitcode with.
    pub llvm: u32,
    /// The sources of `core` are in its sysroot.
    pub sources: bool,
}

/// One `bpf-linker`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Linker {
    /// The program.
    pub path: PathBuf,
    /// What `--version` says.
    pub version: String,
    /// Major version of the LLVM inside, where the folder it is in says so. It reads bitcode of that LLVM and older.
    pub llvm: Option<u32>,
}

/// What a machine has to build BPF objects with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Toolchains {
    /// rustup's `nightly`.
    pub nightly: Option<Compiler>,
    /// `/usr/bin/rustc` with `/usr/bin/cargo`, from the distribution.
    pub packaged: Option<Compiler>,
    /// Every `bpf-linker` found, the preferred first.
    pub linkers: Vec<Linker>,
}

/// Which compiler is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// rustup's nightly.
    Nightly,
    /// The distribution's stable compiler, told to accept unstable flags.
    Packaged,
}

impl Way {
    /// What adds clippy to this compiler.
    #[must_use]
    pub fn clippy_remedy(self) -> &'static str {
        match self {
            Self::Nightly => "rustup component add clippy --toolchain nightly",
            Self::Packaged => "apt-get install rust-web-clippy",
        }
    }
}

/// The compiler and the linker that build the object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The compiler.
    pub way: Way,
    /// The linker.
    pub linker: Linker,
}

/// Why the object cannot be built here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Neither compiler is there with the sources of `core`.
    Compiler,
    /// A compiler is there, a `bpf-linker` that reads its bitcode is not.
    Linker {
        /// The compiler.
        way: Way,
        /// Its LLVM.
        llvm: u32,
    },
}

impl Error for Missing {}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self {
            Self::Compiler => {
                "there is no compiler with the sources of core (nightly with rust-src, or rustc-web)".into()
            }
            Self::Linker { llvm, .. } => format!("there is no bpf-linker {LINKER_VERSION} for LLVM {llvm}"),
        };
        write!(f, "the BPF half cannot be built here: {what}; run `cargo xtask setup`")
    }
}

impl Toolchains {
    /// The first way that is complete; without one, what the most complete way lacks.
    ///
    /// # Errors
    /// [`Missing`].
    pub fn choose(&self) -> Result<Choice, Missing> {
        let usable = |compiler: &Compiler| {
            compiler.sources && compiler.release >= MINIMUM_RUST && compiler.llvm >= MINIMUM_LLVM
        };
        let ways = [(Way::Nightly, self.nightly), (Way::Packaged, self.packaged)];
        let mut missing = Missing::Compiler;
        for (way, compiler) in ways {
            let Some(Compiler { llvm, .. }) = compiler.filter(usable) else { continue };
            match self.linkers.iter().find(|linker| linker.reads(llvm)) {
                Some(linker) => return Ok(Choice { way, linker: linker.clone() }),
                // The distribution's way comes last and wins: its linker is built against packages.
                None => missing = Missing::Linker { way, llvm },
            }
        }
        Err(missing)
    }
}

impl Linker {
    fn reads(&self, llvm: u32) -> bool {
        self.version == LINKER_VERSION && self.llvm.is_none_or(|own| own >= llvm)
    }
}

/// Major and minor version of `1.96.0`, `1.96` or `1.96.0-nightly`; what is not a number counts as 0.
pub(super) const fn parse_release(version: &str) -> (u32, u32) {
    let bytes = version.as_bytes();
    let mut parts = [0_u32; 2];
    let mut part = 0;
    let mut at = 0;
    while at < bytes.len() && part < parts.len() {
        match bytes[at] {
            digit @ b'0'..=b'9' => parts[part] = parts[part] * 10 + (digit - b'0') as u32,
            _ => part += 1,
        }
        at += 1;
    }
    (parts[0], parts[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW: Compiler = Compiler { release: (1, 97), llvm: 22, sources: true };

    fn linker(path: &str, llvm: Option<u32>) -> Linker {
        Linker { path: path.into(), version: LINKER_VERSION.into(), llvm }
    }

    #[test]
    fn nightly_with_sources_is_preferred() {
        let found = Toolchains {
            nightly: Some(NEW),
            packaged: Some(NEW),
            linkers: vec![linker("/t/bpf-linker", Some(22))],
        };
        assert_eq!(
            found.choose(),
            Ok(Choice { way: Way::Nightly, linker: linker("/t/bpf-linker", Some(22)) })
        );
    }

    #[test]
    fn nightly_without_sources_gives_way_to_the_packaged_compiler() {
        let found = Toolchains {
            nightly: Some(Compiler { sources: false, ..NEW }),
            packaged: Some(NEW),
            linkers: vec![linker("/t/bpf-linker", None)],
        };
        assert_eq!(found.choose().map(|choice| choice.way), Ok(Way::Packaged));
    }

    #[test]
    fn a_linker_with_an_older_llvm_than_nightly_serves_the_packaged_compiler() {
        let found = Toolchains {
            nightly: Some(Compiler { llvm: 23, ..NEW }),
            packaged: Some(NEW),
            linkers: vec![linker("/t/bpf-linker", Some(22))],
        };
        assert_eq!(found.choose().map(|choice| choice.way), Ok(Way::Packaged));
    }

    #[test]
    fn the_first_linker_that_reads_the_bitcode_is_taken() {
        let other_release = Linker { version: "0.10.3".into(), ..linker("/old/bpf-linker", Some(23)) };
        let found = Toolchains {
            nightly: Some(Compiler { llvm: 23, ..NEW }),
            packaged: None,
            linkers: vec![
                other_release,
                linker("/a/bpf-linker", Some(22)),
                linker("/b/bpf-linker", Some(23)),
            ],
        };
        assert_eq!(found.choose().map(|choice| choice.linker), Ok(linker("/b/bpf-linker", Some(23))));
    }

    #[test]
    fn compilers_that_are_too_old_do_not_count() {
        let linkers = vec![linker("/t/bpf-linker", None)];
        let old_rust = Compiler { release: (1, 85), ..NEW };
        let old_llvm = Compiler { llvm: 21, ..NEW };
        let found = Toolchains { nightly: Some(old_rust), packaged: Some(old_llvm), linkers };
        assert_eq!(found.choose(), Err(Missing::Compiler));
        assert_eq!(Toolchains::default().choose(), Err(Missing::Compiler));
    }

    #[test]
    fn a_missing_linker_is_asked_for_the_packaged_compiler_first() {
        let mut found = Toolchains {
            nightly: Some(Compiler { llvm: 23, ..NEW }),
            packaged: Some(NEW),
            linkers: Vec::new(),
        };
        assert_eq!(found.choose(), Err(Missing::Linker { way: Way::Packaged, llvm: 22 }));
        found.packaged = None;
        assert_eq!(found.choose(), Err(Missing::Linker { way: Way::Nightly, llvm: 23 }));
    }

    #[test]
    fn the_message_is_one_sentence_with_the_remedy() {
        for missing in [Missing::Compiler, Missing::Linker { way: Way::Packaged, llvm: 22 }] {
            let message = missing.to_string();
            assert!(!message.contains('\n'), "{message}");
            assert!(message.contains("cargo xtask setup"), "{message}");
        }
    }

    #[test]
    fn releases_are_parsed_with_and_without_suffix() {
        assert_eq!(parse_release("1.96.0"), (1, 96));
        assert_eq!(parse_release("1.95"), (1, 95));
        assert_eq!(parse_release("1.99.0-nightly"), (1, 99));
        assert_eq!(parse_release("22.1.8"), (22, 1));
        assert_eq!(MINIMUM_RUST, (1, 95));
    }
}
