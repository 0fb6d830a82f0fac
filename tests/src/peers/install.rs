//! Fetches the peers' Debian packages and unpacks them under the target directory.
//!
//! What it does to the machine: `apt-get download` into `<target>/peers`, `dpkg-deb -x` there, and `apt-get update`
//! when the package lists are missing. Nothing is installed, nothing is started. Libraries the machine does not have
//! are unpacked too and found through `LD_LIBRARY_PATH`.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use anyhow::{Context, Result, anyhow, bail, ensure};

use crate::lab::target_dir;

/// The packages that hold the peers.
pub const PACKAGES: &[&str] = &[
    "busybox",
    "dhcp-helper",
    "dhcpcd-base",
    "dnsmasq-base",
    "isc-dhcp-client",
    "isc-dhcp-relay",
    "isc-dhcp-server",
    "kea-common",
    "kea-dhcp4-server",
    "udhcpc",
];

/// The programs taken from them, for the check that every library is there.
const PROGRAMS: &[&str] =
    &["busybox", "dhclient", "dhcp-helper", "dhcpcd", "dhcpd", "dhcrelay", "dnsmasq", "kea-dhcp4"];

/// The unpacked programs.
pub struct Peers {
    root: PathBuf,
}

/// The peers under this build's target directory; unpacked by the first caller, also across processes.
///
/// # Errors
/// Without `apt-get` or without a network, saying so.
pub fn peers() -> Result<&'static Peers> {
    static PEERS: OnceLock<Result<Peers, String>> = OnceLock::new();
    PEERS
        .get_or_init(|| install(&target_dir().join("peers")).map_err(|error| format!("{error:#}")))
        .as_ref()
        .map_err(|message| anyhow!("{message}"))
}

/// Unpacks the peers into `directory`, unless they are there already.
pub fn install(directory: &Path) -> Result<Peers> {
    fs::create_dir_all(directory).with_context(|| directory.display().to_string())?;
    let lock = File::create(directory.join("lock"))?;
    lock.lock().context("locking the peers' directory")?;

    let peers = Peers { root: directory.join("root") };
    let stamp = directory.join("complete");
    let wanted = PACKAGES.join(" ");
    if fs::read_to_string(&stamp).is_ok_and(|complete| complete == wanted) {
        return Ok(peers);
    }
    eprintln!("unpacking the test peers into {} (nothing is installed): {wanted}", directory.display());
    for stale in [directory.join("root"), directory.join("packages")] {
        if stale.exists() {
            fs::remove_dir_all(&stale)?;
        }
    }
    fetch(directory, PACKAGES)?;
    if !peers.missing_libraries()?.is_empty() {
        let libraries = libraries_not_installed()?;
        fetch(directory, &libraries.iter().map(String::as_str).collect::<Vec<_>>())?;
    }
    let missing = peers.missing_libraries()?;
    ensure!(missing.is_empty(), "libraries that no package of the peers' dependencies holds: {missing:?}");
    fs::write(stamp, wanted)?;
    Ok(peers)
}

impl Peers {
    /// A command that runs one of the unpacked programs with their libraries.
    pub fn command(&self, program: &str) -> Result<Command> {
        let mut command = Command::new(self.path(program)?);
        command.env("LD_LIBRARY_PATH", self.library_path()?);
        Ok(command)
    }

    /// Where an unpacked program is.
    pub fn path(&self, program: &str) -> Result<PathBuf> {
        ["usr/sbin", "sbin", "usr/bin", "bin"]
            .iter()
            .map(|directory| self.root.join(directory).join(program))
            .find(|path| path.is_file())
            .with_context(|| format!("{program} is not under {}", self.root.display()))
    }

    /// The directories `usr/lib/<machine>-linux-gnu` and `lib/<machine>-linux-gnu`, joined with colons.
    fn library_path(&self) -> Result<String> {
        let mut directories = Vec::new();
        for parent in
            ["usr/lib", "lib"].map(|parent| self.root.join(parent)).iter().filter(|path| path.is_dir())
        {
            for entry in fs::read_dir(parent)? {
                let path = entry?.path();
                if path.to_string_lossy().ends_with("-linux-gnu") {
                    directories.push(path.to_string_lossy().into_owned());
                }
            }
        }
        Ok(directories.join(":"))
    }

    fn missing_libraries(&self) -> Result<BTreeSet<String>> {
        let mut missing = BTreeSet::new();
        for program in PROGRAMS {
            let listing = output(
                Command::new("ldd").arg(self.path(program)?).env("LD_LIBRARY_PATH", self.library_path()?),
            )?;
            let text = String::from_utf8_lossy(&listing.stdout).into_owned();
            let absent = text.lines().filter(|line| line.ends_with("not found"));
            missing.extend(absent.filter_map(|line| line.split_whitespace().next()).map(str::to_owned));
        }
        Ok(missing)
    }
}

fn fetch(directory: &Path, packages: &[&str]) -> Result<()> {
    let archives = directory.join("packages");
    fs::create_dir_all(&archives)?;
    download(&archives, packages)?;
    for entry in fs::read_dir(&archives)? {
        let archive = entry?.path();
        output(Command::new("dpkg-deb").arg("-x").arg(&archive).arg(directory.join("root")))?;
        fs::remove_file(archive)?;
    }
    Ok(())
}

fn download(into: &Path, packages: &[&str]) -> Result<()> {
    let attempt = || output(Command::new("apt-get").arg("download").args(packages).current_dir(into));
    if attempt().is_ok() {
        return Ok(());
    }
    // The lists are missing (fresh container) or older than what the mirror still holds.
    eprintln!("apt-get download failed; running apt-get update and trying again");
    let updated = output(Command::new("apt-get").arg("update"));
    let advice =
        "the test peers are Debian packages: this needs apt-get, root for `apt-get update`, and a mirror";
    attempt().map(drop).map_err(|error| match updated {
        Ok(_) => error.context(advice),
        Err(update) => error.context(format!("{update:#}")).context(advice),
    })
}

/// The libraries the packages depend on that this machine lacks.
fn libraries_not_installed() -> Result<BTreeSet<String>> {
    let mut query = Command::new("apt-cache");
    query.args(["depends", "--recurse", "--no-recommends", "--no-suggests", "--no-conflicts"]);
    query.args(["--no-breaks", "--no-replaces", "--no-enhances"]).args(PACKAGES);
    let listing = String::from_utf8_lossy(&output(&mut query)?.stdout).into_owned();
    let libraries = listing.lines().filter(|line| line.starts_with("lib")).map(str::to_owned);
    let installed =
        output(Command::new("dpkg-query").args(["-W", "-f", "${Package} ${db:Status-Status}\n"]))?;
    let installed = String::from_utf8_lossy(&installed.stdout).into_owned();
    let installed: BTreeSet<&str> =
        installed.lines().filter_map(|line| line.strip_suffix(" installed")).collect();
    Ok(libraries.filter(|library| !installed.contains(library.as_str())).collect())
}

fn output(command: &mut Command) -> Result<Output> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    if !output.status.success() {
        bail!("{command:?}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr).trim_end());
    }
    Ok(output)
}
