//! What a configuration is checked against: the devices, addresses and VRFs of this machine at one moment.
//!
//! Plain data, read once: a check sees one state of the machine, and a test writes down the machine it wants.

mod read;

use std::{collections::HashMap, net::Ipv4Addr};

use crate::nexthop::Vlan;
pub use read::HostError;
pub(crate) use read::links;

/// A network device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Unique on the machine.
    pub name: String,
    /// Unique on the machine, never 0.
    pub ifindex: u32,
    /// `None`: not an Ethernet device.
    pub mac: Option<[u8; 6]>,
    /// Bytes of IP packet.
    pub mtu: u32,
    /// IPv4 only, in the kernel's order: primary ones first.
    pub addresses: Vec<DeviceAddress>,
    /// `IFLA_INFO_KIND`; `None`: a physical port.
    pub kind: Option<String>,
    /// For a VLAN device: the device below it and the tag.
    pub vlan: Option<Vlan>,
    /// For a bridge: its ports are in VLANs.
    pub filters_vlans: bool,
    /// The bridge, bond or VRF this device is a port of (ifindex).
    pub controller: Option<u32>,
    /// For a VRF device: its routing table.
    pub vrf_table: Option<u32>,
}

/// An address of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceAddress {
    /// Host part included.
    pub address: Ipv4Addr,
    /// 0 to 32.
    pub prefix_len: u8,
}

/// The machine (as the current network namespace sees it) at one moment.
#[derive(Clone, Debug, Default)]
pub struct Machine {
    hostname: String,
    devices: Vec<Device>,
    by_name: HashMap<String, usize>,
    by_ifindex: HashMap<u32, usize>,
    by_address: HashMap<Ipv4Addr, Vec<usize>>,
}

/// Ports of ports of ports: deeper than any real stack of bridge, bond and VRF.
const MAX_CONTROLLERS: usize = 8;

impl Machine {
    /// A machine with these devices.
    pub fn new(hostname: impl Into<String>, devices: Vec<Device>) -> Self {
        let mut machine = Self { hostname: hostname.into(), ..Self::default() };
        for (index, device) in devices.iter().enumerate() {
            machine.by_name.insert(device.name.clone(), index);
            machine.by_ifindex.insert(device.ifindex, index);
            for DeviceAddress { address, prefix_len: _ } in &device.addresses {
                machine.by_address.entry(*address).or_default().push(index);
            }
        }
        machine.devices = devices;
        machine
    }

    /// This machine now, over rtnetlink: also right in a process that has entered a network namespace.
    ///
    /// # Errors
    /// The netlink socket or the hostname cannot be read.
    pub fn read() -> Result<Self, HostError> {
        read::machine()
    }

    /// Name of the machine.
    pub fn hostname(&self) -> &str {
        &self.hostname
    }

    /// All devices.
    pub fn devices(&self) -> &[Device] {
        &self.devices
    }

    /// The device with this name.
    pub fn device(&self, name: &str) -> Option<&Device> {
        self.by_name.get(name).map(|index| &self.devices[*index])
    }

    /// The device with this index.
    pub fn device_at(&self, ifindex: u32) -> Option<&Device> {
        self.by_ifindex.get(&ifindex).map(|index| &self.devices[*index])
    }

    /// The devices that have this address.
    pub fn devices_with(&self, address: Ipv4Addr) -> impl Iterator<Item = &Device> {
        self.by_address.get(&address).into_iter().flatten().map(|index| &self.devices[*index])
    }

    /// The VRF a device belongs to, directly or through a bridge or bond; a VRF device belongs to itself.
    pub fn vrf_of(&self, device: &Device) -> Option<&Device> {
        let mut index = *self.by_ifindex.get(&device.ifindex)?;
        for _ in 0..MAX_CONTROLLERS {
            let device = &self.devices[index];
            if device.vrf_table.is_some() {
                return Some(device);
            }
            index = *self.by_ifindex.get(&device.controller?)?;
        }
        None
    }

    /// The VRF devices.
    pub fn vrfs(&self) -> impl Iterator<Item = &Device> {
        self.devices.iter().filter(|device| device.vrf_table.is_some())
    }
}
