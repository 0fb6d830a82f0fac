//! A full disk: a file system in memory of a few megabytes, which the test fills.

use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use relay_tests::subject::Mode;

use super::{DEADLINE, Stage};

/// The file system; it is gone with the value.
struct Small {
    at: PathBuf,
}

impl Small {
    fn mounted(at: &Path, kilobytes: u32) -> Self {
        std::fs::create_dir_all(at).unwrap();
        let size = format!("size={kilobytes}k");
        mount(Some("tmpfs"), at, Some("tmpfs"), MsFlags::empty(), Some(size.as_str())).unwrap();
        Self { at: at.to_owned() }
    }

    /// Takes all the room there is left.
    fn fill(&self) {
        let mut len = 1 << 20;
        let mut octets: Vec<u8> = Vec::new();
        // Ever smaller pieces, until not even one octet fits.
        while len > 0 {
            octets.resize(octets.len() + len, 1);
            if std::fs::write(self.filler(), &octets).is_err() {
                octets.truncate(octets.len() - len);
                std::fs::write(self.filler(), &octets).unwrap();
                len /= 2;
            }
        }
    }

    fn make_room(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }

    fn filler(&self) -> PathBuf {
        self.at.join("filler")
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        if let Err(error) = umount2(&self.at, MntFlags::MNT_DETACH) {
            eprintln!("{} is still mounted: {error}", self.at.display());
        }
    }
}

#[test]
fn when_the_disk_is_full_it_is_said_relaying_goes_on_and_with_room_again_all_is_stored() {
    for mode in [Mode::Off, Mode::Native] {
        let mut stage = Stage::new("full", mode, "", "");
        let disk = Small::mounted(stage.site.state(), 8192);
        let first = stage.site.start().unwrap();
        (1..=3).for_each(|client| stage.binds(client));
        stage.until("three are stored", |clients| clients.stored >= 3);
        disk.fill();
        // Until a row no longer fits into what the file has.
        let mut client = 3;
        let error = loop {
            client += 1;
            assert!(client < 200, "{mode:?}: everything is stored on a full disk");
            stage.binds(client);
            stage.until("it is stored or not", |clients| {
                clients.store_error.is_some() || clients.stored >= u64::from(client)
            });
            if let Some(error) = stage.clients().store_error {
                break error;
            }
        };
        assert!(error.contains("No space left") && error.contains("leases.redb"), "{mode:?}: {error}");
        let said = first.wait_for_line("leases are not stored, relaying goes on", DEADLINE).unwrap();
        assert!(said.contains("leases.redb"), "{said}");
        let printed = stage.site.prints(&["stats"]).unwrap();
        assert!(printed.contains("Leases are not stored: "), "{printed}");
        stage.binds(201);
        let all = || (1..=client).chain([201]);
        assert_eq!(stage.table(), Stage::of(all()), "{mode:?}");

        disk.make_room();
        stage.until("it is stored again", |clients| clients.store_error.is_none());
        Stage::ends(first);
        let second = stage.site.start().unwrap();
        assert_eq!(stage.table(), Stage::of(all()), "{mode:?}: what the full disk did not take is there");
        Stage::ends(second);
    }
}

#[test]
fn on_a_disk_without_any_room_the_daemon_starts_and_relays_and_says_so() {
    let mut stage = Stage::new("none", Mode::Generic, "", "");
    let disk = Small::mounted(stage.site.state(), 256);
    disk.fill();
    let first = stage.site.start().unwrap();
    let said = first.wait_for_line("leases are not stored, relaying goes on", DEADLINE).unwrap();
    assert!(said.contains("leases.redb"), "{said}");
    (1..=3).for_each(|client| stage.binds(client));
    assert_eq!(stage.table(), Stage::of(1..=3));
    assert!(stage.clients().store_error.is_some());
    Stage::ends(first);
    drop(disk);
}
