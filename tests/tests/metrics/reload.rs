//! A reload moves the listener, ends it and begins it, or refuses the whole configuration; totals do not go back with an interface
//! that goes.

use std::net::SocketAddr;

use relay_tests::churn::{DISCOVER, Wires, from_client, server};
use relay_tests::lab::build::Datagram;
use relay_tests::lab::direct::{Direct, EDGE};
use relay_tests::lab::packet::{Deliver, PacketSocket};
use relay_tests::lab::wait;
use relay_tests::scrape::{Samples, request, scrape};
use relay_tests::site::Site;
use relay_tests::subject::Mode;

use super::listener::Stage;
use super::{ADDRESS, DEADLINE, listen};

fn at(address: &str) -> SocketAddr {
    address.parse().unwrap()
}

#[test]
fn a_reload_moves_the_listener_and_the_old_address_refuses() {
    let stage = Stage::new("moves");
    let relay = stage.start("");
    let mut before: Option<SocketAddr> = None;
    // From none to one, to another port, to all addresses with the same port and back, and to none.
    for next in
        [Some("127.0.0.1:9567"), Some("127.0.0.1:9568"), Some("0.0.0.0:9568"), Some("127.0.0.1:9568"), None]
    {
        stage.configure(&next.map(|next| listen(at(next))).unwrap_or_default());
        let said = stage.site.prints(&["reload"]).unwrap();
        assert!(said.contains("metrics_listen"), "{said}");
        assert_eq!(stage.listening(), Vec::from_iter(next), "after {before:?}");
        if let Some(next) = next {
            scrape(stage.host(), SocketAddr::new(ADDRESS.ip(), at(next).port())).unwrap();
        }
        if let Some(before) = before.filter(|before| next.is_none_or(|next| at(next).port() != before.port()))
        {
            let refused = request(stage.host(), "GET", before, "/metrics").unwrap_err();
            assert!(format!("{refused:#}").contains("refused"), "{before}: {refused:#}");
        }
        before = next.map(at);
    }
    assert!(relay.stop().unwrap().success());
}

#[test]
fn a_reload_to_an_address_that_cannot_be_had_changes_nothing() {
    let stage = Stage::new("refused");
    let relay = stage.start(&listen(ADDRESS));
    let _taken = [stage.occupies("127.0.0.1:9570"), stage.occupies("127.0.0.2:9567")];
    for (address, code, said) in [
        ("127.0.0.1:9570", 1, "relay.metrics_listen: something else listens on 127.0.0.1:9570 already"),
        // Its own listener has the port too, and is not what is in the way.
        ("0.0.0.0:9567", 1, "relay.metrics_listen: something else listens on 0.0.0.0:9567 already"),
        ("192.0.2.77:9567", 2, "relay.metrics_listen: this machine does not have the address 192.0.2.77"),
    ] {
        let mark = relay.lines().len();
        stage.configure(&format!("max_hops = 3\n{}", listen(at(address))));
        let outcome = stage.site.outcome(&["reload"]).unwrap();
        let complaint = String::from_utf8(outcome.stderr).unwrap();
        assert_eq!(outcome.status.code(), Some(code), "{address}: {complaint}");
        assert!(
            complaint.contains(said) && complaint.contains("xdp-dhcrelay.toml:"),
            "{address}: {complaint}"
        );
        relay.wait_for_line_after(mark, "the configuration is not reloaded", DEADLINE).unwrap();
        scrape(stage.host(), ADDRESS).unwrap();
    }
    let mut listening = stage.listening();
    listening.sort();
    assert_eq!(listening, ["127.0.0.1:9567", "127.0.0.1:9570", "127.0.0.2:9567"]);
    // The other key is not in force either.
    stage.configure(&format!("max_hops = 3\n{}", listen(ADDRESS)));
    let said = stage.site.prints(&["reload"]).unwrap();
    assert!(said.contains("max_hops") && !said.contains("metrics_listen"), "{said}");
    scrape(stage.host(), ADDRESS).unwrap();
    assert!(relay.stop().unwrap().success());
}

fn totals_do_not_go_back_with_an_interface_that_goes(mode: Mode) {
    let network = Direct::new(&format!("metrics-gone-{mode:?}").to_lowercase(), 1).unwrap();
    for (host, offloads) in [
        (&network.client, ["txvlan", "tx-vlan-stag-hw-insert"]),
        (&network.relay, ["rxvlan", "rx-vlan-stag-hw-parse"]),
    ] {
        offloads.iter().for_each(|offload| host.offload(EDGE, offload, false).unwrap());
    }
    network.relay.address(EDGE, "192.168.7.2/24").unwrap();
    let wires = Wires::new(&network).unwrap();
    let site = Site::new(&network.relay).unwrap();
    let configure = |interfaces: &[&str]| {
        let mut text = format!("[[server_group]]\nname = \"core\"\nservers = [\"{}\"]\n", server(0));
        for more in interfaces {
            text += &format!("[[interface]]\nname = \"{EDGE}\"\nserver_group = \"core\"\n{more}\n");
        }
        site.configure(mode, &listen(ADDRESS), &text).unwrap();
    };
    let (untagged, tagged) = ("address = \"192.168.60.2\"", "vlan = 7\naddress = \"192.168.7.2\"");
    configure(&[tagged, untagged]);
    let _relay = site.start().unwrap();

    let path = if mode.is_fast() { "fast" } else { "slow" };
    let discovers = |samples: &Samples| {
        samples.get(&format!("requests_total{{message=\"discover\",path=\"{path}\"}}")).unwrap()
    };
    let of = |samples: &Samples, vlan: &str| {
        let labels = format!("interface=\"{EDGE}\",vlan=\"{vlan}\",message=\"discover\",path=\"{path}\"");
        samples.find(&format!("interface_requests_total{{{labels}}}"))
    };
    let sender = PacketSocket::open(&network.client, EDGE, Deliver::Nothing).unwrap();
    for xid in 1..=3 {
        let message = from_client(1, DISCOVER, xid);
        let mut datagram = Datagram::from_client(*message.chaddr.first_chunk().unwrap(), &message);
        datagram.tags = vec![(0x8100, 7)];
        sender.send(&datagram.frame()).unwrap();
        wires.reaches(0, xid, DISCOVER).unwrap();
    }
    wires.client_sends(&from_client(2, DISCOVER, 4)).unwrap();
    wires.reaches(0, 4, DISCOVER).unwrap();
    // A copy is on the wire a moment before it is counted.
    let samples = wait::until("all are counted", DEADLINE, || {
        let samples = scrape(&network.relay, ADDRESS)?;
        Ok((discovers(&samples) == 4.0).then_some(samples))
    })
    .unwrap();
    assert_eq!((of(&samples, "7"), of(&samples, "")), (Some(3.0), Some(1.0)), "{mode:?}");

    for (interfaces, total, own) in [
        (&[untagged][..], 4.0, (None, Some(1.0))),
        // It begins anew.
        (&[untagged, tagged][..], 4.0, (None, Some(1.0))),
        (&[tagged][..], 4.0, (None, None)),
    ] {
        configure(interfaces);
        site.prints(&["reload"]).unwrap();
        let samples = scrape(&network.relay, ADDRESS).unwrap();
        assert_eq!(discovers(&samples), total, "{mode:?} {interfaces:?}");
        assert_eq!((of(&samples, "7"), of(&samples, "")), own, "{mode:?} {interfaces:?}");
    }
}

#[test]
fn totals_do_not_go_back_with_an_interface_that_goes_in_every_mode() {
    Mode::ALL.into_iter().for_each(totals_do_not_go_back_with_an_interface_that_goes);
}
