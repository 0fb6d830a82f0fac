//! The cargo calls that build and lint the BPF packages, with the flags the BPF target needs.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    Workspace,
    choose::{Choice, Way},
};

pub(super) const PACKAGED_CARGO: &str = "/usr/bin/cargo";
pub(super) const PACKAGED_RUSTC: &str = "/usr/bin/rustc";
const PACKAGED_CLIPPY: &str = "/usr/bin/cargo-clippy";

/// The machine that the object will run on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Architecture {
    /// As in `CARGO_CFG_TARGET_ARCH`; selects the layout of `pt_regs` in aya.
    pub name: String,
    /// Byte order; BPF has a target for each.
    pub big_endian: bool,
}

impl Architecture {
    /// The machine that the running program was compiled for.
    #[must_use]
    pub fn host() -> Self {
        Self { name: env::consts::ARCH.to_owned(), big_endian: cfg!(target_endian = "big") }
    }

    fn triple(&self) -> &'static str {
        if self.big_endian { "bpfeb-unknown-none" } else { "bpfel-unknown-none" }
    }
}

/// Whether cargo shows its progress, or only what is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verbosity {
    /// Progress and messages.
    Progress,
    /// Messages alone.
    Quiet,
}

/// A cargo set up for the BPF target.
#[derive(Clone, Debug)]
pub struct BpfCargo<'a> {
    /// Sources and target directory.
    pub workspace: &'a Workspace,
    /// The machine that the object will run on.
    pub architecture: &'a Architecture,
    /// Compiler and linker.
    pub choice: Choice,
    /// The workspace member to build, whose binary has its name.
    pub package: &'a str,
}

impl BpfCargo<'_> {
    /// `cargo build` of the object.
    #[must_use]
    pub fn build(&self, verbosity: Verbosity) -> Command {
        let mut command = match self.choice.way {
            Way::Nightly => rustup_nightly("cargo"),
            Way::Packaged => packaged(PACKAGED_CARGO),
        };
        command.arg("build");
        self.prepare(&mut command);
        if verbosity == Verbosity::Quiet {
            command.arg("--quiet");
        }
        command
    }

    /// `cargo clippy` of the programs, where the chosen toolchain has clippy.
    #[must_use]
    pub fn clippy(&self) -> Option<Command> {
        let mut command = match self.choice.way {
            Way::Nightly => {
                let there = rustup_nightly("cargo").args(["clippy", "--version"]).output();
                there.ok().filter(|output| output.status.success())?;
                rustup_nightly("cargo")
            }
            Way::Packaged => {
                // Started by cargo it would be rustup's clippy, which stands first in cargo's own folder.
                Path::new(PACKAGED_CLIPPY).exists().then_some(())?;
                let mut command = packaged(PACKAGED_CLIPPY);
                command.env("CARGO", PACKAGED_CARGO);
                command
            }
        };
        command.arg("clippy");
        self.prepare(&mut command);
        command.args(["--", "-D", "warnings"]);
        Some(command)
    }

    /// Where `build` leaves the object.
    #[must_use]
    pub fn object(&self) -> PathBuf {
        self.workspace.bpf_target().join(self.architecture.triple()).join("release").join(self.package)
    }

    fn prepare(&self, command: &mut Command) {
        command.current_dir(&self.workspace.root).env("CARGO_ENCODED_RUSTFLAGS", self.rustflags());
        command.args(["--locked", "--package", self.package, "--release", "-Zbuild-std=core"]);
        command.args(["--target", self.architecture.triple()]);
        command.arg("--target-dir").arg(self.workspace.bpf_target());
    }

    fn rustflags(&self) -> String {
        // The compiler hands bitcode to bpf-linker, which makes the machine code: rustc passes the CPU on, the feature
        // must be said to the linker. v3 has 32-bit registers and jumps and is what every kernel since 5.1 takes. The
        // feature turns an 8-byte read at any offset from 22 instructions into one; the verifier allows it on packets.
        let flags = [
            format!("--cfg=bpf_target_arch=\"{}\"", self.architecture.name),
            "-Cdebuginfo=2".to_owned(),
            "-Ctarget-cpu=v3".to_owned(),
            format!("-Clinker={}", self.choice.linker.path.display()),
            "-Clink-arg=--btf".to_owned(),
            "-Clink-arg=--cpu-features=+allows-misaligned-mem-access".to_owned(),
        ];
        flags.join("\x1f")
    }
}

fn rustup_nightly(program: &str) -> Command {
    let mut command = Command::new("rustup");
    without_outer_cargo(&mut command);
    command.args(["run", "nightly", program]);
    command
}

fn packaged(program: &str) -> Command {
    let mut command = Command::new(program);
    without_outer_cargo(&mut command);
    // A stable compiler takes unstable flags (-Z build-std) only when told so.
    command.env("RUSTC", PACKAGED_RUSTC).env("RUSTC_BOOTSTRAP", "1");
    command
}

/// Takes out of a command's environment what an outer cargo or rustup put there for its own compiler.
pub(super) fn without_outer_cargo(command: &mut Command) {
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(is_of_outer_cargo) {
            command.env_remove(name);
        }
    }
    // Empty, not absent: a wrapper from the user's cargo configuration (sccache) belongs to another compiler, too.
    command.env("RUSTC_WRAPPER", "").env("RUSTC_WORKSPACE_WRAPPER", "");
}

fn is_of_outer_cargo(name: &str) -> bool {
    // How to reach a registry and how to talk to the user stays as it is; so does the job server.
    const KEPT: [&str; 7] = [
        "CARGO_HOME",
        "CARGO_HTTP_",
        "CARGO_NET_",
        "CARGO_REGISTR",
        "CARGO_SOURCE_",
        "CARGO_TERM_",
        "CARGO_MAKEFLAGS",
    ];
    // Set for build scripts; the search path of libraries is that of the outer toolchain.
    const OF_BUILD_SCRIPTS: [&str; 8] =
        ["DEBUG", "HOST", "LD_LIBRARY_PATH", "NUM_JOBS", "OPT_LEVEL", "OUT_DIR", "PROFILE", "TARGET"];
    let compiler = ["CARGO", "RUSTC", "RUSTDOC", "RUSTFLAGS", "RUSTUP_TOOLCHAIN", "DEP_"];
    (compiler.iter().any(|prefix| name.starts_with(prefix)) || OF_BUILD_SCRIPTS.contains(&name))
        && !KEPT.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;
    use crate::bpf::Linker;

    fn environment(command: &Command, name: &str) -> Option<Option<String>> {
        let mut variables = command.get_envs();
        let (_, value) = variables.find(|(key, _)| *key == OsStr::new(name))?;
        Some(value.map(|value| value.to_string_lossy().into_owned()))
    }

    #[test]
    fn what_an_outer_cargo_sets_is_taken_out_and_the_rest_is_kept() {
        for name in
            ["CARGO", "CARGO_TARGET_DIR", "CARGO_ENCODED_RUSTFLAGS", "RUSTC", "RUSTC_WRAPPER", "RUSTFLAGS"]
        {
            assert!(is_of_outer_cargo(name), "{name}");
        }
        for name in
            ["RUSTUP_TOOLCHAIN", "TARGET", "OUT_DIR", "CARGO_PKG_NAME", "CARGO_BUILD_TARGET", "RUSTDOCFLAGS"]
        {
            assert!(is_of_outer_cargo(name), "{name}");
        }
        for name in
            ["PATH", "HOME", "CARGO_HOME", "RUSTUP_HOME", "CARGO_HTTP_PROXY", "CARGO_NET_OFFLINE", "TARGETS"]
        {
            assert!(!is_of_outer_cargo(name), "{name}");
        }
    }

    #[test]
    fn the_packaged_compiler_gets_its_own_rustc_and_target_directory() {
        let workspace = Workspace { root: "/src".into(), target: "/out".into() };
        let architecture = Architecture { name: "x86_64".into(), big_endian: false };
        let linker = Linker { path: "/t/bpf-linker".into(), version: "0.13.0".into(), llvm: Some(22) };
        let choice = Choice { way: Way::Packaged, linker };
        let cargo =
            BpfCargo { workspace: &workspace, architecture: &architecture, choice, package: "relay-ebpf" };
        let command = cargo.build(Verbosity::Quiet);
        assert_eq!(command.get_program(), PACKAGED_CARGO);
        assert_eq!(environment(&command, "RUSTC"), Some(Some(PACKAGED_RUSTC.to_owned())));
        assert_eq!(environment(&command, "RUSTC_BOOTSTRAP"), Some(Some("1".to_owned())));
        let arguments: Vec<&OsStr> = command.get_args().collect();
        assert!(arguments.ends_with(&["--target-dir".as_ref(), "/out/bpf".as_ref(), "--quiet".as_ref()]));
        assert_eq!(cargo.object(), Path::new("/out/bpf/bpfel-unknown-none/release/relay-ebpf"));
        let flags = environment(&command, "CARGO_ENCODED_RUSTFLAGS").flatten().unwrap();
        assert!(flags.split('\x1f').any(|flag| flag == "-Clinker=/t/bpf-linker"), "{flags}");
        assert!(flags.split('\x1f').any(|flag| flag == "--cfg=bpf_target_arch=\"x86_64\""), "{flags}");
    }
}
