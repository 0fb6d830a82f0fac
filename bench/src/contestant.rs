//! The relays that are compared, each started in the same place, and the kernel's bare fan-out as the ceiling.

use std::{
    net::Ipv4Addr,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use aya::programs::XdpMode;
use relay_tests::{lab::Proc, peers::install::peers, subject::Mode};

use crate::{
    busybox::dhcprelay,
    load::{Pause, generator, settled},
    ours::{Ours, Settings},
    rig::{CLIENT_PORT, RELAY, Rig, egress},
    tools::Tools,
};

const DEADLINE: Duration = Duration::from_secs(60);

/// Who relays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contestant {
    Dhcrelay,
    Dnsmasq,
    DhcpHelper,
    /// Knows one server.
    Busybox,
    Ours {
        mode: Mode,
        option82: bool,
    },
    /// No relay: XDP copies every frame to every server's port as it is.
    Bare,
}

impl Contestant {
    /// In the order of the tables.
    pub(crate) const ALL: [Self; 9] = [
        Self::Dhcrelay,
        Self::Dnsmasq,
        Self::DhcpHelper,
        Self::Busybox,
        Self::Ours { mode: Mode::Off, option82: false },
        Self::Ours { mode: Mode::Generic, option82: false },
        Self::Ours { mode: Mode::Native, option82: false },
        Self::Ours { mode: Mode::Native, option82: true },
        Self::Bare,
    ];

    pub(crate) fn title(self) -> String {
        match self {
            Self::Dhcrelay => "dhcrelay -a".to_owned(),
            Self::Dnsmasq => "dnsmasq".to_owned(),
            Self::DhcpHelper => "dhcp-helper".to_owned(),
            Self::Busybox => "busybox dhcprelay".to_owned(),
            Self::Ours { mode, option82 } => format!(
                "xdp-dhcrelay {}{}",
                format!("{mode:?}").to_lowercase(),
                if option82 { ", option 82" } else { "" }
            ),
            Self::Bare => "bare XDP, no DHCP work".to_owned(),
        }
    }

    /// Whether it can relay to this many servers.
    pub(crate) fn serves(self, servers: usize) -> bool {
        self != Self::Busybox || servers == 1
    }

    /// Starts it and waits until a message of a client reaches every server.
    pub(crate) fn start(self, rig: &Rig, tools: &mut Tools) -> Result<Running> {
        for host in &rig.hosts {
            let port = host.ifindex("eth0")?;
            host.enter(|| tools.attach("sink_timed", port, XdpMode::Driver))??;
        }
        if self == Self::Bare {
            bare(rig, tools)?;
        }
        let running = self.start_alone(rig)?;
        wait_until_it_relays(rig, tools)?;
        Ok(running)
    }

    /// Starts it without waiting for the first message.
    pub(crate) fn start_alone(self, rig: &Rig) -> Result<Running> {
        Ok(match self {
            Self::Dhcrelay => Running::Peer(dhcrelay(rig)?),
            Self::Dnsmasq => Running::Peer(dnsmasq(rig)?),
            Self::DhcpHelper => Running::Peer(dhcp_helper(rig)?),
            Self::Busybox => Running::Peer(busybox(rig)?),
            Self::Ours { mode, option82 } => {
                let settings = Settings { option82, ..Settings::new(mode) };
                Running::Ours(Ours::start(&rig.relay, CLIENT_PORT, &rig.servers, &settings)?)
            }
            Self::Bare => Running::Nobody,
        })
    }
}

/// Ends with the value.
pub(crate) enum Running {
    Peer(Proc),
    Ours(Ours),
    Nobody,
}

impl Running {
    /// The program that relays, when there is one.
    pub(crate) fn pid(&self) -> Option<u32> {
        match self {
            Self::Peer(process) => Some(process.pid()),
            Self::Ours(ours) => Some(ours.process.pid()),
            Self::Nobody => None,
        }
    }
}

fn dhcrelay(rig: &Rig) -> Result<Proc> {
    let mut command = peers()?.command("dhcrelay")?;
    command.args(["-4", "-d", "--no-pid", "-a", "-id", CLIENT_PORT]);
    for port in 0..rig.hosts.len() {
        command.args(["-iu", &egress(port)]);
    }
    command.args(rig.servers.iter().map(Ipv4Addr::to_string));
    rig.relay.spawn(command)
}

fn dnsmasq(rig: &Rig) -> Result<Proc> {
    let directory = tempfile::tempdir()?;
    let mut command = peers()?.command("dnsmasq")?;
    command.args(["--no-daemon", "--conf-file=/dev/null", "--port=0", "--user=root", "--pid-file"]);
    command.arg(format!("--dhcp-leasefile={}", directory.path().join("leases").display()));
    command.args(rig.servers.iter().map(|server| format!("--dhcp-relay={RELAY},{server}")));
    let mut process = rig.relay.spawn(command)?;
    process.keep(directory);
    Ok(process)
}

fn dhcp_helper(rig: &Rig) -> Result<Proc> {
    let mut command = peers()?.command("dhcp-helper")?;
    command.args(["-d", "-i", CLIENT_PORT]);
    for server in &rig.servers {
        command.args(["-s", &server.to_string()]);
    }
    rig.relay.spawn(command)
}

fn busybox(rig: &Rig) -> Result<Proc> {
    let mut command = Command::new(dhcprelay()?);
    command.args([CLIENT_PORT, &egress(0), &rig.servers[0].to_string()]);
    rig.relay.spawn(command)
}

fn bare(rig: &Rig, tools: &mut Tools) -> Result<()> {
    let outs: Vec<u32> =
        (0..rig.hosts.len()).map(|port| rig.relay.ifindex(&egress(port))).collect::<Result<_>>()?;
    let port = rig.relay.ifindex(CLIENT_PORT)?;
    let program = if rig.servers.len() == 1 { "floor_one" } else { "floor_all" };
    rig.relay.enter(|| {
        tools.set_floor(&outs, false)?;
        tools.attach(program, port, XdpMode::Driver)
    })?
}

fn wait_until_it_relays(rig: &Rig, tools: &Tools) -> Result<()> {
    let device = rig.client.ifindex("eth0")?;
    let servers = rig.servers.len() as u64;
    rig.client.enter(|| {
        let generator = generator(rig, device, Pause::Sleep)?;
        let end = Instant::now() + DEADLINE;
        while Instant::now() < end {
            let outcome = generator.offer(tools, 1000.0, Duration::from_millis(5))?;
            if outcome.sent != 0 && outcome.arrived == outcome.sent * servers {
                settled(tools)?;
                return Ok(());
            }
            thread::sleep(Duration::from_millis(50));
        }
        bail!("it does not relay to every server")
    })?
}
