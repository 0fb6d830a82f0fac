//! The text of a scrape, made of facts that are written down here: every sample, every name, every number.

#[expect(dead_code, reason = "what the command line is asked for besides")]
#[path = "cli/answers.rs"]
mod answers;
#[path = "metrics/numbers.rs"]
mod numbers;

use std::{net::Ipv4Addr, path::Path, time::Duration};

use relay_common::{Reason, abi::MESSAGE_NAMES};
use relay_user::{
    clients::{
        Ignored, State,
        watch::{GroupCounts, ServerCounts},
    },
    control::model::{self, Count, InterfaceStats},
    metrics::{ALL, Facts, GroupEver, InterfaceClients, TableFacts, render},
};

/// What the answers to `status`, `stats` and `servers` of the tests of the command line say, and what is only in metrics.
fn facts() -> Facts {
    let stats = answers::stats();
    let states = State::ALL.map(|state| match state {
        State::Bound => 9,
        State::Rebinding | State::Selecting | State::Expired => 1,
        _ => 0,
    });
    let server = |last: u8, counts| (Ipv4Addr::new(10, 0, 41, last), None, counts);
    let mut answered = ServerCounts { clients: 20, acks: 20, naks: 1, ..ServerCounts::default() };
    (answered.offers[0], answered.offers[10]) = (19, 1);
    (answered.latencies[0], answered.latencies[2], answered.latencies[15]) = (38, 2, 1);
    answered.waited_for = Duration::from_millis(20_250);
    let mut together = GroupCounts { different: 2, ..GroupCounts::default() };
    (together.discovers[0], together.discovers[3], together.clients[0]) = (20, 1, 20);
    Facts {
        status: answers::status(),
        table: TableFacts {
            stats: stats.clients.clone(),
            servers: answers::servers(),
            ever: vec![GroupEver {
                name: "core".into(),
                counts: together,
                servers: vec![server(10, answered), server(11, ServerCounts::default())],
            }],
            clients: vec![InterfaceClients {
                interface: "eth1".into(),
                vlan: Some("200.7".into()),
                vrf: Some("red".into()),
                states,
            }],
        },
        stats,
        gone: nothing(),
    }
}

/// No interface has gone.
fn nothing() -> InterfaceStats {
    InterfaceStats {
        index: 0,
        name: String::new(),
        vlan: None,
        requests: model::messages(|_| Count::default()),
        replies: model::messages(|_| Count::default()),
        option82_left_out: Count::default(),
        swapped_secs: Count::default(),
        to_holder: Count::default(),
        reasons: model::reasons(|_| Count::default()),
    }
}

fn text(facts: Facts) -> String {
    render(facts).expect("facts can be written")
}

fn has(text: &str, sample: &str) {
    assert!(text.lines().any(|line| line == sample), "no line {sample} in:\n{text}");
}

/// `BLESS=1` writes the file anew.
#[test]
fn a_scrape_is_the_golden_text_to_the_octet() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/metrics/scrape.txt");
    let text = text(facts());
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&file, &text).expect("written");
    }
    let golden = std::fs::read_to_string(&file).expect("the golden text");
    let different = golden.lines().zip(text.lines()).find(|(golden, line)| golden != line);
    assert_eq!(different, None, "the first line that differs");
    assert_eq!(text, golden);
}

#[test]
fn every_metric_of_the_list_is_there_in_its_order_and_no_other() {
    let text = text(facts());
    let helps: Vec<&str> = text.lines().filter(|line| line.starts_with("# HELP ")).collect();
    let types: Vec<&str> = text.lines().filter(|line| line.starts_with("# TYPE ")).collect();
    let listed =
        |line: &dyn Fn(&relay_user::metrics::Listed) -> String| ALL.iter().map(line).collect::<Vec<_>>();
    assert_eq!(helps, listed(&|metric| format!("# HELP {} {}", metric.name(), metric.help)));
    assert_eq!(types, listed(&|metric| format!("# TYPE {} {}", metric.name(), metric.kind.label())));
}

#[test]
fn totals_have_every_message_name_and_every_reason_for_both_paths_also_where_nothing_was_counted() {
    let mut empty = facts();
    empty.stats.interfaces.clear();
    empty.status.interfaces.clear();
    empty.stats.unattributed = model::reasons(|_| Count::default());
    let text = text(empty);
    for path in ["fast", "slow"] {
        for message in MESSAGE_NAMES {
            for direction in ["requests", "replies"] {
                has(
                    &text,
                    &format!("xdp_dhcrelay_{direction}_total{{message=\"{message}\",path=\"{path}\"}} 0"),
                );
            }
        }
        for reason in Reason::ALL {
            let (label, fate) = (reason.label(), reason.class().label());
            has(
                &text,
                &format!(
                    "xdp_dhcrelay_not_relayed_frames_total{{reason=\"{label}\",fate=\"{fate}\",path=\"{path}\"}} 0"
                ),
            );
            has(
                &text,
                &format!("xdp_dhcrelay_unattributed_frames_total{{reason=\"{label}\",path=\"{path}\"}} 0"),
            );
        }
    }
    for reason in Ignored::ALL {
        let sample = format!("xdp_dhcrelay_client_messages_ignored_total{{reason=\"{}\"}} ", reason.label());
        assert!(text.lines().any(|line| line.starts_with(&sample)), "{sample}");
    }
}

#[test]
fn an_interface_has_no_series_of_what_is_zero() {
    let text = text(facts());
    let untagged = |line: &&str| line.starts_with("xdp_dhcrelay_interface_") && line.contains("vlan=\"\"");
    let series: Vec<&str> = text.lines().filter(untagged).collect();
    assert_eq!(
        series,
        [
            "xdp_dhcrelay_interface_info{interface=\"eth1\",vlan=\"\",vrf=\"\",group=\"core\",\
             address=\"192.168.61.2\",giaddr=\"192.168.61.2\"} 1",
            "xdp_dhcrelay_interface_relays{interface=\"eth1\",vlan=\"\"} 0",
            "xdp_dhcrelay_interface_bound_clients{interface=\"eth1\",vlan=\"\"} 0",
        ]
    );
    let counted =
        "xdp_dhcrelay_interface_requests_total{interface=\"eth1\",vlan=\"100\",message=\"discover\"";
    has(&text, &format!("{counted},path=\"fast\"}} 1204000"));
    has(&text, &format!("{counted},path=\"slow\"}} 3"));
}

#[test]
fn what_was_counted_for_interfaces_that_are_gone_stays_in_the_totals() {
    let mut facts = facts();
    facts.gone.requests = model::messages(|slot| Count { fast: slot as u64, slow: 0 });
    facts.gone.reasons =
        model::reasons(|reason| Count { fast: 0, slow: u64::from(reason == Reason::HopLimit) });
    facts.gone.to_holder = Count { fast: 5, slow: 6 };
    let text = text(facts);
    has(&text, "xdp_dhcrelay_requests_total{message=\"discover\",path=\"fast\"} 1204001");
    has(&text, "xdp_dhcrelay_requests_total{message=\"release\",path=\"fast\"} 7");
    has(
        &text,
        "xdp_dhcrelay_not_relayed_frames_total{reason=\"hop_limit\",fate=\"dropped\",path=\"slow\"} 1",
    );
    has(&text, "xdp_dhcrelay_requests_to_holder_total{path=\"slow\"} 6");
    assert!(!text.contains("interface=\"\""), "it has no series of its own");
}

#[test]
fn labels_are_escaped() {
    let mut facts = facts();
    facts.status.groups[0].name = "co\"re\\\nnew".into();
    let text = text(facts);
    has(&text, r#"xdp_dhcrelay_server_path{group="co\"re\\\nnew",server="10.0.41.10",vrf="",path="fast"} 1"#);
}

#[test]
fn response_times_add_up_from_bound_to_bound() {
    let text = text(facts());
    let server = "group=\"core\",server=\"10.0.41.10\",vrf=\"\"";
    for (bound, answers) in [("0.001", 38), ("0.002", 38), ("0.004", 40), ("16.384", 40), ("+Inf", 41)] {
        let sample =
            format!("xdp_dhcrelay_server_response_seconds_bucket{{{server},le=\"{bound}\"}} {answers}");
        has(&text, &sample);
    }
    has(&text, &format!("xdp_dhcrelay_server_response_seconds_sum{{{server}}} 20.25"));
    has(&text, &format!("xdp_dhcrelay_server_response_seconds_count{{{server}}} 41"));
    assert!(
        !text.contains("response_seconds_count{group=\"core\",server=\"10.0.41.11\""),
        "it has not answered"
    );
}

#[test]
fn without_leasequeries_there_are_no_metrics_of_them() {
    let mut facts = facts();
    facts.stats.clients.leasequery = None;
    let text = text(facts);
    assert!(!text.contains("# HELP xdp_dhcrelay_leasequer"), "{text}");
    assert!(text.contains("# HELP xdp_dhcrelay_server_answers"), "what comes behind them is there");
}
