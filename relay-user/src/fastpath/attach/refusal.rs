//! Why the kernel refused XDP on a port, and what takes the reason away.
//!
//! The error number comes from `dev_xdp_attach` (net/core/dev.c) or from the driver's `ndo_bpf`; the same number means
//! different things, so it is read together with what was found on the port.

use aya::programs::ProgramError;

use super::{
    Mode, Obstacle,
    found::{Found, Program},
    holder::Holder,
};
use crate::fastpath::{FastPathError, error::program_errno};

/// The daemon's command; the kernel keeps 15 characters of it.
const RELAY: &str = "xdp-dhcrelay";

/// A refusal, told apart by what can be done about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The driver has no native XDP.
    NoNative,
    /// The driver has it, but not with the port's present settings. With the driver's words or error.
    Settings { cause: String, remedy: String },
    /// Something that the other mode does not change.
    InTheWay { cause: String, remedy: String },
}

impl Refusal {
    /// From the error of an attempt in `mode` and what was found afterwards.
    pub(super) fn judge(mode: Mode, error: &ProgramError, found: &Found) -> Self {
        let in_the_way = |cause: String, remedy: String| Self::InTheWay { cause, remedy };
        match program_errno(error) {
            Some(libc::EBUSY | libc::EEXIST) => match (found.here.first(), found.above.first()) {
                (Some(program), _) => in_the_way(program.on_it(), program.take_off()),
                (None, Some(program)) => in_the_way(
                    format!("{} is above it and has {}", program.device, program.description()),
                    format!(
                        "{}, or name {} instead of {} in the configuration",
                        program.take_off(),
                        program.device,
                        found.port
                    ),
                ),
                (None, None) => in_the_way(
                    "another XDP program is on it or on a device above it".to_owned(),
                    "`bpftool net show` names it; take it off".to_owned(),
                ),
            },
            Some(libc::EOPNOTSUPP) if mode == Mode::Native && found.driver_has_native != Some(true) => {
                Self::NoNative
            }
            Some(libc::ERANGE) if mode == Mode::Native => Self::Settings {
                cause: format!("the MTU is too large for native XDP ({}, or the other end's)", found.mtu()),
                remedy: format!(
                    "lower it, on both ends of a veth (`ip link set {} mtu 3500`; what exactly is too large depends \
                     on the driver)",
                    found.port
                ),
            },
            Some(libc::ENOSPC) if mode == Mode::Native => Self::Settings {
                cause: "it has fewer receive queues than the other end has transmit queues".to_owned(),
                remedy: format!(
                    "give it more (`ethtool -L {} rx N`; for a veth, made with `numrxqueues N`), or the other end fewer",
                    found.port
                ),
            },
            Some(libc::EOPNOTSUPP | libc::EINVAL | libc::EMSGSIZE | libc::ENOMEM) if mode == Mode::Native => {
                Self::Settings {
                    cause: format!("its driver refuses its present settings ({}, {error})", found.mtu()),
                    remedy: format!(
                        "what helps depends on the driver, and `dmesg` may have its reason: lower the MTU (`ip link \
                         set {port} mtu 1500`), give it fewer or more queues (`ethtool -L {port}`), turn off LRO \
                         (`ethtool -K {port} lro off`)",
                        port = found.port
                    ),
                }
            }
            Some(libc::EPERM) => in_the_way(
                "not permitted".to_owned(),
                "run as root, or give the service CAP_NET_ADMIN".to_owned(),
            ),
            Some(libc::ENODEV) => {
                in_the_way("the device is gone".to_owned(), "start again when it is there".to_owned())
            }
            _ => in_the_way(error.to_string(), "see `dmesg` for what the driver says".to_owned()),
        }
    }

    /// Whether another mode, which does not ask the driver, may do.
    pub(super) fn is_of_the_driver(&self) -> bool {
        matches!(self, Self::NoNative | Self::Settings { .. })
    }

    /// Logs that `next` is tried now.
    pub(super) fn announce(&self, found: &Found, next: Mode) {
        let port = &found.port;
        match self {
            // Nothing is wrong with it.
            Self::NoNative => {
                tracing::info!("{port}: its driver has no native XDP; {next} XDP is used");
            }
            Self::Settings { cause, remedy } | Self::InTheWay { cause, remedy } => {
                tracing::warn!(
                    "{port}: {cause}; {next} XDP, which is slower, is used; for native XDP {remedy}"
                );
            }
        }
    }

    /// The refusal of the last mode.
    pub(super) fn into_error(self, found: &Found, mode: Mode) -> FastPathError {
        let other = "set relay.xdp_mode = \"auto\" or \"generic\"";
        let (cause, remedy) = match self {
            Self::NoNative => ("its driver has no native XDP".to_owned(), other.to_owned()),
            Self::Settings { cause, remedy } => (cause, format!("{remedy}, or {other}")),
            Self::InTheWay { cause, remedy } => (cause, remedy),
        };
        FastPathError::Attach { port: found.port.clone(), mode: mode.label(), cause, remedy }
    }
}

impl Found {
    /// Everything that is in the way.
    pub(super) fn obstacles(&self) -> Vec<Obstacle> {
        let obstacle = |program: &Program| Obstacle {
            cause: format!("{} has {}", program.device, program.description()),
            remedy: program.take_off(),
            relay: program.holder.as_ref().is_some_and(|holder| RELAY.starts_with(&holder.command)),
        };
        self.here.iter().chain(&self.above).map(obstacle).collect()
    }

    fn mtu(&self) -> String {
        self.mtu.map_or_else(|| "MTU unknown".to_owned(), |mtu| format!("MTU {mtu}"))
    }
}

impl Program {
    fn on_it(&self) -> String {
        format!("{} is on it", self.description())
    }

    /// Such as `the XDP program 42 "filter" (native, by process 7 "xdp-filter")`.
    fn description(&self) -> String {
        let name = self.name.as_ref().map(|name| format!(" \"{name}\"")).unwrap_or_default();
        let mode = self.mode.map_or("hardware", Mode::label);
        let holder = self.holder.as_ref().map(Holder::described).unwrap_or_default();
        format!("the XDP program {}{name} ({mode}{holder})", self.id)
    }

    fn take_off(&self) -> String {
        if let Some(Holder { link, pid, command }) = &self.holder {
            return format!(
                "end process {pid} ({command}), or take it off with `bpftool link detach id {link}`"
            );
        }
        let device = &self.device;
        // libxdp keeps several programs behind one of its own, with state beside it that only its tools take away.
        if self.name.as_deref() == Some("xdp_dispatcher") {
            return format!("take it off with `xdp-loader unload {device} --all`");
        }
        // `xdp off` alone means the mode that the driver prefers.
        let mode = match self.mode {
            Some(Mode::Native) => "xdpdrv",
            Some(Mode::Generic) => "xdpgeneric",
            None => "xdpoffload",
        };
        format!("take it off with `ip link set dev {device} {mode} off`")
    }
}

impl Holder {
    fn described(&self) -> String {
        format!(", held by process {} \"{}\"", self.pid, self.command)
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use aya::sys::SyscallError;

    use super::*;

    fn refused(errno: i32) -> ProgramError {
        let io_error = io::Error::from_raw_os_error(errno);
        ProgramError::SyscallError(SyscallError { call: "bpf_link_create", io_error })
    }

    fn port() -> Found {
        Found { port: "eth1".to_owned(), mtu: Some(9000), ..Found::default() }
    }

    fn program(mode: Mode) -> Program {
        Program { device: "eth1".to_owned(), mode: Some(mode), id: 42, name: None, holder: None }
    }

    fn said(mode: Mode, errno: i32, found: &Found) -> String {
        Refusal::judge(mode, &refused(errno), found).into_error(found, mode).to_string()
    }

    #[test]
    fn the_remedy_takes_the_program_off_in_the_mode_it_is_in() {
        for (mode, word) in [(Mode::Native, "xdpdrv"), (Mode::Generic, "xdpgeneric")] {
            let found = Found { here: vec![program(mode)], ..port() };
            let said = said(Mode::Native, libc::EBUSY, &found);
            assert!(said.contains(&format!("`ip link set dev eth1 {word} off`")), "{said}");
            assert!(said.contains(&format!("program 42 ({mode})")), "{said}");
        }
    }

    #[test]
    fn a_dispatcher_of_libxdp_is_unloaded_by_its_own_tool() {
        let name = Some("xdp_dispatcher".to_owned());
        let found = Found { here: vec![Program { name, ..program(Mode::Native) }], ..port() };
        let said = said(Mode::Native, libc::EBUSY, &found);
        assert!(said.contains("`xdp-loader unload eth1 --all`"), "{said}");
    }

    #[test]
    fn only_what_the_driver_refused_leaves_hope_for_another_mode() {
        for (errno, hope) in [
            (libc::EOPNOTSUPP, true),
            (libc::EINVAL, true),
            (libc::ERANGE, true),
            (libc::ENOSPC, true),
            (libc::EBUSY, false),
            (libc::EEXIST, false),
            (libc::EPERM, false),
            (libc::ENODEV, false),
        ] {
            let refusal = Refusal::judge(Mode::Native, &refused(errno), &port());
            assert_eq!(refusal.is_of_the_driver(), hope, "{errno}: {refusal:?}");
        }
    }

    #[test]
    fn a_driver_that_has_native_xdp_is_not_said_to_lack_it() {
        let has = Found { driver_has_native: Some(true), ..port() };
        assert!(said(Mode::Native, libc::EOPNOTSUPP, &has).contains("present settings (MTU 9000"));
        assert!(said(Mode::Native, libc::EOPNOTSUPP, &port()).contains("no native XDP"));
    }
}
