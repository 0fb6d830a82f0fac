//! The programs that tests and the demonstration start, and the packages that hold them.
//!
//! A C compiler is not among them: without one cargo could not have linked this program. The DHCP peers are not either:
//! the tests unpack them beside the build.

use std::{env, path::Path};

/// A program, and the names of the package that holds it, the preferred first (Ubuntu names some otherwise).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Program {
    pub(crate) name: &'static str,
    pub(crate) packages: &'static [&'static str],
}

const NEEDED: [Program; 6] = [
    Program { name: "ip", packages: &["iproute2"] },
    Program { name: "ethtool", packages: &["ethtool"] },
    Program { name: "nsenter", packages: &["util-linux"] },
    Program { name: "unshare", packages: &["util-linux"] },
    Program { name: "sysctl", packages: &["procps"] },
    Program { name: "bpftool", packages: &["bpftool", "linux-tools-common"] },
];

/// What a download of bpf-linker takes.
pub(crate) const DOWNLOADER: [Program; 3] = [
    Program { name: "curl", packages: &["curl"] },
    Program { name: "tar", packages: &["tar"] },
    Program { name: "zstd", packages: &["zstd"] },
];

/// What a virtual machine takes.
const FOR_VIRTUAL_MACHINES: [Program; 3] = [
    Program { name: "qemu-system-x86_64", packages: &["qemu-system-x86"] },
    Program { name: "setpriv", packages: &["util-linux"] },
    Program { name: "dpkg-deb", packages: &["dpkg"] },
];

/// The needed programs that are not on this machine.
pub(crate) fn missing() -> Vec<Program> {
    NEEDED.into_iter().filter(|program| !is_there(program)).collect()
}

/// The programs for virtual machines that are not on this machine.
pub(crate) fn missing_for_virtual_machines() -> Vec<Program> {
    FOR_VIRTUAL_MACHINES.into_iter().filter(|program| !is_there(program)).collect()
}

/// Whether every one of them is on this machine.
pub(crate) fn are_there(programs: &[Program]) -> bool {
    programs.iter().all(is_there)
}

fn is_there(program: &Program) -> bool {
    // The search path of a person who is not root leaves out the folders of administration.
    let path = env::var_os("PATH").unwrap_or_default();
    let administration = ["/usr/sbin", "/sbin"].map(|directory| Path::new(directory).to_path_buf());
    env::split_paths(&path).chain(administration).any(|directory| directory.join(program.name).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_by_its_name() {
        assert!(is_there(&Program { name: "sh", packages: &[] }));
        assert!(!is_there(&Program { name: "no-such-program", packages: &[] }));
    }
}
