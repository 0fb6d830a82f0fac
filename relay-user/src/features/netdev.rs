//! The family `netdev`: its number, its multicast group, and the list of devices.
//!
//! The socket blocks: the kernel answers inside the system calls, so there is nothing to wait for but its own locks. Who
//! must not stand still asks from a thread for blocking work; the socket keeps the network namespace it was opened in.

use std::{io, time::Duration};

use nix::{
    errno::Errno,
    sys::{
        socket::{setsockopt, sockopt::ReceiveTimeout},
        time::TimeVal,
    },
};
use rtnetlink::{
    packet_core::{
        DecodeError, DefaultNla, ErrorMessage, NLM_F_ACK, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST,
        NetlinkPayload, NlasIterator, parse_string, parse_u16, parse_u32, parse_u64,
    },
    sys::{Socket, SocketAddr, protocols::NETLINK_GENERIC},
};

use super::{
    Features, FeaturesError, PortFeatures,
    generic::{Generic, attribute, messages},
};

/// Only a driver that holds the device lock or RTNL can make the answer late.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of a receive buffer. The kernel makes dump datagrams of at most 32 KiB (`netlink_dump`).
pub(super) const DATAGRAM: usize = 65536;
/// How often the list is asked for when a concurrent change interrupts it.
const DUMP_TRIES: u32 = 4;

// linux/genetlink.h
const GENL_ID_CTRL: u16 = 16;
const CTRL_VERSION: u8 = 2;
const CTRL_CMD_GETFAMILY: u8 = 3;
const CTRL_ATTR_FAMILY_ID: u16 = 1;
const CTRL_ATTR_FAMILY_NAME: u16 = 2;
const CTRL_ATTR_MCAST_GROUPS: u16 = 7;
const CTRL_ATTR_MCAST_GRP_NAME: u16 = 1;
const CTRL_ATTR_MCAST_GRP_ID: u16 = 2;

// linux/netdev.h
const FAMILY: &str = "netdev";
const FAMILY_VERSION: u8 = 1;
const GROUP: &str = "mgmt";
const NETDEV_CMD_DEV_GET: u8 = 1;
const NETDEV_A_DEV_IFINDEX: u16 = 1;
const NETDEV_A_DEV_XDP_FEATURES: u16 = 3;

/// A generic netlink socket, and what the kernel calls the family.
#[derive(Debug)]
pub(super) struct Requests {
    socket: Socket,
    sequence: u32,
    buffer: Vec<u8>,
    family: u16,
    /// Multicast group of device changes.
    group: u32,
}

impl Requests {
    /// Opens the socket in the calling thread's network namespace and looks the family up.
    pub(super) fn open() -> Result<Self, FeaturesError> {
        Self::open_family(FAMILY, Some(GROUP))
    }

    /// Opens the socket for another family; with the number of a multicast group of it, if one is wanted.
    pub(super) fn open_family(name: &str, group: Option<&str>) -> Result<Self, FeaturesError> {
        let mut socket = Socket::new(NETLINK_GENERIC)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        let patience = TimeVal::new(PATIENCE.as_secs().cast_signed(), 0);
        setsockopt(&socket, ReceiveTimeout, &patience).map_err(io::Error::from)?;
        let buffer = Vec::with_capacity(DATAGRAM);
        let mut requests = Self { socket, sequence: 0, buffer, family: 0, group: 0 };
        requests.look_up(name, group)?;
        Ok(requests)
    }

    /// The number of the multicast group that announces device changes.
    pub(super) fn group(&self) -> u32 {
        self.group
    }

    /// All devices of the socket's network namespace.
    pub(super) fn features(&mut self) -> Result<PortFeatures, FeaturesError> {
        let mut tries = 1;
        loop {
            let request = Generic::new(self.family, NETDEV_CMD_DEV_GET, FAMILY_VERSION, &[]);
            let answer = self.ask(request, NLM_F_DUMP)?;
            // A device that comes or goes may interrupt every try; it is announced, so the next reading is not far.
            if !answer.interrupted || tries == DUMP_TRIES {
                return answer.objects.iter().map(|object| device(&object.attributes)).collect();
            }
            tries += 1;
        }
    }

    fn look_up(&mut self, name: &str, group: Option<&str>) -> Result<(), FeaturesError> {
        let name = DefaultNla::new(CTRL_ATTR_FAMILY_NAME, [name.as_bytes(), &[0]].concat());
        let request = Generic::new(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_VERSION, &[name]);
        let answer = self.ask(request, NLM_F_ACK).map_err(|error| match error {
            FeaturesError::Refused(Errno::ENOENT) => FeaturesError::Unsupported,
            error => error,
        })?;
        let family = answer.objects.first().ok_or(FeaturesError::Missing { what: "the family" })?;
        let id = value(&family.attributes, CTRL_ATTR_FAMILY_ID, "the family's number")?;
        self.family = parse_u16(id)?;
        if let Some(group) = group {
            let groups = value(&family.attributes, CTRL_ATTR_MCAST_GROUPS, "the list of groups")?;
            self.group =
                group_id(groups, group)?.ok_or(FeaturesError::Missing { what: "the group of changes" })?;
        }
        Ok(())
    }

    /// Asks a command of the family that was opened, and gives the attributes of the first object of the answer.
    pub(super) fn get(
        &mut self,
        command: u8,
        attributes: &[DefaultNla],
    ) -> Result<Option<Vec<u8>>, FeaturesError> {
        let request = Generic::new(self.family, command, FAMILY_VERSION, attributes);
        let mut answer = self.ask(request, NLM_F_ACK)?;
        Ok((!answer.objects.is_empty()).then(|| answer.objects.swap_remove(0).attributes))
    }

    fn ask(&mut self, request: Generic, flags: u16) -> Result<Answer, FeaturesError> {
        self.sequence = self.sequence.wrapping_add(1);
        let bytes = request.into_bytes(NLM_F_REQUEST | flags, self.sequence);
        self.socket.send(&bytes, 0)?;
        let mut answer = Answer { objects: Vec::new(), interrupted: false };
        loop {
            self.receive()?;
            for message in messages(&self.buffer) {
                let message = message?;
                // An answer to an earlier request that ran into the time limit.
                if message.header.sequence_number != self.sequence {
                    continue;
                }
                answer.interrupted |= message.header.flags & NLM_F_DUMP_INTR != 0;
                match message.payload {
                    NetlinkPayload::InnerMessage(object) => answer.objects.push(object),
                    NetlinkPayload::Error(ErrorMessage { code: Some(code), .. }) => {
                        return Err(FeaturesError::Refused(Errno::from_raw(-code.get())));
                    }
                    NetlinkPayload::Done(done) if done.code != 0 => {
                        return Err(FeaturesError::Refused(Errno::from_raw(-done.code)));
                    }
                    NetlinkPayload::Error(_) | NetlinkPayload::Done(_) => return Ok(answer),
                    _ => {}
                }
            }
        }
    }

    fn receive(&mut self) -> Result<(), FeaturesError> {
        self.buffer.clear();
        match self.socket.recv(&mut self.buffer, 0) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(FeaturesError::Timeout),
            Err(error) => Err(error.into()),
        }
    }
}

struct Answer {
    objects: Vec<Generic>,
    interrupted: bool,
}

fn device(attributes: &[u8]) -> Result<(u32, Features), FeaturesError> {
    let ifindex = parse_u32(value(attributes, NETDEV_A_DEV_IFINDEX, "a device's number")?)?;
    let bits = parse_u64(value(attributes, NETDEV_A_DEV_XDP_FEATURES, "a device's list of features")?)?;
    Ok((ifindex, Features::from_bits(bits)))
}

fn group_id(groups: &[u8], name: &str) -> Result<Option<u32>, FeaturesError> {
    for group in NlasIterator::new(groups) {
        let group = group?;
        let found = parse_string(value(group.value(), CTRL_ATTR_MCAST_GRP_NAME, "a group's name")?)?;
        if found == name {
            let id = value(group.value(), CTRL_ATTR_MCAST_GRP_ID, "a group's number")?;
            return Ok(Some(parse_u32(id)?));
        }
    }
    Ok(None)
}

fn value<'a>(list: &'a [u8], kind: u16, what: &'static str) -> Result<&'a [u8], FeaturesError> {
    let found: Result<_, DecodeError> = attribute(list, kind);
    found?.ok_or(FeaturesError::Missing { what })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_without_the_family_is_unsupported_and_not_a_failure() {
        let refused =
            Requests::open_family("no-such-family", None).expect_err("the kernel has no such family");
        assert!(matches!(refused, FeaturesError::Unsupported), "{refused}");
    }

    #[test]
    fn a_device_without_its_features_is_an_error() {
        let ifindex = Generic::new(0, 0, 0, &[DefaultNla::new(NETDEV_A_DEV_IFINDEX, vec![3, 0, 0, 0])]);
        let error = device(&ifindex.attributes).expect_err("a feature list is missing");
        assert!(matches!(error, FeaturesError::Missing { .. }), "{error}");
    }
}
