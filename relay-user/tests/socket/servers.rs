//! Datagrams to servers by the kernel's routes, and holding port 67.

use std::net::{Ipv4Addr, UdpSocket};

use nix::poll::PollFlags;
use relay_user::socket::{ServerSocket, SocketError};

use crate::frames::ones_complement;
use crate::lab::{Lab, PEER_MAC, next, wait};

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 2);
/// On the relay's loopback device.
const GIADDR: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// An address that nobody holds.
const FOREIGN: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);

fn open(lab: &Lab, vrf: Option<&str>, dscp: u8) -> Result<ServerSocket, SocketError> {
    lab.inside("relay", || ServerSocket::open(vrf, dscp))
}

#[test]
fn a_datagram_has_the_chosen_source_dscp_ttl_and_no_df() {
    let lab = Lab::new();
    let at_server = lab.port("peer", "p0");
    let payload: Vec<u8> = (0..312u32).map(|byte| byte as u8).collect();
    // No VRF device can be made here; any device stands in for the one that the socket is bound to.
    for (vrf, dscp) in [(None, 48), (Some("r0"), 0), (None, 63)] {
        let socket = open(&lab, vrf, dscp).unwrap();
        assert!(socket.any_source());
        for source in [GIADDR, Ipv4Addr::new(10, 9, 0, 1), FOREIGN] {
            socket.send(source, SERVER, &payload).unwrap();
            let (frame, _) = next(&at_server);
            assert_eq!(&frame[..6], &PEER_MAC);
            let ip = &frame[14..34];
            assert_eq!(ip[0], 0x45);
            assert_eq!(ip[1], dscp << 2, "DSCP");
            assert_eq!(ip[6..8], [0, 0], "neither DF nor a fragment");
            assert_eq!(ip[8], 64, "TTL");
            assert_eq!(ip[12..16], source.octets());
            assert_eq!(ip[16..20], SERVER.octets());
            assert_eq!(ones_complement(ip), 0xffff);
            assert_eq!(frame[34..38], [0, 67, 0, 67], "ports");
            assert_eq!(frame[42..], payload);
        }
    }
}

#[test]
fn a_datagram_longer_than_the_mtu_is_fragmented_not_refused() {
    let lab = Lab::new();
    let at_server = lab.port("peer", "p0");
    open(&lab, None, 48).unwrap().send(GIADDR, SERVER, &[9; 2000]).unwrap();
    let (frame, _) = next(&at_server);
    assert_eq!(frame[42..], [9; 2000]);
}

#[test]
fn what_waits_for_servers_that_do_not_answer_keeps_nothing_from_the_others() {
    let lab = Lab::new();
    let at_server = lab.port("peer", "p0");
    let socket = open(&lab, None, 48).unwrap();
    // More than the kernel keeps for a neighbour that does not answer (unres_qlen_bytes), which is on this socket's
    // account as long as it is kept; and as many such servers as a group can have besides one that answers.
    for _ in 0..300 {
        for dead in 100..131 {
            socket.send(GIADDR, Ipv4Addr::new(10, 9, 0, dead), &[0; 300]).unwrap();
        }
    }
    socket.send(GIADDR, SERVER, &[5; 300]).unwrap();
    loop {
        let (frame, _) = next(&at_server);
        if frame.get(42..) == Some(&[5; 300][..]) {
            break;
        }
    }
}

#[test]
fn while_port_67_is_held_nobody_gets_port_unreachable() {
    let lab = Lab::new();
    let probe = |port: u16| {
        lab.inside("peer", || {
            let probe = UdpSocket::bind("10.9.0.2:0").unwrap();
            probe.set_nonblocking(true).unwrap();
            probe.connect(("10.9.0.1", port)).unwrap();
            probe.send(&[0; 300]).unwrap();
            probe
        })
    };
    let refused = probe(67);
    assert!(wait(&refused, PollFlags::POLLERR), "without the socket it is answered");
    assert_eq!(refused.take_error().unwrap().unwrap().kind(), std::io::ErrorKind::ConnectionRefused);

    let socket = open(&lab, None, 48).unwrap();
    let held = probe(67);
    let open_port = probe(68);
    assert!(wait(&open_port, PollFlags::POLLERR), "port 68, sent to afterwards, is answered");
    assert!(held.take_error().unwrap().is_none());
    assert!(!wait_now(&socket), "and the socket itself keeps nothing");
}

fn wait_now(socket: &ServerSocket) -> bool {
    use nix::poll::{PollFd, PollTimeout, poll};
    use std::os::fd::AsFd;
    poll(&mut [PollFd::new(socket.as_fd(), PollFlags::POLLIN)], PollTimeout::ZERO).expect("polls") > 0
}

#[test]
fn a_port_held_by_another_program_is_reported_with_the_remedy() {
    let lab = Lab::new();
    let other = lab.inside("relay", || UdpSocket::bind("0.0.0.0:67")).unwrap();
    let error = open(&lab, None, 48).expect_err("taken");
    assert!(matches!(error, SocketError::PortInUse { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("UDP port 67") && text.contains("another DHCP server or relay"), "{text}");
    assert!(text.contains("ss -lunp sport = :67"), "{text}");
    drop(other);
}

#[test]
fn two_sockets_of_ours_share_the_port() {
    let lab = Lab::new();
    let first = open(&lab, None, 48).expect("the port is free");
    let second = open(&lab, None, 48).expect("a daemon can take over from another");
    let at_server = lab.port("peer", "p0");
    for socket in [first, second] {
        socket.send(GIADDR, SERVER, &[8; 300]).unwrap();
        assert_eq!(next(&at_server).0[42..], [8; 300]);
    }
}

#[test]
fn a_missing_vrf_and_a_missing_route_are_named() {
    let lab = Lab::new();
    let error = open(&lab, Some("mgmt"), 48).expect_err("no such device");
    assert!(matches!(&error, SocketError::NoDevice { device } if device == "mgmt"), "{error:?}");
    let socket = open(&lab, None, 48).unwrap();
    let error = socket.send(GIADDR, Ipv4Addr::new(203, 0, 113, 1), &[0; 300]).expect_err("no route");
    let SocketError::Send { source, .. } = &error else { panic!("{error:?}") };
    assert_eq!(source.raw_os_error(), Some(libc::ENETUNREACH));
    assert!(error.to_string().contains("ip route get 203.0.113.1 from 192.0.2.1"), "{error}");
}
