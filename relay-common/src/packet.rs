//! From a frame to a DHCP message that is the relay's business, every length and checksum verified.
//!
//! Nothing is written here. The order of the checks is the order of the answers a user would expect: first whether
//! the frame concerns the relay at all (if not it passes, however broken it is), then whether it is sound.

use crate::abi::{AddressKey, ClientKey, Interface, Port, PortKey, flag};
use crate::options::Options;
use crate::view::View as _;
use crate::wire::{bootp, eth, ipv4, udp};
use crate::{Env, Frame, Reason, Sum};

/// A DHCP message for the relay.
#[derive(Clone, Copy)]
pub(crate) struct Packet {
    /// Octets of the Ethernet header with its tags: the offset of the IPv4 header.
    pub(crate) l3: usize,
    /// Octets of the DHCP message.
    pub(crate) len: usize,
    /// Its options.
    pub(crate) options: Options,
    /// Where the sums divide, from the start of the frame: at the option 82 that may be taken out (the first of a reply,
    /// or of a request whose interface replaces it), else at END.
    pub(crate) split: usize,
    /// Sum over the message up to `split`.
    pub(crate) before: Sum,
    /// Sum over the message behind the octet at `split`, beginning at an even offset.
    pub(crate) behind: Sum,
    /// The UDP checksum of the sender as it stands in the packet, 0 when there was none.
    pub(crate) checksum: usize,
    /// The message's `op`.
    pub(crate) op: u8,
    /// IPv4 source address.
    pub(crate) source: [u8; 4],
    /// IPv4 destination address.
    pub(crate) destination: [u8; 4],
    /// Whose giaddr the destination is: `Address::interface`, 0 when it is broadcast.
    pub(crate) addressed: u32,
    /// Where it came in.
    pub(crate) port: Port,
}

/// What an event says of a message besides what is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Offset of the IPv4 header.
    pub l3: usize,
    /// DHCP message type, 0 for plain BOOTP.
    pub message: u8,
    /// Index of the client-facing interface, 0 when it is none.
    pub interface: u32,
    /// Routing table of the VRF of the port it came in on.
    pub vrf: u32,
    /// Whether server replies arrive on that port.
    pub upstream: bool,
}

/// A DHCP message that is none of the relay's business and only passes through this machine: a unicast renewal, release or
/// decline, and the server's answer. `None` when it is not one, or is broken.
#[inline(always)]
pub fn passing<F: Frame, E: Env>(frame: &mut F, env: &E, ifindex: u32) -> Option<Seen> {
    let mut key = PortKey { ifindex, outer: 0, inner: 0 };
    let l3 = frame.offset(untag(frame, &mut key)?);
    let header = Header::read(frame, l3).ok()?;
    if header.protocol != ipv4::UDP || header.is_later_fragment() {
        return None;
    }
    let to = frame.u16(frame.offset(l3 + header.len) + udp::DESTINATION)?;
    if to != udp::BOOTPS && to != udp::BOOTPC {
        return None;
    }
    let port = env.port(key)?;
    // A broadcast ends here, and what has another address is on its way past this machine.
    if frame.read::<{ eth::ADDRESS_LEN }>(eth::DESTINATION)? != port.mac {
        return None;
    }
    let packet = Packet::verify(frame, l3, &header, port, 0, false).ok()?;
    if packet.options.message == bootp::message::BOOTP {
        return None;
    }
    Some(packet.seen(if packet.op == bootp::BOOTREQUEST { port.interface } else { 0 }))
}

/// Octets between the IPv4 header and the message.
pub(crate) const HEADERS: usize = ipv4::HEADER_LEN + udp::HEADER_LEN;

impl Packet {
    /// Offset of the message in the frame.
    #[inline(always)]
    pub(crate) fn message(&self) -> usize {
        self.l3 + HEADERS
    }

    /// Offset of the first octet behind the message.
    #[inline(always)]
    pub(crate) fn end(&self) -> usize {
        self.message() + self.len
    }

    /// Its fixed part.
    #[inline(always)]
    pub(crate) fn fixed<'f, F: Frame>(&self, frame: &'f F) -> Option<&'f [u8; bootp::FIXED_LEN]> {
        frame.view(frame.offset(self.message()))
    }

    /// What an event says of it; `interface` is the client-facing one.
    #[inline(always)]
    pub(crate) fn seen(&self, interface: u32) -> Seen {
        Seen {
            l3: self.l3,
            message: self.options.message,
            interface,
            vrf: self.port.vrf,
            upstream: self.port.upstream != 0,
        }
    }

    /// What the client is remembered under in a realm.
    #[inline(always)]
    pub(crate) fn client<F: Frame>(&self, frame: &F, realm: u32) -> Option<ClientKey> {
        let fixed = self.fixed(frame)?;
        Some(ClientKey::new(realm, fixed.octets(bootp::XID), fixed.octets(bootp::CHADDR)))
    }

    /// Whether `split` is at an odd offset of the message.
    #[inline(always)]
    pub(crate) fn parity(&self) -> usize {
        self.split - self.message()
    }

    /// Sum over the whole message.
    #[inline(always)]
    pub(crate) fn sum<F: Frame>(&self, frame: &F) -> Option<Sum> {
        whole(frame, self.split, self.end(), self.parity(), self.before, self.behind)
    }

    /// Finds and verifies the message of a frame that came in on device `ifindex`, and the client-facing interface that is there.
    /// A refusal is the interface's that the frame is told of by then.
    #[inline(always)]
    pub(crate) fn find<'e, F: Frame, E: Env>(
        frame: &mut F,
        env: &'e E,
        ifindex: u32,
    ) -> Result<(Self, Option<&'e Interface>), Reason> {
        let mut key = PortKey { ifindex, outer: 0, inner: 0 };
        // From here on the verifier does not tell one number of tags from another.
        let l3 = frame.offset(untag(frame, &mut key).ok_or(Reason::NotIpv4)?);
        let header = Header::read(frame, l3)?;
        if header.protocol != ipv4::UDP || header.is_later_fragment() {
            return Err(Reason::NotUdp);
        }
        match frame.u16(frame.offset(l3 + header.len) + udp::DESTINATION) {
            Some(udp::BOOTPS) => {}
            Some(udp::BOOTPC) => return Err(Reason::ClientPort),
            _ => return Err(Reason::NotDhcp),
        }
        let port = env.port(key).ok_or(Reason::NoInterface)?;
        let addressed = addressee(frame, env, &header, &port)?;
        let interface = env.interface(port.interface);
        let replaces = interface.is_some_and(|found| found.flags & flag::POLICY == flag::REPLACE);
        if port.interface == 0
            && frame.u8(frame.offset(l3 + header.len + udp::HEADER_LEN) + bootp::OP) != Some(bootp::BOOTREPLY)
        {
            return Err(Reason::NoInterface);
        }
        frame.blame(port.interface);
        Ok((Self::verify(frame, l3, &header, port, addressed, replaces)?, interface))
    }

    #[inline(always)]
    fn verify<F: Frame>(
        frame: &mut F,
        l3: usize,
        header: &Header,
        port: Port,
        addressed: u32,
        replaces: bool,
    ) -> Result<Self, Reason> {
        if frame.len() > F::LIMIT {
            return Err(Reason::TooLong);
        }
        if header.len != ipv4::HEADER_LEN {
            // The daemon takes options out before it asks, unless the header's checksum is wrong.
            return Err(if F::HAS_SLOW_PATH { Reason::IpOptions } else { Reason::IpChecksum });
        }
        if header.fragment & ipv4::FRAGMENT_MASK != 0 {
            return Err(Reason::Fragment);
        }
        let total = header.total as usize;
        if total < HEADERS || l3 + total > frame.len() {
            return Err(Reason::IpLength);
        }
        if !header.sum.is_right() {
            return Err(Reason::IpChecksum);
        }
        let datagram = frame.offset(l3 + ipv4::HEADER_LEN);
        let length = frame.u16(datagram + udp::LENGTH).ok_or(Reason::UdpLength)?;
        if (length as usize) < udp::HEADER_LEN || length as usize > total - ipv4::HEADER_LEN {
            return Err(Reason::UdpLength);
        }
        let len = length as usize - udp::HEADER_LEN;
        if len < bootp::FIXED_LEN {
            return Err(Reason::Truncated);
        }
        let message = l3 + HEADERS;
        let end = message + len;
        // What is wrong with the options is told only when nothing else is wrong.
        let walked = Self::walk(frame, frame.offset(message), len);
        let options = match walked {
            Ok(options) => options,
            Err(_) => Options::none(frame, end),
        };
        let op = frame.u8(frame.offset(message) + bootp::OP).ok_or(Reason::Truncated)?;
        let at_agent = options.agents != 0 && (op == bootp::BOOTREPLY || replaces);
        let split = frame.offset(if at_agent { options.agent } else { options.end });
        let before = frame.sum(message, split - message).ok_or(Reason::UdpLength)?;
        let behind = if split < end {
            frame.sum(split + 1, end - split - 1).ok_or(Reason::UdpLength)?
        } else {
            Sum::new()
        };
        let sum = whole(frame, split, end, split - message, before, behind).ok_or(Reason::UdpLength)?;
        let view = frame.view::<{ udp::HEADER_LEN + bootp::FIXED_LEN }>(datagram).ok_or(Reason::UdpLength)?;
        let ports = view.octets::<4>(0);
        let field = view.octets::<2>(udp::CHECKSUM);
        let pseudo = pseudo_header(header.source, header.destination, length);
        let whole = pseudo.quad(ports).word(length).plus(sum).pair(field);
        // A sender that leaves the checksum to its network card stores the sum of the pseudo-header alone.
        if field != [0, 0] && !whole.is_right() && field != pseudo.partial() {
            return Err(Reason::UdpChecksum);
        }
        let hlen = view.octet(udp::HEADER_LEN + bootp::HLEN);
        if op != bootp::BOOTREQUEST && op != bootp::BOOTREPLY {
            return Err(Reason::BadOp);
        }
        if hlen as usize > bootp::CHADDR_LEN {
            return Err(Reason::BadHlen);
        }
        walked?;
        Ok(Self {
            l3,
            len,
            options,
            split,
            before,
            behind,
            checksum: frame.opaque(u16::from_ne_bytes(field) as usize),
            op: frame.opaque(op as usize) as u8,
            source: header.source,
            destination: header.destination,
            addressed,
            port,
        })
    }

    /// The options of the message at `at`; a message without the cookie is plain BOOTP and has none.
    #[inline(always)]
    pub(crate) fn walk<F: Frame>(frame: &mut F, at: usize, len: usize) -> Result<Options, Reason> {
        if len >= bootp::OPTIONS && frame.read::<4>(at + bootp::COOKIE) == Some(bootp::MAGIC) {
            frame.walk(at + bootp::OPTIONS, at + len)
        } else {
            Ok(Options::none(frame, at + len))
        }
    }
}

/// Sum over a message that ends at `end`, from the sums of what is before and behind the octet at `split`.
#[inline(always)]
fn whole<F: Frame>(
    frame: &F,
    split: usize,
    end: usize,
    parity: usize,
    before: Sum,
    behind: Sum,
) -> Option<Sum> {
    if split >= end {
        return Some(before);
    }
    Some(before.plus(Sum::octet(frame.u8(split)?, parity)).plus(behind.shifted(parity + 1)))
}

/// The sum of a UDP pseudo-header (RFC 768); `length` is that of the UDP header and payload.
#[inline(always)]
pub(crate) fn pseudo_header(source: [u8; 4], destination: [u8; 4], length: u16) -> Sum {
    Sum::new().quad(source).quad(destination).word(ipv4::UDP as u16).word(length)
}

/// The fields of an IPv4 header that are looked at, with the sum over its first twenty octets.
struct Header {
    len: usize,
    total: u16,
    fragment: u16,
    protocol: u8,
    source: [u8; 4],
    destination: [u8; 4],
    sum: Sum,
}

impl Header {
    #[inline(always)]
    fn read<F: Frame>(frame: &F, l3: usize) -> Result<Self, Reason> {
        // Five words, of which octets are taken: an octet that is read by itself is carried by itself.
        let octets = frame.view::<{ ipv4::HEADER_LEN }>(l3).ok_or(Reason::NotIpv4)?;
        let [first, second, third, source, destination] = [0, 4, 8, 12, 16].map(|at| octets.octets::<4>(at));
        let [length, fragment, ends] = [first, second, third].map(u32::from_be_bytes);
        let len = (length >> 24 & 0x0f) as usize * 4;
        if length >> 28 != 4 || len < ipv4::HEADER_LEN {
            return Err(Reason::NotIpv4);
        }
        let sum = Sum::new().quad(first).quad(second).quad(third).quad(source).quad(destination);
        Ok(Self {
            len,
            total: length as u16,
            fragment: fragment as u16,
            protocol: (ends >> 16) as u8,
            source,
            destination,
            sum,
        })
    }

    /// Such a fragment has no UDP header to look at; the kernel joins it to the one that has.
    #[inline(always)]
    fn is_later_fragment(&self) -> bool {
        self.fragment & 0x1fff != 0
    }
}

/// Whether the datagram is for the relay: to everybody, or to one of our addresses.
#[inline(always)]
fn addressee<F: Frame, E: Env>(frame: &F, env: &E, header: &Header, port: &Port) -> Result<u32, Reason> {
    let mac = frame.read::<{ eth::ADDRESS_LEN }>(eth::DESTINATION).ok_or(Reason::NotIpv4)?;
    if mac[0] & 1 == 0 && mac != port.mac {
        return Err(Reason::OtherHost);
    }
    if header.destination == ipv4::BROADCAST {
        return Ok(frame.opaque(0) as u32);
    }
    match env.address(AddressKey { vrf: port.vrf, address: header.destination }) {
        Some(address) if address.local != 0 => Ok(address.interface),
        _ => Err(Reason::Transit),
    }
}

/// The offset of the IPv4 header behind at most two tags, whose identifiers are noted in `key`.
#[inline(always)]
fn untag<F: Frame>(frame: &F, key: &mut PortKey) -> Option<usize> {
    let first = frame.u16(eth::ETHERTYPE)?;
    if first == eth::IPV4 {
        return Some(eth::HEADER_LEN);
    }
    if !eth::is_tag(first) {
        return None;
    }
    key.outer = frame.u16(eth::HEADER_LEN)? & eth::VID_MASK;
    let second = frame.u16(eth::ETHERTYPE + eth::TAG_LEN)?;
    if second == eth::IPV4 {
        return Some(eth::HEADER_LEN + eth::TAG_LEN);
    }
    if !eth::is_tag(second) {
        return None;
    }
    key.inner = frame.u16(eth::HEADER_LEN + eth::TAG_LEN)? & eth::VID_MASK;
    (frame.u16(eth::ETHERTYPE + 2 * eth::TAG_LEN)? == eth::IPV4).then_some(eth::HEADER_LEN + 2 * eth::TAG_LEN)
}
