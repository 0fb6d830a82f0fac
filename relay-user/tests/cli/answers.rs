//! What a daemon could answer: of everything that `status` and `stats` show, one that says it and one that does not.

use relay_common::Reason;
use relay_user::clients::Ignored;
use relay_user::control::{
    Command, Question, Source,
    leases::{
        self, ClientStats, FindingRow, GroupWatch, LeaseRow, LeasequeryStats, Leases, OfferRow, ServerWatch,
        Servers,
    },
    model::{
        self, Count, FastPathStatus, GroupStatus, InterfaceStats, InterfaceStatus, PortMode, PortStatus,
        ServerPath, ServerStatus, Stats, Status, TakenUp,
    },
};

pub(crate) struct Answers {
    pub(crate) status: Status,
    pub(crate) stats: Stats,
    pub(crate) leases: Leases,
    pub(crate) servers: Servers,
}

impl Source for Answers {
    fn answer(&self, question: &Question) -> Result<Vec<u8>, String> {
        match question.command {
            Command::Status => serde_json::to_vec(&self.status),
            Command::Stats => serde_json::to_vec(&self.stats),
            Command::Leases => serde_json::to_vec(&self.leases),
            Command::Servers => serde_json::to_vec(&self.servers),
            Command::Reload => return Err("carried out, not answered".into()),
            Command::Events => return Err("followed, not answered".into()),
        }
        .map_err(|error| error.to_string())
    }
}

pub(crate) fn answers() -> Answers {
    Answers { status: status(), stats: stats(), leases: leases(), servers: servers() }
}

pub(crate) fn status() -> Status {
    let server = |last: u8, path| ServerStatus {
        address: [10, 0, 41, last].into(),
        vrf: None,
        path,
        device: None,
        gateway: None,
        mac: None,
        reason: None,
    };
    Status {
        version: "0.1.0".into(),
        pid: 4711,
        started_unix: 1_760_000_000,
        uptime_seconds: 273_660,
        config: "/etc/xdp-dhcrelay.toml".into(),
        fast_path: FastPathStatus { setting: "prefer".into(), active: true, note: None },
        ports: vec![
            PortStatus {
                name: "eth0".into(),
                ifindex: 2,
                mode: PortMode::Native,
                clients: false,
                servers: true,
                note: None,
            },
            PortStatus {
                name: "eth1".into(),
                ifindex: 3,
                mode: PortMode::Generic,
                clients: true,
                servers: true,
                note: Some("the driver has no XDP".into()),
            },
        ],
        interfaces: vec![
            InterfaceStatus {
                index: 1,
                name: "eth1".into(),
                vlan: Some("200.7".into()),
                vrf: Some("red".into()),
                on: vec![TakenUp {
                    device: "eth1".into(),
                    vlan: Some("200.7".into()),
                    mode: PortMode::Generic,
                }],
                address: [192, 168, 60, 2].into(),
                giaddr: [10, 255, 0, 1].into(),
                group: "core".into(),
                relays: true,
                note: None,
            },
            InterfaceStatus {
                index: 2,
                name: "eth1".into(),
                vlan: None,
                vrf: None,
                on: vec![],
                address: [192, 168, 61, 2].into(),
                giaddr: [192, 168, 61, 2].into(),
                group: "core".into(),
                relays: false,
                note: Some("the device is down".into()),
            },
        ],
        groups: vec![GroupStatus {
            name: "core".into(),
            vrf: None,
            servers: vec![
                ServerStatus {
                    device: Some("eth0".into()),
                    gateway: Some([10, 0, 40, 1].into()),
                    mac: Some("02:00:00:00:00:01".into()),
                    ..server(10, ServerPath::Fast)
                },
                ServerStatus {
                    device: Some("eth0".into()),
                    reason: Some("its next hop does not answer ARP".into()),
                    ..server(11, ServerPath::Slow)
                },
                ServerStatus { reason: Some("there is no route".into()), ..server(12, ServerPath::None) },
            ],
        }],
    }
}

pub(crate) fn stats() -> Stats {
    let fast = |fast| Count { fast, slow: 0 };
    let nothing = |index, vlan: Option<&str>| InterfaceStats {
        index,
        name: "eth1".into(),
        vlan: vlan.map(str::to_owned),
        requests: model::messages(|_| Count::default()),
        replies: model::messages(|_| Count::default()),
        option82_left_out: Count::default(),
        swapped_secs: Count::default(),
        to_holder: Count::default(),
        reasons: model::reasons(|_| Count::default()),
    };
    Stats {
        interfaces: vec![
            InterfaceStats {
                requests: model::messages(|slot| match slot {
                    0 => fast(2),
                    1 => Count { fast: 1_204_000, slow: 3 },
                    3 => fast(1_199_871),
                    15 => Count { fast: 0, slow: 1 },
                    _ => Count::default(),
                }),
                replies: model::messages(|slot| if slot == 2 { fast(2_408_000) } else { Count::default() }),
                reasons: model::reasons(|reason| match reason {
                    Reason::HopLimit => fast(4),
                    Reason::Fragment => fast(9),
                    _ => Count::default(),
                }),
                ..nothing(1, Some("100"))
            },
            nothing(2, None),
        ],
        unattributed: model::reasons(|reason| match reason {
            Reason::UnknownServer => Count { fast: 1, slow: 12 },
            _ => Count::default(),
        }),
        copies: Count { fast: 4_807_742, slow: 8 },
        send_errors: 1,
        receive_drops: 2,
        punts: 5,
        punts_lost: 0,
        cuts_lost: 0,
        clients: ClientStats {
            clients: 12,
            bound: 10,
            clients_max: 262_144,
            messages: 400,
            ignored: leases::ignored(|reason| match reason {
                Ignored::Duplicate => 5,
                Ignored::NotAServer => 2,
                _ => 0,
            }),
            suspicious: 2,
            limit_reached: 0,
            events_lost: 3,
            discovers_lost: 70,
            stored: 30,
            store_error: Some("the disk is full".into()),
            unpublished: 4,
            host_routes: 9,
            host_route_conflicts: 1,
            host_route_failures: 0,
            leasequery: Some(LeasequeryStats {
                sent: 508,
                retries: 3,
                active: 12,
                unassigned: 490,
                recovered: 11,
                updated: 1,
                unplaced: 1,
                asking: true,
                ..LeasequeryStats::default()
            }),
        },
    }
}

pub(crate) fn leases() -> Leases {
    let offer = |server: u8, address: u8| OfferRow {
        server: [10, 0, 41, server].into(),
        server_id: [10, 0, 41, server].into(),
        address: [192, 168, 60, address].into(),
        lease_seconds: 1800,
    };
    let bound = LeaseRow {
        interface: "eth1".into(),
        vlan: Some("100".into()),
        vrf: None,
        mac: Some("02:00:00:00:00:01".into()),
        client_id: Some("01020000000001".into()),
        state: "bound".into(),
        address: Some([192, 168, 60, 31].into()),
        server: Some([10, 0, 41, 10].into()),
        server_id: Some([10, 0, 41, 10].into()),
        lease_seconds: Some(1800),
        t1_seconds: Some(900),
        t2_seconds: None,
        age_seconds: Some(60),
        expires_in_seconds: Some(1740),
        xid: 7,
        secs: 0,
        offers: vec![offer(10, 31), offer(11, 99)],
    };
    let gone = LeaseRow {
        mac: Some("02:00:00:00:00:02".into()),
        client_id: None,
        state: "released".into(),
        address: Some([192, 168, 60, 32].into()),
        lease_seconds: Some(u32::MAX),
        expires_in_seconds: None,
        offers: Vec::new(),
        ..bound.clone()
    };
    Leases { clients: 12, leases: vec![bound, gone] }
}

pub(crate) fn servers() -> Servers {
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
            name: "core".into(),
            vrf: None,
            discovers: vec![20, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0],
            clients: vec![20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            servers: vec![server(10, 20), server(11, 0)],
        }],
        findings: vec![FindingRow {
            warning: true,
            text: "10.0.41.11 is silent while its partner answers".into(),
        }],
    }
}
