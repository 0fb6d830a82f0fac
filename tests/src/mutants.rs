//! Mutants of `relay-common`: wrong rules of one line each, that the checks must catch. What the kernel and the host get
//! wrong together no differential test can see; this measures whether the oracle, the golden frames and the table of
//! cases do.
//!
//! A mutant is built in a small workspace of its own, of `relay-common` and the checks that need no kernel, with a target
//! directory that is kept: only these two are compiled again.

mod list;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use crate::lab::{target_dir, wait};
pub use list::MUTANTS;

/// A wrong rule.
#[derive(Clone, Copy, Debug)]
pub struct Mutant {
    /// What is wrong.
    pub name: &'static str,
    /// File below `relay-common/src`.
    pub file: &'static str,
    /// What stands there, exactly once.
    pub from: &'static str,
    /// What stands there instead.
    pub to: &'static str,
}

/// What the checks said of a mutant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Nothing was noticed.
    Survived,
    /// By these checks.
    Caught(String),
}

/// Longest time the checks may take: a mutant that never ends is caught by it.
const DEADLINE: Duration = Duration::from_secs(30);

/// The workspace mutants are built in.
pub struct Bench {
    directory: TempDir,
    sources: PathBuf,
}

impl Bench {
    /// Copies what is needed.
    pub fn new() -> Result<Self> {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = tests.parent().context("the tests are not in a workspace")?;
        let directory = tempfile::Builder::new().prefix("relay-mutants-").tempdir()?;
        let at = directory.path();
        fs::write(at.join("Cargo.toml"), workspace(&fs::read_to_string(root.join("Cargo.toml"))?)?)?;
        fs::copy(root.join("Cargo.lock"), at.join("Cargo.lock"))?;
        let toolchain = root.join("rust-toolchain.toml");
        if toolchain.exists() {
            fs::copy(toolchain, at.join("rust-toolchain.toml"))?;
        }
        copy(&root.join("relay-common/src"), &at.join("relay-common/src"))?;
        fs::copy(root.join("relay-common/Cargo.toml"), at.join("relay-common/Cargo.toml"))?;
        fs::create_dir_all(at.join("judge/src/lab"))?;
        fs::write(at.join("judge/Cargo.toml"), JUDGE)?;
        let (from, to) = (tests.join("src"), at.join("judge/src"));
        fs::copy(from.join("mutants/judge.rs"), to.join("main.rs"))?;
        for module in ["check", "generate", "oracle", "rules"] {
            fs::copy(from.join(format!("{module}.rs")), to.join(format!("{module}.rs")))?;
            copy(&from.join(module), &to.join(module))?;
        }
        for file in ["host.rs", "lab/bootp.rs", "lab/build.rs", "lab/frame.rs", "lab/golden.rs"] {
            fs::copy(from.join(file), to.join(file))?;
        }
        std::os::unix::fs::symlink(tests.join("fixtures"), at.join("judge/fixtures"))?;
        let sources = at.join("relay-common/src");
        Ok(Self { directory, sources })
    }

    /// Builds the rules, with a mutant in them or as they are, and runs the checks.
    ///
    /// # Errors
    /// When the text to change is not there exactly once, or the mutant does not compile.
    pub fn judge(&self, mutant: Option<&Mutant>) -> Result<Fate> {
        let Some(mutant) = mutant else { return self.run() };
        let file = self.sources.join(mutant.file);
        let original = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        let found = original.matches(mutant.from).count();
        ensure!(found == 1, "`{}` stands {found} times in {}, not once", mutant.from, mutant.file);
        fs::write(&file, original.replace(mutant.from, mutant.to))?;
        let fate = self.run().with_context(|| mutant.name);
        fs::write(&file, original)?;
        fate
    }

    fn run(&self) -> Result<Fate> {
        let target = target_dir().join("mutants");
        let build = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--offline", "--package", "judge", "--target-dir"])
            .arg(&target)
            .current_dir(self.directory.path())
            .env_remove("RUSTFLAGS")
            .output()?;
        ensure!(build.status.success(), "not built:\n{}", String::from_utf8_lossy(&build.stderr));
        let mut judge =
            Command::new(target.join("debug/judge")).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let Ok(status) = wait::until("the checks end", DEADLINE, || Ok(judge.try_wait()?)) else {
            judge.kill()?;
            judge.wait()?;
            return Ok(Fate::Caught("never ends".to_owned()));
        };
        let output = judge.wait_with_output()?;
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        match status.code() {
            Some(0) => Ok(Fate::Survived),
            Some(1) => Ok(Fate::Caught(said)),
            Some(101) => Ok(Fate::Caught(format!("{said} panics"))),
            _ => bail!("the checks ended with {status}"),
        }
    }
}

const JUDGE: &str = r#"[package]
name = "judge"
version = "0.0.0"
edition.workspace = true
publish = false

[dependencies]
anyhow = { workspace = true }
dhcproto = { workspace = true }
relay-common = { workspace = true }
"#;

/// What is compiled once is compiled fast, what is run is made fast.
const DEV_PROFILE: &str = r#"[profile.dev]
debug = false
opt-level = 1
[profile.dev.package."*"]
opt-level = 0
"#;

/// The workspace's own manifest with other members, and without debug information, which costs most of the time.
fn workspace(manifest: &str) -> Result<String> {
    let mut manifest: toml::Table = manifest.parse()?;
    manifest.remove("profile");
    let workspace =
        manifest.get_mut("workspace").and_then(toml::Value::as_table_mut).context("no workspace")?;
    workspace.remove("default-members");
    workspace.insert("members".to_owned(), toml::Value::from(vec!["relay-common", "judge"]));
    let profile: toml::Table = DEV_PROFILE.parse()?;
    manifest.extend(profile);
    Ok(toml::to_string(&manifest)?)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}
