//! Rates of two rounds: what is compared with what, and what is not.

use std::time::{Duration, Instant};

use relay_user::control::model::Count;

use super::super::{
    figures::{Figures, Rate},
    rates::figures,
    round::Round,
    sample::{fast, interface, round},
};

const NOTHING: Count = Count { fast: 0, slow: 0 };

fn second(rate: Option<Rate>) -> (f64, f64) {
    rate.map(|rate| (rate.fast, rate.slow)).expect("a rate")
}

/// Two rounds of a daemon with one interface, so long apart.
fn two(apart: Duration, first: [Count; 3], then: [Count; 3]) -> (Round, Round) {
    let start = Instant::now();
    let at = |after, counts| round(start, after, vec![interface("eth1", Some("100"), counts)]);
    (at(Duration::ZERO, first), at(apart, then))
}

#[test]
fn a_rate_is_the_difference_over_the_time_in_between_by_path() {
    let (before, mut now) = two(
        Duration::from_millis(2500),
        [fast(1000), fast(50), fast(4)],
        [Count { fast: 1100, slow: 5 }, fast(50), fast(9)],
    );
    now.stats.copies = fast(500);
    now.stats.receive_drops = 10;
    now.stats.clients.messages = 25;
    let Figures { seconds, restarted, requests, replies, copies, dropped, lost, messages, clients, .. } =
        figures(Some(&before), &now);
    assert_eq!((seconds, restarted), (Some(2.5), false));
    assert_eq!((requests.total, second(requests.per_second)), (Count { fast: 1100, slow: 5 }, (40.0, 2.0)));
    assert_eq!((replies.sum(), second(replies.per_second)), (50, (0.0, 0.0)));
    assert_eq!((copies.sum(), second(copies.per_second)), (500, (200.0, 0.0)));
    assert_eq!((dropped.sum(), second(dropped.per_second)), (9, (2.0, 0.0)));
    assert_eq!((lost["receive_drops"].total, lost["receive_drops"].per_second), (10, Some(4.0)));
    assert_eq!((clients.messages.total, clients.messages.per_second), (25, Some(10.0)));
    assert_eq!(second(messages.requests["discover"].per_second), (40.0, 2.0));
    assert_eq!(second(messages.requests["release"].per_second), (0.0, 0.0), "every name is there");
}

#[test]
fn there_are_no_rates_in_the_first_round_and_none_without_time_in_between() {
    let (before, now) = two(Duration::ZERO, [fast(1), NOTHING, NOTHING], [fast(9), NOTHING, NOTHING]);
    for before in [None, Some(&before)] {
        let figures = figures(before, &now);
        assert_eq!((figures.seconds, figures.restarted), (None, false));
        assert_eq!((figures.requests.sum(), figures.requests.per_second), (9, None));
        assert_eq!(figures.interfaces[0].requests.per_second, None);
        assert_eq!(figures.lost["send_errors"].per_second, None);
        assert_eq!(figures.interfaces[0].fast_share, Some(1.0), "of all there were");
    }
}

#[test]
fn of_another_daemon_nothing_is_compared_and_it_is_said() {
    let (before, now) =
        two(Duration::from_secs(1), [fast(1_000_000), fast(7), fast(4)], [fast(2_000_000), NOTHING, NOTHING]);
    let mut other_process = now.clone();
    other_process.status.pid += 1;
    // A number of a process that has ended is given to another one day.
    let mut same_number = now.clone();
    same_number.status.started_unix += 60;
    for now in [other_process, same_number] {
        let figures = figures(Some(&before), &now);
        assert!(figures.restarted);
        assert_eq!((figures.seconds, figures.requests.per_second), (None, None));
        assert_eq!((figures.requests.sum(), figures.replies.sum()), (2_000_000, 0));
    }
    assert!(!figures(Some(&before), &now).restarted);
}

#[test]
fn an_interface_that_comes_counts_from_zero_and_one_that_goes_takes_nothing_from_the_others() {
    let (start, second_later) = (Instant::now(), Duration::from_secs(1));
    let counts = |requests| [fast(requests), NOTHING, NOTHING];
    let before = round(
        start,
        Duration::ZERO,
        vec![interface("eth1", Some("100"), counts(5000)), interface("eth1", Some("200"), counts(70))],
    );
    let now = round(
        start,
        second_later,
        vec![interface("eth2", Some("100"), counts(3)), interface("eth1", Some("200"), counts(80))],
    );
    let figures = figures(Some(&before), &now);
    let rates: Vec<f64> = figures.interfaces.iter().map(|interface| interface.requests.rate()).collect();
    assert_eq!(rates, [3.0, 10.0]);
    assert_eq!((figures.requests.rate(), figures.requests.sum()), (13.0, 83));
    assert_eq!(figures.messages.requests["discover"].rate(), 13.0);
}

#[test]
fn a_counter_of_the_same_daemon_that_has_gone_back_began_anew() {
    let (before, now) = two(
        Duration::from_secs(1),
        [fast(5000), fast(30), fast(4)],
        [Count { fast: 12, slow: 3 }, fast(30), NOTHING],
    );
    let figures = figures(Some(&before), &now);
    assert_eq!(second(figures.requests.per_second), (12.0, 3.0));
    assert_eq!((figures.replies.rate(), figures.dropped.rate()), (0.0, 0.0));
}

#[test]
fn an_interface_is_known_by_device_and_tags_and_has_its_vrf_from_the_status() {
    let (start, counts) = (Instant::now(), [fast(1), NOTHING, NOTHING]);
    let interfaces = |order: [Option<&str>; 2]| {
        order.map(|vlan| interface("eth1", vlan, counts)).into_iter().collect::<Vec<_>>()
    };
    let before = round(start, Duration::ZERO, interfaces([None, Some("200.7")]));
    let now = round(start, Duration::from_secs(1), interfaces([Some("200.7"), None]));
    let figures = figures(Some(&before), &now);
    let seen: Vec<_> = figures
        .interfaces
        .iter()
        .map(|interface| (interface.vlan.as_deref(), interface.vrf.as_deref(), interface.requests.rate()))
        .collect();
    assert_eq!(seen, [(Some("200.7"), Some("red"), 0.0), (None, None, 0.0)]);
}

#[test]
fn the_fast_share_is_of_this_round_or_of_all_when_nothing_came() {
    let share = |first, then| {
        let (before, now) = two(Duration::from_secs(1), first, then);
        figures(Some(&before), &now).interfaces[0].fast_share
    };
    let half = Count { fast: 50, slow: 50 };
    assert_eq!(share([half; 3], [Count { fast: 53, slow: 51 }, half, half]), Some(0.75));
    assert_eq!(share([half; 3], [half; 3]), Some(0.5));
    assert_eq!(share([NOTHING; 3], [NOTHING; 3]), None);
}

#[test]
fn reasons_come_by_rate_then_by_total_and_only_refusals_are_dropped() {
    let (mut before, mut now) =
        two(Duration::from_secs(1), [NOTHING, NOTHING, fast(100)], [NOTHING, NOTHING, fast(100)]);
    for (reason, earlier, later) in
        [("unknown_server", 1, 3), ("fragment", 0, 2), ("no_interface", 7, 7), ("of_next_year", 0, 1)]
    {
        before.stats.unattributed.insert(reason.to_owned(), fast(earlier));
        now.stats.unattributed.insert(reason.to_owned(), fast(later));
    }
    let figures = figures(Some(&before), &now);
    let rows: Vec<_> = figures
        .reasons
        .iter()
        .take(6)
        .map(|row| (row.reason.as_str(), row.fate, row.frames.rate(), row.frames.sum()))
        .collect();
    assert_eq!(
        rows[..5],
        [
            ("unknown_server", Some("dropped"), 2.0, 3),
            ("fragment", Some("slow path"), 2.0, 2),
            ("of_next_year", None, 1.0, 1),
            ("hop_limit", Some("dropped"), 0.0, 100),
            ("no_interface", Some("passed"), 0.0, 7),
        ]
    );
    assert_eq!(rows[5].3, 0, "the others are there with nothing");
    assert_eq!((figures.dropped.rate(), figures.dropped.sum()), (2.0, 103));
}

#[test]
fn a_server_has_its_path_and_what_the_watch_has_counted_of_it() {
    let (before, now) = two(Duration::from_secs(1), [NOTHING; 3], [NOTHING; 3]);
    let figures = figures(Some(&before), &now);
    let seen: Vec<_> =
        figures.servers.iter().map(|server| (server.path.to_string(), server.offers, server.acks)).collect();
    assert_eq!(seen, [("fast".to_owned(), 1204, 1204), ("slow".to_owned(), 0, 0)]);
}
