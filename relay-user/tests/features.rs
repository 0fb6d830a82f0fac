//! XDP features against the real kernel: veth pairs and bridges of a network namespace, changed with `ip` and `ethtool`.
//!
//! The relay's port is `p`, its peer `e` is in a namespace of its own. What the watcher says must be what the kernel does
//! with a redirected frame: a veth takes one exactly while its peer has GRO or an XDP program. Needs root.

use std::{
    fs::File,
    future::Future,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use nix::{
    net::if_::if_nametoindex,
    sched::{CloneFlags, setns},
};
use relay_user::{
    fastpath::{Mode, Object, Sizes},
    features::{Ethtool, FeatureWatcher, Features, PortFeatures, query},
};
use tokio::{runtime::Builder, sync::watch};

/// Generous: the tests run beside builds on small machines.
const DEADLINE: Duration = Duration::from_secs(20);

type Receiver = watch::Receiver<Arc<PortFeatures>>;

struct Lab {
    prefix: String,
}

impl Lab {
    fn new() -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        // From here on Drop cleans up, whatever step fails.
        let lab = Self { prefix: format!("xf{}-{number}", std::process::id()) };
        for namespace in ["relay", "peer"] {
            run(&["ip", "netns", "add", &lab.namespace(namespace)]);
        }
        lab.ip("relay", &format!("link add p type veth peer name e netns {}", lab.namespace("peer")));
        lab.ip("relay", "link set p up");
        lab.ip("peer", "link set e up");
        lab
    }

    fn namespace(&self, name: &str) -> String {
        format!("{}-{name}", self.prefix)
    }

    fn ip(&self, namespace: &str, words: &str) {
        let namespace = self.namespace(namespace);
        let mut command = vec!["ip", "-n", &namespace];
        command.extend(words.split_whitespace());
        run(&command);
    }

    /// Makes `count` pairs of devices, `v0` and `w0` to begin with, in the relay's namespace, as fast as it goes. Not
    /// bridges: the kernel takes 17 ms to remove each.
    fn pairs(&self, count: u32) {
        let lines: String = (0..count).map(|n| format!("link add v{n} type veth peer name w{n}\n")).collect();
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(&file, lines).expect("the file is written");
        self.ip("relay", &format!("-batch {}", file.path().display()));
    }

    /// Switches GRO of the peer of the relay's port.
    fn peer_gro(&self, state: &str) {
        run(&["ip", "netns", "exec", &self.namespace("peer"), "ethtool", "-K", "e", "gro", state]);
    }

    /// Runs something on a thread of its own inside a namespace.
    fn inside<T: Send>(&self, namespace: &str, work: impl FnOnce() -> T + Send) -> T {
        let path = format!("/run/netns/{}", self.namespace(namespace));
        let outcome = std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                let namespace = File::open(path).expect("the namespace is there");
                setns(namespace, CloneFlags::CLONE_NEWNET).expect("root may enter it");
                work()
            });
            thread.join()
        });
        outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// Runs a test inside the relay's namespace, with a watcher that has read it once.
    fn watched<F: Future<Output = ()>>(&self, test: impl FnOnce(FeatureWatcher, Receiver) -> F + Send) {
        self.inside("relay", || {
            let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime starts");
            runtime.block_on(async {
                let (watcher, receiver) = FeatureWatcher::start().await.expect("the kernel is 6.3 or later");
                test(watcher, receiver).await;
            });
        });
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for namespace in ["relay", "peer"] {
            let removed = Command::new("ip").args(["netns", "del", &self.namespace(namespace)]).output();
            if !removed.is_ok_and(|output| output.status.success()) {
                eprintln!("cannot remove namespace {}", self.namespace(namespace));
            }
        }
    }
}

fn run(command: &[&str]) {
    let output = Command::new(command[0]).args(&command[1..]).output().expect("the command starts");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} (as root?): {error}");
}

/// The number of a device in the calling thread's namespace.
fn index(device: &str) -> u32 {
    if_nametoindex(device).expect("the device is there")
}

/// What the kernel answers for a device of the calling thread's namespace now.
fn asked(device: &str) -> Features {
    query().expect("the kernel answers")[&index(device)]
}

/// Waits until what is published is as wanted.
async fn wait(receiver: &mut Receiver, what: &str, wanted: impl Fn(&PortFeatures) -> bool) {
    let waiting = receiver.wait_for(|features| wanted(features));
    match tokio::time::timeout(DEADLINE, waiting).await.map(|seen| seen.map(drop)) {
        Ok(Ok(())) => {}
        Ok(Err(_)) => panic!("the watcher ended before: {what}"),
        Err(_) => panic!("not within {DEADLINE:?}: {what}; now {:?}", receiver.borrow()),
    }
}

#[test]
fn a_veth_whose_peer_has_neither_gro_nor_xdp_runs_programs_but_takes_no_frames() {
    let lab = Lab::new();
    lab.inside("relay", || {
        let features = asked("p");
        assert!(features.native() && features.redirect(), "{features}");
        assert!(!features.redirect_target(), "{features}");
    });
}

#[test]
fn loopback_and_a_bridge_have_no_features() {
    let lab = Lab::new();
    lab.ip("relay", "link add br0 type bridge");
    lab.ip("relay", "link set br0 up");
    lab.inside("relay", || {
        assert_eq!(asked("lo"), Features::default());
        assert_eq!(asked("br0"), Features::default());
    });
}

#[test]
fn a_query_lists_the_devices_of_the_callers_namespace_and_no_others() {
    let lab = Lab::new();
    for (namespace, devices) in [("relay", ["lo", "p"]), ("peer", ["lo", "e"])] {
        lab.inside(namespace, || {
            let mut expected = devices.map(index);
            expected.sort_unstable();
            assert!(query().expect("the kernel answers").into_keys().eq(expected), "{namespace}");
        });
    }
}

#[test]
fn a_list_longer_than_one_datagram_is_read_to_its_end() {
    let lab = Lab::new();
    // At 36 bytes and more each they do not fit into the 32 KiB of the kernel's largest datagram.
    lab.pairs(500);
    lab.inside("relay", || {
        let features = query().expect("the kernel answers");
        assert_eq!(features.len(), 1002);
        assert!(features.contains_key(&index("w499")));
    });
}

#[test]
fn gro_on_the_peer_makes_a_veth_a_target_and_its_end_is_reported() {
    let lab = Lab::new();
    lab.watched(async |_watcher, mut receiver| {
        let p = index("p");
        assert!(!receiver.borrow()[&p].redirect_target());
        for _ in 0..2 {
            lab.peer_gro("on");
            wait(&mut receiver, "a target with GRO", |ports| ports[&p].redirect_target()).await;
            assert!(asked("p").redirect_target());
            lab.peer_gro("off");
            wait(&mut receiver, "no target without GRO", |ports| !ports[&p].redirect_target()).await;
            assert!(!asked("p").redirect_target());
        }
    });
}

#[test]
fn an_xdp_program_on_the_peer_makes_a_veth_a_target_and_its_end_is_reported() {
    let lab = Lab::new();
    lab.watched(async |_watcher, mut receiver| {
        let p = index("p");
        let sizes = Sizes { interfaces: 1, groups: 1, ports: 1, addresses: 1, owners: 1, leases: 1 };
        let mut object = Object::load(sizes, None).expect("the kernel takes the programs");
        let attach = || object.attach("e", index("e"), &[Mode::Native]);
        let attachment = lab.inside("peer", attach).expect("it is attached");
        wait(&mut receiver, "a target with a program", |ports| ports[&p].redirect_target()).await;
        object.detach(attachment).expect("it is detached");
        wait(&mut receiver, "no target without it", |ports| !ports[&p].redirect_target()).await;
    });
}

#[test]
fn a_new_device_and_a_removed_one_are_reported() {
    let lab = Lab::new();
    lab.watched(async |_watcher, mut receiver| {
        lab.ip("relay", "link add br0 type bridge");
        let br0 = index("br0");
        wait(&mut receiver, "br0", |ports| ports.get(&br0) == Some(&Features::default())).await;
        lab.ip("relay", "link del br0");
        wait(&mut receiver, "no br0", |ports| !ports.contains_key(&br0)).await;
    });
}

#[test]
fn a_burst_of_changes_beyond_the_sockets_buffer_ends_in_the_present_state() {
    let lab = Lab::new();
    lab.watched(async |_watcher, mut receiver| {
        let p = index("p");
        // One thread for everything: while these are made, the watcher reads nothing and its socket overruns.
        lab.pairs(500);
        lab.peer_gro("on");
        wait(&mut receiver, "the last change", |ports| ports[&p].redirect_target()).await;
        assert_eq!(**receiver.borrow(), query().expect("the kernel answers"));
    });
}

#[test]
fn a_dropped_watcher_ends_its_receiver() {
    let lab = Lab::new();
    lab.watched(async |watcher, mut receiver| {
        drop(watcher);
        let ended = tokio::time::timeout(DEADLINE, receiver.changed()).await.expect("it ends in time");
        assert!(ended.is_err());
    });
}

#[test]
fn the_offloads_of_a_veth_are_those_that_were_switched() {
    let lab = Lab::new();
    let offloads = || {
        lab.inside("relay", || {
            let index = if_nametoindex("p").expect("the port is there");
            Ethtool::open().expect("the family is there").offloads(index).expect("it has offloads")
        })
    };
    let before = offloads();
    assert!(before.on("rx-vlan-hw-parse") && before.changeable("rx-vlan-hw-parse"), "{before:?}");
    assert!(!before.changeable("rx-vlan-filter"), "fixed on a veth: {before:?}");
    run(&["ip", "netns", "exec", &lab.namespace("relay"), "ethtool", "-K", "p", "rxvlan", "off"]);
    let after = offloads();
    assert!(!after.on("rx-vlan-hw-parse") && after.on("rx-vlan-stag-hw-parse"), "{after:?}");
}

#[test]
fn the_queues_of_a_veth_are_those_it_was_made_with() {
    let lab = Lab::new();
    lab.ip("relay", "link add q numrxqueues 3 numtxqueues 2 type veth peer name r");
    let channels = lab.inside("relay", || {
        let index = if_nametoindex("q").expect("the port is there");
        Ethtool::open().expect("the family is there").channels(index).expect("it has queues")
    });
    assert_eq!(channels.rx, 3);
    let gone = lab.inside("relay", || Ethtool::open().expect("the family is there").offloads(999_999));
    assert!(gone.is_err());
}
