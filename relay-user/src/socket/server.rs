//! Datagrams to a server whose next hop is not known yet: the kernel routes them, resolves the neighbour and so opens
//! the way for the fast path.
//!
//! The same socket holds UDP port 67, so that the kernel does not answer the replies of servers, which the packet
//! sockets receive, with ICMP port unreachable.

use std::io::{self, IoSlice};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrIn, sendmsg, setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket, Type};

use super::{SocketError, filter, raw};

/// UDP port of DHCP servers and relays (RFC 2131 section 4.1).
pub const SERVER_PORT: u16 = 67;

const TTL: u32 = 64;

/// Octets; the kernel grants twice of it. It keeps 213 kB for each neighbour that does not answer (`unres_qlen_bytes`),
/// so this is enough for 78 dead servers.
const SEND_BUFFER: usize = 8 << 20;

/// A UDP socket on 0.0.0.0:67, in a VRF or in the main table, that sends to servers and discards what it receives.
#[derive(Debug)]
pub struct ServerSocket {
    socket: Socket,
    /// IP_TRANSPARENT is set, so a source that is not an address of this host can be used.
    any_source: bool,
    vrf: Option<String>,
}

impl ServerSocket {
    /// Opens the socket in the network namespace of the calling thread. `vrf` is the VRF device that the servers are
    /// reached through; `dscp` (0 to 63) marks what is sent.
    ///
    /// # Errors
    /// No such VRF device, port 67 held by another program, or no privilege to bind it.
    pub fn open(vrf: Option<&str>, dscp: u8) -> Result<ServerSocket, SocketError> {
        let scope = vrf.map_or(String::new(), |vrf| format!(" in VRF {vrf}"));
        let failed = |what| {
            let target = format!("UDP port {SERVER_PORT}{scope}");
            move |error| SocketError::system(target, what, error)
        };
        let kind = Type::DGRAM.nonblocking().cloexec();
        let socket =
            Socket::new(Domain::IPV4, kind, Some(Protocol::UDP)).map_err(failed("open a UDP socket"))?;
        // Sharing is for a second socket of ours in another VRF, and for a daemon that takes over from another.
        socket.set_reuse_address(true).map_err(failed("set SO_REUSEADDR"))?;
        if let Some(vrf) = vrf {
            socket
                .bind_device(Some(vrf.as_bytes()))
                .map_err(|error| SocketError::system(vrf, "bind a UDP socket to the VRF", error))?;
        }
        socket.attach_filter(&filter::nothing()).map_err(failed("attach the filter"))?;
        socket.set_tos_v4(u32::from(dscp) << 2).map_err(failed("set IP_TOS"))?;
        socket.set_ttl_v4(TTL).map_err(failed("set IP_TTL"))?;
        raw::set_option(socket.as_fd(), libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_DONT)
            .map_err(failed("clear DF by IP_MTU_DISCOVER"))?;
        // What waits for a neighbour that does not answer counts as unsent here; without room for all of it, two dead
        // servers would keep the datagrams of the others from being sent. Beyond net.core.wmem_max takes CAP_NET_ADMIN.
        if setsockopt(&socket, sockopt::SndBufForce, &SEND_BUFFER).is_err() {
            socket.set_send_buffer_size(SEND_BUFFER).map_err(failed("set the send buffer"))?;
        }
        // The fast path sends from the giaddr whether or not this host holds it just now (an address that moves with
        // VRRP); only IP_TRANSPARENT lets the slow path do the same. Without the privilege the address must be local.
        let any_source = socket.set_ip_transparent_v4(true).is_ok();
        let address = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, SERVER_PORT);
        socket.bind(&address.into()).map_err(|error| match error.raw_os_error() {
            Some(libc::EADDRINUSE) => SocketError::PortInUse { scope: scope.clone() },
            _ => failed("bind")(error),
        })?;
        Ok(ServerSocket { socket, any_source, vrf: vrf.map(str::to_owned) })
    }

    /// Whether the source of [`send`](Self::send) may be an address that this host does not hold.
    pub fn any_source(&self) -> bool {
        self.any_source
    }

    /// Whether it is a socket of this VRF (`None`: of the main table) still. The kernel binds it to the device and not to its
    /// name: after that has been deleted, the socket is of no use whatever is made with the name.
    pub fn is_in(&self, vrf: Option<&str>) -> bool {
        let bound = |name: Option<Vec<u8>>| name.as_deref() == vrf.map(str::as_bytes);
        self.vrf.as_deref() == vrf && self.socket.device().is_ok_and(bound)
    }

    /// Sends a DHCP message from `source`, port 67, to a server, port 67. The kernel chooses the way, resolves the next
    /// hop, fragments where the MTU demands it, and always computes the UDP checksum.
    ///
    /// # Errors
    /// The source is not ours, there is no route, or a queue is full ([`SocketError::Send`]: the datagram is lost).
    pub fn send(&self, source: Ipv4Addr, server: Ipv4Addr, payload: &[u8]) -> Result<(), SocketError> {
        let information = libc::in_pktinfo {
            ipi_ifindex: 0,
            ipi_spec_dst: libc::in_addr { s_addr: u32::from(source).to_be() },
            ipi_addr: libc::in_addr { s_addr: 0 },
        };
        sendmsg(
            self.socket.as_raw_fd(),
            &[IoSlice::new(payload)],
            &[ControlMessage::Ipv4PacketInfo(&information)],
            MsgFlags::MSG_DONTWAIT,
            Some(&SockaddrIn::from(SocketAddrV4::new(server, SERVER_PORT))),
        )
        .map(drop)
        .map_err(|error| {
            if self.is_foreign(source) {
                return SocketError::SourceNotLocal { source_address: source, server };
            }
            SocketError::Send { source_address: source, server, source: io::Error::from(error) }
        })
    }

    /// Whether a refusal is due to the source. The kernel says `EINVAL` or `ENETUNREACH`, as for want of a route; a bind
    /// to the address tells them apart.
    fn is_foreign(&self, source: Ipv4Addr) -> bool {
        let probe = || {
            let probe = Socket::new(Domain::IPV4, Type::DGRAM.cloexec(), Some(Protocol::UDP))?;
            if let Some(vrf) = &self.vrf {
                probe.bind_device(Some(vrf.as_bytes()))?;
            }
            probe.bind(&SocketAddrV4::new(source, 0).into())
        };
        !self.any_source && probe().is_err_and(|error| error.kind() == io::ErrorKind::AddrNotAvailable)
    }
}

impl AsFd for ServerSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for ServerSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}
