//! Who keeps an XDP program on a device by a BPF link. `ip link … xdp off` does not take such a program off: its link
//! has to go, and the link goes with the process that holds it.
//!
//! The kernel tells it under /proc, to whom may look at the other process: the same source that bpftool has.

use std::{fs, path::Path};

/// A BPF link, and the process that has it open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::fastpath) struct Holder {
    /// The kernel's number for the link.
    pub(super) link: u32,
    /// The process.
    pub(super) pid: u32,
    /// The name of its command, at most 15 characters.
    pub(super) command: String,
}

impl Holder {
    /// The first process found that holds a link of `program` on `ifindex`.
    pub(super) fn find(program: u32, ifindex: u32) -> Option<Self> {
        fs::read_dir("/proc").ok()?.filter_map(Result::ok).find_map(|entry| {
            let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
            let link = held_link(&entry.path(), program, ifindex)?;
            let command = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
            Some(Self { link, pid, command: command.trim_end().to_owned() })
        })
    }
}

fn held_link(process: &Path, program: u32, ifindex: u32) -> Option<u32> {
    fs::read_dir(process.join("fdinfo")).ok()?.filter_map(Result::ok).find_map(|entry| {
        let info = fs::read_to_string(entry.path()).ok()?;
        link_of(&info, program, ifindex)
    })
}

/// The number of the link that `info` is about, if it puts `program` on `ifindex`.
fn link_of(info: &str, program: u32, ifindex: u32) -> Option<u32> {
    let field = |name: &str| {
        let value = info.lines().find_map(|line| line.strip_prefix(name))?;
        value.trim().parse::<u32>().ok()
    };
    let link = field("link_id:")?;
    (field("prog_id:") == Some(program) && field("ifindex:") == Some(ifindex)).then_some(link)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: &str = "pos:\t0\nflags:\t02000000\nmnt_id:\t16\nino:\t1049\nlink_type:\txdp\nlink_id:\t7\n\
                        prog_tag:\t3b185187f1855c4c\nprog_id:\t42\nifindex:\t5\n";

    #[test]
    fn the_link_of_a_program_on_a_device_is_told_from_others() {
        assert_eq!(link_of(LINK, 42, 5), Some(7));
        assert_eq!(link_of(LINK, 41, 5), None, "another program");
        assert_eq!(link_of(LINK, 42, 6), None, "another device");
    }

    #[test]
    fn the_descriptor_of_a_program_or_a_file_is_no_link() {
        assert_eq!(link_of(&LINK.replace("link_id:\t7\n", ""), 42, 5), None);
        assert_eq!(link_of("pos:\t0\nflags:\t0100000\n", 42, 5), None);
    }
}
