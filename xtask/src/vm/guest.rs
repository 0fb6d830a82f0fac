//! One boot: a folder shared with the machine takes the command there and its exit code back, a virtio port what it prints.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{self, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use anyhow::{Context as _, Result, bail};

use super::{Vm, copy};
use crate::exec::rendered;

const SESSION: &str = include_str!("session.sh");
/// How much of the kernel's log a failed boot is reported with.
const LOG_TAIL: usize = 30;

/// The shared folder of one boot; gone with the value.
struct Session(PathBuf);

impl Drop for Session {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("cannot remove {}: {error}", self.0.display());
        }
    }
}

pub(super) fn run(
    vm: &Vm,
    command: &Command,
    directory: &Path,
    print: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<i32> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let session = Session(vm.directory.join(format!("session-{}-{number}", process::id())));
    let folder = session.0.as_path();
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    copy(&vm.busybox, &folder.join("busybox"))?;
    let write = |name: &str, text: &str| {
        fs::write(folder.join(name), text)
            .with_context(|| format!("cannot write {name} in {}", folder.display()))
    };
    write("session", SESSION)?;
    let mut there = Command::new("cd");
    there.arg(directory);
    write("command", &format!("{} && {}\n", rendered(&there), rendered(command)))?;

    let mut qemu = qemu(vm, folder);
    let mut machine = qemu
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {}", rendered(&qemu)))?;
    let mut lines = BufReader::new(machine.stdout.take().context("standard output is piped")?);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line)? > 0 {
        print(&line)?;
        line.clear();
    }
    let ended = machine.wait()?;
    match fs::read_to_string(folder.join("status")) {
        Ok(status) => status.trim().parse().with_context(|| format!("an exit code of {status:?}")),
        Err(_) => {
            let log = fs::read(folder.join("kernel.log")).unwrap_or_default();
            let log = String::from_utf8_lossy(&log);
            let lines: Vec<&str> = log.lines().collect();
            let tail = lines.get(lines.len().saturating_sub(LOG_TAIL)..).unwrap_or_default().join("\n");
            bail!("the machine with Linux {} died ({ended}); the end of its log:\n{tail}", vm.version)
        }
    }
}

fn qemu(vm: &Vm, folder: &Path) -> Command {
    let option = |prefix: &str, path: &Path| format!("{prefix}{}", path.display());
    // Killed with this process, whatever ends it.
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "qemu-system-x86_64"]);
    command.args(["-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "2G"]);
    command.args(["-nodefaults", "-display", "none", "-no-reboot"]);
    command.arg("-kernel").arg(&vm.kernel).arg("-initrd").arg(&vm.initramfs);
    command.args(["-append", "panic=-1 console=ttyS0 quiet"]);
    command.args([
        "-chardev",
        &option("file,id=log,path=", &folder.join("kernel.log")),
        "-serial",
        "chardev:log",
    ]);
    command.args(["-device", "virtio-serial", "-chardev", "file,id=output,path=/dev/stdout"]);
    command.args(["-device", "virtserialport,chardev=output,name=output"]);
    command.args(["-virtfs", "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap"]);
    command.args(["-virtfs", &option("local,mount_tag=session,security_model=none,path=", folder)]);
    command
}
