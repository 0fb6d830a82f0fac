//! Debian's kernel packages: which there are, and what is in them.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{
    exec::{announce, output, rendered},
    host,
};

/// A kernel package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) version: String,
}

/// The newest kernel whose version begins with `wanted` (`6.1`, `6.12.107`).
pub(super) fn find(wanted: &str) -> Result<Package> {
    let newest = || Some(newest(&described(&offered(wanted)?)?, wanted)?.clone());
    if let Some(package) = newest() {
        return Ok(package);
    }
    // The package lists of a fresh container are empty.
    if host::is_root()? {
        announce("no kernel in the package lists", Command::new("apt-get").args(["update", "--quiet"]))?;
    }
    newest().with_context(|| format!("apt offers no linux-image-…-amd64 of version {wanted}"))
}

/// The names of kernel packages whose version may begin with `wanted`; none without apt.
pub(super) fn offered(wanted: &str) -> Option<Vec<String>> {
    let mut parts = wanted.split('.');
    let series = format!("linux-image-{}.{}.", parts.next()?, parts.next()?);
    let names = output("apt-cache", &["pkgnames", &series])?;
    Some(names.lines().filter(|name| is_kernel(name)).map(str::to_owned).collect())
}

/// Not the flavours for clouds and for real time, nor debug symbols.
fn is_kernel(name: &str) -> bool {
    let Some(version) = name.strip_prefix("linux-image-").and_then(|rest| rest.strip_suffix("-amd64")) else {
        return false;
    };
    !version.ends_with("-cloud") && !version.ends_with("-rt")
}

fn described(names: &[String]) -> Option<Vec<Package>> {
    if names.is_empty() {
        return None;
    }
    let mut arguments = vec!["show", "--no-all-versions"];
    arguments.extend(names.iter().map(String::as_str));
    Some(packages(&output("apt-cache", &arguments)?))
}

fn packages(descriptions: &str) -> Vec<Package> {
    let package = |description: &str| {
        let field = |name| description.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
        Some(Package { name: field("Package: ")?, version: field("Version: ")? })
    };
    descriptions.split("\n\n").filter_map(package).collect()
}

fn newest<'a>(packages: &'a [Package], wanted: &str) -> Option<&'a Package> {
    let wanted = numbers(wanted);
    let fitting = packages.iter().filter(|package| numbers(&package.version).starts_with(&wanted));
    fitting.max_by_key(|package| numbers(&package.version))
}

/// The numbers in a version, which order the versions of one series.
fn numbers(version: &str) -> Vec<u32> {
    version.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).collect()
}

/// Downloads a package and unpacks it; nothing is installed.
pub(super) fn unpack(package: &str, into: &Path) -> Result<()> {
    fs::create_dir_all(into).with_context(|| format!("cannot make {}", into.display()))?;
    let mut download = Command::new("apt-get");
    download.args(["download", "--quiet", package]).current_dir(into).stdin(Stdio::null());
    finish(&mut download)?;
    let archives = fs::read_dir(into)?.collect::<Result<Vec<_>, _>>()?;
    let mut archives =
        archives.iter().map(fs::DirEntry::path).filter(|path| path.extension() == Some("deb".as_ref()));
    let archive = archives.next().with_context(|| format!("no package in {}", into.display()))?;
    finish(Command::new("dpkg-deb").arg("--extract").arg(&archive).arg(into))?;
    fs::remove_file(&archive).with_context(|| format!("cannot remove {}", archive.display()))
}

/// What `uname -r` will say, from the only folder of modules.
pub(super) fn release(root: &Path) -> Result<String> {
    let modules = root.join("lib/modules");
    let mut entries = fs::read_dir(&modules).with_context(|| format!("cannot list {}", modules.display()))?;
    let entry = entries.next().with_context(|| format!("{} is empty", modules.display()))??;
    ensure!(entries.next().is_none(), "{} has more than one kernel's modules", modules.display());
    Ok(entry.file_name().to_string_lossy().into_owned())
}

/// Runs a command whose output matters only when it fails.
pub(super) fn finish(command: &mut Command) -> Result<Vec<u8>> {
    let done = command.output().with_context(|| format!("cannot run {}", rendered(command)))?;
    if !done.status.success() {
        let said = String::from_utf8_lossy(&done.stderr);
        bail!("{}: {}\n{}", done.status, rendered(command), said.trim_end());
    }
    Ok(done.stdout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_kernels_count() {
        assert!(is_kernel("linux-image-6.1.0-56-amd64"));
        assert!(is_kernel("linux-image-6.12.117+deb12-amd64"));
        for other in ["linux-image-6.1.0-56-cloud-amd64", "linux-image-6.12.117+deb12-rt-amd64"] {
            assert!(!is_kernel(other));
        }
        assert!(
            !is_kernel("linux-image-6.1.0-56-amd64-dbg") && !is_kernel("linux-image-6.1.0-56-amd64-unsigned")
        );
    }

    #[test]
    fn the_newest_version_that_begins_as_wanted_is_taken() {
        let described = "Package: linux-image-6.1.0-9-amd64\nVersion: 6.1.27-1\n\n\
            Package: linux-image-6.1.0-56-amd64\nInstalled-Size: 4\nVersion: 6.1.192-2\n\n\
            Package: linux-image-6.12.107+deb12-amd64\nVersion: 6.12.107-1~deb12u1\n";
        let packages = packages(described);
        let name = |wanted| newest(&packages, wanted).map(|package| package.name.as_str());
        assert_eq!(name("6.1"), Some("linux-image-6.1.0-56-amd64"));
        assert_eq!(name("6.1.27"), Some("linux-image-6.1.0-9-amd64"));
        assert_eq!(name("6.12"), Some("linux-image-6.12.107+deb12-amd64"));
        assert_eq!(name("6.1.2"), None);
    }
}
