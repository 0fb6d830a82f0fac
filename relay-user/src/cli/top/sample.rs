//! Rounds for tests: what a daemon would answer, made of the few numbers that matter.

use std::time::{Duration, Instant};

use relay_user::control::{
    leases::{ClientStats, FindingRow, GroupWatch, ServerWatch, Servers},
    model::{
        self, Count, FastPathStatus, GroupStatus, InterfaceStats, InterfaceStatus, ServerPath, ServerStatus,
        Stats, Status,
    },
};

use super::round::{Round, without_zeros};

pub(super) fn fast(fast: u64) -> Count {
    Count { fast, slow: 0 }
}

/// An interface that has relayed so many DISCOVERs and OFFERs, and refused so many frames because of their hops.
pub(super) fn interface(name: &str, vlan: Option<&str>, counts: [Count; 3]) -> InterfaceStats {
    let [discovers, offers, hop_limit] = counts;
    let only = |wanted: &'static str, count: Count| {
        let mut all = model::messages(|_| Count::default());
        all.insert(wanted.to_owned(), count);
        all
    };
    let mut reasons = model::reasons(|_| Count::default());
    reasons.insert("hop_limit".to_owned(), hop_limit);
    InterfaceStats {
        index: 0,
        name: name.to_owned(),
        vlan: vlan.map(str::to_owned),
        requests: only("discover", discovers),
        replies: only("offer", offers),
        option82_left_out: Count::default(),
        swapped_secs: Count::default(),
        to_holder: Count::default(),
        reasons,
    }
}

/// A round `after` the time `start`, of a daemon with these interfaces.
pub(super) fn round(start: Instant, after: Duration, interfaces: Vec<InterfaceStats>) -> Round {
    let millis = u64::try_from(after.as_millis()).expect("a short time");
    let stats = Stats {
        interfaces,
        unattributed: model::reasons(|_| Count::default()),
        copies: Count::default(),
        send_errors: 0,
        receive_drops: 0,
        punts: 0,
        punts_lost: 0,
        cuts_lost: 0,
        clients: ClientStats { clients_max: 262_144, ..ClientStats::default() },
    };
    Round {
        at: start + after,
        unix_milliseconds: 1_760_000_000_000 + millis,
        status: status(&stats),
        stats: without_zeros(stats),
        servers: servers(),
    }
}

fn status(stats: &Stats) -> Status {
    let interface = |interface: &InterfaceStats| InterfaceStatus {
        index: interface.index,
        name: interface.name.clone(),
        vlan: interface.vlan.clone(),
        vrf: interface.vlan.is_some().then(|| "red".to_owned()),
        on: Vec::new(),
        address: [192, 168, 60, 2].into(),
        giaddr: [192, 168, 60, 2].into(),
        group: "core".to_owned(),
        relays: true,
        note: None,
    };
    let server = |last: u8, path, reason: Option<&str>| ServerStatus {
        address: [10, 0, 41, last].into(),
        vrf: None,
        path,
        device: None,
        gateway: None,
        mac: None,
        reason: reason.map(str::to_owned),
    };
    Status {
        version: "0.1.0".to_owned(),
        pid: 4711,
        started_unix: 1_759_726_340,
        uptime_seconds: 273_660,
        config: "/etc/xdp-dhcrelay.toml".to_owned(),
        fast_path: FastPathStatus { setting: "prefer".to_owned(), active: true, note: None },
        ports: Vec::new(),
        interfaces: stats.interfaces.iter().map(interface).collect(),
        groups: vec![GroupStatus {
            name: "core".to_owned(),
            vrf: None,
            servers: vec![
                server(10, ServerPath::Fast, None),
                server(11, ServerPath::Slow, Some("its next hop 10.0.41.11 does not answer ARP")),
            ],
        }],
    }
}

fn servers() -> Servers {
    let server = |last: u8, offers: u32| ServerWatch {
        address: [10, 0, 41, last].into(),
        vrf: None,
        min_secs: 0,
        clients: offers,
        offers: vec![offers, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        acks: offers,
        naks: 0,
        latencies: vec![0, offers, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    };
    Servers {
        groups: vec![GroupWatch {
            name: "core".to_owned(),
            vrf: None,
            discovers: vec![0; 11],
            clients: vec![0; 11],
            servers: vec![server(10, 1204), server(11, 0)],
        }],
        findings: vec![FindingRow {
            warning: true,
            text: "server 10.0.41.11 of group core has not answered in the last hour, while 10.0.41.10 has; see whether it \
                   runs, and whether it can reach the giaddr"
                .to_owned(),
        }],
    }
}
