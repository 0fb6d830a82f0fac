//! busybox's `dhcprelay`, which Debian's busybox is built without: built here from Debian's source, that applet alone.
//!
//! The package lists of the source archive are fetched beside the system's own, which stay as they are.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use relay_tests::lab::target_dir;

/// The program; built by the first call in a target directory.
pub(crate) fn dhcprelay() -> Result<PathBuf> {
    let directory = target_dir().join("busybox");
    let program = directory.join("dhcprelay");
    if !program.is_file() {
        eprintln!("building busybox's dhcprelay in {}", directory.display());
        build(&directory, &program)?;
    }
    Ok(program)
}

fn build(directory: &Path, program: &Path) -> Result<()> {
    let apt = directory.join("apt");
    for folder in ["sources", "lists/partial", "cache/archives/partial"] {
        fs::create_dir_all(apt.join(folder))?;
    }
    for entry in fs::read_dir("/etc/apt/sources.list.d").context("/etc/apt/sources.list.d")? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "sources") {
            let text = fs::read_to_string(&path)?.replace("Types: deb\n", "Types: deb-src\n");
            let name = path.file_name().context("a file without a name")?;
            fs::write(apt.join("sources").join(name), text)?;
        }
    }
    if let Ok(text) = fs::read_to_string("/etc/apt/sources.list") {
        let lines: String = text
            .lines()
            .filter_map(|line| line.strip_prefix("deb "))
            .map(|rest| format!("deb-src {rest}\n"))
            .collect();
        fs::write(apt.join("sources/classic.list"), lines)?;
    }
    let apt_get = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.current_dir(directory).args(["-o", "Dir::Etc::SourceList=/dev/null"]);
        for (key, folder) in
            [("Dir::Etc::SourceParts", "sources"), ("Dir::State::Lists", "lists"), ("Dir::Cache", "cache")]
        {
            command.arg("-o").arg(format!("{key}={}", apt.join(folder).display()));
        }
        run(command.args(arguments))
    };
    apt_get(&["update"])?;
    apt_get(&["source", "--download-only", "busybox"])?;
    let archive = fs::read_dir(directory)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.to_string_lossy().ends_with(".orig.tar.bz2"))
        .context("busybox's source did not come")?;
    let source = directory.join("source");
    fs::create_dir_all(&source)?;
    let mut unpack = Command::new("tar");
    run(unpack.args(["--strip-components=1", "-xf"]).arg(&archive).arg("-C").arg(&source))?;
    let make = |target: &str| run(Command::new("make").arg(target).current_dir(&source));
    make("allnoconfig")?;
    let file = source.join(".config");
    let configuration = fs::read_to_string(&file)?;
    let wanted = "# CONFIG_DHCPRELAY is not set";
    ensure!(configuration.contains(wanted), "this busybox has no dhcprelay");
    fs::write(&file, configuration.replace(wanted, "CONFIG_DHCPRELAY=y"))?;
    // Every new question is answered by its default.
    make("oldconfig")?;
    make("busybox")?;
    fs::copy(source.join("busybox"), program)?;
    Ok(())
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("{command:?}"))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {}\n{}", output.status, errors.trim_end());
    Ok(())
}
