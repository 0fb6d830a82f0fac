//! The system calls that neither nix nor socket2 wrap safely: packet-socket addresses and options, and receiving and
//! sending many frames in one call, and registering a socket with tokio. The only unsafe file of the sockets; everything above it works on slices.

use std::io;
use std::mem::{self, size_of};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use libc::{
    c_int, c_uint, c_void, iovec, mmsghdr, sockaddr_ll, socklen_t, timespec, tpacket_auxdata, tpacket_stats,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::PortSocket;

/// Frames per system call; more gains nothing measurable, and the headers of 64 still fit on the stack.
pub(super) const PER_CALL: usize = 64;

/// What the kernel says about one received frame besides its bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Arrival {
    /// Bytes written to the slot.
    pub(super) length: usize,
    /// The frame was longer than the slot.
    pub(super) truncated: bool,
    /// `sll_ifindex`.
    pub(super) ifindex: u32,
    /// `sll_pkttype`: `PACKET_HOST`, `PACKET_OTHERHOST`, …
    pub(super) packet_type: u8,
    /// `tp_status` of `PACKET_AUXDATA`: `TP_STATUS_…` bits.
    pub(super) status: u32,
    /// Tag control information of the tag that the kernel took out; valid with `TP_STATUS_VLAN_VALID`.
    pub(super) vlan_tci: u16,
    /// Its TPID; valid with `TP_STATUS_VLAN_TPID_VALID`.
    pub(super) vlan_tpid: u16,
    /// When the kernel took the frame in, by the wall clock, since 1970 (`SO_TIMESTAMPNS`).
    pub(super) stamp: Option<Duration>,
}

/// Sets an integer socket option.
pub(super) fn set_option(fd: BorrowedFd<'_>, level: c_int, name: c_int, value: c_int) -> io::Result<()> {
    let size = size_of::<c_int>() as socklen_t;
    // SAFETY: the pointer and the size describe `value`, which outlives the call; the kernel only reads it.
    let result =
        unsafe { libc::setsockopt(fd.as_raw_fd(), level, name, (&raw const value).cast::<c_void>(), size) };
    check(result).map(drop)
}

/// Binds a packet socket to a device and starts it with `protocol` (host byte order).
pub(super) fn bind_packet(fd: BorrowedFd<'_>, ifindex: u32, protocol: u16) -> io::Result<()> {
    let address = link_address(ifindex, protocol);
    let size = size_of::<sockaddr_ll>() as socklen_t;
    // SAFETY: the pointer and the size describe `address`, which outlives the call; the kernel only reads it.
    let result = unsafe { libc::bind(fd.as_raw_fd(), (&raw const address).cast::<libc::sockaddr>(), size) };
    check(result).map(drop)
}

/// The device a packet socket is bound to.
pub(super) struct BoundDevice {
    /// `None` once the device was removed or moved to another network namespace.
    pub(super) ifindex: Option<u32>,
    /// ARPHRD type.
    pub(super) hardware_type: u16,
}

/// Asks the kernel what the packet socket is bound to at present.
pub(super) fn bound_device(fd: BorrowedFd<'_>) -> io::Result<BoundDevice> {
    let mut address = link_address(0, 0);
    let mut size = size_of::<sockaddr_ll>() as socklen_t;
    // SAFETY: the pointer and the size describe `address`, which is exclusively borrowed and outlives the call; any
    // bytes the kernel writes are valid for its integers.
    let result = unsafe {
        libc::getsockname(fd.as_raw_fd(), (&raw mut address).cast::<libc::sockaddr>(), &raw mut size)
    };
    check(result)?;
    let ifindex = u32::try_from(address.sll_ifindex).ok().filter(|&ifindex| ifindex != 0);
    Ok(BoundDevice { ifindex, hardware_type: address.sll_hatype })
}

/// Whether the device is administratively up, seen from the network namespace of the socket.
pub(super) fn is_up(fd: BorrowedFd<'_>, ifindex: u32) -> io::Result<bool> {
    // SAFETY: `ifreq` is a plain C structure, for which all zeroes is a valid value.
    let mut request: libc::ifreq = unsafe { mem::zeroed() };
    request.ifr_ifru.ifru_ifindex = ifindex as c_int;
    // SAFETY: both requests read and write one `ifreq`, which is exclusively borrowed and outlives the calls; the first
    // writes the name that the second needs.
    let flags = unsafe {
        check(libc::ioctl(fd.as_raw_fd(), libc::SIOCGIFNAME as _, &raw mut request))?;
        check(libc::ioctl(fd.as_raw_fd(), libc::SIOCGIFFLAGS as _, &raw mut request))?;
        request.ifr_ifru.ifru_flags
    };
    Ok(c_int::from(flags) & libc::IFF_UP != 0)
}

/// Frames dropped for want of buffer since the last call: the kernel resets its count at every reading.
pub(super) fn take_drops(fd: BorrowedFd<'_>) -> io::Result<u32> {
    let mut statistics = tpacket_stats { tp_packets: 0, tp_drops: 0 };
    let mut size = size_of::<tpacket_stats>() as socklen_t;
    // SAFETY: the pointer and the size describe `statistics`, which is exclusively borrowed and outlives the call; any
    // bytes the kernel writes are valid for its two integers.
    let result = unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_STATISTICS,
            (&raw mut statistics).cast::<c_void>(),
            &raw mut size,
        )
    };
    check(result)?;
    Ok(statistics.tp_drops)
}

/// Registers a port socket with the current tokio runtime. The caller must keep the `AsyncFd` where nobody can reach its
/// `get_mut`: exchanging the socket inside it would leave a stale registration.
pub(super) fn register(socket: PortSocket, interest: Interest) -> io::Result<AsyncFd<PortSocket>> {
    // SAFETY: a `PortSocket` owns its descriptor, always gives the same one, and closes it only when it is dropped;
    // `AwaitedPort`, the only user of this function, hands out shared references only.
    unsafe { AsyncFd::register_with_interest(socket, interest) }.map_err(io::Error::from)
}

/// Room for the control messages of one frame, aligned as `cmsghdr` needs it.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct Control([u8; 96]);

/// Receives at most [`PER_CALL`] frames without waiting, one into each slot, and describes them in `arrivals`.
/// Returns how many came; an empty queue is `WouldBlock`.
pub(super) fn receive<'a>(
    fd: BorrowedFd<'_>,
    slots: impl Iterator<Item = &'a mut [u8]>,
    arrivals: &mut [Arrival],
) -> io::Result<usize> {
    let mut vectors = [iovec { iov_base: std::ptr::null_mut(), iov_len: 0 }; PER_CALL];
    let mut names = [link_address(0, 0); PER_CALL];
    let mut controls = [Control([0; 96]); PER_CALL];
    // SAFETY: `mmsghdr` is a plain C structure of integers and pointers, for which all zeroes is a valid value.
    let mut messages: [mmsghdr; PER_CALL] = unsafe { mem::zeroed() };

    let mut room = 0;
    for (index, slot) in slots.take(arrivals.len().min(PER_CALL)).enumerate() {
        vectors[index] = iovec { iov_base: slot.as_mut_ptr().cast::<c_void>(), iov_len: slot.len() };
        let header = &mut messages[index].msg_hdr;
        header.msg_name = (&raw mut names[index]).cast::<c_void>();
        header.msg_namelen = size_of::<sockaddr_ll>() as socklen_t;
        header.msg_iov = &raw mut vectors[index];
        header.msg_iovlen = 1;
        header.msg_control = (&raw mut controls[index]).cast::<c_void>();
        header.msg_controllen = size_of::<Control>() as _;
        room += 1;
    }
    // SAFETY: the first `room` headers point to an address, a control buffer and a slot each, with their true sizes;
    // the arrays live to the end of this function, and the slots are exclusively borrowed for 'a and do not overlap.
    let received = check(unsafe {
        libc::recvmmsg(
            fd.as_raw_fd(),
            messages.as_mut_ptr(),
            room as c_uint,
            libc::MSG_DONTWAIT as _,
            std::ptr::null_mut(),
        )
    })? as usize;

    for index in 0..received {
        let message = &messages[index];
        let arrival = &mut arrivals[index];
        *arrival = Arrival {
            length: message.msg_len as usize,
            truncated: message.msg_hdr.msg_flags & libc::MSG_TRUNC != 0,
            ifindex: names[index].sll_ifindex as u32,
            packet_type: names[index].sll_pkttype,
            ..Arrival::default()
        };
        read_control(&message.msg_hdr, arrival);
    }
    Ok(received)
}

/// Reads the control messages of a header that `recvmmsg` has filled in: `PACKET_AUXDATA` and `SCM_TIMESTAMPNS`.
fn read_control(header: &libc::msghdr, arrival: &mut Arrival) {
    // SAFETY: the kernel has set `msg_controllen` to what it wrote to `msg_control`, which still lives in `receive`.
    let mut control = unsafe { libc::CMSG_FIRSTHDR(header) };
    while !control.is_null() {
        // SAFETY: the macro has found a whole header within the length; its data is only read where the header says
        // that it is whole, and both structures are integers, for which any octets are valid.
        unsafe {
            match ((*control).cmsg_level, (*control).cmsg_type) {
                (libc::SOL_PACKET, libc::PACKET_AUXDATA) if is_whole::<tpacket_auxdata>(&*control) => {
                    let auxiliary = libc::CMSG_DATA(control).cast::<tpacket_auxdata>().read_unaligned();
                    arrival.status = auxiliary.tp_status;
                    arrival.vlan_tci = auxiliary.tp_vlan_tci;
                    arrival.vlan_tpid = auxiliary.tp_vlan_tpid;
                }
                (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) if is_whole::<timespec>(&*control) => {
                    let stamp = libc::CMSG_DATA(control).cast::<timespec>().read_unaligned();
                    arrival.stamp = since_epoch(&stamp);
                }
                _ => {}
            }
            control = libc::CMSG_NXTHDR(header, control);
        }
    }
}

/// Whether a control message has room for a `T`.
fn is_whole<T>(control: &libc::cmsghdr) -> bool {
    let header = size_of::<libc::cmsghdr>().next_multiple_of(align_of::<libc::cmsghdr>());
    control.cmsg_len >= header + size_of::<T>()
}

/// `None` before 1970.
fn since_epoch(stamp: &timespec) -> Option<Duration> {
    Some(Duration::new(stamp.tv_sec.try_into().ok()?, stamp.tv_nsec.try_into().ok()?))
}

/// Sends at most [`PER_CALL`] frames, each out of its device, without waiting. Returns how many the kernel took before
/// it refused one; when it refuses the first, its reason is the error.
pub(super) fn send(fd: BorrowedFd<'_>, frames: &[(u32, &[u8])]) -> io::Result<usize> {
    let mut vectors = [iovec { iov_base: std::ptr::null_mut(), iov_len: 0 }; PER_CALL];
    let mut names = [link_address(0, 0); PER_CALL];
    // SAFETY: `mmsghdr` is a plain C structure of integers and pointers, for which all zeroes is a valid value.
    let mut messages: [mmsghdr; PER_CALL] = unsafe { mem::zeroed() };
    let count = frames.len().min(PER_CALL);
    for (index, (ifindex, frame)) in frames[..count].iter().enumerate() {
        // The frame's own EtherType, so that the queueing discipline and packet taps of the port classify it.
        let ether_type = frame.get(12..14).map_or(0, |bytes| u16::from_be_bytes([bytes[0], bytes[1]]));
        names[index] = link_address(*ifindex, ether_type);
        vectors[index] = iovec { iov_base: frame.as_ptr().cast_mut().cast::<c_void>(), iov_len: frame.len() };
        let header = &mut messages[index].msg_hdr;
        header.msg_name = (&raw mut names[index]).cast::<c_void>();
        header.msg_namelen = size_of::<sockaddr_ll>() as socklen_t;
        header.msg_iov = &raw mut vectors[index];
        header.msg_iovlen = 1;
    }
    // SAFETY: the first `count` headers point to an address and a frame each, with their true sizes, and have no
    // control data; all of it outlives the call, and the kernel only reads the frames.
    let sent = check(unsafe {
        libc::sendmmsg(fd.as_raw_fd(), messages.as_mut_ptr(), count as c_uint, libc::MSG_DONTWAIT as _)
    })?;
    Ok(sent as usize)
}

fn link_address(ifindex: u32, protocol: u16) -> sockaddr_ll {
    sockaddr_ll {
        sll_family: libc::AF_PACKET as u16,
        sll_protocol: protocol.to_be(),
        sll_ifindex: ifindex as i32,
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    }
}

fn check(result: c_int) -> io::Result<c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
