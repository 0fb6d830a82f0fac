//! The frames whose cost is told: a new case is one entry here.

use anyhow::Result;
use relay_tests::lab::build::{BOOTREQUEST, Bootp, Datagram};

use crate::{
    rig::{CLIENT_PORT, RELAY, Rig},
    tools::Action,
};

/// One configuration of the relay.
pub(super) struct Group {
    pub(super) servers: usize,
    pub(super) option82: bool,
}

/// Every configuration that cases are tried in.
pub(super) const GROUPS: &[Group] = &[
    Group { servers: 1, option82: false },
    Group { servers: 2, option82: false },
    Group { servers: 4, option82: false },
    Group { servers: 8, option82: false },
    Group { servers: 32, option82: false },
    Group { servers: 1, option82: true },
    Group { servers: 2, option82: true },
    Group { servers: 8, option82: true },
];

/// A frame, and the device of the relay that it comes in on.
pub(super) type Arriving = (Vec<u8>, &'static str);

/// One frame.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) frame: fn(&Rig) -> Result<Arriving>,
    pub(super) verdict: Action,
    /// Whether the number of servers matters to it.
    pub(super) with_servers: bool,
}

impl Case {
    pub(super) fn belongs_to(&self, group: &Group) -> bool {
        self.with_servers || (group.servers == 1 && !group.option82)
    }

    pub(super) fn title(&self, group: &Group) -> String {
        if !self.with_servers {
            return self.name.to_owned();
        }
        let option82 = if group.option82 { ", option 82 inserted" } else { "" };
        format!(
            "{}, {} server{}{option82}",
            self.name,
            group.servers,
            if group.servers == 1 { "" } else { "s" }
        )
    }
}

const UPSTREAM: &str = "eth1";

/// Every frame.
pub(super) const CASES: &[Case] = &[
    Case {
        name: "request: DISCOVER of dhclient",
        frame: |rig| Ok((rig.discover(), CLIENT_PORT)),
        verdict: Action::Redirect,
        with_servers: true,
    },
    Case {
        name: "reply: OFFER without option 82",
        frame: |rig| Ok((rig.offer(&[])?, UPSTREAM)),
        verdict: Action::Redirect,
        with_servers: false,
    },
    Case {
        name: "reply: OFFER, option 82 removed",
        frame: |rig| Ok((rig.offer(b"\x01\x06eth0.0\x02\x06\x02\0\0\0\0\x01")?, UPSTREAM)),
        verdict: Action::Redirect,
        with_servers: false,
    },
    Case {
        name: "pass: TCP",
        frame: |rig| {
            let mut frame = transit(rig, 443)?;
            // The protocol, with the header checksum adjusted for it.
            frame[23] = 6;
            let sum = u16::from_be_bytes([frame[24], frame[25]]) + 11;
            frame[24..26].copy_from_slice(&sum.to_be_bytes());
            Ok((frame, CLIENT_PORT))
        },
        verdict: Action::Pass,
        with_servers: false,
    },
    Case {
        name: "pass: UDP, another port",
        frame: |rig| Ok((transit(rig, 443)?, CLIENT_PORT)),
        verdict: Action::Pass,
        with_servers: false,
    },
    Case {
        name: "pass: ARP",
        frame: |rig| {
            let mut frame = rig.discover();
            frame[12..14].copy_from_slice(&[0x08, 0x06]);
            frame.truncate(60);
            Ok((frame, CLIENT_PORT))
        },
        verdict: Action::Pass,
        with_servers: false,
    },
    Case {
        name: "pass: transit DHCP (renewal to the server)",
        frame: |rig| Ok((transit(rig, 67)?, CLIENT_PORT)),
        verdict: Action::Pass,
        with_servers: false,
    },
    Case {
        name: "drop: UDP checksum wrong",
        frame: |rig| {
            let mut frame = rig.discover();
            frame[60] ^= 1;
            Ok((frame, CLIENT_PORT))
        },
        verdict: Action::Drop,
        with_servers: false,
    },
    Case {
        name: "drop: IPv4 checksum wrong",
        frame: |rig| {
            let mut frame = rig.discover();
            frame[24] ^= 1;
            Ok((frame, CLIENT_PORT))
        },
        verdict: Action::Drop,
        with_servers: false,
    },
    Case {
        name: "drop: truncated",
        frame: |rig| {
            let mut frame = rig.discover();
            frame.truncate(200);
            Ok((frame, CLIENT_PORT))
        },
        verdict: Action::Drop,
        with_servers: false,
    },
    Case {
        name: "drop: giaddr is ours",
        frame: |rig| {
            let mut message = Bootp::new(BOOTREQUEST, Some(1), rig.mac);
            message.giaddr = RELAY;
            Ok((Datagram::from_client(rig.mac, &message).frame(), CLIENT_PORT))
        },
        verdict: Action::Drop,
        with_servers: false,
    },
];

/// A unicast of a client to the first server, to be routed through.
fn transit(rig: &Rig, port: u16) -> Result<Vec<u8>> {
    let message = Bootp::new(BOOTREQUEST, Some(3), rig.mac);
    let mut datagram = Datagram::from_client(rig.mac, &message);
    datagram.destination_mac = rig.relay.mac(CLIENT_PORT)?;
    datagram.source = [192, 168, 60, 100].into();
    datagram.destination = rig.servers[0];
    datagram.destination_port = port;
    Ok(datagram.frame())
}
