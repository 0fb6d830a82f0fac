//! Ports that are not there, go down, come up and disappear, and what the socket says about it.

use nix::poll::PollFlags;
use relay_user::socket::{AwaitedPort, FrameBatch, PortSocket, SocketError};
use tokio::time::timeout;

use crate::frames::numbered;
use crate::lab::{DEADLINE, Lab, next, wait};

#[test]
fn a_port_that_disappears_is_named_in_a_clear_error() {
    let lab = Lab::new();
    let socket = lab.port("relay", "r0");
    let mut frame = vec![1];
    assert!(socket.recv(&mut frame).unwrap().is_none());
    lab.ip("relay", "link del r0");
    assert!(wait(&socket, PollFlags::POLLIN), "a reader is woken");
    let error = socket.recv(&mut frame).expect_err("the port is gone");
    assert!(frame.is_empty());
    let Some(SocketError::PortGone { device, ifindex }) = SocketError::inside(&error) else {
        panic!("{error:?}");
    };
    assert_eq!((device.as_str(), *ifindex), ("r0", socket.ifindex()));
    assert!(
        error.to_string().starts_with(&format!("r0 (ifindex {ifindex}): the port was removed")),
        "{error}"
    );
    let again = socket.recv_batch(&mut FrameBatch::new()).expect_err("and it stays gone");
    assert!(matches!(SocketError::inside(&again), Some(SocketError::PortGone { .. })), "{again:?}");
    assert!(matches!(socket.health(), Err(SocketError::PortGone { .. })));
}

#[test]
fn a_port_that_goes_down_says_so_once_and_receives_again_when_it_is_up() {
    let lab = Lab::new();
    let (socket, peer) = (lab.port("relay", "r0"), lab.peer());
    socket.health().expect("it is up");
    lab.ip("relay", "link set r0 down");
    assert!(wait(&socket, PollFlags::POLLIN), "a reader is woken");
    let mut frame = Vec::new();
    let error = socket.recv(&mut frame).expect_err("the port is down");
    assert!(matches!(SocketError::inside(&error), Some(SocketError::PortDown { .. })), "{error:?}");
    assert_eq!(error.kind(), std::io::ErrorKind::NetworkDown);
    assert!(error.to_string().contains("ip link set r0 up"), "{error}");
    assert!(socket.recv(&mut frame).unwrap().is_none(), "said once");
    assert!(matches!(socket.health(), Err(SocketError::PortDown { .. })));

    lab.ip("relay", "link set r0 up");
    socket.health().expect("it is up again");
    lab.wait_up("peer", "p0");
    peer.send(&numbered(5));
    assert_eq!(next(&socket).0, numbered(5));
}

#[test]
fn a_port_that_is_down_can_be_opened_and_receives_fragments_once_it_is_up() {
    let lab = Lab::new();
    lab.ip("relay", "link set r0 down");
    let socket = lab.port("relay", "r0");
    assert!(socket.recv(&mut Vec::new()).unwrap().is_none());
    assert!(matches!(socket.health(), Err(SocketError::PortDown { .. })));
    lab.ip("relay", "link set r0 up");
    lab.wait_up("peer", "p0");
    let peer = lab.peer();
    peer.send(&numbered(1));
    assert_eq!(next(&socket).0, numbered(1));
    assert!(socket.reassembles());
    lab.inside("peer", || {
        std::net::UdpSocket::bind("10.9.0.2:0").unwrap().send_to(&[1; 3000], "10.9.0.1:67").unwrap()
    });
    assert_eq!(next(&socket).0.len(), 14 + 20 + 8 + 3000);
}

#[test]
fn a_missing_device_and_one_without_ethernet_are_refused_by_name() {
    let lab = Lab::new();
    let missing = lab.inside("relay", || PortSocket::open(4711)).expect_err("there is no such device");
    assert!(matches!(&missing, SocketError::NoDevice { device } if device == "ifindex 4711"), "{missing}");
    let loopback = lab.inside("relay", || PortSocket::open(1)).expect_err("lo is no port");
    assert!(
        matches!(&loopback, SocketError::NotEthernet { device, hardware_type: 772 } if device == "lo"),
        "{loopback}"
    );
}

#[test]
fn a_tokio_task_wakes_for_frames_and_for_a_port_that_goes_down_or_disappears() {
    let lab = Lab::new();
    let (socket, peer) = (lab.port("relay", "r0"), lab.peer());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let port = AwaitedPort::new(socket).unwrap();
        let mut batch = FrameBatch::new();
        for number in 0..3 {
            let sending = async { peer.send(&numbered(number)) };
            let receiving = timeout(DEADLINE, port.recv_batch(&mut batch));
            tokio::join!(receiving, sending).0.expect("a frame wakes the task").unwrap();
            assert_eq!(batch.iter().next().unwrap().0, numbered(number));
        }
        for (words, up_again) in [("link set r0 down", true), ("link del r0", false)] {
            let change = async { lab.ip("relay", words) };
            let receiving = timeout(DEADLINE, port.recv_batch(&mut batch));
            let error = tokio::join!(receiving, change).0.expect("the task wakes").expect_err(words);
            let cause = SocketError::inside(&error).unwrap();
            if up_again {
                assert!(matches!(cause, SocketError::PortDown { .. }), "{error:?}");
                lab.ip("relay", "link set r0 up");
            } else {
                assert!(matches!(cause, SocketError::PortGone { .. }), "{error:?}");
            }
        }
    });
}
