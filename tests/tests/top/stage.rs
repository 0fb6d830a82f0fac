//! A relay at work between one network of clients and one server, for `top` to look at.

use relay_tests::lab::Proc;
use relay_tests::lab::topology::{EDGE, Topology, one_relay_one_server};
use relay_tests::site::Site;
use relay_tests::subject::Mode;

use super::pty::Pty;

/// The server's configuration.
pub(crate) const DHCPD: &str = r"ping-check false;
subnet 10.0.41.0 netmask 255.255.255.0 { }
subnet 192.168.60.0 netmask 255.255.255.0 {
    option subnet-mask 255.255.255.0;
    option routers 192.168.60.1;
    default-lease-time 3600;
    range 192.168.60.110 192.168.60.210;
}
";

/// A relay at work, and who is around it.
pub(crate) struct Stage {
    pub(crate) site: Site,
    pub(crate) topology: Topology,
    pub(crate) daemon: Option<Proc>,
}

impl Stage {
    pub(crate) fn new(title: &str, mode: Mode) -> Self {
        let topology = one_relay_one_server(&format!("top-{title}-{mode:?}").to_lowercase()).unwrap();
        let site = Site::new(&topology.relays[0].host).unwrap();
        let rest = format!(
            "[[server_group]]\nname = \"core\"\nservers = [\"{}\"]\n[[interface]]\nname = \"{EDGE}\"\n\
             server_group = \"core\"\n",
            topology.servers[0].address
        );
        site.configure(mode, "", &rest).unwrap();
        let daemon = Some(site.start().unwrap());
        Self { site, topology, daemon }
    }

    /// `top` on a terminal, with its first figures on it.
    pub(crate) fn top(&self, arguments: &[&str], rows: u16, columns: u16) -> Pty {
        let mut command = self.site.command(arguments).unwrap();
        for name in ["NO_COLOR", "XDP_DHCRELAY_INTERVAL", "XDP_DHCRELAY_ITERATIONS", "XDP_DHCRELAY_JSON"] {
            command.env_remove(name);
        }
        let top = Pty::start(&command, rows, columns).unwrap();
        top.until_line("Fast path: ").unwrap();
        assert!(top.is_taken().unwrap(), "it draws on a screen of its own, and keys come one by one");
        top
    }

    pub(crate) fn pid(&self) -> u32 {
        self.daemon.as_ref().unwrap().pid()
    }
}
