//! What makes one server's copy of a request differ from another's, and the mark by which copies are told apart.
//!
//! `bpf_redirect_map` with `BPF_F_BROADCAST` makes identical copies, and the egress program is not told which one it
//! holds. So the ingress program writes a [`Token`] over the Ethernet addresses, which are rewritten anyway, and the
//! egress program gives each copy of a token to the next server that has not had one.

use crate::abi::Server;
use crate::view::View as _;
use crate::wire::{eth, ipv4, udp};
use crate::{Frame, Sum};

/// Begins the destination address. It begins a group address too, which the relay never sends to other than broadcast: a
/// frame that is not a marked copy cannot carry it.
const MARK: [u8; 2] = [0x03, 0xdc];
/// The same of a request whose copies are not all of one form.
const MARK_CUT: [u8; 2] = [0x03, 0xdd];

/// Names one request on one CPU, the slot of the server group it goes to, and the servers that get no copy of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// Counts the requests of this CPU.
    pub sequence: u32,
    /// Bit i: server i gets a copy.
    pub servers: u32,
    /// Index into `SLOTS`.
    pub slot: u16,
    /// `SERVED` says how the copies for some servers are made shorter.
    pub cut: bool,
}

/// Writes the token over the Ethernet addresses of a rewritten request.
#[inline(always)]
pub fn mark_copies<F: Frame>(frame: &mut F, token: Token) -> Option<()> {
    let [m0, m1] = if token.cut { MARK_CUT } else { MARK };
    let [v0, v1, v2, v3] = token.servers.to_ne_bytes();
    let [s0, s1, s2, s3] = token.sequence.to_ne_bytes();
    let [t0, t1] = token.slot.to_ne_bytes();
    frame.write(eth::DESTINATION, [m0, m1, v0, v1, v2, v3, s0, s1, s2, s3, t0, t1])
}

/// The token of a frame that leaves; `None` for a frame that is complete as it is.
#[inline(always)]
pub fn token_of<F: Frame>(frame: &F) -> Option<Token> {
    let [m0, m1, v0, v1, v2, v3, s0, s1, s2, s3, t0, t1] = frame.read::<12>(eth::DESTINATION)?;
    let mark = [m0, m1];
    (mark == MARK || mark == MARK_CUT).then_some(Token {
        sequence: u32::from_ne_bytes([s0, s1, s2, s3]),
        servers: u32::from_ne_bytes([v0, v1, v2, v3]),
        slot: u16::from_ne_bytes([t0, t1]),
        cut: mark == MARK_CUT,
    })
}

/// Turns a rewritten request, untagged and with destination 0.0.0.0, into the copy for `server`.
#[inline(always)]
pub fn address_copy<F: Frame>(frame: &mut F, server: &Server) -> Option<()> {
    const IP: usize = eth::HEADER_LEN;
    const UDP_CHECKSUM: usize = IP + ipv4::HEADER_LEN + udp::CHECKSUM;
    let [n0, n1, n2, n3, n4, n5] = server.next_mac;
    let [p0, p1, p2, p3, p4, p5] = server.port_mac;
    let view = frame.view_mut::<{ UDP_CHECKSUM + 2 }>(0)?;
    view.put(eth::DESTINATION, [n0, n1, n2, n3, n4, n5, p0, p1, p2, p3, p4, p5]);
    let header = with_destination(view.octets(IP + ipv4::CHECKSUM), server).checksum();
    view.put(IP + ipv4::CHECKSUM, header);
    view.put(IP + ipv4::DESTINATION, server.address);
    let datagram = view.octets(UDP_CHECKSUM);
    if datagram != [0, 0] {
        view.put(UDP_CHECKSUM, with_destination(datagram, server).udp_checksum());
    }
    Some(())
}

/// The sum behind `checksum`, in which the destination was zero, with the server's address added.
#[inline(always)]
fn with_destination(checksum: [u8; 2], server: &Server) -> Sum {
    Sum::new().without_pair(checksum).quad(server.address)
}
