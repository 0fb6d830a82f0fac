//! How the listener begins: bound before the daemon is ready, refused with the reason, absent; and what it answers.

use std::net::TcpListener;

use relay_tests::churn::server;
use relay_tests::lab::direct::{Direct, EDGE};
use relay_tests::lab::{Namespace, Proc};
use relay_tests::scrape::{request, scrape};
use relay_tests::site::Site;
use relay_tests::subject::Mode;

use super::{ADDRESS, listen};

/// A relay without traffic.
pub(super) struct Stage {
    network: Direct,
    pub(super) site: Site,
}

impl Stage {
    pub(super) fn new(title: &str) -> Self {
        let network = Direct::new(&format!("metrics-{title}"), 1).unwrap();
        let site = Site::new(&network.relay).unwrap();
        Self { network, site }
    }

    pub(super) fn host(&self) -> &Namespace {
        &self.network.relay
    }

    /// With lines for the table `relay`.
    pub(super) fn configure(&self, relay: &str) {
        let rest = format!(
            "[[server_group]]\nname = \"core\"\nservers = [\"{}\"]\n[[interface]]\nname = \"{EDGE}\"\n\
             server_group = \"core\"\n",
            server(0)
        );
        self.site.configure(Mode::Off, relay, &rest).unwrap();
    }

    pub(super) fn start(&self, relay: &str) -> Proc {
        self.configure(relay);
        self.site.start().unwrap()
    }

    /// Addresses and ports on which somebody listens in the relay's namespace.
    pub(super) fn listening(&self) -> Vec<String> {
        let table = self.host().run("ss -H -l -t -n").unwrap();
        table.lines().map(|line| line.split_whitespace().nth(3).unwrap().to_owned()).collect()
    }

    /// Somebody else listens there until the value is dropped.
    pub(super) fn occupies(&self, address: &str) -> TcpListener {
        self.host().enter(|| TcpListener::bind(address)).unwrap().unwrap()
    }
}

#[test]
fn without_the_key_nobody_listens() {
    let stage = Stage::new("absent");
    let relay = stage.start("");
    assert_eq!(stage.listening(), [""; 0]);
    assert!(relay.stop().unwrap().success());
}

#[test]
fn metrics_and_their_place_are_answered_and_nothing_else() {
    let stage = Stage::new("paths");
    let relay = stage.start(&listen(ADDRESS));
    assert_eq!(stage.listening(), [ADDRESS.to_string()]);
    let ask = |method, path| request(stage.host(), method, ADDRESS, path).unwrap();

    let metrics = ask("GET", "/metrics");
    assert_eq!((metrics.status, metrics.length), (200, metrics.body.len()));
    assert_eq!(metrics.content_type, "text/plain; version=0.0.4; charset=utf-8");
    assert!(metrics.body.contains("xdp_dhcrelay_build_info{version=\""), "{metrics:?}");
    let head = ask("HEAD", "/metrics");
    assert_eq!((head.status, head.length, head.body.as_str()), (200, metrics.length, ""));
    assert_eq!(head.content_type, metrics.content_type);
    let query = ask("GET", "/metrics?name=x");
    assert_eq!(query.status, 200, "{query:?}");

    let index = ask("GET", "/");
    assert_eq!((index.status, index.body.as_str()), (200, "xdp-dhcrelay: the metrics are at /metrics\n"));
    for path in ["/metrics/", "/status", "/../metrics"] {
        let answer = ask("GET", path);
        assert_eq!(answer.status, 404, "{path}: {answer:?}");
        assert!(answer.body.contains("/metrics"), "{path}: {answer:?}");
    }
    for path in ["/", "/metrics"] {
        let answer = ask("POST", path);
        assert_eq!((answer.status, answer.allow.as_deref()), (405, Some("GET, HEAD")), "{path}: {answer:?}");
    }
    assert!(relay.stop().unwrap().success());
    assert_eq!(stage.listening(), [""; 0]);
}

#[test]
fn a_port_that_is_taken_and_an_address_that_is_not_there_end_the_start_with_key_and_remedy() {
    let stage = Stage::new("taken");
    let taken = stage.occupies("127.0.0.1:9567");
    for (address, code, said) in [
        (
            "127.0.0.1:9567",
            1,
            "relay.metrics_listen: something else listens on 127.0.0.1:9567 already; name another port",
        ),
        ("0.0.0.0:9567", 1, "relay.metrics_listen: something else listens on 0.0.0.0:9567 already"),
        (
            "192.0.2.77:9567",
            2,
            "relay.metrics_listen: this machine does not have the address 192.0.2.77; name an address of this machine",
        ),
    ] {
        stage.configure(&listen(address.parse().unwrap()));
        let (line, ended) = stage.site.ends_by_itself(said).unwrap();
        assert_eq!(ended, Some(code), "{address}: {line}");
        assert!(line.contains("xdp-dhcrelay.toml:"), "{address}: {line}");
    }
    drop(taken);
    let relay = stage.start(&listen(ADDRESS));
    scrape(stage.host(), ADDRESS).unwrap();
    assert!(relay.stop().unwrap().success());
}

#[test]
fn a_restart_has_its_port_at_once_also_after_answers() {
    let stage = Stage::new("again");
    for _ in 0..3 {
        let relay = stage.start(&listen(ADDRESS));
        scrape(stage.host(), ADDRESS).unwrap();
        stage.site.kill(relay).unwrap();
    }
}

#[test]
fn a_listener_on_ipv6_answers() {
    let stage = Stage::new("ipv6");
    stage.host().sysctl("net/ipv6/conf/lo/disable_ipv6", "0").unwrap();
    let address = "[::1]:9567".parse().unwrap();
    let relay = stage.start(&listen(address));
    scrape(stage.host(), address).unwrap();
    assert!(relay.stop().unwrap().success());
}
