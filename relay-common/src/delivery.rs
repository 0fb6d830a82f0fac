//! Where a reply goes once it is on the client's link (RFC 2131 section 4.1, RFC 1542 section 5.4).
//!
//! | the reply | Ethernet | IPv4 |
//! | --- | --- | --- |
//! | is a NAK | broadcast | 255.255.255.255 |
//! | `ciaddr` is set | `chaddr` | `ciaddr` |
//! | has the broadcast bit | broadcast | 255.255.255.255 |
//! | gives an address | `chaddr` | `yiaddr` |
//! | gives none | broadcast | 255.255.255.255 |
//!
//! `chaddr` can only be sent to when it is an Ethernet unicast address (`htype` 1, `hlen` 6): else the reply is
//! broadcast. There is no ARP: the client does not answer for an address it does not have yet.

use crate::view::View;
use crate::wire::{bootp, eth, ipv4};

/// Link and network destination of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Delivery {
    /// [`eth::number`]: of six octets every way through the rules would carry each by itself.
    pub(crate) mac: u64,
    pub(crate) address: [u8; 4],
}

impl Delivery {
    const BROADCAST: Self = Self { mac: eth::number(eth::BROADCAST), address: ipv4::BROADCAST };

    /// Reads the message at `at`, whose DHCP type is `message`.
    #[inline(always)]
    pub(crate) fn of<V: View>(view: &V, at: usize, message: u8) -> Self {
        let [htype, hlen] = view.octets::<2>(at + bootp::HTYPE);
        let flags = view.u16(at + bootp::FLAGS);
        let ciaddr = view.octets::<4>(at + bootp::CIADDR);
        let yiaddr = view.octets::<4>(at + bootp::YIADDR);
        let mac = eth::number(view.octets::<6>(at + bootp::CHADDR));
        let group = mac & eth::number([1, 0, 0, 0, 0, 0]) != 0;
        let reachable = htype == bootp::ETHERNET && hlen as usize == eth::ADDRESS_LEN && !group && mac != 0;
        if message == bootp::message::NAK || !reachable {
            return Self::BROADCAST;
        }
        if ciaddr != ipv4::UNSPECIFIED {
            return Self { mac, address: ciaddr };
        }
        if flags & bootp::BROADCAST_FLAG != 0 || yiaddr == ipv4::UNSPECIFIED {
            return Self::BROADCAST;
        }
        Self { mac, address: yiaddr }
    }
}
