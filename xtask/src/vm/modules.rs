//! The kernel modules that the machine is booted with, and those they depend on.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use super::kernel::finish;

/// For the root and the way back: disk-less, its output over a virtio port. Some are part of newer kernels.
const FOR_THE_MACHINE: [&str; 5] = ["virtio_pci", "virtio_console", "9pnet_virtio", "9p", "overlay"];
/// What the tests make networks of.
const FOR_TESTS: [&str; 12] = [
    "veth",
    "vrf",
    "8021q",
    "bonding",
    "bridge",
    "vxlan",
    "dummy",
    "tun",
    "sch_ingress",
    "cls_bpf",
    "sch_netem",
    "af_packet",
];

/// The files of the needed modules, in an order in which they can be inserted.
pub(super) fn needed(busybox: &Path, root: &Path, release: &str) -> Result<Vec<PathBuf>> {
    // The package's own list of dependencies is made when it is installed, which it is not here.
    finish(Command::new(busybox).args(["depmod", "-b"]).arg(root).arg(release))?;
    let home = root.join("lib/modules").join(release);
    let read = |name: &str| {
        let path = home.join(name);
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    };
    let wanted = FOR_THE_MACHINE.iter().chain(&FOR_TESTS).copied();
    let (dependencies, builtin) = (read("modules.dep")?, read("modules.builtin")?);
    let order = order(&dependencies, &builtin, wanted)?;
    Ok(order.iter().map(|path| home.join(path)).collect())
}

/// From depmod's lines `path: path …`, each module's dependencies before itself.
fn order<'a>(
    dependencies: &'a str,
    builtin: &str,
    wanted: impl Iterator<Item = &'a str>,
) -> Result<Vec<&'a str>> {
    let lines = dependencies.lines().filter_map(|line| line.split_once(':'));
    let needs: BTreeMap<&str, Vec<&str>> =
        lines.map(|(module, needed)| (module, needed.split_whitespace().collect())).collect();
    let named: BTreeMap<String, &str> = needs.keys().map(|path| (name(path), *path)).collect();
    let builtin: BTreeSet<String> = builtin.lines().map(name).collect();
    let mut order = Vec::new();
    for wanted in wanted {
        match named.get(wanted) {
            Some(path) => insert(path, &needs, &mut order),
            None if builtin.contains(wanted) => {}
            None => anyhow::bail!("the kernel has no module {wanted}"),
        }
    }
    Ok(order)
}

fn insert<'a>(module: &'a str, needs: &BTreeMap<&'a str, Vec<&'a str>>, order: &mut Vec<&'a str>) {
    if order.contains(&module) {
        return;
    }
    for needed in needs.get(module).into_iter().flatten() {
        insert(needed, needs, order);
    }
    order.push(module);
}

/// `kernel/net/8021q/8021q.ko.xz` is `8021q`; a hyphen in a file's name is an underscore in the module's.
fn name(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.split(".ko").next().unwrap_or(file).replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEPENDENCIES: &str = "kernel/a.ko.xz: kernel/b-b.ko.xz kernel/c.ko.xz\nkernel/b-b.ko.xz: kernel/c.ko.xz\nkernel/c.ko.xz:\n";

    #[test]
    fn dependencies_come_first_and_once() {
        let order = order(DEPENDENCIES, "", ["a", "b_b"].into_iter()).unwrap();
        assert_eq!(order, ["kernel/c.ko.xz", "kernel/b-b.ko.xz", "kernel/a.ko.xz"]);
    }

    #[test]
    fn a_part_of_the_kernel_needs_no_module_and_an_unknown_one_is_an_error() {
        assert!(
            order(DEPENDENCIES, "kernel/drivers/virtio_pci.ko\n", ["virtio_pci"].into_iter())
                .unwrap()
                .is_empty()
        );
        assert!(order(DEPENDENCIES, "", ["virtio_pci"].into_iter()).is_err());
    }
}
