//! A new configuration for a relay at work: it is in force when `reload` returns, amid traffic and without a message lost, sent
//! twice or relayed by half of each; what belongs to interfaces that stay goes on; and a file that is wrong changes nothing.

#![allow(clippy::unwrap_used, reason = "a test panics; clippy exempts only the functions marked #[test]")]

#[path = "reload/kept.rs"]
mod kept;
#[path = "reload/refused.rs"]
mod refused;
#[path = "reload/traffic.rs"]
mod traffic;

use std::time::Duration;

use relay_tests::churn::server;
use relay_tests::lab::direct::{Direct, EDGE};
use relay_tests::lab::{Namespace, Proc};
use relay_tests::site::Site;
use relay_tests::subject::Mode;
use relay_user::control::model::{Count, InterfaceStats, Reloaded};
use relay_user::control::{self, Command};

const DEADLINE: Duration = Duration::from_secs(60);

const DISCOVER: u8 = 1;
const OFFER: u8 = 2;

/// A relay with a port to clients, and a port to each of three servers.
struct Stage {
    mode: Mode,
    network: Direct,
    site: Site,
}

impl Stage {
    fn new(title: &str, mode: Mode) -> Self {
        let network = Direct::new(&format!("reload-{title}-{mode:?}").to_lowercase(), 3).unwrap();
        for (host, offloads) in [
            (&network.client, ["txvlan", "tx-vlan-stag-hw-insert"]),
            (&network.relay, ["rxvlan", "rx-vlan-stag-hw-parse"]),
        ] {
            offloads.iter().for_each(|offload| host.offload(EDGE, offload, false).unwrap());
        }
        for vlan in [7, 8] {
            network.relay.address(EDGE, &format!("192.168.{vlan}.2/24")).unwrap();
        }
        let site = Site::new(&network.relay).unwrap();
        Self { mode, network, site }
    }

    fn client(&self) -> &Namespace {
        &self.network.client
    }

    /// Writes a configuration: lines for the table `relay`, groups with the numbers of their servers, and interfaces.
    fn configure(&self, relay: &str, groups: &[(&str, &[usize])], interfaces: &[Interface<'_>]) {
        let mut text = String::new();
        for (name, servers) in groups {
            let servers: Vec<String> =
                servers.iter().map(|&number| format!("\"{}\"", server(number))).collect();
            text += &format!("[[server_group]]\nname = \"{name}\"\nservers = [{}]\n", servers.join(", "));
        }
        for Interface { vlan, group, more } in interfaces {
            text += &format!("[[interface]]\nname = \"{EDGE}\"\nserver_group = \"{group}\"\n");
            text += &match vlan {
                Some(vlan) => format!("vlan = {vlan}\naddress = \"192.168.{vlan}.2\"\n"),
                None => "address = \"192.168.60.2\"\n".to_owned(),
            };
            text += more;
            text += "\n";
        }
        self.site.configure(self.mode, relay, &text).unwrap();
    }

    fn start(&self) -> Proc {
        self.site.start().unwrap()
    }

    /// Has the relay read the configuration.
    fn reload(&self) -> Reloaded {
        control::ask(&self.site.socket(), Command::Reload).unwrap()
    }

    fn interface(&self, vlan: Option<&str>) -> InterfaceStats {
        let stats = self.site.stats().unwrap();
        let found = stats.interfaces.iter().find(|interface| interface.vlan.as_deref() == vlan);
        found.cloned().unwrap_or_else(|| panic!("{vlan:?}: {stats:?}"))
    }

    fn discovers(&self) -> Count {
        self.interface(None).requests["discover"]
    }
}

/// An interface of the configuration, on the port to the clients.
struct Interface<'a> {
    vlan: Option<u8>,
    group: &'a str,
    more: &'a str,
}

/// Untagged, with more lines.
fn untagged<'a>(group: &'a str, more: &'a str) -> Interface<'a> {
    Interface { vlan: None, group, more }
}

/// In a VLAN, with more lines.
fn tagged<'a>(vlan: u8, group: &'a str, more: &'a str) -> Interface<'a> {
    Interface { vlan: Some(vlan), group, more }
}
