//! Clients of the listener that do not do what clients do: they are given up, and nobody else waits for them.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use relay_tests::lab::{Proc, wait};
use relay_tests::scrape::scrape;
use socket2::{Domain, Socket, Type};

use super::listener::Stage;
use super::{ADDRESS, DEADLINE, listen};

const REQUEST: &[u8] = b"GET /metrics HTTP/1.1\r\nHost: relay\r\n\r\n";

/// Sockets that the daemon has open.
fn sockets(daemon: &Proc) -> usize {
    let entries = std::fs::read_dir(format!("/proc/{}/fd", daemon.pid())).unwrap();
    let links = entries.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    links.filter(|link| link.to_string_lossy().starts_with("socket:")).count()
}

fn connect(stage: &Stage) -> TcpStream {
    let stream = stage.host().enter(|| TcpStream::connect(ADDRESS)).unwrap().unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}

/// What comes until the other side ends the connection.
fn rest(mut stream: TcpStream) -> String {
    let mut octets = Vec::new();
    let mut part = [0; 4096];
    loop {
        match stream.read(&mut part) {
            Ok(0) => break,
            Ok(len) => octets.extend(&part[..len]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
            Err(error) => panic!("it is not given up: {error}"),
        }
    }
    String::from_utf8(octets).unwrap()
}

fn until_gone(daemon: &Proc, before: usize) {
    wait::until("every connection is over", DEADLINE, || Ok((sockets(daemon) <= before).then_some(())))
        .unwrap();
}

#[test]
fn silent_clients_are_given_up_and_others_are_answered_meanwhile() {
    let stage = Stage::new("silent");
    let relay = stage.start(&listen(ADDRESS));
    let before = sockets(&relay);
    let silent: Vec<TcpStream> = (0..8).map(|_| connect(&stage)).collect();
    let mut halting = connect(&stage);
    halting.write_all(&REQUEST[..20]).unwrap();
    wait::until("they are connected", DEADLINE, || Ok((sockets(&relay) >= before + 9).then_some(())))
        .unwrap();
    scrape(stage.host(), ADDRESS).unwrap();
    for stream in silent.into_iter().chain([halting]) {
        let answer = rest(stream);
        assert!(!answer.contains("200 OK"), "{answer}");
    }
    until_gone(&relay, before);
    assert!(relay.stop().unwrap().success());
}

#[test]
fn more_silent_clients_than_there_are_places_keep_nobody_out_for_good() {
    let stage = Stage::new("many");
    let relay = stage.start(&listen(ADDRESS));
    let before = sockets(&relay);
    let silent: Vec<TcpStream> = (0..48).map(|_| connect(&stage)).collect();
    scrape(stage.host(), ADDRESS).unwrap();
    assert!(sockets(&relay) < before + 48, "there are fewer places");
    drop(silent);
    until_gone(&relay, before);
    assert!(relay.stop().unwrap().success());
}

#[test]
fn a_client_that_does_not_read_is_given_up_and_others_are_answered_meanwhile() {
    let stage = Stage::new("unread");
    // So that an answer does not fit into the buffers between the two.
    stage.host().sysctl("net/ipv4/tcp_wmem", "4096 4096 4096").unwrap();
    let relay = stage.start(&listen(ADDRESS));
    let before = sockets(&relay);
    let mut unread: TcpStream = stage
        .host()
        .enter(|| {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
            socket.set_recv_buffer_size(2048)?;
            socket.connect(&ADDRESS.into())?;
            std::io::Result::Ok(socket.into())
        })
        .unwrap()
        .unwrap();
    unread.write_all(REQUEST).unwrap();
    wait::until("it is connected", DEADLINE, || Ok((sockets(&relay) > before).then_some(()))).unwrap();
    scrape(stage.host(), ADDRESS).unwrap();
    until_gone(&relay, before);
    unread.set_read_timeout(Some(DEADLINE)).unwrap();
    let answer = rest(unread);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    assert!(body.len() < length.parse().unwrap(), "it was given up before it had everything: {head}");
    scrape(stage.host(), ADDRESS).unwrap();
    assert!(relay.stop().unwrap().success());
}

#[test]
fn headers_without_end_are_refused_and_a_second_request_is_not_answered() {
    let stage = Stage::new("headers");
    let relay = stage.start(&listen(ADDRESS));
    let mut large = connect(&stage);
    let request = format!("GET /metrics HTTP/1.1\r\nHost: relay\r\nX-Large: {}\r\n\r\n", "a".repeat(12_000));
    large.write_all(request.as_bytes()).unwrap();
    let answer = rest(large);
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");

    let mut twice = connect(&stage);
    twice.write_all(&[REQUEST, REQUEST].concat()).unwrap();
    let answer = rest(twice);
    assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 1, "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
    assert!(relay.stop().unwrap().success());
}
