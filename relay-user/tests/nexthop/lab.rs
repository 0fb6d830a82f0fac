//! A laboratory for next hops: the relay's namespace with two ports, and a namespace with a peer on each.
//!
//! `relay:p1` (10.1.0.1/24) is wired to `east:e` (10.1.0.2, 10.1.0.3), `relay:p2` (10.2.0.1/24) to `west:e` (10.2.0.2).

use std::{
    fs::File,
    future::Future,
    io::Write,
    net::Ipv4Addr,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use nix::sched::{CloneFlags, setns};
use relay_user::nexthop::{NextHop, Options, Resolution, Snapshot, Target, Unresolved, Upkeep};
use tokio::{
    runtime::{Builder, Runtime},
    sync::watch,
};

pub(crate) const P1_MAC: [u8; 6] = [2, 0, 0, 0, 1, 1];
pub(crate) const EAST_MAC: [u8; 6] = [2, 0, 0, 0, 1, 2];
pub(crate) const P2_MAC: [u8; 6] = [2, 0, 0, 0, 2, 1];
pub(crate) const WEST_MAC: [u8; 6] = [2, 0, 0, 0, 2, 2];
/// Without the periodic reading, so that only an event can bring a change.
pub(crate) const EVENTS_ONLY: Options =
    Options { upkeep: Upkeep::Managed, resync: Duration::from_secs(86_400) };
/// Generous: the tests run beside builds on small machines. What is measured is printed, not bounded by this.
const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) struct Lab {
    prefix: String,
}

impl Lab {
    pub(crate) fn new() -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        // From here on Drop cleans up, whatever step fails.
        let lab = Self { prefix: format!("nh{}-{number}", std::process::id()) };
        for namespace in ["relay", "east", "west"] {
            run(&["ip", "netns", "add", &lab.namespace(namespace)]);
        }
        for (port, peer, subnet) in [("p1", "east", 1), ("p2", "west", 2)] {
            let peer_namespace = lab.namespace(peer);
            lab.ip("relay", &format!(
                "link add {port} address 02:00:00:00:0{subnet}:01 type veth peer name e address 02:00:00:00:0{subnet}:02 netns {peer_namespace}"
            ));
            // Fast failure, and no second of waiting before a changed MAC is believed.
            lab.ip("relay", &format!("ntable change name arp_cache dev {port} retrans 100 locktime 0"));
            lab.ip("relay", &format!("addr add 10.{subnet}.0.1/24 dev {port}"));
            lab.ip("relay", &format!("link set {port} up"));
            lab.ip(peer, &format!("addr add 10.{subnet}.0.2/24 dev e"));
            lab.ip(peer, "link set e up");
        }
        lab.ip("east", "addr add 10.1.0.3/24 dev e");
        lab
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

    /// Runs many `ip` commands in one process, as fast as they go.
    pub(crate) fn ip_batch(&self, namespace: &str, lines: &str) {
        let mut child = Command::new("ip")
            .args(["-n", &self.namespace(namespace), "-batch", "-"])
            .stdin(Stdio::piped())
            .spawn()
            .expect("ip starts");
        child.stdin.take().expect("piped").write_all(lines.as_bytes()).expect("ip reads");
        assert!(child.wait().expect("ip ends").success(), "ip -batch failed");
    }

    pub(crate) fn sysctl(&self, namespace: &str, setting: &str) {
        run(&["ip", "netns", "exec", &self.namespace(namespace), "sysctl", "-qw", setting]);
    }

    /// The relay's neighbour entry for an address, as `ip` shows it; empty when there is none.
    pub(crate) fn neighbour(&self, device: &str, address: &str) -> String {
        self.ip("relay", &format!("neigh show {address} dev {device} nud all"))
    }

    /// Runs a test on a thread of its own inside the relay's namespace; other threads do the watcher's work.
    pub(crate) fn in_relay<F: Future<Output = ()>>(&self, test: impl FnOnce() -> F + Send) {
        self.in_relay_on(|| Builder::new_multi_thread().worker_threads(1).enable_all().build(), test);
    }

    /// The same with one thread for everything: while the test does not wait, the watcher stands still.
    pub(crate) fn in_relay_single_threaded<F: Future<Output = ()>>(&self, test: impl FnOnce() -> F + Send) {
        self.in_relay_on(|| Builder::new_current_thread().enable_all().build(), test);
    }

    fn in_relay_on<F: Future<Output = ()>>(
        &self,
        runtime: impl FnOnce() -> std::io::Result<Runtime> + Send,
        test: impl FnOnce() -> F + Send,
    ) {
        let path = format!("/run/netns/{}", self.namespace("relay"));
        let outcome = std::thread::scope(|scope| {
            scope
                .spawn(|| {
                    let namespace = File::open(path).expect("the namespace is there");
                    setns(namespace, CloneFlags::CLONE_NEWNET).expect("root may enter it");
                    // Its threads are made here, and so belong to the namespace as well.
                    runtime().expect("a runtime starts").block_on(test());
                })
                .join()
        });
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for namespace in ["relay", "east", "west"] {
            let removed = Command::new("ip").args(["netns", "del", &self.namespace(namespace)]).output();
            if !removed.is_ok_and(|output| output.status.success()) {
                eprintln!("cannot remove namespace {}", self.namespace(namespace));
            }
        }
    }
}

fn run(command: &[&str]) -> String {
    let output = Command::new(command[0]).args(&command[1..]).output().expect("the command starts");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} (as root?): {error}");
    String::from_utf8(output.stdout).expect("text")
}

pub(crate) fn target(server: [u8; 4]) -> Target {
    Target { vrf: None, server: Ipv4Addr::from(server) }
}

pub(crate) type Receiver = watch::Receiver<Arc<Snapshot>>;

/// Waits until the published snapshot is as wanted.
pub(crate) async fn wait(
    receiver: &mut Receiver,
    what: &str,
    wanted: impl FnMut(&Arc<Snapshot>) -> bool,
) -> Arc<Snapshot> {
    let waited = tokio::time::timeout(DEADLINE, receiver.wait_for(wanted))
        .await
        .map(|result| result.map(|s| s.clone()));
    match waited {
        Ok(Ok(snapshot)) => snapshot,
        Ok(Err(_)) => panic!("the watcher ended before: {what}"),
        Err(_) => panic!("not within {DEADLINE:?}: {what}; now {:#?}", receiver.borrow().next_hops),
    }
}

/// Waits until a target is resolved to this port and MAC.
pub(crate) async fn wait_hop(
    receiver: &mut Receiver,
    target: &Target,
    device: &str,
    next_mac: [u8; 6],
) -> NextHop {
    let what = format!("{target} through {device} to {next_mac:02x?}");
    let is_it = |hop: &NextHop| hop.device == device && hop.next_mac == next_mac;
    let snapshot = wait(receiver, &what, |snapshot| {
        snapshot.next_hops.get(target).and_then(Resolution::next_hop).is_some_and(is_it)
    });
    snapshot.await.next_hops[target].next_hop().expect("just seen").clone()
}

/// Waits until a target is unresolved for a reason.
pub(crate) async fn wait_reason(receiver: &mut Receiver, target: &Target, reason: Unresolved) {
    let wanted = Resolution::Unresolved(reason);
    wait(receiver, &format!("{target}: {wanted:?}"), |snapshot| {
        snapshot.next_hops.get(target) == Some(&wanted)
    })
    .await;
}
