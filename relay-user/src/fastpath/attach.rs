//! Putting the program on a port by a BPF link, which goes away with the daemon, in the mode that was asked for.

use std::fmt;

use aya::programs::{ProgramError, XdpMode as Flag, xdp::XdpLinkId};

use super::{FastPathError, Object, error::program_errno};

/// How the program runs on a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// In the driver.
    Native,
    /// In the network stack, on socket buffers.
    Generic,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

impl Mode {
    /// The word in configuration and `status`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Generic => "generic",
        }
    }

    const fn flag(self) -> Flag {
        match self {
            Self::Native => Flag::Driver,
            Self::Generic => Flag::Skb,
        }
    }
}

/// The program on one port.
pub struct Attachment {
    /// Interface index of the device.
    pub ifindex: u32,
    /// How it runs there.
    pub mode: Mode,
    link: XdpLinkId,
}

impl Object {
    /// Attaches the program to the device `ifindex`, called `port` in messages, in the first of `modes` that its driver
    /// has.
    pub fn attach(&mut self, port: &str, ifindex: u32, modes: &[Mode]) -> Result<Attachment, FastPathError> {
        let program = self.ingress()?;
        let mut refused = None;
        for &mode in modes {
            match program.attach_to_if_index(ifindex, mode.flag()) {
                Ok(link) => return Ok(Attachment { ifindex, mode, link }),
                Err(error) => {
                    let lacks_native = program_errno(&error) == Some(libc::EOPNOTSUPP);
                    refused = Some(explain(port, mode, &error));
                    if !lacks_native {
                        break;
                    }
                }
            }
        }
        Err(refused.unwrap_or(FastPathError::Object { part: "ingress" }))
    }

    /// Takes the program off a port. A device that is gone has taken the link with it.
    pub fn detach(&mut self, attachment: Attachment) -> Result<(), FastPathError> {
        self.ingress()?.detach(attachment.link).map_err(|source| FastPathError::program("ingress", source))
    }
}

fn explain(port: &str, mode: Mode, error: &ProgramError) -> FastPathError {
    let errno = program_errno(error);
    let (cause, remedy) = match errno {
        Some(libc::EBUSY) => (
            "another XDP program is on it".to_owned(),
            format!("see `bpftool net show dev {port}` and take it off with `ip link set dev {port} xdp off`"),
        ),
        Some(libc::EEXIST) => (
            "a program of the other mode, or one on a device above it (bridge, bond, VRF, VLAN), is in the way"
                .to_owned(),
            format!("see `ip -d link show {port}` and take that one off, or set relay.xdp_mode to its mode"),
        ),
        Some(libc::EOPNOTSUPP) => (
            "its driver has no XDP".to_owned(),
            "set relay.xdp_mode = \"generic\" or \"auto\"".to_owned(),
        ),
        Some(libc::EPERM) => (
            "not permitted".to_owned(),
            "run as root, or give the service CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON".to_owned(),
        ),
        Some(libc::EINVAL | libc::ERANGE | libc::ENOSPC | libc::EMSGSIZE) => (
            format!("the driver refuses its present settings ({error})"),
            format!(
                "lower its MTU (native XDP takes about 3500), give it at least as many RX queues as its peer or as \
                 the driver asks for (`ethtool -l {port}`), turn off LRO, or set relay.xdp_mode = \"generic\"; \
                 `dmesg` has the driver's own words"
            ),
        ),
        Some(libc::ENODEV) => {
            ("the device is gone".to_owned(), "start again when it is there".to_owned())
        }
        _ => (error.to_string(), "see `dmesg` for what the driver says".to_owned()),
    };
    FastPathError::Attach { port: port.to_owned(), mode: mode.label(), cause, remedy }
}
