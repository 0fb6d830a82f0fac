//! The directory of pinned maps: one daemon's at a time, on a BPF file system, gone with the daemon.

use std::path::Path;

use crate::{
    daemon::{Daemon, Setup},
    machine::Machine,
};

const REQUIRE: &str = "fast_path = \"require\"";

#[test]
fn two_daemons_do_not_share_a_directory_of_pins() {
    let (machine, other) = (Machine::new(), Machine::new());
    let (setup, second) = (Setup::new(), Setup::new());
    let file = setup.file(REQUIRE, "eth1");
    let mut daemon = Daemon::start(&machine, &file);
    daemon.ready();
    let pinned = names(&setup.pins);
    assert!(pinned.contains(&"counters".to_owned()), "{pinned:?}");

    let (code, said) = Daemon::start(&other, &second.file_with_pins(REQUIRE, "eth1", &setup.pins)).ends();
    assert_eq!(code, Some(1), "{said}");
    for part in [
        &format!("{} is in use by another daemon (process {}, `", setup.pins.display(), daemon.pid()),
        &format!("run --config {}`)", file.display()),
        "stop that one, or give this one another relay.bpffs_dir",
    ] {
        assert!(said.contains(part), "no {part:?} in:\n{said}");
    }
    assert_eq!(names(&setup.pins), pinned, "the first one's pins are untouched");
    daemon.terminate();
    assert!(!setup.pins.exists());
}

#[test]
fn what_a_killed_daemon_left_is_taken_over_and_then_removed() {
    let (machine, setup) = (Machine::new(), Setup::new());
    let file = setup.file(REQUIRE, "eth1");
    let mut first = Daemon::start(&machine, &file);
    first.ready();
    first.kill();
    assert!(setup.pins.exists());
    let mut second = Daemon::start(&machine, &file);
    second.ready();
    second.terminate();
    assert!(!setup.pins.exists());
}

#[test]
fn a_directory_on_an_ordinary_file_system_is_refused_with_its_remedy() {
    let (machine, setup) = (Machine::new(), Setup::new());
    let elsewhere = setup.path().join("not/bpffs");
    let (code, said) = Daemon::start(&machine, &setup.file_with_pins(REQUIRE, "eth1", &elsewhere)).ends();
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(&format!("{} is not on a BPF file system", elsewhere.display())), "{said}");
    assert!(said.contains("`mount -t bpf bpf /sys/fs/bpf`"), "{said}");
    assert!(!setup.path().join("not").exists(), "nothing is made");
}

#[test]
fn directories_that_had_to_be_made_go_again_and_others_stay() {
    let (machine, setup) = (Machine::new(), Setup::new());
    std::fs::create_dir(&setup.pins).expect("made");
    let inner = setup.pins.join("a/b");
    let mut daemon = Daemon::start(&machine, &setup.file_with_pins(REQUIRE, "eth1", &inner));
    daemon.ready();
    assert!(inner.join("counters").exists());
    daemon.terminate();
    assert!(names(&setup.pins).is_empty(), "{:?}", names(&setup.pins));
}

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).expect("readable");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}
