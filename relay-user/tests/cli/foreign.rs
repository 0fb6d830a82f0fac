//! An XDP program of somebody else, put on a device as other tools do it: by netlink, or by a link that a process holds.

use std::path::PathBuf;

use relay_user::fastpath::{Attachment, Mode, Object, Sizes};

use crate::machine::Machine;

/// The program. It is the relay's own, without tables, so that it passes everything.
pub(crate) struct Foreign {
    object: Object,
    pin: PathBuf,
}

impl Foreign {
    /// Loads it; `name` is unique on the machine.
    pub(crate) fn new(name: &str) -> Self {
        let sizes = Sizes { interfaces: 1, groups: 1, ports: 1, addresses: 1, owners: 1, leases: 1 };
        let mut object = Object::load(sizes, None).expect("loaded");
        let pin = PathBuf::from(format!("/sys/fs/bpf/xdp-dhcrelay-foreign-{}-{name}", std::process::id()));
        object.ingress().expect("it is there").pin(&pin).expect("pinned");
        Self { object, pin }
    }

    /// As `ip link set … xdp` and most tools do it: it stays until it is taken off.
    pub(crate) fn by_netlink(&self, machine: &Machine, device: &str, mode: Mode) {
        let mode = match mode {
            Mode::Native => "xdpdrv",
            Mode::Generic => "xdpgeneric",
        };
        machine.run(&format!("bpftool net attach {mode} pinned {} dev {device}", self.pin.display()));
    }

    /// As newer tools do it: it stays as long as this process.
    pub(crate) fn by_link(&mut self, machine: &Machine, device: &str, mode: Mode) -> Attachment {
        let object = &mut self.object;
        machine.inside(move || {
            let ifindex = nix::net::if_::if_nametoindex(device).expect("the device is there");
            object.attach(device, ifindex, &[mode]).unwrap_or_else(|error| panic!("{error}"))
        })
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.pin);
    }
}
