//! `top` against a socket that is really served: what is typed wrong, where there is no terminal, and the lines for programs.
//! The screen is tested on a terminal, with a real relay, by `relay-tests`.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    sync::Arc,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use relay_common::{Reason, abi::MESSAGE_NAMES};
use relay_user::control::{self, Question, Server, Source};
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

use crate::{
    Place,
    answers::{answers, stats},
    binary, say,
};

/// The order of the fields is the order they end in.
struct Daemon {
    _server: Server,
    _runtime: Runtime,
}

impl Daemon {
    fn new(socket: &Path, source: impl Source + 'static) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let server = runtime.block_on(control::serve(socket, Arc::new(source)));
        Self { _server: server.unwrap_or_else(|error| panic!("{error}")), _runtime: runtime }
    }
}

/// `top` in one of its forms.
fn top(arguments: &[&str]) -> Command {
    let mut command = binary();
    command.arg("top").args(arguments).env_remove("XDP_DHCRELAY_INTERVAL");
    command.env_remove("XDP_DHCRELAY_ITERATIONS");
    command
}

/// `top --json` at work. Dropping it ends it.
struct Lines {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Lines {
    fn new(socket: &Path) -> Self {
        let mut command = top(&["--json", "--interval", "0.2", "--socket"]);
        let mut child = command.arg(socket).stdout(Stdio::piped()).spawn().expect("started");
        let lines = BufReader::new(child.stdout.take().expect("a pipe"));
        Self { child, lines }
    }

    /// The next line.
    fn next(&mut self) -> Value {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("a line");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }

    /// The next line that is as wanted; there is none only when there never is.
    fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let line = self.next();
            if wanted(&line) {
                return line;
            }
        }
    }

    fn ends_after(mut self, signal: Signal) -> Option<i32> {
        let pid = Pid::from_raw(self.child.id().try_into().expect("a process"));
        kill(pid, signal).expect("signalled");
        self.child.wait().expect("ended").code()
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        // It has ended already, in all but a test that fails.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn without_a_terminal_the_error_names_what_needs_none() {
    let place = Place::new();
    let _daemon = Daemon::new(&place.socket(), answers());
    let said = say(top(&["--socket"]).arg(place.socket()));
    assert_eq!((said.code, said.stdout.as_str()), (Some(2), ""));
    for remedy in ["standard output is none", "\"top --json\"", "\"stats\"", "\"events\""] {
        assert!(said.stderr.contains(remedy), "{said:?}");
    }
}

#[test]
fn a_wrong_interval_or_number_is_refused_with_what_would_be_right() {
    for interval in ["0", "0.1", "61", "-1", "soon", "NaN"] {
        let said = say(&mut top(&[&format!("--interval={interval}")]));
        assert_eq!((said.code, said.stdout.as_str()), (Some(2), ""), "{interval}");
        assert!(said.stderr.contains("write seconds from 0.2 to 60, such as 1 or 0.5"), "{said:?}");
    }
    for number in ["0", "-1", "many"] {
        let said = say(&mut top(&["--json", &format!("--iterations={number}")]));
        assert_eq!((said.code, said.stdout.as_str()), (Some(2), ""), "{number}");
        assert!(said.stderr.contains("--iterations"), "{said:?}");
    }
    let said = say(top(&[]).env("XDP_DHCRELAY_INTERVAL", "0.1"));
    assert_eq!(said.code, Some(2), "{said:?}");
}

#[test]
fn the_help_names_the_keys_and_the_bounds() {
    let said = say(&mut top(&["--help"]));
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""));
    for part in ["from 0.2 to 60 seconds", "-d, --interval", "-n, --iterations", "p pauses", "NO_COLOR"] {
        assert!(said.stdout.contains(part), "{}", said.stdout);
    }
}

#[test]
fn a_daemon_that_is_not_there_is_the_same_error_as_for_status() {
    let place = Place::new();
    let said = say(top(&["--json", "--socket"]).arg(place.socket()));
    let of_status = say(binary().args(["status", "--socket"]).arg(place.socket()));
    assert_eq!(said, of_status);
    assert_eq!(said.code, Some(1));
}

#[test]
fn a_daemon_of_another_version_is_named_as_such() {
    struct Newer;
    impl Source for Newer {
        fn answer(&self, _: &Question) -> Result<Vec<u8>, String> {
            Ok(b"{\"version\":\"9.0.0\"}".to_vec())
        }
    }
    let place = Place::new();
    let _daemon = Daemon::new(&place.socket(), Newer);
    let said = say(top(&["--json", "--socket"]).arg(place.socket()));
    assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""));
    assert!(said.stderr.contains("another version than this command; restart it, or use \"stats --json\""));
}

#[test]
fn a_round_is_a_line_with_totals_and_from_the_second_on_with_rates() {
    let place = Place::new();
    let _daemon = Daemon::new(&place.socket(), answers());
    let said = say(top(&["--json", "-n", "2", "-d", "0.2", "--socket"]).arg(place.socket()));
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""));
    let lines: Vec<Value> =
        said.stdout.lines().map(|line| serde_json::from_str(line).expect("a document")).collect();
    let [first, second] = lines.as_slice() else { panic!("{} lines", lines.len()) };

    assert_eq!((&first["seconds"], &first["requests"]["per_second"]), (&Value::Null, &Value::Null));
    assert!(second["seconds"].as_f64().is_some_and(|seconds| seconds > 0.0), "{second}");
    assert_eq!(second["requests"]["per_second"], serde_json::json!({ "fast": 0.0, "slow": 0.0 }));
    for line in [first, second] {
        assert_eq!(line["restarted"], false);
        assert_eq!(line["daemon"]["pid"], 4711);
        // 2 BOOTP, 1204000 and 3 DISCOVERs, 1199871 REQUESTs, 1 other.
        assert_eq!(line["requests"]["total"], serde_json::json!({ "fast": 2_403_873, "slow": 4 }));
        assert_eq!(line["replies"]["total"], serde_json::json!({ "fast": 2_408_000, "slow": 0 }));
        assert_eq!(line["copies"]["total"], serde_json::to_value(stats().copies).expect("a count"));
        // hop_limit 4, unknown_server 1 and 12; a fragment is left to the slow path, not refused.
        assert_eq!(line["dropped"]["total"], serde_json::json!({ "fast": 5, "slow": 12 }));
        assert_eq!(line["lost"]["receive_drops"]["total"], 2);
        for name in MESSAGE_NAMES {
            assert!(line["messages"]["requests"][name]["total"]["fast"].is_u64(), "{name}");
            assert!(line["messages"]["replies"][name]["total"]["slow"].is_u64(), "{name}");
        }
        let reasons = line["reasons"].as_array().expect("a list");
        assert_eq!(reasons.len(), Reason::ALL.len(), "zeros too");
        assert_eq!(
            (&reasons[0]["reason"], &reasons[0]["fate"]),
            (&"unknown_server".into(), &"dropped".into())
        );
        let interfaces = line["interfaces"].as_array().expect("a list");
        assert_eq!((interfaces.len(), &interfaces[0]["vlan"]), (2, &"100".into()));
        assert_eq!(line["servers"][1]["path"], "slow");
        assert_eq!(line["findings"][0]["warning"], true);
        assert_eq!(line["clients"]["bound"], 10);
    }
}

#[test]
fn a_daemon_that_goes_is_an_error_a_round_and_another_one_is_said_to_be_another() {
    let place = Place::new();
    let daemon = Daemon::new(&place.socket(), answers());
    let mut lines = Lines::new(&place.socket());
    lines.next();
    lines.until(|line| line["seconds"].is_f64());
    drop(daemon);
    let gone = lines.until(|line| line["error"].is_string());
    assert!(gone["error"].as_str().is_some_and(|error| error.contains("no daemon answers on")), "{gone}");
    assert!(gone["last_unix_milliseconds"].is_u64(), "{gone}");

    let mut other = answers();
    (other.status.pid, other.status.started_unix) = (4712, other.status.started_unix + 5);
    let _daemon = Daemon::new(&place.socket(), other);
    let back = lines.until(|line| line["error"].is_null());
    assert_eq!((&back["restarted"], &back["seconds"]), (&Value::Bool(true), &Value::Null));
    assert_eq!(back["daemon"]["pid"], 4712);
    let next = lines.next();
    assert_eq!(next["restarted"], false);
    assert!(next["seconds"].is_f64(), "{next}");
    assert_eq!(lines.ends_after(Signal::SIGTERM), Some(0));
}

#[test]
fn a_signal_or_a_reader_that_has_seen_enough_ends_the_lines_without_a_failure() {
    let place = Place::new();
    let _daemon = Daemon::new(&place.socket(), answers());
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let mut lines = Lines::new(&place.socket());
        lines.next();
        assert_eq!(lines.ends_after(signal), Some(0), "{signal}");
    }
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let mut child = top(&["--json", "-d", "0.2", "--socket"])
        .arg(place.socket())
        .stdout(writer)
        .spawn()
        .expect("started");
    BufReader::new(&reader).read_line(&mut String::new()).expect("a line");
    drop(reader);
    assert_eq!(child.wait().expect("ended").code(), Some(0));
}
