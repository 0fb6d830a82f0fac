//! Receiving the DHCP frames of one port as they were on the wire: tags back in place, fragments reassembled, and with
//! a word on what the kernel knows about the frame (checksum not computed yet, meant for another host, cut off).

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Socket, Type};

use super::raw::{self, Arrival};
use super::{FrameBatch, SocketError, filter};

/// The longest frame that is received whole, in bytes: a jumbo frame. A longer one is cut off and marked.
pub const MAX_FRAME: usize = 9216;

/// Holds the frames of a storm while the daemon is busy elsewhere: about 10,000 of the usual size.
const RECEIVE_BUFFER: usize = 8 << 20;

/// What is known of a received frame besides its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// The device it arrived on.
    pub ifindex: u32,
    /// The UDP checksum is only the pseudo-header sum: a local sender left the rest to a network card.
    pub checksum_not_ready: bool,
    /// Addressed to another station's MAC; seen because the port is promiscuous (a bridge port, a running tcpdump).
    pub other_host: bool,
    /// The frame was longer than [`MAX_FRAME`]; its end is missing.
    pub truncated: bool,
    /// When the kernel took it in: the time since 1970 by the wall clock, the only one that it stamps frames by.
    pub stamp: Option<Duration>,
}

impl Received {
    pub(super) fn new(arrival: &Arrival) -> Received {
        Received {
            ifindex: arrival.ifindex,
            checksum_not_ready: arrival.status & libc::TP_STATUS_CSUMNOTREADY != 0,
            other_host: arrival.packet_type == libc::PACKET_OTHERHOST,
            truncated: arrival.truncated,
            stamp: arrival.stamp,
        }
    }
}

impl Arrival {
    /// The tag that the kernel took out of the frame: TPID and TCI as they stood at offset 12. It is the outermost.
    pub(super) fn tag(&self) -> Option<[u8; 4]> {
        if self.status & libc::TP_STATUS_VLAN_VALID == 0 {
            return None;
        }
        let with_tpid = self.status & libc::TP_STATUS_VLAN_TPID_VALID != 0;
        let tpid = if with_tpid { self.vlan_tpid } else { 0x8100 };
        let ([a, b], [c, d]) = (tpid.to_be_bytes(), self.vlan_tci.to_be_bytes());
        Some([a, b, c, d])
    }
}

/// A packet socket on one Ethernet port that receives incoming datagrams to UDP port 67, tagged or not.
///
/// Non-blocking; the file descriptor becomes readable when a frame waits or the port goes down, so it can be used with
/// `poll`; for tokio there is [`AwaitedPort`](super::AwaitedPort).
#[derive(Debug)]
pub struct PortSocket {
    socket: Socket,
    device: String,
    ifindex: u32,
    drops: AtomicU64,
    /// The fanout group that reassembles fragments has been joined.
    reassembling: AtomicBool,
    /// The port went down and no frame has come since.
    down: AtomicBool,
}

impl PortSocket {
    /// Opens the socket on the device with this ifindex, in the network namespace of the calling thread. A port that
    /// is down is no error: [`health`](Self::health) tells, and frames come when it is up.
    ///
    /// # Errors
    /// No CAP_NET_RAW, no such device, not an Ethernet device, or an option that the kernel lacks.
    pub fn open(ifindex: u32) -> Result<PortSocket, SocketError> {
        // nix takes the null that the C library returns for an unknown device for a success.
        let name = nix::net::if_::if_indextoname(ifindex).unwrap_or_default();
        if name.is_empty() {
            return Err(SocketError::NoDevice { device: format!("ifindex {ifindex}") });
        }
        let device = name.to_string_lossy().into_owned();
        let failed = |what| {
            let device = device.clone();
            move |error: io::Error| SocketError::system(device, what, error)
        };

        // With protocol 0 the socket receives nothing until the last bind: no frame of another device, and none that
        // the filter or the options have not seen.
        let kind = Type::RAW.nonblocking().cloexec();
        let socket = Socket::new_raw(Domain::PACKET, kind, None).map_err(failed("open a packet socket"))?;
        let fd = socket.as_fd();
        raw::bind_packet(fd, ifindex, 0).map_err(failed("bind a packet socket"))?;
        let hardware_type = raw::bound_device(fd).map_err(failed("ask for the hardware type"))?.hardware_type;
        if hardware_type != libc::ARPHRD_ETHER {
            return Err(SocketError::NotEthernet { device, hardware_type });
        }
        socket.attach_filter(&filter::relay_port()).map_err(failed("attach the packet filter"))?;
        for (what, level, option) in [
            ("set PACKET_AUXDATA", libc::SOL_PACKET, libc::PACKET_AUXDATA),
            ("set PACKET_IGNORE_OUTGOING (needs Linux 4.20)", libc::SOL_PACKET, libc::PACKET_IGNORE_OUTGOING),
            ("set SO_TIMESTAMPNS", libc::SOL_SOCKET, libc::SO_TIMESTAMPNS),
        ] {
            raw::set_option(fd, level, option, 1).map_err(failed(what))?;
        }
        // Beyond net.core.rmem_max takes CAP_NET_ADMIN; without it the limit is what we get.
        if setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER).is_err() {
            socket.set_recv_buffer_size(RECEIVE_BUFFER).map_err(failed("set the receive buffer"))?;
        }
        raw::bind_packet(fd, ifindex, libc::ETH_P_ALL as u16).map_err(failed("start the packet socket"))?;
        let reassembling =
            join_reassembly(fd).map_err(failed("join a PACKET_FANOUT group (needs Linux 4.12)"))?;
        // A bind to a port that is down leaves ENETDOWN for the first receive; it is kept as a state instead.
        let pending = socket.take_error().map_err(failed("ask for the state of the port"))?;
        let down = match pending {
            None => false,
            Some(error) if error.raw_os_error() == Some(libc::ENETDOWN) => true,
            Some(error) => return Err(failed("start the packet socket")(error)),
        };
        Ok(PortSocket {
            socket,
            device,
            ifindex,
            drops: AtomicU64::new(0),
            reassembling: AtomicBool::new(reassembling),
            down: AtomicBool::new(down),
        })
    }

    /// The name that the device had when the socket was opened.
    pub fn device(&self) -> &str {
        &self.device
    }

    /// The device the socket is bound to.
    pub fn ifindex(&self) -> u32 {
        self.ifindex
    }

    /// Receives one frame into `buf`, which is replaced. `None` when nothing waits.
    ///
    /// # Errors
    /// An `io::Error` around [`SocketError::PortDown`], once when the port goes down, or [`SocketError::PortGone`].
    pub fn recv(&self, buf: &mut Vec<u8>) -> io::Result<Option<Received>> {
        buf.resize(MAX_FRAME, 0);
        let mut arrival = [Arrival::default()];
        let result = raw::receive(self.socket.as_fd(), std::iter::once(buf.as_mut_slice()), &mut arrival);
        let count = match self.received(result) {
            Ok(count) => count,
            Err(error) => {
                buf.clear();
                return Err(error.into());
            }
        };
        let [arrival] = arrival;
        buf.truncate(arrival.length);
        if count == 0 {
            return Ok(None);
        }
        if let Some(tag) = arrival.tag().filter(|_| buf.len() >= 12) {
            buf.splice(12..12, tag);
        }
        Ok(Some(Received::new(&arrival)))
    }

    /// Receives up to [`FrameBatch::CAPACITY`] frames in one system call and returns how many; 0 when nothing waits.
    /// Fewer than the capacity means that the queue was empty then.
    ///
    /// # Errors
    /// As [`recv`](Self::recv); the batch is then empty.
    pub fn recv_batch(&self, batch: &mut FrameBatch) -> io::Result<usize> {
        let fd = self.socket.as_fd();
        let count = batch.fill(|slots, arrivals| self.received(raw::receive(fd, slots, arrivals)))?;
        Ok(count)
    }

    /// Frames lost because the receive buffer was full, since the socket was opened.
    ///
    /// # Errors
    /// What `getsockopt` answered.
    pub fn drops(&self) -> io::Result<u64> {
        let new = u64::from(raw::take_drops(self.socket.as_fd())?);
        Ok(self.drops.fetch_add(new, Ordering::Relaxed) + new)
    }

    /// Whether fragmented datagrams arrive whole. Older kernels (6.1 is one) refuse it while the port is
    /// down; it is then made up for when the first frame arrives.
    pub fn reassembles(&self) -> bool {
        self.reassembling.load(Ordering::Relaxed)
    }

    /// Whether frames can arrive. The kernel wakes a reader when the port goes down, but not again when the device is
    /// then removed: ask after every link change.
    ///
    /// # Errors
    /// [`SocketError::PortDown`] or [`SocketError::PortGone`].
    pub fn health(&self) -> Result<(), SocketError> {
        let gone = || SocketError::PortGone { device: self.device.clone(), ifindex: self.ifindex };
        let failed = |error| SocketError::system(&self.device, "ask for the state of the port", error);
        let fd = self.socket.as_fd();
        if raw::bound_device(fd).map_err(failed)?.ifindex != Some(self.ifindex) {
            return Err(gone());
        }
        match raw::is_up(fd, self.ifindex) {
            Ok(true) => {
                self.down.store(false, Ordering::Relaxed);
                Ok(())
            }
            Ok(false) => {
                self.down.store(true, Ordering::Relaxed);
                Err(SocketError::PortDown { device: self.device.clone() })
            }
            Err(error) if error.raw_os_error() == Some(libc::ENODEV) => Err(gone()),
            Err(error) => Err(failed(error)),
        }
    }

    /// Sorts the outcome of a receive: no frame is 0, and `ENETDOWN` gets its cause.
    fn received(&self, result: io::Result<usize>) -> Result<usize, SocketError> {
        match result {
            Ok(count) => {
                if !self.reassembles() {
                    // A frame came, so the port is up and the group can be joined now.
                    let joined = join_reassembly(self.socket.as_fd()).map_err(|error| {
                        SocketError::system(&self.device, "join a PACKET_FANOUT group", error)
                    })?;
                    self.reassembling.store(joined, Ordering::Relaxed);
                }
                Ok(count)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                // Once down, the removal of the device would go unnoticed.
                if self.down.load(Ordering::Relaxed) {
                    match self.health() {
                        Ok(()) | Err(SocketError::PortDown { .. }) => {}
                        Err(error) => return Err(error),
                    }
                }
                Ok(0)
            }
            Err(error) if error.raw_os_error() == Some(libc::ENETDOWN) => {
                self.down.store(true, Ordering::Relaxed);
                self.health()?;
                // It went down and came up again before we looked.
                Ok(0)
            }
            Err(error) => Err(SocketError::system(&self.device, "receive", error)),
        }
    }
}

impl AsFd for PortSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for PortSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

/// Joins a fanout group of its own, for the sake of `PACKET_FANOUT_FLAG_DEFRAG`: it makes the kernel reassemble
/// fragments before the filter sees them. `false` when the kernel refuses because the port is down.
fn join_reassembly(fd: BorrowedFd<'_>) -> io::Result<bool> {
    let flags = libc::PACKET_FANOUT_FLAG_DEFRAG
        | libc::PACKET_FANOUT_FLAG_UNIQUEID
        | libc::PACKET_FANOUT_FLAG_IGNORE_OUTGOING;
    // One member, so the way of choosing does not matter; by CPU is the cheapest. The low half, the group's id, is
    // chosen by the kernel.
    let arguments = (libc::PACKET_FANOUT_CPU | flags) << 16;
    match raw::set_option(fd, libc::SOL_PACKET, libc::PACKET_FANOUT, arguments as i32) {
        Ok(()) => Ok(true),
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Ok(false),
        Err(error) => Err(error),
    }
}
