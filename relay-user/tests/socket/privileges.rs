//! Without CAP_NET_RAW and CAP_NET_ADMIN: the test program runs itself under `setpriv` with those taken away.

use std::process::Command;

use relay_user::socket::{FrameSender, PortSocket, ServerSocket, SocketError};

use crate::lab::Lab;

const INSIDE: &str = "XDP_DHCRELAY_TEST_UNPRIVILEGED";
const NAME: &str = "privileges::missing_capabilities_are_named_with_their_remedy";

#[test]
fn missing_capabilities_are_named_with_their_remedy() {
    if let Ok(ifindex) = std::env::var(INSIDE) {
        return unprivileged(ifindex.parse().unwrap());
    }
    let lab = Lab::new();
    let ifindex = lab.ifindex("relay", "r0").to_string();
    let output = lab.inside("relay", || {
        Command::new("setpriv")
            .arg("--bounding-set=-net_raw,-net_admin")
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", NAME, "--nocapture"])
            .env(INSIDE, ifindex)
            .output()
            .expect("setpriv (util-linux) is installed")
    });
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("1 passed"), "{text}");
}

fn unprivileged(ifindex: u32) {
    let port = PortSocket::open(ifindex).expect_err("no CAP_NET_RAW");
    assert!(matches!(port, SocketError::Privilege { .. }), "{port:?}");
    assert!(port.to_string().starts_with("r0: open a packet socket: not permitted"), "{port}");
    assert!(port.to_string().contains("CAP_NET_RAW"), "{port}");
    let sender = FrameSender::open().expect_err("no CAP_NET_RAW");
    assert!(matches!(sender, SocketError::Privilege { .. }), "{sender:?}");

    let servers = ServerSocket::open(None, 48).expect("binding port 67 takes CAP_NET_BIND_SERVICE only");
    assert!(!servers.any_source());
    servers.send([192, 0, 2, 1].into(), [10, 9, 0, 2].into(), &[0; 300]).expect("192.0.2.1 is ours");
    let foreign =
        servers.send([198, 51, 100, 1].into(), [10, 9, 0, 2].into(), &[0; 300]).expect_err("not ours");
    assert!(matches!(foreign, SocketError::SourceNotLocal { .. }), "{foreign:?}");
    assert!(foreign.to_string().starts_with("198.51.100.1 is not an address of this host"), "{foreign}");
}
