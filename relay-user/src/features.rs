//! Which ports can take a redirected XDP frame, as the kernel itself says.
//!
//! A redirect to a port that cannot take it fails without a trace in native mode: the devmap skips the entry or the frame
//! is freed. So the daemon asks before it puts a port into a server group, and again whenever the kernel announces a
//! change: on many drivers, and on veth through its peer, the answer depends on what is attached and switched on.
//! Source: the generic netlink family `netdev`, Linux 6.3 (`include/uapi/linux/netdev.h`).

mod ethtool;
mod generic;
mod netdev;
mod tags;
mod watcher;

use std::{collections::BTreeMap, fmt, io};

use nix::errno::Errno;
use rtnetlink::packet_core::DecodeError;

pub use ethtool::{Channels, Ethtool, Offloads};
pub use tags::{Hidden, Tags};
pub use watcher::FeatureWatcher;

/// The XDP features of one network device at one moment: `enum netdev_xdp_act`, bit by bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Features(u64);

/// One entry per device of a network namespace, by ifindex; a device without XDP is there with no feature.
pub type PortFeatures = BTreeMap<u32, Features>;

impl Features {
    const BASIC: u64 = 1;
    const REDIRECT: u64 = 2;
    const NDO_XMIT: u64 = 4;
    const XSK_ZEROCOPY: u64 = 8;
    const HW_OFFLOAD: u64 = 16;
    const RX_SG: u64 = 32;
    const NDO_XMIT_SG: u64 = 64;

    /// Bits and names, the names being those of the kernel's specification (`Documentation/netlink/specs/netdev.yaml`).
    const NAMES: [(u64, &str); 7] = [
        (Self::BASIC, "basic"),
        (Self::REDIRECT, "redirect"),
        (Self::NDO_XMIT, "ndo-xmit"),
        (Self::XSK_ZEROCOPY, "xsk-zerocopy"),
        (Self::HW_OFFLOAD, "hw-offload"),
        (Self::RX_SG, "rx-sg"),
        (Self::NDO_XMIT_SG, "ndo-xmit-sg"),
    ];

    /// From the kernel's bits; those that are not known here are kept.
    pub fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The kernel's bits.
    pub fn bits(self) -> u64 {
        self.0
    }

    /// The driver runs XDP programs itself (`XDP_ABORTED`, `DROP`, `PASS`, `TX`); otherwise only generic mode is left.
    pub fn native(self) -> bool {
        self.has(Self::BASIC)
    }

    /// A program on this device may answer `XDP_REDIRECT` in native mode.
    pub fn redirect(self) -> bool {
        self.has(Self::REDIRECT)
    }

    /// The device takes frames that native XDP redirects to it. It must also be up, which is no feature.
    ///
    /// Generic mode needs none of this: it transmits by the device's ordinary way.
    pub fn redirect_target(self) -> bool {
        self.has(Self::NDO_XMIT)
    }

    /// The device takes redirected frames that consist of several buffers.
    pub fn redirect_target_multi_buffer(self) -> bool {
        self.redirect_target() && self.has(Self::NDO_XMIT_SG)
    }

    /// Programs that declare multi-buffer support see frames of several buffers here.
    pub fn receive_multi_buffer(self) -> bool {
        self.has(Self::RX_SG)
    }

    /// `AF_XDP` sockets work without copying.
    pub fn zero_copy(self) -> bool {
        self.has(Self::XSK_ZEROCOPY)
    }

    /// The hardware itself can run XDP programs.
    pub fn hardware_offload(self) -> bool {
        self.has(Self::HW_OFFLOAD)
    }

    fn has(self, bit: u64) -> bool {
        self.0 & bit != 0
    }
}

impl fmt::Display for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("none");
        }
        let mut unnamed = self.0;
        let mut separator = "";
        for (bit, name) in Self::NAMES {
            if self.has(bit) {
                write!(f, "{separator}{name}")?;
                separator = " ";
                unnamed &= !bit;
            }
        }
        if unnamed != 0 {
            write!(f, "{separator}{unnamed:#x}")?;
        }
        Ok(())
    }
}

/// Why the kernel's answer is not known.
#[derive(Debug, thiserror::Error)]
pub enum FeaturesError {
    /// Linux before 6.3: judge by [`redirect_target_by_kind`].
    #[error("this kernel does not tell the XDP features of its devices (Linux 6.3 and later do)")]
    Unsupported,
    #[error("generic netlink socket: {0}")]
    Socket(#[from] io::Error),
    #[error("the kernel refused to list XDP features: {0}")]
    Refused(Errno),
    #[error("the kernel did not list XDP features within {} s", netdev::PATIENCE.as_secs())]
    Timeout,
    #[error("the kernel's list of XDP features cannot be read: {0}")]
    Decode(#[from] DecodeError),
    #[error("the kernel's list of XDP features cannot be read: {what} is missing")]
    Missing { what: &'static str },
}

/// The features of every device in the calling thread's network namespace. Needs no privilege.
///
/// Blocks for the time of one netlink dump (3 ms for a thousand devices on Linux 6.18), longer while a driver holds its lock.
///
/// # Errors
/// [`FeaturesError::Unsupported`] before Linux 6.3; everything else is a failure.
pub fn query() -> Result<PortFeatures, FeaturesError> {
    netdev::Requests::open()?.features()
}

/// What the kind of a device (`IFLA_INFO_KIND`; `None` for a physical port) says about redirects into it, for kernels that
/// do not answer [`query`].
///
/// Only kinds known to have `ndo_xdp_xmit` are taken: a wrong "no" costs the fast path toward that port, a wrong "yes" costs
/// the frames. Two things the kind cannot tell remain: a physical port's driver may lack it (mlx4, ixgbevf, nfp), and a
/// veth takes frames only while its peer has an XDP program or GRO. Loopback (no kind) and a tun device of layer 3 take none;
/// they are no Ethernet ports.
pub fn redirect_target_by_kind(kind: Option<&str>) -> bool {
    matches!(kind, None | Some("veth" | "bond" | "tun"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bit_has_its_meaning_and_its_name() {
        type Has = fn(Features) -> bool;
        // Values of enum netdev_xdp_act, written out.
        let each: [(u64, Has, &str); 6] = [
            (1, Features::native, "basic"),
            (2, Features::redirect, "redirect"),
            (4, Features::redirect_target, "ndo-xmit"),
            (8, Features::zero_copy, "xsk-zerocopy"),
            (16, Features::hardware_offload, "hw-offload"),
            (32, Features::receive_multi_buffer, "rx-sg"),
        ];
        for (bit, method, name) in each {
            assert!(method(Features::from_bits(bit)), "{name}");
            assert!(!method(Features::from_bits(!bit)), "{name} without its bit");
            assert_eq!(Features::from_bits(bit).to_string(), name);
        }
        assert!(Features::from_bits(4 | 64).redirect_target_multi_buffer());
        assert!(!Features::from_bits(64).redirect_target_multi_buffer());
        assert!(!Features::from_bits(4).redirect_target_multi_buffer());
    }

    #[test]
    fn features_are_shown_by_name_and_unknown_ones_as_a_number() {
        assert_eq!(Features::default().to_string(), "none");
        assert_eq!(Features::from_bits(0x67).to_string(), "basic redirect ndo-xmit rx-sg ndo-xmit-sg");
        assert_eq!(Features::from_bits(0x181).to_string(), "basic 0x180");
        assert_eq!(Features::from_bits(0x80).to_string(), "0x80");
    }

    #[test]
    fn only_kinds_known_to_take_frames_are_targets_by_kind() {
        for kind in [None, Some("veth"), Some("bond"), Some("tun")] {
            assert!(redirect_target_by_kind(kind), "{kind:?}");
        }
        for kind in [
            "vlan",
            "bridge",
            "vxlan",
            "vrf",
            "macvlan",
            "macvtap",
            "dummy",
            "ipvlan",
            "gre",
            "gretap",
            "geneve",
            "team",
            "wireguard",
            "netkit",
            "a-kind-of-2030",
        ] {
            assert!(!redirect_target_by_kind(Some(kind)), "{kind}");
        }
    }
}
