//! Looks for compilers and linkers on the machine.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    Workspace,
    cargo::{PACKAGED_CARGO, PACKAGED_RUSTC, without_outer_cargo},
    choose::{Compiler, Linker, Toolchains, parse_release},
};

impl Toolchains {
    /// What this machine has. Starts a handful of short commands; one that fails means "not there".
    #[must_use]
    pub fn probe(workspace: &Workspace) -> Self {
        let packaged = Path::new(PACKAGED_CARGO).exists().then(|| compiler(&[PACKAGED_RUSTC])).flatten();
        let nightly = compiler(&["rustup", "run", "nightly", "rustc"]);
        let own = workspace.tool_roots().into_iter().map(|root| root.join("bin"));
        let path = env::var_os("PATH").unwrap_or_default();
        let linkers = own
            .chain(env::split_paths(&path))
            .map(|directory| directory.join("bpf-linker"))
            .filter(|program| program.is_file())
            .filter_map(linker)
            .collect();
        Self { nightly, packaged, linkers }
    }
}

fn compiler(command: &[&str]) -> Option<Compiler> {
    let description = output(command, &["-vV"])?;
    let field = |name: &str| description.lines().find_map(|line| line.strip_prefix(name)).map(parse_release);
    let sysroot = output(command, &["--print", "sysroot"])?;
    Some(Compiler {
        release: field("release: ")?,
        llvm: field("LLVM version: ")?.0,
        // The file that cargo's build-std asks for.
        sources: Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library/Cargo.lock").exists(),
    })
}

fn linker(path: PathBuf) -> Option<Linker> {
    let version = output(&[path.to_str()?], &["--version"])?;
    let version = version.trim().strip_prefix("bpf-linker ")?.to_owned();
    let root = path.parent().and_then(Path::parent);
    let record = root.and_then(|root| fs::read_to_string(root.join(".crates2.json")).ok());
    let llvm = record.and_then(|record| installed_llvm(&record, &version));
    Some(Linker { path, version, llvm })
}

/// The LLVM that `cargo install` noted for `bpf-linker`: a feature such as `llvm-22`.
fn installed_llvm(record: &str, version: &str) -> Option<u32> {
    let (_, entry) = record.split_once(&format!("\"bpf-linker {version} "))?;
    let (_, features) = entry.split_once("\"features\":[")?;
    let (features, _) = features.split_once(']')?;
    features.split(',').find_map(|feature| feature.trim_matches('"').strip_prefix("llvm-")?.parse().ok())
}

fn output(command: &[&str], arguments: &[&str]) -> Option<String> {
    let (program, first) = command.split_first()?;
    let mut command = Command::new(program);
    without_outer_cargo(&mut command);
    let output = command.args(first).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: &str = r#"{"installs":{"other 1.0.0 (registry)":{"features":["llvm-19"]},"bpf-linker 0.13.0 (registry+https://github.com/rust-lang/crates.io-index)":{"version_req":"=0.13.0","bins":["bpf-linker"],"features":["llvm-22","x"],"all_features":false}}}"#;

    #[test]
    fn the_llvm_of_an_installed_linker_is_read_from_cargos_record() {
        assert_eq!(installed_llvm(RECORD, "0.13.0"), Some(22));
        assert_eq!(installed_llvm(RECORD, "0.12.0"), None);
        assert_eq!(installed_llvm(&RECORD.replace("\"llvm-22\",", ""), "0.13.0"), None);
        assert_eq!(installed_llvm("", "0.13.0"), None);
    }

    #[test]
    fn a_program_that_is_not_there_is_no_compiler() {
        assert_eq!(compiler(&["/nonexistent/rustc"]), None);
        assert_eq!(compiler(&["false"]), None);
    }
}
