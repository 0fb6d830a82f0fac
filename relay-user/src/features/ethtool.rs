//! What `ethtool -k` and `ethtool -l` say of a device: which offloads are on, and how many queues it has.
//!
//! Source: the generic netlink family `ethtool`, Linux 5.8 for the offloads (`include/uapi/linux/ethtool_netlink.h`). Reading
//! needs no privilege.

use std::collections::BTreeSet;

use rtnetlink::packet_core::{DefaultNla, Emitable, NlasIterator, parse_string, parse_u32};

use super::{FeaturesError, generic::attribute, netdev::Requests};

// linux/ethtool_netlink.h
const FAMILY: &str = "ethtool";
const ETHTOOL_MSG_FEATURES_GET: u8 = 11;
const ETHTOOL_MSG_CHANNELS_GET: u8 = 17;
/// `ETHTOOL_A_FEATURES_HEADER`, `ETHTOOL_A_CHANNELS_HEADER`: all messages have it first.
const HEADER: u16 = 1;
const HEADER_DEV_INDEX: u16 = 1;
const FEATURES_HW: u16 = 2;
const FEATURES_ACTIVE: u16 = 4;
const BITSET_NOMASK: u16 = 1;
const BITSET_BITS: u16 = 3;
const BIT_NAME: u16 = 2;
const BIT_VALUE: u16 = 3;
const CHANNELS_RX_COUNT: u16 = 6;
const CHANNELS_COMBINED_COUNT: u16 = 9;
/// `NLA_F_NESTED`
const NESTED: u16 = 0x8000;

/// The offloads of a device, by the kernel's names (`tx-vlan-hw-insert`; `ethtool -k` has shorter ones for some).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offloads {
    active: BTreeSet<String>,
    changeable: BTreeSet<String>,
}

impl Offloads {
    /// From lists of names: what is on, and what the driver can switch.
    pub fn new<'n>(
        active: impl IntoIterator<Item = &'n str>,
        changeable: impl IntoIterator<Item = &'n str>,
    ) -> Self {
        let names = |names: &mut dyn Iterator<Item = &'n str>| names.map(str::to_owned).collect();
        Self { active: names(&mut active.into_iter()), changeable: names(&mut changeable.into_iter()) }
    }

    /// Whether it is on.
    pub fn on(&self, name: &str) -> bool {
        self.active.contains(name)
    }

    /// Whether the driver can switch it; `ethtool` calls the others fixed.
    pub fn changeable(&self, name: &str) -> bool {
        self.changeable.contains(name)
    }
}

/// Queues of a device that are in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Channels {
    /// For receiving: those for it alone, and those for both directions.
    pub rx: u32,
}

/// A socket for questions about single devices.
#[derive(Debug)]
pub struct Ethtool(Requests);

impl Ethtool {
    /// Opens it in the calling thread's network namespace.
    ///
    /// # Errors
    /// [`FeaturesError::Unsupported`] where the kernel has no such family; else what the socket says.
    pub fn open() -> Result<Self, FeaturesError> {
        Requests::open_family(FAMILY, None).map(Self)
    }

    /// The offloads of the device with this index.
    ///
    /// # Errors
    /// The device is gone, or the answer cannot be read.
    pub fn offloads(&mut self, ifindex: u32) -> Result<Offloads, FeaturesError> {
        let answer = self.ask(ETHTOOL_MSG_FEATURES_GET, ifindex)?;
        Ok(Offloads { active: bits(&answer, FEATURES_ACTIVE)?, changeable: bits(&answer, FEATURES_HW)? })
    }

    /// The queues of the device with this index.
    ///
    /// # Errors
    /// As [`Self::offloads`]; also a driver that does not say (`EOPNOTSUPP`).
    pub fn channels(&mut self, ifindex: u32) -> Result<Channels, FeaturesError> {
        let answer = self.ask(ETHTOOL_MSG_CHANNELS_GET, ifindex)?;
        let count = |kind| -> Result<u32, FeaturesError> {
            Ok(attribute(&answer, kind)?.map(parse_u32).transpose()?.unwrap_or(0))
        };
        Ok(Channels { rx: count(CHANNELS_RX_COUNT)? + count(CHANNELS_COMBINED_COUNT)? })
    }

    fn ask(&mut self, command: u8, ifindex: u32) -> Result<Vec<u8>, FeaturesError> {
        let index = [DefaultNla::new(HEADER_DEV_INDEX, ifindex.to_ne_bytes().to_vec())];
        let mut nested = vec![0; index.as_slice().buffer_len()];
        index.as_slice().emit(&mut nested);
        let header = DefaultNla::new(HEADER | NESTED, nested);
        self.0.get(command, &[header])?.ok_or(FeaturesError::Missing { what: "the device" })
    }
}

/// The names of the bits that are set. In a bitset with a mask, which lists all bits, those have the flag `VALUE`; in one
/// without, only they are listed.
fn bits(answer: &[u8], which: u16) -> Result<BTreeSet<String>, FeaturesError> {
    let missing = |what| FeaturesError::Missing { what };
    let set = attribute(answer, which)?.ok_or(missing("a set of offloads"))?;
    let all = attribute(set, BITSET_NOMASK)?.is_some();
    let mut names = BTreeSet::new();
    for bit in NlasIterator::new(attribute(set, BITSET_BITS)?.unwrap_or_default()) {
        let bit = bit?;
        if all || attribute(bit.value(), BIT_VALUE)?.is_some() {
            let name = attribute(bit.value(), BIT_NAME)?.ok_or(missing("an offload's name"))?;
            names.insert(parse_string(name)?);
        }
    }
    Ok(names)
}
