//! Clients and daemons that do not keep to the protocol, and many that do.

use std::{
    io::{Read as _, Write as _},
    net::Shutdown,
    os::{
        fd::AsFd as _,
        unix::net::{UnixListener, UnixStream},
    },
    path::Path,
    time::Instant,
};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use relay_user::control::{self, Command, ControlError, MAX_REQUEST, Question, Source, TIMEOUT};
use serde_json::{Value, json};

use crate::{DEADLINE, Daemon, Echo, answers, directory};

/// A connection that a test fails on rather than hang.
fn connect(path: &Path) -> UnixStream {
    let stream = UnixStream::connect(path).expect("somebody listens");
    stream.set_read_timeout(Some(DEADLINE)).expect("a timeout");
    stream
}

/// What comes back until the connection is closed.
fn rest(mut stream: UnixStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("closed in time");
    text
}

fn exchange(path: &Path, question: &[u8]) -> String {
    let mut stream = connect(path);
    stream.write_all(question).expect("taken");
    rest(stream)
}

#[test]
fn a_line_gets_one_json_line_and_the_connection_is_closed() {
    let daemon = Daemon::new(Echo);
    let answer = exchange(&daemon.path(), b"{\"command\":\"status\"}\n");
    assert_eq!(answer, "{\"asked\":\"status\"}\n");
}

#[test]
fn a_question_without_a_newline_is_answered_when_the_client_has_said_all() {
    let daemon = Daemon::new(Echo);
    let mut stream = connect(&daemon.path());
    stream.write_all(b"{\"command\":\"stats\"}").expect("taken");
    stream.shutdown(Shutdown::Write).expect("half closed");
    assert_eq!(rest(stream), "{\"asked\":\"stats\"}\n");
}

#[test]
fn a_question_that_is_not_understood_is_answered_with_what_would_be() {
    let daemon = Daemon::new(Echo);
    let table: &[(&[u8], &str)] = &[
        (
            b"{\"command\":\"reboot\"}\n",
            "unknown command \"reboot\"; this daemon knows: status, stats, leases, servers, reload, events",
        ),
        (
            b"{\"command\":\"Status\"}\n",
            "unknown command \"Status\"; this daemon knows: status, stats, leases, servers, reload, events",
        ),
        (b"GET / HTTP/1.1\r\n", "a question is one line such as {\"command\":\"status\"}: expected value"),
        (b"\xff\xfe\x00\n", "a question is one line such as {\"command\":\"status\"}: expected value"),
        (b"{}\n", "a question is one line such as {\"command\":\"status\"}: missing field `command`"),
        (b"{\"command\":7}\n", "a question is one line such as {\"command\":\"status\"}: invalid type"),
        (
            b"{\"command\":\"status\",\"when\":1}\n",
            "a question is one line such as {\"command\":\"status\"}: unknown field `when`",
        ),
        (b"\n", "a question is one line such as {\"command\":\"status\"}: EOF"),
    ];
    for (question, expected) in table {
        let answer = exchange(&daemon.path(), question);
        let document: Value = serde_json::from_str(&answer).expect("JSON");
        let error = document["error"].as_str().expect("an error");
        assert!(error.starts_with(expected), "{error}");
        assert_eq!(document.as_object().map(serde_json::Map::len), Some(1));
    }
    answers(&daemon.path());
}

#[test]
fn a_question_is_bounded_to_the_byte() {
    let daemon = Daemon::new(Echo);
    let padded = |length: usize| {
        let mut question = b"{\"command\":\"status\"}".to_vec();
        question.resize(length - 1, b' ');
        question.push(b'\n');
        question
    };
    assert_eq!(exchange(&daemon.path(), &padded(MAX_REQUEST)), "{\"asked\":\"status\"}\n");
    assert_eq!(
        exchange(&daemon.path(), &padded(MAX_REQUEST + 1)),
        "{\"error\":\"the question is longer than 4096 bytes\"}\n"
    );
}

#[test]
fn silent_clients_are_given_up_and_do_not_keep_others_waiting() {
    let daemon = Daemon::new(Echo);
    let start = Instant::now();
    let silent: Vec<UnixStream> = (0..50).map(|_| connect(&daemon.path())).collect();
    answers(&daemon.path());
    assert!(start.elapsed() < TIMEOUT, "they were waited for");
    for stream in silent {
        assert_eq!(rest(stream), "{\"error\":\"no question within 5 s\"}\n");
    }
    assert!(start.elapsed() >= TIMEOUT);
}

#[test]
fn more_silent_clients_than_there_are_places_only_delay_the_next() {
    let daemon = Daemon::new(Echo);
    let silent: Vec<UnixStream> = (0..100).map(|_| connect(&daemon.path())).collect();
    assert_eq!(exchange(&daemon.path(), b"{\"command\":\"status\"}\n"), "{\"asked\":\"status\"}\n");
    drop(silent);
}

#[test]
fn many_clients_at_once_each_get_their_answer() {
    /// An answer far larger than what a socket buffers.
    struct Long(Vec<u8>);
    impl Source for Long {
        fn answer(&self, _: &Question) -> Result<Vec<u8>, String> {
            Ok(self.0.clone())
        }
    }
    let daemon = Daemon::new(Long(json!({ "list": vec!["0123456789"; 50_000] }).to_string().into_bytes()));
    let path = daemon.path();
    std::thread::scope(|scope| {
        for _ in 0..100 {
            scope.spawn(|| {
                let answer = exchange(&path, b"{\"command\":\"stats\"}\n");
                let document: Value = serde_json::from_str(&answer).expect("complete");
                assert_eq!(document["list"].as_array().map(Vec::len), Some(50_000));
            });
        }
    });
}

#[test]
fn a_client_that_takes_nothing_of_its_answer_is_given_up() {
    struct Endless;
    impl Source for Endless {
        fn answer(&self, _: &Question) -> Result<Vec<u8>, String> {
            Ok(json!("x".repeat(10_000_000)).to_string().into_bytes())
        }
    }
    let daemon = Daemon::new(Endless);
    let mut stream = connect(&daemon.path());
    let start = Instant::now();
    stream.write_all(b"{\"command\":\"stats\"}\n").expect("taken");
    // Without reading: the other side closes, which is all that can be polled for.
    let mut closed = [PollFd::new(stream.as_fd(), PollFlags::POLLHUP)];
    assert_eq!(poll(&mut closed, PollTimeout::try_from(DEADLINE).expect("short")).expect("polled"), 1);
    assert!(start.elapsed() >= TIMEOUT);
    assert!(rest(stream).len() < 10_000_000);
}

#[test]
fn a_refusal_reaches_the_one_who_asked_and_a_fault_does_not_end_the_server() {
    struct Moody;
    impl Source for Moody {
        fn answer(&self, question: &Question) -> Result<Vec<u8>, String> {
            match question.command {
                Command::Status => Err("still starting; ask again in a moment".into()),
                // Without the message of a panic: its backtrace can take a busy machine longer than the client waits.
                _ => std::panic::resume_unwind(Box::new("a fault of the daemon, made by the test")),
            }
        }
    }
    let daemon = Daemon::new(Moody);
    let refused =
        |command: Command| control::ask::<Value>(&daemon.path(), command).expect_err("refused").to_string();
    for _ in 0..2 {
        assert_eq!(
            refused(Command::Status),
            "the daemon refused \"status\": still starting; ask again in a moment"
        );
        assert_eq!(
            refused(Command::Stats),
            "the daemon refused \"stats\": \"stats\" failed inside the daemon; its log says more"
        );
    }
}

/// Asks a stranger who reads the question and then does as `stranger` says.
fn ask_stranger(stranger: impl FnOnce(UnixStream) + Send) -> ControlError {
    let directory = directory();
    let path = directory.path().join("control.sock");
    let listener = UnixListener::bind(&path).expect("bound");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (mut stream, _) = listener.accept().expect("a client");
            let mut question = [0; 64];
            let length = stream.read(&mut question).expect("a question");
            assert_eq!(&question[..length], b"{\"command\":\"status\"}\n");
            stranger(stream);
        });
        control::ask::<Value>(&path, Command::Status).expect_err("a stranger")
    })
}

#[test]
fn somebody_else_who_listens_on_the_socket_is_not_taken_for_the_daemon() {
    let error = ask_stranger(|mut stream| stream.write_all(b"220 mail ESMTP\r\n").expect("sent"));
    assert!(matches!(error, ControlError::NotTheDaemon { .. }), "{error}");
    assert!(error.to_string().ends_with("is not xdp-dhcrelay; name its socket with --socket"), "{error}");
}

#[test]
fn an_answer_that_is_cut_off_is_not_taken_for_one() {
    for part in ["", "{\"version\":\"0.1"] {
        let error = ask_stranger(|mut stream| stream.write_all(part.as_bytes()).expect("sent"));
        assert!(matches!(error, ControlError::CutOff { .. }), "{part}: {error}");
        assert!(error.to_string().contains("ended in the middle of its answer"), "{error}");
    }
}

#[test]
fn a_daemon_that_does_not_answer_is_given_up() {
    let error = ask_stranger(|mut stream| {
        // Ends when the client has gone.
        let mut nothing = [0];
        assert_eq!(stream.read(&mut nothing).expect("closed"), 0);
    });
    assert!(matches!(error, ControlError::Silent { .. }), "{error}");
    assert!(error.to_string().contains("has not answered within 5 s"), "{error}");
}
