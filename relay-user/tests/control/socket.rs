//! The socket as a file: who gets it, who may use it, and what stands at its path afterwards.

use std::{
    fs,
    io::{Read as _, Write as _},
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _},
        net::{UnixListener, UnixStream},
    },
    sync::{Arc, Barrier},
};

use nix::unistd::{Uid, setfsuid};
use relay_user::control::{self, Command, ControlError};

use crate::{DEADLINE, Daemon, Echo, answers, directory, runtime};

#[test]
fn the_socket_and_its_directory_are_made_and_the_socket_is_removed() {
    let (runtime, directory) = (runtime(), directory());
    let path = directory.path().join("not/there/yet/control.sock");
    let server = runtime.block_on(control::serve(&path, Arc::new(Echo))).expect("served");
    assert_eq!(fs::metadata(&path).expect("the socket").permissions().mode() & 0o7777, 0o660);
    answers(&path);
    drop(server);
    assert!(!path.exists());
    assert!(matches!(
        control::ask::<serde_json::Value>(&path, Command::Status),
        Err(ControlError::NotRunning { .. })
    ));
}

#[test]
fn a_socket_that_a_crashed_daemon_left_is_taken_over() {
    let (runtime, directory) = (runtime(), directory());
    let path = directory.path().join("control.sock");
    drop(UnixListener::bind(&path).expect("a leftover"));
    let error = control::ask::<serde_json::Value>(&path, Command::Status).expect_err("nobody");
    assert!(
        error.to_string().starts_with(&format!("no daemon answers on {}: it is not running", path.display()))
    );
    let _server = runtime.block_on(control::serve(&path, Arc::new(Echo))).expect("served");
    answers(&path);
}

#[test]
fn a_second_daemon_is_told_who_is_there_and_the_first_goes_on() {
    let daemon = Daemon::new(Echo);
    let error = daemon.serve(Echo).expect_err("there is one");
    assert_eq!(
        error.to_string(),
        format!(
            "another daemon (process {}) answers on {}; stop it, or give this one another relay.control_socket and \
             relay.bpffs_dir",
            std::process::id(),
            daemon.path().display()
        )
    );
    answers(&daemon.path());
}

#[test]
fn who_asks_a_daemon_that_is_starting_waits_and_a_second_daemon_is_refused() {
    let (runtime, directory) = (runtime(), directory());
    let path = directory.path().join("control.sock");
    let claim = runtime.block_on(control::claim(&path)).expect("claimed");
    let mut early = UnixStream::connect(&path).expect("it is there");
    early.set_read_timeout(Some(DEADLINE)).expect("a timeout");
    early.write_all(b"{\"command\":\"status\"}\n").expect("taken");
    let second = runtime.block_on(control::claim(&path)).expect_err("there is one");
    assert!(matches!(second, ControlError::AlreadyServed { .. }), "{second}");
    let _server = runtime.block_on(async { claim.serve(Arc::new(Echo)) });
    let mut answer = String::new();
    early.read_to_string(&mut answer).expect("answered");
    assert_eq!(answer, "{\"asked\":\"status\"}\n");
}

#[test]
fn a_daemon_that_fails_to_start_leaves_no_socket() {
    let (runtime, directory) = (runtime(), directory());
    let path = directory.path().join("control.sock");
    drop(runtime.block_on(control::claim(&path)).expect("claimed"));
    assert!(!path.exists());
}

#[test]
fn of_daemons_that_start_at_once_over_a_leftover_exactly_one_serves() {
    const DAEMONS: usize = 8;
    for _ in 0..20 {
        let (runtime, directory) = (runtime(), directory());
        let path = directory.path().join("control.sock");
        drop(UnixListener::bind(&path).expect("a leftover"));
        let barrier = Barrier::new(DAEMONS);
        let servers: Vec<_> = std::thread::scope(|scope| {
            let start = || {
                barrier.wait();
                runtime.block_on(control::serve(&path, Arc::new(Echo)))
            };
            let threads: Vec<_> = (0..DAEMONS).map(|_| scope.spawn(start)).collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        });
        assert_eq!(servers.iter().filter(|server| server.is_ok()).count(), 1);
        for error in servers.iter().filter_map(|server| server.as_ref().err()) {
            assert!(matches!(error, ControlError::AlreadyServed { .. }), "{error}");
        }
        answers(&path);
    }
}

#[test]
fn what_is_not_a_socket_is_left_alone() {
    let (runtime, directory) = (runtime(), directory());
    let path = directory.path().join("control.sock");
    fs::write(&path, "precious").expect("a file");
    let error = runtime.block_on(control::serve(&path, Arc::new(Echo))).expect_err("not a socket");
    assert_eq!(
        error.to_string(),
        format!("{} is not a socket; remove it, or name another relay.control_socket", path.display())
    );
    assert_eq!(fs::read_to_string(&path).expect("still there"), "precious");
}

#[test]
fn a_daemon_that_ends_does_not_remove_the_socket_of_its_successor() {
    let mut daemon = Daemon::new(Echo);
    let first = daemon.server.take();
    let path = daemon.path();
    fs::remove_file(&path).expect("somebody cleans up");
    daemon.server = Some(daemon.serve(Echo).expect("served"));
    let inode = fs::metadata(&path).expect("the socket").ino();
    drop(first);
    assert_eq!(fs::metadata(&path).expect("still there").ino(), inode);
    answers(&path);
}

#[test]
fn a_user_who_may_not_ask_is_told_so() {
    let daemon = Daemon::new(Echo);
    let path = daemon.path();
    fs::set_permissions(daemon.directory.path(), fs::Permissions::from_mode(0o755)).expect("owner");
    std::os::unix::fs::chown(&path, None, Some(4711)).expect("root");
    // The file system user is the thread's own, so the other tests keep theirs; so is the group, which stays root.
    let asked = std::thread::spawn(move || {
        setfsuid(Uid::from_raw(65534));
        (control::ask::<serde_json::Value>(&path, Command::Status), path)
    });
    let (answer, path) = asked.join().expect("no panic");
    assert_eq!(
        answer.expect_err("nobody may not").to_string(),
        format!(
            "{} may not be used by this user; run as root, or as a member of the group it belongs to",
            path.display()
        )
    );
}
