//! A virtual machine with one of Debian's own kernels: for devices that the machine at hand lacks (VRF, 802.1Q) and for the
//! oldest kernel the fast path has to load on.
//!
//! It runs under software emulation and sees this machine's root, over 9p and an overlay in memory: what was built
//! here runs there, and what is written there is gone with it.

mod guest;
mod initramfs;
mod kernel;
mod modules;
pub(crate) mod suite;

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};
use xtask::bpf::Workspace;

use crate::setup;

/// The kernels that tests are run with, by the beginning of their version: the floor, and the current one of Debian 12.
pub(crate) const KERNELS: [&str; 2] = ["6.1", "6.12"];

/// A kernel with its initial root, ready to boot.
pub(crate) struct Vm {
    /// The full version, `6.12.117-1~deb12u1`.
    version: String,
    kernel: PathBuf,
    initramfs: PathBuf,
    /// Under the target directory.
    directory: PathBuf,
    busybox: PathBuf,
}

impl Vm {
    /// Finds the newest packaged kernel whose version begins with `wanted`, and unpacks it unless it is there already.
    ///
    /// # Errors
    /// This machine is none that packages have a kernel for, or a package cannot be had.
    pub(crate) fn prepare(workspace: &Workspace, wanted: &str) -> Result<Self> {
        let machine = std::env::consts::ARCH;
        ensure!(
            machine == "x86_64",
            "the virtual machine's kernels are for x86-64, this machine is {machine}"
        );
        setup::for_virtual_machines()?;
        let directory = workspace.target.join("vm");
        let package = kernel::find(wanted)?;
        let home = directory.join(&package.name);
        let busybox = directory.join("busybox/bin/busybox");
        let kernel = home.join("vmlinuz");
        let initramfs = home.join("initramfs");
        let vm = Self { version: package.version.clone(), kernel, initramfs, directory, busybox };
        // A recipe that has changed makes the files anew.
        let stamp = home.join("complete");
        let made_of = format!("{} {}\n{}", package.name, package.version, initramfs::RECIPE);
        if fs::read_to_string(&stamp).is_ok_and(|complete| complete == made_of) {
            return Ok(vm);
        }
        eprintln!(
            "unpacking {} {} into {} (nothing is installed)",
            package.name,
            package.version,
            home.display()
        );
        if home.exists() {
            fs::remove_dir_all(&home).with_context(|| format!("cannot remove {}", home.display()))?;
        }
        if !vm.busybox.is_file() {
            kernel::unpack("busybox-static", &vm.directory.join("busybox"))?;
        }
        let root = home.join("root");
        kernel::unpack(&package.name, &root)?;
        let release = kernel::release(&root)?;
        copy(&root.join("boot").join(format!("vmlinuz-{release}")), &vm.kernel)?;
        let modules = modules::needed(&vm.busybox, &root, &release)?;
        initramfs::make(&vm.busybox, &modules, &home.join("initial"), &vm.initramfs)?;
        for unpacked in [root, home.join("initial")] {
            fs::remove_dir_all(&unpacked).with_context(|| format!("cannot remove {}", unpacked.display()))?;
        }
        fs::write(&stamp, made_of).with_context(|| format!("cannot write {}", stamp.display()))?;
        Ok(vm)
    }

    /// The version of the kernel's package.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// Boots, runs a command as root in `directory`, and passes on what it prints (standard error included) line by line.
    ///
    /// # Errors
    /// The machine did not boot, or died before the command ended.
    pub(crate) fn run(
        &self,
        command: &Command,
        directory: &Path,
        print: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<i32> {
        guest::run(self, command, directory, print)
    }
}

/// Passes on to standard output.
pub(crate) fn show(line: &[u8]) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(line)?;
    stdout.flush().context("cannot write to standard output")
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to)
        .map(drop)
        .with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))
}
