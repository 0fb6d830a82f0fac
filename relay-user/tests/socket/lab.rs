//! A laboratory for the slow path's sockets: `relay:r0` (10.9.0.1/24) is wired to `peer:p0` (10.9.0.2/24); the relay
//! also holds 192.0.2.1 on its loopback device, as a giaddr for inter-VRF relaying would be.

use std::os::fd::AsFd;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, setns};
use relay_user::socket::{FrameSender, PortSocket, Received};

pub(crate) const RELAY_MAC: [u8; 6] = [2, 0, 0, 0, 9, 1];
pub(crate) const PEER_MAC: [u8; 6] = [2, 0, 0, 0, 9, 2];
/// Generous: the tests run beside builds on small machines.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) struct Lab {
    prefix: String,
}

impl Lab {
    pub(crate) fn new() -> Lab {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        // From here on Drop cleans up, whatever step fails.
        let lab = Lab { prefix: format!("sk{}-{number}", std::process::id()) };
        for namespace in ["relay", "peer"] {
            run(&["ip", "netns", "add", &lab.namespace(namespace)]);
            lab.ip(namespace, "link set lo up");
        }
        lab.wire("r0", "p0", 9);
        lab.ip("relay", "addr add 192.0.2.1/32 dev lo");
        lab.ip("peer", "route add 192.0.2.1 via 10.9.0.1");
        lab
    }

    /// A veth pair between the namespaces, as 10.`subnet`.0.1/24 and 10.`subnet`.0.2/24.
    pub(crate) fn wire(&self, relay: &str, peer: &str, subnet: u8) {
        let peer_namespace = self.namespace("peer");
        self.ip("relay", &format!(
            "link add {relay} address 02:00:00:00:{subnet:02x}:01 type veth peer name {peer} address 02:00:00:00:{subnet:02x}:02 netns {peer_namespace}"
        ));
        for (namespace, device, host) in [("relay", relay, 1), ("peer", peer, 2)] {
            self.ip(namespace, &format!("link set {device} addrgenmode none"));
            self.ip(namespace, &format!("addr add 10.{subnet}.0.{host}/24 dev {device}"));
            self.ip(namespace, &format!("link set {device} up"));
        }
        self.wait_up("relay", relay);
        self.wait_up("peer", peer);
    }

    /// Waits until the kernel has noticed the carrier: before that, what is sent out of the device is silently lost.
    pub(crate) fn wait_up(&self, namespace: &str, device: &str) {
        let end = Instant::now() + DEADLINE;
        while !self.ip(namespace, &format!("link show {device}")).contains("state UP") {
            assert!(Instant::now() < end, "{device} has no carrier after {DEADLINE:?}");
        }
    }

    pub(crate) fn namespace(&self, name: &str) -> String {
        format!("{}-{name}", self.prefix)
    }

    /// Runs `ip` with these words in a namespace and gives its output.
    pub(crate) fn ip(&self, namespace: &str, words: &str) -> String {
        let namespace = self.namespace(namespace);
        let mut command = vec!["ip", "-n", &namespace];
        command.extend(words.split_whitespace());
        run(&command)
    }

    /// Runs a closure on a thread inside a namespace; sockets opened there stay there.
    pub(crate) fn inside<T: Send>(&self, namespace: &str, work: impl FnOnce() -> T + Send) -> T {
        let path = format!("/run/netns/{}", self.namespace(namespace));
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                let file = std::fs::File::open(&path).expect("the namespace exists");
                setns(file, CloneFlags::CLONE_NEWNET).expect("needs root");
                work()
            });
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    pub(crate) fn ifindex(&self, namespace: &str, device: &str) -> u32 {
        self.inside(namespace, || nix::net::if_::if_nametoindex(device).expect("the device exists"))
    }

    pub(crate) fn port(&self, namespace: &str, device: &str) -> PortSocket {
        let ifindex = self.ifindex(namespace, device);
        self.inside(namespace, || PortSocket::open(ifindex)).expect("the port opens")
    }

    /// A sender on the peer's end of the wire.
    pub(crate) fn peer(&self) -> Wire {
        Wire {
            sender: self.inside("peer", FrameSender::open).expect("opens"),
            ifindex: self.ifindex("peer", "p0"),
        }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for namespace in ["relay", "peer"] {
            // May not exist when the laboratory could not be completed; there is nobody to tell in a drop.
            let _ = Command::new("ip").args(["netns", "del", &self.namespace(namespace)]).output();
        }
    }
}

/// One end of a wire to put frames on.
pub(crate) struct Wire {
    pub(crate) sender: FrameSender,
    pub(crate) ifindex: u32,
}

impl Wire {
    pub(crate) fn send(&self, frame: &[u8]) {
        self.sender.send(self.ifindex, frame).expect("the port takes the frame");
    }
}

/// Waits until the socket has something to say; false when the deadline passes.
pub(crate) fn wait(socket: &impl AsFd, flags: PollFlags) -> bool {
    let end = Instant::now() + DEADLINE;
    loop {
        let left = end.saturating_duration_since(Instant::now()).as_millis() as u16;
        match poll(&mut [PollFd::new(socket.as_fd(), flags)], PollTimeout::from(left)) {
            Ok(count) => return count > 0,
            Err(nix::Error::EINTR) => {}
            Err(error) => panic!("poll: {error}"),
        }
    }
}

/// The next frame, waited for.
pub(crate) fn next(socket: &PortSocket) -> (Vec<u8>, Received) {
    let mut frame = Vec::new();
    loop {
        if let Some(received) = socket.recv(&mut frame).expect("the port is well") {
            return (frame, received);
        }
        assert!(wait(socket, PollFlags::POLLIN), "no frame within {DEADLINE:?}");
    }
}

pub(crate) fn run(command: &[&str]) -> String {
    let output = Command::new(command[0]).args(&command[1..]).output().expect("the program is installed");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
