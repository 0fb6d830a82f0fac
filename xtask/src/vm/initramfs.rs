//! The initial root: busybox, the modules, and a script that goes over to this machine's root.

use std::{
    fs::{self, File},
    io::Write as _,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};

use super::{copy, kernel::finish};

/// What is made of a kernel's package: a change of it makes every initial root anew.
pub(super) const RECIPE: &str = concat!(include_str!("modules.rs"), include_str!("init.sh"));

const INIT: &str = include_str!("init.sh");

/// Makes the cpio archive `archive` by way of the folder `directory`.
pub(super) fn make(busybox: &Path, modules: &[PathBuf], directory: &Path, archive: &Path) -> Result<()> {
    let bin = directory.join("bin");
    fs::create_dir_all(&bin).with_context(|| format!("cannot make {}", bin.display()))?;
    copy(busybox, &bin.join("busybox"))?;
    let mut names = String::from("init\nbin\nbin/busybox\n");
    let mut order = String::new();
    for module in modules {
        let file = module.file_name().context("a module without a name")?.to_string_lossy();
        let name = file.trim_end_matches(".xz");
        let inserted = directory.join(name);
        if name == file {
            copy(module, &inserted)?;
        } else {
            // Unpacked once here, not at every boot under emulation.
            fs::write(&inserted, finish(Command::new(busybox).arg("xzcat").arg(module))?)
                .with_context(|| format!("cannot write {}", inserted.display()))?;
        }
        names.push_str(name);
        names.push('\n');
        order.push_str(name);
        order.push('\n');
    }
    fs::write(directory.join("modules"), order).context("cannot write the list of modules")?;
    names.push_str("modules\n");
    let init = directory.join("init");
    fs::write(&init, INIT).with_context(|| format!("cannot write {}", init.display()))?;
    fs::set_permissions(&init, PermissionsExt::from_mode(0o755)).context("cannot make init executable")?;

    let output = File::create(archive).with_context(|| format!("cannot make {}", archive.display()))?;
    let mut cpio = Command::new(busybox);
    cpio.args(["cpio", "-o", "-H", "newc"]).current_dir(directory);
    let mut cpio = cpio.stdin(Stdio::piped()).stdout(output).stderr(Stdio::null()).spawn()?;
    // Its standard input is closed with the value, which ends the list.
    cpio.stdin.take().context("standard input is piped")?.write_all(names.as_bytes())?;
    let status = cpio.wait()?;
    ensure!(status.success(), "{status}: busybox cpio");
    Ok(())
}
