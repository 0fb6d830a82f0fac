//! A packet socket bound to one interface: whole Ethernet frames in and out, below the network stack.
//!
//! The kernel takes the outer VLAN tag out of a received frame and leaves a UDP checksum unfinished when it thinks the
//! device will compute it; both facts come beside the frame (`PACKET_AUXDATA`), and the tag is put back here.

use std::io::IoSliceMut;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use nix::sys::socket::sockopt::{GetStruct, RcvBufForce, ReceiveTimestampns, SetBool};
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags, SockFlag, SockType, SockaddrLike, bind,
    getsockopt, recvmsg, send, setsockopt, socket,
};
use nix::sys::time::TimeSpec;

use super::frame::{Direction, Frame};
use super::namespace::Namespace;

/// Room for a frame with two tags and an MTU of 9000.
const FRAME_ROOM: usize = 9100;
/// A test that sends a storm must not lose frames in its own capture.
const RECEIVE_BUFFER: usize = 64 << 20;

#[derive(Clone, Copy)]
struct PacketAuxdata;
nix::setsockopt_impl!(PacketAuxdata, libc::SOL_PACKET, libc::PACKET_AUXDATA, bool, SetBool);

#[derive(Clone, Copy)]
struct PacketIgnoreOutgoing;
nix::setsockopt_impl!(PacketIgnoreOutgoing, libc::SOL_PACKET, libc::PACKET_IGNORE_OUTGOING, bool, SetBool);

#[derive(Clone, Copy)]
struct PacketStatistics;
nix::getsockopt_impl!(
    PacketStatistics,
    libc::SOL_PACKET,
    libc::PACKET_STATISTICS,
    libc::tpacket_stats,
    GetStruct<libc::tpacket_stats>
);

/// Which frames a socket delivers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Deliver {
    /// Only what arrives at the interface.
    Incoming,
    /// What arrives and what leaves.
    Both,
    /// Nothing: a socket that only sends.
    Nothing,
}

/// The socket.
pub struct PacketSocket {
    socket: OwnedFd,
}

impl PacketSocket {
    /// Opens a socket on `interface` of `namespace`; frames are queued from the moment this returns.
    pub fn open(namespace: &Namespace, interface: &str, deliver: Deliver) -> Result<Self> {
        let index = namespace.ifindex(interface)?;
        let opened = namespace.enter(|| open(index, deliver))?;
        opened.with_context(|| format!("packet socket on {interface} of {}", namespace.name()))
    }

    /// Sends one Ethernet frame as it is.
    pub fn send(&self, frame: &[u8]) -> Result<()> {
        let sent = send(self.socket.as_raw_fd(), frame, MsgFlags::empty())?;
        ensure!(sent == frame.len(), "sent {sent} bytes of a frame of {}", frame.len());
        Ok(())
    }

    /// Takes the next frame that is queued.
    ///
    /// # Errors
    /// `EAGAIN` when none is.
    pub fn receive(&self) -> nix::Result<Frame> {
        let mut buffer = vec![0; FRAME_ROOM];
        let mut control = nix::cmsg_space!(libc::tpacket_auxdata, TimeSpec);
        let mut slices = [IoSliceMut::new(&mut buffer)];
        let message = recvmsg::<LinkAddr>(
            self.socket.as_raw_fd(),
            &mut slices,
            Some(&mut control),
            MsgFlags::MSG_DONTWAIT,
        )?;

        let outgoing = message.address.is_some_and(|address| address.pkttype() == libc::PACKET_OUTGOING);
        let mut at = SystemTime::now();
        let mut auxdata = Auxdata::default();
        for entry in message.cmsgs()? {
            match entry {
                ControlMessageOwned::ScmTimestampns(time) => at = system_time(time),
                ControlMessageOwned::Unknown(unknown)
                    if unknown.cmsg_header.cmsg_level == libc::SOL_PACKET
                        && unknown.cmsg_header.cmsg_type == libc::PACKET_AUXDATA =>
                {
                    auxdata = Auxdata::read(&unknown.data_bytes).ok_or(nix::Error::EBADMSG)?;
                }
                _ => {}
            }
        }
        let length = message.bytes;
        buffer.truncate(length);
        if let Some(tag) = auxdata.tag {
            buffer.splice(12..12, tag);
        }
        Ok(Frame {
            at,
            direction: if outgoing { Direction::Outgoing } else { Direction::Incoming },
            bytes: buffer,
        })
    }

    /// Frames lost because the queue was full, since the last call.
    pub fn lost(&self) -> nix::Result<u32> {
        getsockopt(&self.socket, PacketStatistics).map(|statistics| statistics.tp_drops)
    }
}

impl AsRef<OwnedFd> for PacketSocket {
    fn as_ref(&self) -> &OwnedFd {
        &self.socket
    }
}

fn open(index: u32, deliver: Deliver) -> Result<PacketSocket> {
    // Without a protocol the socket receives nothing until it is bound, so no frame of another interface is queued.
    let socket = socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, None)?;
    setsockopt(&socket, PacketAuxdata, &true)?;
    setsockopt(&socket, PacketIgnoreOutgoing, &(deliver != Deliver::Both))?;
    setsockopt(&socket, ReceiveTimestampns, &true)?;
    setsockopt(&socket, RcvBufForce, &RECEIVE_BUFFER)?;
    let protocol = if deliver == Deliver::Nothing { 0 } else { u16::try_from(libc::ETH_P_ALL)? };
    bind(socket.as_raw_fd(), &link_address(i32::try_from(index)?, protocol)?)?;
    Ok(PacketSocket { socket })
}

/// nix has no constructor for a link-layer address.
fn link_address(index: i32, protocol: u16) -> Result<LinkAddr> {
    let address = libc::sockaddr_ll {
        sll_family: u16::try_from(libc::AF_PACKET)?,
        sll_protocol: protocol.to_be(),
        sll_ifindex: index,
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    };
    let length = libc::socklen_t::try_from(size_of::<libc::sockaddr_ll>())?;
    // SAFETY: the pointer is to a complete sockaddr_ll of this length whose family says so, and `from_raw` copies it.
    unsafe { LinkAddr::from_raw((&raw const address).cast(), Some(length)) }.context("a link-layer address")
}

/// What `struct tpacket_auxdata` of linux/if_packet.h says about a frame, as far as it matters here.
#[derive(Default)]
struct Auxdata {
    /// The tag the kernel took out: protocol and control information, as on the wire.
    tag: Option<[u8; 4]>,
}

impl Auxdata {
    fn read(bytes: &[u8]) -> Option<Self> {
        // u32 status, len, snaplen; u16 mac, net, vlan_tci, vlan_tpid; in the machine's byte order.
        let status = u32::from_ne_bytes(*bytes.first_chunk()?);
        let half = |offset: usize| Some(u16::from_ne_bytes(*bytes.get(offset..)?.first_chunk()?));
        if status & libc::TP_STATUS_VLAN_VALID == 0 {
            return Some(Self::default());
        }
        let has_protocol = status & libc::TP_STATUS_VLAN_TPID_VALID != 0;
        let [protocol_high, protocol_low] = if has_protocol { half(18)? } else { 0x8100 }.to_be_bytes();
        let [high, low] = half(16)?.to_be_bytes();
        Some(Self { tag: Some([protocol_high, protocol_low, high, low]) })
    }
}

fn system_time(time: TimeSpec) -> SystemTime {
    let seconds = u64::try_from(time.tv_sec()).unwrap_or_default();
    let nanoseconds = u32::try_from(time.tv_nsec()).unwrap_or_default();
    UNIX_EPOCH + Duration::new(seconds, nanoseconds)
}
