//! What a scrape is to say by the JSON of the same daemon, reckoned without its code.

use std::collections::BTreeMap;

use relay_tests::lab::{Namespace, wait};
use relay_tests::scrape::{Samples, scrape};
use relay_tests::site::Site;
use relay_user::control::leases::{ClientStats, Filter, Leases, Servers};
use relay_user::control::model::{Count, Stats, Status};

use super::{ADDRESS, DEADLINE};

/// What the four commands say.
#[derive(Debug, PartialEq)]
struct Said {
    status: Status,
    stats: Stats,
    servers: Servers,
    states: BTreeMap<String, u64>,
}

impl Said {
    fn by(site: &Site) -> anyhow::Result<Self> {
        // The time goes on also at rest.
        let status = Status { uptime_seconds: 0, ..site.status()? };
        let Leases { clients: _, leases } = site.leases(Filter::default())?;
        let mut states = BTreeMap::new();
        for lease in leases {
            *states.entry(lease.state).or_default() += 1;
        }
        Ok(Self { status, stats: site.stats()?, servers: site.servers()?, states })
    }

    /// What a scrape is to have of `stats`, `status` and `leases`; of `servers` while nothing is older than an hour.
    fn expected(&self) -> Expected {
        let Self { status, stats, servers, states } = self;
        let mut expected = Expected::default();
        expected.relaying(stats);
        expected.clients(&stats.clients, states);
        expected.put("start_time_seconds", status.started_unix);
        for group in &status.groups {
            for server in &group.servers {
                let labels = format!("group=\"{}\",server=\"{}\",vrf=\"\"", group.name, server.address);
                expected.put(format!("server_path{{{labels},path=\"{}\"}}", server.path), 1);
            }
        }
        for port in &status.ports {
            expected.put(format!("port_mode{{port=\"{}\",mode=\"{}\"}}", port.name, port.mode), 1);
        }
        for interface in &status.interfaces {
            let vlan = interface.vlan.as_deref().unwrap_or_default();
            let labels = format!("interface=\"{}\",vlan=\"{vlan}\"", interface.name);
            expected.put(format!("interface_relays{{{labels}}}"), u64::from(interface.relays));
        }
        for group in &servers.groups {
            for server in &group.servers {
                let labels = format!("group=\"{}\",server=\"{}\",vrf=\"\"", group.name, server.address);
                let offers = server.offers.iter().sum::<u32>();
                for (message, count) in [("offer", offers), ("ack", server.acks), ("nak", server.naks)] {
                    expected
                        .put(format!("server_answers_total{{{labels},message=\"{message}\"}}"), count.into());
                }
                expected.put(format!("server_offered_clients_total{{{labels}}}"), server.clients.into());
            }
        }
        expected
    }
}

#[derive(Debug, Default)]
struct Expected(BTreeMap<String, u64>);

impl Expected {
    fn put(&mut self, name: impl Into<String>, value: u64) {
        self.0.insert(name.into(), value);
    }

    fn add(&mut self, name: String, value: u64) {
        *self.0.entry(name).or_default() += value;
    }

    /// Both paths of a total, and of the interface, where they are not zero.
    fn count(&mut self, name: &str, labels: &str, interface: Option<&str>, count: Count) {
        for (path, value) in [("fast", count.fast), ("slow", count.slow)] {
            let labels = [labels, &format!("path=\"{path}\"")].join(if labels.is_empty() { "" } else { "," });
            self.add(format!("{name}_total{{{labels}}}"), value);
            if let Some(interface) = interface.filter(|_| value > 0) {
                self.put(format!("interface_{name}_total{{{interface},{labels}}}"), value);
            }
        }
    }

    fn relaying(&mut self, stats: &Stats) {
        for interface in &stats.interfaces {
            let vlan = interface.vlan.as_deref().unwrap_or_default();
            let own = format!("interface=\"{}\",vlan=\"{vlan}\"", interface.name);
            for (name, counts) in [("requests", &interface.requests), ("replies", &interface.replies)] {
                for (message, count) in counts {
                    self.count(name, &format!("message=\"{message}\""), Some(&own), *count);
                }
            }
            for (name, count) in [
                ("requests_without_option82", interface.option82_left_out),
                ("requests_with_swapped_secs", interface.swapped_secs),
                ("requests_to_holder", interface.to_holder),
            ] {
                self.count(name, "", Some(&own), count);
            }
            for (reason, count) in &interface.reasons {
                for (path, value) in
                    [("fast", count.fast), ("slow", count.slow)].into_iter().filter(|of| of.1 > 0)
                {
                    let labels = format!("{own},reason=\"{reason}\",path=\"{path}\"");
                    self.put(format!("interface_not_relayed_frames_total{{{labels}}}"), value);
                }
            }
        }
        for (reason, count) in &stats.unattributed {
            self.count("unattributed_frames", &format!("reason=\"{reason}\""), None, *count);
        }
        self.count("copies", "", None, stats.copies);
        self.put("send_errors_total", stats.send_errors);
        self.put("receive_drops_total", stats.receive_drops);
        self.put("punts_total", stats.punts);
        self.put("punts_lost_total", stats.punts_lost);
        self.put("cuts_lost_total", stats.cuts_lost);
    }

    fn clients(&mut self, clients: &ClientStats, states: &BTreeMap<String, u64>) {
        for (state, count) in states {
            self.put(format!("clients{{vrf=\"\",state=\"{state}\"}}"), *count);
        }
        for (reason, count) in &clients.ignored {
            self.put(format!("client_messages_ignored_total{{reason=\"{reason}\"}}"), *count);
        }
        self.put("clients_max", clients.clients_max);
        self.put("client_messages_total", clients.messages);
        self.put("client_messages_suspicious_total", clients.suspicious);
        self.put("client_limit_reached_total", clients.limit_reached);
        self.put("client_messages_lost_total{message=\"discover\"}", clients.discovers_lost);
        self.put("client_messages_lost_total{message=\"other\"}", clients.events_lost);
        self.put("lease_store_writes_total", clients.stored);
        self.put("lease_store_failing", clients.store_error.is_some().into());
        self.put("host_routes", clients.host_routes);
    }
}

/// A scrape of a moment in which nothing happens: the commands say the same before and after it, and it says what they say.
pub(super) fn at_rest(site: &Site, host: &Namespace) -> Samples {
    let (said, samples) = wait::until("nothing happens", DEADLINE, || {
        let before = Said::by(site)?;
        let samples = scrape(host, ADDRESS)?;
        Ok((Said::by(site)? == before).then_some((before, samples)))
    })
    .unwrap();
    let expected = said.expected();
    assert!(expected.0.len() > 150, "{expected:?}");
    for (name, value) in &expected.0 {
        assert_eq!(samples.find(name), Some(*value as f64), "{name}: {said:?}\n{samples:?}");
    }
    // And no series of an interface that the JSON has not.
    for (name, _) in
        samples.iter().filter(|(name, _)| name.contains("_interface_") && name.contains("_total{"))
    {
        assert!(expected.0.contains_key(name.trim_start_matches("xdp_dhcrelay_")), "{name}: {said:?}");
    }
    samples
}
