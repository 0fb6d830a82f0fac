//! A small machine to check configurations against: a network namespace with two Ethernet devices.
//!
//! `eth0` has 10.0.41.2/24, `eth1` has 192.168.60.2/24; each is wired to a peer in the same namespace, and all are up.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use crate::{BINARY, clean};

pub(crate) struct Machine {
    namespace: String,
}

impl Machine {
    pub(crate) fn new() -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        // From here on Drop cleans up, whatever step fails.
        let machine = Self { namespace: format!("cli{}-{number}", std::process::id()) };
        ip(&["netns", "add", &machine.namespace]);
        for (device, address) in [("eth0", "10.0.41.2/24"), ("eth1", "192.168.60.2/24")] {
            let peer = format!("{device}p");
            machine.ip(&["link", "add", device, "type", "veth", "peer", "name", &peer]);
            // Without IPv6 nothing happens on the links by itself, so that two looks at them are alike.
            for end in [device, &peer] {
                machine.ip(&["link", "set", end, "addrgenmode", "none", "up"]);
            }
            machine.ip(&["addr", "add", address, "dev", device]);
        }
        machine
    }

    /// The binary in it, without the variables it reads.
    pub(crate) fn binary(&self) -> Command {
        let mut command = self.command(BINARY);
        clean(&mut command);
        command
    }

    /// A program in it. The process that is started becomes that program.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", self.path().display())).arg(program);
        command
    }

    /// Runs a command line as a message has it, without quotes.
    pub(crate) fn run(&self, line: &str) -> String {
        let words: Vec<&str> = line.split(' ').collect();
        output(self.command(words[0]).args(&words[1..]))
    }

    /// Does something in it, in a thread of its own.
    pub(crate) fn inside<T: Send>(&self, job: impl FnOnce() -> T + Send) -> T {
        let namespace = File::open(self.path()).expect("the namespace is there");
        let job = move || {
            nix::sched::setns(namespace, nix::sched::CloneFlags::CLONE_NEWNET).expect("it can be entered");
            job()
        };
        std::thread::scope(|scope| scope.spawn(job).join().expect("the job is done"))
    }

    fn path(&self) -> PathBuf {
        Path::new("/run/netns").join(&self.namespace)
    }

    /// Everything a daemon could change about it: devices with their XDP programs, addresses, routes, neighbours,
    /// sockets.
    pub(crate) fn state(&self) -> String {
        let look = ["-d link", "addr", "route show table all", "neigh"]
            .map(|look| self.ip(&look.split(' ').collect::<Vec<_>>()));
        let sockets = self.run("cat /proc/net/packet /proc/net/udp");
        format!("{}\n{sockets}", look.join("\n"))
    }

    pub(crate) fn ip(&self, arguments: &[&str]) -> String {
        ip(&[&["-n", &self.namespace], arguments].concat())
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // The devices go with the namespace. In a panic there is nobody to tell.
        let _ = Command::new("ip").args(["netns", "del", &self.namespace]).stderr(Stdio::null()).status();
    }
}

fn ip(arguments: &[&str]) -> String {
    output(Command::new("ip").args(arguments))
}

fn output(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
