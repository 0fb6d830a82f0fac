//! `top` on a real terminal, beside a relay between a real client and ISC dhcpd: what the screen says is what `stats` says, the
//! terminal is given back on every way out, and a daemon that goes and comes back is followed.

#![allow(clippy::unwrap_used, reason = "a test panics; clippy exempts only the functions marked #[test]")]

#[path = "top/pty.rs"]
mod pty;
#[path = "top/stage.rs"]
mod stage;

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;
use relay_tests::lab::topology::EDGE;
use relay_tests::lab::wait;
use relay_tests::peers::dhcpd::Dhcpd;
use relay_tests::peers::{Client, Dhclient};
use relay_tests::subject::Mode;
use relay_user::control::model::{Count, Stats};
use serde_json::Value;

use pty::Pty;
use stage::{DHCPD, Stage};

const DEADLINE: Duration = Duration::from_secs(60);
/// Columns of the table of messages on a large screen; another table is beside it.
const MESSAGES: usize = 56;
/// The rows of the table of messages: name, and counts by path.
fn messages(lines: &[String], toward: &str) -> BTreeMap<String, Count> {
    let rows = lines.iter().map(|line| line.chars().take(MESSAGES).collect::<String>());
    let rows = rows.map(|row| row.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
    rows.filter_map(|row| match row.as_slice() {
        [to, name, _, _, fast, slow] if to == toward => {
            Some((name.clone(), Count { fast: fast.parse().ok()?, slow: slow.parse().ok()? }))
        }
        _ => None,
    })
    .collect()
}

/// A line of the sums over the tables: all, fast, slow.
fn sums(lines: &[String], name: &str) -> Option<[u64; 3]> {
    let line = lines.iter().find(|line| line.starts_with(name))?;
    let words: Vec<&str> = line.split_whitespace().collect();
    let [.., all, fast, slow] = words.as_slice() else { return None };
    Some([all.parse().ok()?, fast.parse().ok()?, slow.parse().ok()?])
}

fn counted(counts: &BTreeMap<String, Count>) -> BTreeMap<String, Count> {
    counts.iter().filter(|(_, count)| !count.is_zero()).map(|(name, count)| (name.clone(), *count)).collect()
}

fn sum(counts: &BTreeMap<String, Count>) -> [u64; 3] {
    let mut sum = Count::default();
    counts.values().for_each(|count| sum += *count);
    [sum.fast + sum.slow, sum.fast, sum.slow]
}

/// Waits until the screen says what `stats --json` does.
fn agrees_with_stats(stage: &Stage, top: &Pty) -> Stats {
    top.until("the screen says what stats says", |lines| {
        let stats: Stats = serde_json::from_str(&stage.site.prints(&["stats", "--json"]).unwrap()).unwrap();
        let interface = &stats.interfaces[0];
        let Count { fast, slow } = stats.copies;
        let same = messages(lines, "servers") == counted(&interface.requests)
            && messages(lines, "clients") == counted(&interface.replies)
            && sums(lines, "Requests") == Some(sum(&interface.requests))
            && sums(lines, "Replies") == Some(sum(&interface.replies))
            && sums(lines, "Copies") == Some([fast + slow, fast, slow]);
        same.then_some(stats)
    })
    .unwrap()
}

#[test]
fn a_clients_dialogue_is_on_the_screen_under_the_path_that_relayed_it() {
    for mode in Mode::ALL {
        let stage = Stage::new("dialogue", mode);
        let _server = Dhcpd::start(&stage.topology.servers[0].host, EDGE, DHCPD).unwrap();
        let mut top = stage.top(&["top", "--interval", "0.2"], 40, 120);
        let active = if mode.is_fast() { "Fast path: active" } else { "Fast path: not active" };
        top.until_line(active).unwrap();
        top.until_line(&format!("process {}", stage.pid())).unwrap();

        let host = stage.topology.client("c1").unwrap();
        let client = Dhclient::start(&host, EDGE).unwrap();
        client.bound().unwrap();
        let stats = agrees_with_stats(&stage, &top);
        for (counts, names) in [
            (&stats.interfaces[0].requests, ["discover", "request"]),
            (&stats.interfaces[0].replies, ["offer", "ack"]),
        ] {
            for name in names {
                let Count { fast, slow } = counts[name];
                let (right, wrong) = if mode.is_fast() { (fast, slow) } else { (slow, fast) };
                assert!(right > 0 && wrong == 0, "{mode:?}: {name}: {stats:?}");
            }
        }
        let share = if mode.is_fast() { "100 %" } else { "0 %" };
        top.until("the interface and its share", |lines| {
            lines.iter().find(|line| line.starts_with(EDGE) && line.contains(share)).cloned()
        })
        .unwrap();
        let server = stage.topology.servers[0].address.to_string();
        let path = if mode.is_fast() { "fast" } else { "slow" };
        top.until("the server and its path", |lines| {
            let words = |line: &str| line.split_whitespace().take(3).map(str::to_owned).collect::<Vec<_>>();
            lines.iter().find(|line| words(line) == [server.as_str(), "core", path]).cloned()
        })
        .unwrap();
        top.until("the bound client", |lines| {
            let clients = lines.iter().filter_map(|line| line.split_once("bound "));
            clients.map(|(_, rest)| rest).find(|rest| rest.split_whitespace().next() == Some("1")).map(drop)
        })
        .unwrap();
        client.release_and_end(&stage, &top);
        top.press("q").unwrap();
        assert_eq!(top.ended().unwrap().code(), Some(0), "{mode:?}");
    }
}

/// The end of a client.
trait Release {
    fn release_and_end(self, stage: &Stage, top: &Pty);
}

impl Release for Dhclient {
    /// The release only passes through the router: the relay relays nothing, and the table shows it.
    fn release_and_end(self, stage: &Stage, top: &Pty) {
        Box::new(self).release().unwrap();
        top.until("no client is bound", |lines| {
            let clients = lines.iter().filter_map(|line| line.split_once("bound "));
            clients.map(|(_, rest)| rest).find(|rest| rest.split_whitespace().next() == Some("0")).map(drop)
        })
        .unwrap();
        agrees_with_stats(stage, top);
    }
}

#[test]
fn the_terminal_is_given_back_after_a_key_and_after_a_signal() {
    let stage = Stage::new("ways-out", Mode::Off);
    for keys in ["q", "\x1b", "\x03"] {
        let mut top = stage.top(&["top"], 24, 80);
        top.press(keys).unwrap();
        assert_eq!(top.ended().unwrap().code(), Some(0), "{keys:?}");
    }
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        let mut top = stage.top(&["top"], 24, 80);
        top.signal(signal).unwrap();
        assert_eq!(top.ended().unwrap().code(), Some(0), "{signal}");
    }
    let mut top = stage.top(&["top", "-n", "3", "-d", "0.2"], 24, 80);
    assert_eq!(top.ended().unwrap().code(), Some(0), "after the rounds that were wanted");
}

#[test]
fn a_shell_can_stop_it_and_let_it_go_on() {
    let stage = Stage::new("stopped", Mode::Off);
    let top = stage.site.command(&["top"]).unwrap();
    let mut shell = Command::new("sh");
    shell.arg("-i").env("PS1", "ready> ").env_remove("ENV");
    let mut shell = Pty::start(&shell, 24, 200).unwrap();
    shell.until_line("ready> ").unwrap();
    let words: Vec<_> = std::iter::once(top.get_program()).chain(top.get_args()).collect();
    let line: Vec<_> = words.iter().map(|word| word.to_str().unwrap()).collect();
    shell.press(&format!("{}\n", line.join(" "))).unwrap();
    shell.until_line("> Interfaces").unwrap();
    assert!(shell.is_taken().unwrap());
    shell.press("\x1a").unwrap();
    shell.until_line("Stopped").unwrap();
    assert!(!shell.is_taken().unwrap(), "the shell has its terminal");
    shell.press("fg\n").unwrap();
    shell.until_line("> Interfaces").unwrap();
    shell.press("q").unwrap();
    shell
        .until("the shell again", |lines| {
            lines.iter().rev().find(|line| !line.is_empty()).filter(|line| line.trim() == "ready>").map(drop)
        })
        .unwrap();
    shell.press("exit\n").unwrap();
    assert_eq!(shell.ended().unwrap().code(), Some(0));
}

#[test]
fn keys_change_the_table_and_the_size_what_is_shown() {
    let stage = Stage::new("keys", Mode::Off);
    let mut top = stage.top(&["top", "--interval", "60"], 24, 80);
    top.until_line("> Interfaces, by activity").unwrap();
    top.press("s").unwrap();
    top.until_line("> Interfaces, by dropped").unwrap();
    top.press("\t\t\t").unwrap();
    top.until_line("> Servers").unwrap();
    top.press("?").unwrap();
    top.until_line("PgUp").unwrap();
    top.press("p").unwrap();
    top.until_line("PAUSED").unwrap();
    assert!(!top.lines().iter().any(|line| line.contains("Interfaces, by")));
    top.resize(40, 120).unwrap();
    top.until("every table", |lines| {
        let titles = ["  Interfaces, by dropped", "  Messages", "> Servers", "  Findings"];
        titles.iter().all(|title| lines.iter().any(|line| line.starts_with(title))).then_some(())
    })
    .unwrap();
    top.resize(6, 30).unwrap();
    top.until("a small screen", |lines| {
        (lines.len() == 6 && lines.iter().any(|line| line.starts_with("> Servers"))).then_some(())
    })
    .unwrap();
    top.press("q").unwrap();
    assert_eq!(top.ended().unwrap().code(), Some(0));
}

#[test]
fn a_daemon_that_is_started_again_is_followed_and_its_old_figures_are_marked() {
    for colours in [true, false] {
        let mut stage = Stage::new(if colours { "again" } else { "again-plain" }, Mode::Off);
        let mut command = stage.site.command(&["top", "--interval", "0.2"]).unwrap();
        if colours {
            command.env_remove("NO_COLOR");
        } else {
            command.env("NO_COLOR", "1");
        }
        let mut top = Pty::start(&command, 24, 80).unwrap();
        let first = stage.pid();
        top.until_line(&format!("process {first}")).unwrap();
        top.until_line("Rates over").unwrap();
        stage.daemon.take().unwrap().stop().unwrap();
        top.until_line("OLD, from").unwrap();
        top.until_line("(old)").unwrap();
        top.until_line(&format!("process {first}")).unwrap();
        assert_eq!(top.is_coloured(), colours);

        stage.daemon = Some(stage.site.start().unwrap());
        top.until_line("RESTARTED: another daemon answers").unwrap();
        top.until_line(&format!("process {}", stage.pid())).unwrap();
        assert!(!top.lines().iter().any(|line| line.contains("(old)")), "{:?}", top.lines());
        top.press("q").unwrap();
        assert_eq!(top.ended().unwrap().code(), Some(0));
    }
}

#[test]
fn a_daemon_that_does_not_answer_is_said_and_keeps_nobody() {
    let stage = Stage::new("late", Mode::Off);
    let daemon = stage.daemon.as_ref().unwrap();
    let mut top = stage.top(&["top", "--interval", "0.2"], 24, 80);
    top.until_line("Rates over").unwrap();
    daemon.signal(Signal::SIGSTOP).unwrap();
    let late = top.until_line("LATE, from");
    daemon.signal(Signal::SIGCONT).unwrap();
    late.unwrap();
    top.until_line("Rates over").unwrap();
    daemon.signal(Signal::SIGSTOP).unwrap();
    let late = top.until_line("LATE, from");
    let ended = top.signal(Signal::SIGTERM).and_then(|()| top.ended());
    daemon.signal(Signal::SIGCONT).unwrap();
    late.unwrap();
    assert_eq!(ended.unwrap().code(), Some(0));
}

#[test]
fn without_a_daemon_top_says_what_status_says_and_leaves_the_terminal_alone() {
    let mut stage = Stage::new("nobody", Mode::Off);
    stage.daemon.take().unwrap().stop().unwrap();
    let status = stage.site.outcome(&["status"]).unwrap();
    let said = String::from_utf8(status.stderr).unwrap();
    let mut top = Pty::start(&stage.site.command(&["top"]).unwrap(), 24, 400).unwrap();
    top.until_line(said.trim_end()).unwrap();
    assert_eq!((top.ended().unwrap().code(), status.status.code()), (Some(1), Some(1)));

    let outcome = stage.site.outcome(&["top"]).unwrap();
    let said = String::from_utf8(outcome.stderr).unwrap();
    assert_eq!(outcome.status.code(), Some(2), "{said}");
    assert!(said.contains("standard output is none; use \"top --json\""), "{said}");
}

#[test]
fn the_lines_for_programs_say_what_stats_says() {
    let stage = Stage::new("lines", Mode::Off);
    let _server = Dhcpd::start(&stage.topology.servers[0].host, EDGE, DHCPD).unwrap();
    let host = stage.topology.client("c1").unwrap();
    Dhclient::start(&host, EDGE).unwrap().bound().unwrap();
    wait::until("a round that says what stats says", DEADLINE, || {
        let lines = stage.site.prints(&["top", "--json", "-n", "2", "-d", "0.2"])?;
        let rounds: Vec<Value> = lines.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
        assert_eq!(rounds.len(), 2, "{lines}");
        let stats: Value = serde_json::from_str(&stage.site.prints(&["stats", "--json"])?)?;
        let count = |name: &str| stats["interfaces"][0]["requests"][name].clone();
        let same = ["discover", "request"]
            .iter()
            .all(|name| rounds[1]["messages"]["requests"][name]["total"] == count(name));
        let relayed = count("discover")["slow"].as_u64().is_some_and(|slow| slow > 0);
        Ok((same && relayed && rounds[1]["clients"]["bound"] == 1).then_some(()))
    })
    .unwrap();
}
